//! What the tray says.

use crate::standing::{Device, Standing};

/// The tray as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tray {
    /// The picture.
    pub icon: Icon,
    /// Beside the picture, where the desktop shows words there.
    pub title: String,
    /// Under the pointer.
    pub tooltip: String,
    /// How things stand, in the menu.
    pub status: String,
    /// Whether there is something to be shown behind that.
    pub waits: bool,
    /// What the menu offers about the pause.
    pub pause: Pause,
}

/// A picture for the tray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Nothing waits.
    Calm,
    /// Something waits.
    Waiting,
    /// All agents are paused.
    Paused,
    /// The device cannot be reached by anybody.
    Off,
}

/// What the menu offers about the pause of all agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// There is no device that could sign it.
    Unavailable,
    /// To pause.
    Offer,
    /// To lift it.
    Lift,
}

impl Tray {
    /// The tray for how things stand.
    pub fn of(standing: &Standing) -> Tray {
        let waiting = standing.waiting();
        let status = status(standing);
        Tray {
            icon: icon(standing),
            title: if waiting == 0 { String::new() } else { waiting.to_string() },
            tooltip: format!("AgentTrust ID: {}", lower(&status)),
            status,
            waits: waiting > 0,
            pause: match (standing.runs(), standing.paused) {
                (false, _) => Pause::Unavailable,
                (true, false) => Pause::Offer,
                (true, true) => Pause::Lift,
            },
        }
    }
}

impl Pause {
    /// What the menu says.
    pub fn words(self) -> &'static str {
        match self {
            Pause::Unavailable | Pause::Offer => "Pause all agents",
            Pause::Lift => "Let agents go on",
        }
    }
}

/// The window's title: in a task bar it is all there is to see.
pub fn window_title(standing: &Standing) -> String {
    match standing.waiting() {
        0 => "AgentTrust ID".to_owned(),
        waiting => format!("({waiting}) AgentTrust ID"),
    }
}

fn icon(standing: &Standing) -> Icon {
    match standing.device {
        Device::Online if standing.paused => Icon::Paused,
        Device::Online | Device::Offline if standing.waiting() > 0 => Icon::Waiting,
        Device::Online => Icon::Calm,
        Device::Starting | Device::Unpaired | Device::Stuck | Device::Offline => Icon::Off,
    }
}

fn status(standing: &Standing) -> String {
    let waiting = match standing.waiting() {
        0 => "Nothing waits for you".to_owned(),
        1 => "1 waits for you".to_owned(),
        more => format!("{more} wait for you"),
    };
    match standing.device {
        Device::Starting => "Starting".to_owned(),
        Device::Unpaired => "This computer is not paired yet".to_owned(),
        Device::Stuck => "The keys cannot be opened".to_owned(),
        Device::Offline => format!("No line to the daemon · {}", lower(&waiting)),
        Device::Online if standing.paused => format!("All agents are paused · {}", lower(&waiting)),
        Device::Online => waiting,
    }
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::hash;

    fn online(cards: u8, paused: bool) -> Standing {
        let cards = (0..cards).map(hash).collect();
        Standing { device: Device::Online, cards, paused, ..Standing::default() }
    }

    #[test]
    fn the_tray_says_how_many_wait() {
        let tray = Tray::of(&online(0, false));
        assert_eq!((tray.icon, tray.title.as_str(), tray.pause), (Icon::Calm, "", Pause::Offer));
        assert_eq!(tray.tooltip, "AgentTrust ID: nothing waits for you");
        let tray = Tray::of(&online(1, false));
        assert_eq!((tray.icon, tray.title.as_str(), tray.status.as_str()), (Icon::Waiting, "1", "1 waits for you"));
        assert_eq!(Tray::of(&online(3, false)).status, "3 wait for you");
    }

    #[test]
    fn a_pause_is_seen_before_anything_else() {
        let tray = Tray::of(&online(2, true));
        assert_eq!((tray.icon, tray.pause, tray.title.as_str()), (Icon::Paused, Pause::Lift, "2"));
        assert!(tray.waits && !Tray::of(&online(0, true)).waits);
        assert_eq!(tray.status, "All agents are paused · 2 wait for you");
    }

    #[test]
    fn without_a_device_nothing_can_be_paused() {
        for device in [Device::Starting, Device::Unpaired, Device::Stuck] {
            let tray = Tray::of(&Standing { device, ..Standing::default() });
            assert_eq!((tray.icon, tray.pause), (Icon::Off, Pause::Unavailable));
        }
        let offline = Standing { device: Device::Offline, ..online(1, false) };
        let tray = Tray::of(&offline);
        assert_eq!((tray.icon, tray.pause), (Icon::Waiting, Pause::Offer));
        assert_eq!(tray.status, "No line to the daemon · 1 waits for you");
    }

    #[test]
    fn the_title_counts() {
        assert_eq!(window_title(&online(0, false)), "AgentTrust ID");
        assert_eq!(window_title(&online(2, false)), "(2) AgentTrust ID");
    }
}
