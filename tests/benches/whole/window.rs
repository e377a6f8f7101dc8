//! The app's window: how soon it is there, how soon it shows a request, and what it holds on to.

use super::machine::proportional;
use super::series::Series;
use agenttrust_tests::kit::{Answer, Seat, Window, stop_daemon};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the window is opened.
const STARTS: usize = 7;

/// How many requests are timed from asking to painting.
const ASKED: usize = 60;

/// After so many requests the memory is looked at again.
pub const MANY: usize = 1000;

/// The time, once the inbox is on the screen; a few milliseconds late, for it is asked again and again.
const DRAWN: &str = "
    const page = document.body?.innerText ?? '';
    return page.includes('Nothing waits') ? performance.timeOrigin + performance.now() : null;
";

/// Marks the time at which a request's row has been painted: a frame after it stands in the page.
const WATCH: &str = "
    const [name] = arguments;
    window.painted = null;
    const watch = new MutationObserver(() => {
        const row = [...document.querySelectorAll('a[data-card]')].find((row) => row.textContent.includes(name));
        if (!row) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.painted = performance.timeOrigin + performance.now(); }));
    });
    watch.observe(document.body, { childList: true, subtree: true, characterData: true });
";

/// What is measured.
pub struct Measured {
    /// From the start of the process to its inbox.
    pub start: Series,
    /// From the agent's call to the painted row, in a window that is open.
    pub shown: Series,
    /// Memory of the app and its web view in MB: at rest, and after many requests came and went.
    pub memory: [f64; 2],
}

/// Opens the window again and again, then asks.
pub async fn measure() -> Measured {
    let seat = Seat::new().await;
    let start = tokio::task::block_in_place(|| starts(&seat));
    let window = tokio::task::block_in_place(|| seat.open());
    tokio::task::block_in_place(|| window.sees("Nothing waits"));
    let mut shown = Series::default();
    for number in 0..ASKED {
        shown.push_ms(ask_and_see(&seat, &window, number).await);
    }
    let before = memory(seat.world.daemon.data());
    come_and_go(&seat).await;
    tokio::task::block_in_place(|| window.sees("Nothing waits"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = memory(seat.world.daemon.data());
    drop(window);
    stop_daemon(seat.world.daemon.data());
    Measured { start, shown, memory: [before, after] }
}

fn starts(seat: &Seat) -> Series {
    let mut series = Series::default();
    for _ in 0..STARTS {
        let window = seat.open();
        let drawn = wait_for(&window, DRAWN);
        series.push_ms(drawn - started(app(seat.world.daemon.data())));
    }
    series
}

/// Asks, waits until the row is painted, and takes the request out of the way.
async fn ask_and_see(seat: &Seat, window: &Window, number: usize) -> f64 {
    let tool = format!("look_{number}");
    tokio::task::block_in_place(|| window.js_with(WATCH, &[json!(tool)]));
    let asked = epoch(SystemTime::now());
    let asking = seat.ask(&tool, &json!({ "path": "/srv/reports/2026.txt" }), 60);
    let painted = tokio::task::block_in_place(|| wait_for(window, "return window.painted"));
    let person = seat.world.answering(|_| Answer::Deny("next".to_owned()));
    let _denied = asking.await;
    person.abort();
    painted - asked
}

/// The time that a script answers, once it answers one.
fn wait_for(window: &Window, script: &str) -> f64 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Value::Number(time) = window.js(script) {
            return time.as_f64().expect("a time");
        }
        assert!(Instant::now() < end, "it is not drawn: {script}");
    }
}

async fn come_and_go(seat: &Seat) {
    let person = seat.world.answering(|_| Answer::Deny("next".to_owned()));
    for number in 0..MANY {
        let _denied = seat.ask("look", &json!({ "path": format!("/srv/reports/{number}.txt") }), 60).await;
    }
    person.abort();
}

/// The processes that were started on this data folder, with their names.
fn processes(data: &Path) -> Vec<(u32, String)> {
    let wanted = format!("AGENTTRUST_DATA={}", data.display());
    let all = std::fs::read_dir("/proc").expect("the list of processes").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let is_ours = environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes());
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        is_ours.then(|| (pid, name.trim().to_owned()))
    })
    .collect()
}

fn app(data: &Path) -> u32 {
    let found = processes(data).into_iter().find(|(_, name)| name.starts_with("agenttrust-app"));
    found.expect("the app runs").0
}

/// What the app and its web view hold; what several of them share counts once.
fn memory(data: &Path) -> f64 {
    let is_its = |name: &str| name.starts_with("agenttrust-app") || name.starts_with("WebKit");
    processes(data).into_iter().filter(|(_, name)| is_its(name)).map(|(pid, _)| proportional(pid)).sum()
}

/// When a process started, in milliseconds since 1970.
fn started(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = stat.rsplit_once(") ").expect("a name in brackets").1;
    let ticks: f64 = fields.split(' ').nth(19).and_then(|field| field.parse().ok()).expect("its start");
    let uptime = std::fs::read_to_string("/proc/uptime").expect("the uptime");
    let uptime: f64 = uptime.split(' ').next().and_then(|field| field.parse().ok()).expect("seconds");
    epoch(SystemTime::now()) - uptime * 1000.0 + ticks * 10.0
}

fn epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1000.0
}
