//! `agenttrust status`: how the daemon is, who can approve, what waits.

use super::up::unit::keeps;
use crate::failure::Outcome;
use crate::out::{Look, Out, span};
use agenttrust_device::HostDoor;
use agenttrust_device::Place;
use agenttrust_protocol::door::{DaemonStatus, Trouble};

/// Shows it.
///
/// # Errors
/// `daemon_down`.
pub async fn status(place: &Place, out: &mut Out) -> Outcome {
    let status = HostDoor::new(place.host_socket()).status().await?;
    show(&status, keeps(status.pid), out);
    out.document(&status);
    Ok(())
}

fn show(status: &DaemonStatus, kept: bool, out: &mut Out) {
    let up = span(status.now.since(status.started));
    let running = out.paint(Look::Good, "running");
    let keeper = if kept { " · kept by systemd" } else { "" };
    out.line(format!("daemon    {running} for {up} · version {} · pid {}{keeper}", status.version, status.pid));
    out.line(format!("data      {}", status.data));
    match (&status.tdid, status.status_until) {
        (Some(tdid), until) => {
            let until =
                until.map_or_else(|| "no status".to_owned(), |until| format!("status until {}", out.time(until)));
            out.line(format!("trust     {} · bundle {} · {until}", grouped(&tdid.fingerprint()), status.bundle));
        }
        (None, _) => out.line("trust     none yet"),
    }
    out.line(format!("devices   {} paired, {} connected", status.devices, status.connected));
    out.line(format!("requests  {} waiting", status.pending));
    out.line(format!("history   {} entries", status.log_size));
    for trouble in troubles(status) {
        let care = out.paint(Look::Care, &trouble);
        out.line(format!("! {care}"));
    }
}

/// What stands in the way of an approval now, each with its next step.
pub fn troubles(status: &DaemonStatus) -> Vec<String> {
    let tell = |trouble: Trouble| format!("{} {}", trouble.sentence(), trouble.hint());
    let mut troubles = Vec::new();
    if status.tdid.is_none() {
        troubles.push(tell(Trouble::Unpaired));
        return troubles;
    }
    if status.paused {
        troubles.push("All agents are paused. Let them go on with `agenttrust pause --lift`.".to_owned());
    }
    if status.connected == 0 {
        troubles.push(tell(Trouble::NoDevice));
    }
    if status.status_until.is_none_or(|until| until <= status.now) {
        troubles.push(format!("The trust status has expired. Open {} to renew it.", any_of(&status.admins)));
    }
    troubles
}

/// The names of the devices that can renew the status.
pub fn any_of(admins: &[String]) -> String {
    match admins.split_last() {
        None => "an admin device".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// A fingerprint in groups of four, to be compared by eye.
pub fn grouped(fingerprint: &str) -> String {
    let letters: Vec<char> = fingerprint.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_protocol::Time;
    use agenttrust_protocol::hash::Tdid;

    fn sample() -> DaemonStatus {
        DaemonStatus {
            version: "0.1.0".to_owned(),
            pid: 4211,
            started: Time(1_790_000_000),
            now: Time(1_790_007_500),
            skew: None,
            data: "/home/ann/.local/share/agenttrust".to_owned(),
            tdid: Some(Tdid::from_bytes([0xab; 32])),
            bundle: 3,
            status_until: Some(Time(1_790_100_000)),
            admins: vec!["Ann's phone".to_owned(), "terminal".to_owned()],
            devices: 2,
            connected: 1,
            local_only: false,
            pending: 4,
            log_size: 1234,
            paused: false,
        }
    }

    fn page(status: &DaemonStatus) -> String {
        let page = crate::out::Page::default();
        show(status, false, &mut Out::to(page.clone(), false));
        page.text()
    }

    #[test]
    fn who_keeps_it_is_told() {
        let page = crate::out::Page::default();
        show(&sample(), true, &mut Out::to(page.clone(), false));
        assert!(page.text().contains(" · pid 4211 · kept by systemd\n"));
    }

    #[test]
    fn all_is_well() {
        insta::assert_snapshot!(page(&sample()));
    }

    #[test]
    fn nothing_is_well() {
        let expired = Some(Time(1_790_000_100));
        insta::assert_snapshot!(page(&DaemonStatus { connected: 0, paused: true, status_until: expired, ..sample() }));
    }

    #[test]
    fn nobody_is_paired() {
        let fresh =
            DaemonStatus { tdid: None, devices: 0, connected: 0, status_until: None, admins: vec![], ..sample() };
        insta::assert_snapshot!(page(&fresh));
    }
}
