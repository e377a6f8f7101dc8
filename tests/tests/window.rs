//! The real window of the real app, on a desktop of its own: clicked, read and listened to from outside.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::CardView;
use agenttrust_tests::kit::{Answer, Desktop, Keyring, Notified, Seat, Window, host, program, stop_daemon, until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The daemon that a window started ends with the test.
struct Started<'a>(&'a Path);

impl Drop for Started<'_> {
    fn drop(&mut self) {
        stop_daemon(self.0);
    }
}

fn data(home: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let data = home.join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(data.join("config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").unwrap();
    data
}

/// Keeps a picture where they are wanted.
fn keep(window: &Window, name: &str) {
    if let Some(folder) = std::env::var_os("AGENTTRUST_PICTURES") {
        window.picture(&Path::new(&folder).join(format!("{name}.png")));
    }
}

fn payment() -> Value {
    json!({"payee": "Example GmbH", "amount": 120.5, "currency": "EUR"})
}

/// Waits for the one card that is open on the phone.
async fn on_the_phone(seat: &Seat) -> CardView {
    for _ in 0..400 {
        if let Some(card) = seat.world.phone.device.snapshot().cards.into_iter().next_back() {
            return card;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no card on the phone")
}

#[test]
fn from_the_first_start_to_a_harmless_request_and_a_locked_key_store() {
    let home = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
    let data = data(home.path());
    let _started = Started(&data);
    {
        let desktop = Desktop::start(home.path(), Keyring::Open);
        let window = Window::open(&desktop, &data);
        window.sees("Agents ask you before they act").click("Set up this computer");
        window.write("Name of this device", "Laptop").write("Whose it is", "owner");
        keep(&window, "first-run-pair");
        window.click("Make it a device").sees("Put it in front of an agent").click("Skip for now");
        window.click("Send a try-out request").sees("try-out").click("Accept");
        window.click("try-out wants to use say_hello").sees("Hello! This ran because").answer("Approve");
        window.sees("Done. The tool ran.");
        assert_eq!(host(&data, "GET", "/v1/status", "").1["devices"], 1);
        let keys = std::fs::read_to_string(data.join("app/keys.json")).unwrap();
        assert!(keys.contains("platform") && !keys.contains("seeds"), "the keys are in the key store: {keys}");
        window.click("Settings").tick("Start with my session");
        let entry = home.path().join(".config/autostart/AgentTrust ID.desktop");
        until("an entry in the session", || {
            std::fs::read_to_string(&entry).is_ok_and(|text| text.contains(" --hidden"))
        });
        until("a calm tray", || desktop.tray.menu().1.contains(&"Nothing waits for you".to_owned()));
        let gone = Notified {
            summary: "AgentTrust ID stays in the tray".to_owned(),
            body: "What agents ask for still reaches you. Quit it there.".to_owned(),
            actions: vec!["default".to_owned(), "Open".to_owned()],
        };
        for time in ["the first time", "and once"] {
            desktop.close_window();
            until(time, || desktop.bus.notified() == [gone.clone()]);
            desktop.tray.choose("Open AgentTrust ID");
            until("the window", || desktop.is_shown());
        }
    }
    Seat::welcomed(&data);
    let desktop = Desktop::start(home.path(), Keyring::Locked);
    let window = Window::open(&desktop, &data);
    window.sees("The key store is locked");
    keep(&window, "locked");
    until("a tray that says so", || desktop.tray.menu().1.contains(&"The keys cannot be opened".to_owned()));
    // Nothing is there that could ask for the password: the wait ends where it began.
    window.click("Try again").sees("prompt dismissed").sees("The key store is locked");
    // Nobody answers what asks for it: the wait has a way out.
    desktop.bus.prompt_in_vain();
    window.click("Try again").click("Stop waiting").sees("you stopped waiting for it");
    desktop.bus.prompt_no_more();
    desktop.bus.unlock("pw");
    window.click("Try again").sees("Nothing waits");
}

#[test]
fn without_a_key_store_the_person_is_told_what_a_file_means() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
    let data = data(home.path());
    let _started = Started(&data);
    let desktop = Desktop::start(home.path(), Keyring::Absent);
    let window = Window::open(&desktop, &data);
    window
        .click("Set up this computer")
        .sees("key store cannot be used now")
        .sees("Any program you run can read this key");
    keep(&window, "no-key-store");
    window.write("Whose it is", "owner").click("Make it a device");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!data.join("app/keys.json").exists(), "not before it is understood");
    window.tick("I understand, and want the key in a plain file").click("Make it a device");
    window.sees("Put it in front of an agent");
    let keys = std::fs::metadata(data.join("app/keys.json")).unwrap();
    assert_eq!(keys.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_denying_and_changing() {
    let seat = Seat::new().await;
    let window = seat.open();
    window.sees("Nothing waits");

    let asked = seat.ask("pay", &payment(), 60);
    window.click("office").sees("Wants to use pay").sees("Example GmbH");
    keep(&window, "request");
    window.answer("Approve").sees("Done. The tool ran.");
    assert_eq!(asked.await.unwrap(), Ok(payment()));
    keep(&window, "approved");

    let asked = seat.ask("delete", &json!({"path": "/srv/contracts"}), 60);
    window.click("Next request").sees("Wants to use delete").click("Say why");
    window.write("Message to the agent", "Keep the contracts.").click("Deny").sees("The agent was told no");
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));

    let asked = seat.ask("pay", &payment(), 60);
    window.click("Next request").sees("Wants to use pay").click("Edit");
    window.write("amount", "99.95").sees("Your changes").sees("120.5").sees("99.95");
    keep(&window, "edit");
    window.answer("Approve with changes").sees("Done. The tool ran.");
    let changed = json!({"payee": "Example GmbH", "amount": 99.95, "currency": "EUR"});
    assert_eq!(asked.await.unwrap(), Ok(changed), "it ran with what was signed");
    assert_eq!(seat.desktop.bus.notified(), [], "who looks at the window is not notified");

    let zoom = "dispatchEvent(new KeyboardEvent('keydown', { key: '+', ctrlKey: true })); return innerWidth";
    let wide = window.js(zoom).as_f64().unwrap();
    window.until(&format!("return innerWidth < {}", wide * 0.9));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late() {
    let seat = Seat::new().await;
    let window = seat.open();
    let asked = seat.ask("pay", &payment(), 60);
    window.click("office").sees("Wants to use pay");
    // Elsewhere: the buttons are gone before anybody presses them.
    let card = on_the_phone(&seat).await;
    seat.world.phone.give(&card, Answer::Deny("Not today.".to_owned())).await;
    window.sees("Answered on Virtual phone").sees("nothing was run");
    assert!(
        window.js("return [...document.querySelectorAll('button')].every((b) => b.innerText !== 'Approve')") == true
    );
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));

    // The pointer rests on the button when the time is over, and presses then.
    let asked = seat.ask("pay", &payment(), 6);
    window.click("Next request").sees("Wants to use pay");
    window.until("return document.querySelector('[data-armed=true]') !== null");
    let place = "const r = [...document.querySelectorAll('button')].find((b) => b.innerText === 'Approve')\
                 .getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]";
    let place = window.js(place);
    seat.desktop.point(&place);
    // The agent gives up by its own clock, or hears it from the daemon.
    let over = asked.await.unwrap().unwrap_err();
    assert!(["expired", "timed_out"].contains(&over.as_str()), "{over}");
    seat.desktop.press();
    window.sees("Nobody answered");
    assert_eq!(seat.world.phone.states().await.last().map(ToString::to_string).as_deref(), Some("expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_goes_and_comes_back() {
    let mut seat = Seat::new().await;
    let window = seat.open();
    let asked = seat.ask("pay", &payment(), 120);
    window.click("office").sees("Wants to use pay");
    seat.world.daemon.kill();
    window.sees("The AgentTrust daemon is not running");
    keep(&window, "daemon-down");
    until("a tray that says so", || seat.desktop.tray.menu().0.iter().any(|line| line.starts_with("No line")));
    seat.world.daemon.restart();
    window.until("return !document.body.innerText.includes('daemon is not running')");
    window.answer("Approve").sees("Done. The tool ran.");
    assert_eq!(asked.await.unwrap(), Ok(payment()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_clicked() {
    let seat = Seat::new().await;
    let window = seat.open();
    window.sees("Nothing waits");
    seat.desktop.close_window();
    let asked = seat.ask("transfer_everything", &payment(), 60);
    until("a notification", || !seat.desktop.bus.notified().is_empty());
    let told = Notified {
        summary: "An agent asks for your approval".to_owned(),
        body: "Nothing happens until you answer.".to_owned(),
        actions: vec!["default".to_owned(), "Open".to_owned()],
    };
    assert_eq!(seat.desktop.bus.notified(), [told], "it says nothing of the request, and answers nothing");
    seat.desktop.click_notification();
    until("the window", || seat.desktop.is_shown());
    window.sees("Wants to use transfer_everything");
    assert_eq!(seat.desktop.bus.clicked(), 1);
    window.answer("Approve").sees("Done. The tool ran.");
    assert_eq!(asked.await.unwrap(), Ok(payment()));

    // What is answered elsewhere is taken back by itself.
    seat.desktop.close_window();
    let asked = seat.ask("pay", &payment(), 60);
    until("another notification", || seat.desktop.bus.notified().len() == 2);
    let before = seat.desktop.bus.taken_back();
    let card = on_the_phone(&seat).await;
    seat.world.phone.give(&card, Answer::Approve).await;
    assert_eq!(asked.await.unwrap(), Ok(payment()));
    until("the notification's end", || seat.desktop.bus.taken_back() > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_counts_and_pauses() {
    let seat = Seat::new().await;
    let tray = &seat.desktop.tray;
    let window = seat.open();
    until("a calm tray", || tray.menu().1.contains(&"Nothing waits for you".to_owned()));
    let calm = tray.icon();
    let asked = [seat.ask("pay", &payment(), 60), seat.ask("pay", &payment(), 60)];
    until("a tray that counts", || tray.label() == "2" && tray.menu().0.contains(&"2 wait for you".to_owned()));
    assert_ne!(tray.icon(), calm, "the picture is another one");
    until("a title that counts", || !seat.desktop.xdotool(&["search", "--name", "^\\(2\\) AgentTrust ID$"]).is_empty());

    tray.choose("Pause all agents");
    window.sees("All agents are paused");
    keep(&window, "paused");
    assert_eq!(seat.ask("pay", &payment(), 60).await.unwrap(), Err("paused".to_owned()));
    until("a tray that offers the end of it", || tray.menu().0.contains(&"Let agents go on".to_owned()));
    assert!(tray.menu().0.contains(&"All agents are paused · 2 wait for you".to_owned()));
    tray.choose("Let agents go on");
    window.until("return !document.body.innerText.includes('All agents are paused')");
    seat.desktop.close_window();
    tray.choose("2 wait for you");
    until("the window", || seat.desktop.is_shown());
    window.click("office").click("Deny").click("Next request").click("Deny");
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));
    }
    until("a calm tray again", || tray.label().is_empty());
    assert!(seat.desktop.bus.has("org.agenttrust.id.SingleInstance"));
    tray.choose("Quit");
    until("the app to end", || !seat.desktop.bus.has("org.agenttrust.id.SingleInstance"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_launch_shows_the_first_window() {
    let seat = Seat::new().await;
    let window = seat.open_with(&["--hidden"]);
    window.sees("Nothing waits");
    assert!(!seat.desktop.is_shown(), "it was started without a window");
    let launch = |arguments: &[&str]| {
        let mut app = seat.desktop.command(program("agenttrust-app"));
        app.args(arguments).env("AGENTTRUST_DATA", seat.world.daemon.data());
        let status = app.status().unwrap();
        assert!(status.success(), "{status}");
    };
    launch(&[]);
    until("the window", || seat.desktop.is_shown());
    seat.desktop.close_window();
    let _asked = seat.ask("pay", &payment(), 60);
    let card = on_the_phone(&seat).await;
    launch(&[&format!("agenttrust://request/{}", card.id)]);
    until("the window again", || seat.desktop.is_shown());
    window.sees("Wants to use pay");
    launch(&[&format!("agenttrust://request/{}/approve", card.id)]);
    assert_eq!(seat.world.phone.device.snapshot().cards.len(), 1, "a link answers nothing");
    launch(&["agenttrust://inbox"]);
    window.until("return document.querySelector('h1')?.innerText === 'Inbox'");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_goes_where_the_person_says() {
    let seat = Seat::new().await;
    let window = seat.open();
    window.click("Settings").click("Export the whole history");
    seat.desktop.accept_dialog("^Where should the history go");
    let home = seat.desktop.home().to_owned();
    let is_there = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("agenttrust-");
    until("a folder at home", || std::fs::read_dir(&home).unwrap().flatten().any(is_there));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_is_the_persons() {
    let seat = Seat::new().await;
    let window = seat.open();
    let is_dark = |dark| format!("return matchMedia('(prefers-color-scheme: dark)').matches === {dark}");
    window.sees("Nothing waits").until(&is_dark(false));
    let _asked = seat.ask("pay", &payment(), 60);
    window.click("Settings").tick("Dark").until(&is_dark(true));
    keep(&window, "settings-dark");
    window.click("Inbox").click("office").sees("Wants to use pay");
    keep(&window, "request-dark");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_go_nowhere_and_call_nothing_else() {
    let seat = Seat::new().await;
    let window = seat.open();
    window.sees("Nothing waits");
    for script in [
        "return window.open('https://example.com/') === null",
        "return typeof window.__TAURI__ === 'undefined'",
        "document.body.insertAdjacentHTML('beforeend', '<p id=\"hostile\" style=\"color: red\">x</p>'); \
         return getComputedStyle(document.querySelector('#hostile')).color !== 'rgb(255, 0, 0)'",
        "const s = document.createElement('script'); s.text = 'window.ran = true'; document.head.append(s); \
         return window.ran === undefined",
    ] {
        assert_eq!(window.js(script), Value::Bool(true), "{script}");
    }
    let refused = "const refused = (command) => window.__TAURI_INTERNALS__.invoke(command, {}).then(() => null, \
                   (why) => `${why}`); return Promise.all(['plugin:window|create', 'plugin:dialog|open', \
                   'plugin:autostart|enable', 'plugin:event|listen', 'sign'].map(refused))";
    let refused = window.js(refused);
    let refused = refused.as_array().unwrap();
    assert!(refused.len() == 5 && refused.iter().all(|why| why.is_string()), "{refused:?}");
    for leave in [
        "location.href = 'https://example.com/'",
        "location.href = 'data:text/html,hello'",
        "Object.assign(document.createElement('a'), { href: 'https://example.com/' }).click()",
    ] {
        // The driver loses its thread if a page leaves while it waits for the script's end.
        let script = format!("window.stayed = '{}'; setTimeout(() => {{ {leave} }}, 50)", leave.len());
        let _nothing = window.js(&script);
        std::thread::sleep(Duration::from_millis(400));
        window.until(&format!("return location.protocol === 'tauri:' && window.stayed === '{}'", leave.len()));
    }
    window.sees("Nothing waits");
}
