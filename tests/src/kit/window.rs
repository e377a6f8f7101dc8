//! The app's real window, with a person in front of it.

use super::desktop::until;
use super::webdriver::{Refused, WebDriver};
use super::{Desktop, host, program};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

/// Finds what a person, or a screen reader, knows by its role and name: `arguments` are a selector and the name.
const FIND: &str = r"
    const [selector, name] = arguments;
    const named = (e) => (e.getAttribute('aria-label')
        ?? (e.labels?.length ? [...e.labels].map((l) => l.innerText).join(' ') : e.innerText || e.title || '')).replace(/\s+/g, ' ').trim();
    const rests = (e) => e.disabled || e.dataset.armed === 'false';
    const seen = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility() && !rests(e));
    const found = seen.find((e) => named(e) === name) ?? seen.find((e) => named(e).startsWith(name)) ?? null;
    // What is still moving would be missed.
    const place = () => { const { x, y } = found.getBoundingClientRect(); return `${x} ${y}`; };
    const before = found && place();
    return found && new Promise((tell) => setTimeout(() => tell(place() === before ? found : null), 80));
";

/// The app on a desktop, driven through its web view.
pub struct Window {
    driver: Child,
    web: WebDriver,
}

impl Window {
    /// Starts the app on this data folder.
    #[must_use]
    pub fn open(desktop: &Desktop, data: &Path) -> Window {
        Window::open_with(desktop, data, &[])
    }

    /// Starts the app with arguments.
    #[must_use]
    pub fn open_with(desktop: &Desktop, data: &Path, arguments: &[&str]) -> Window {
        let (port, native) = (free_port(), free_port());
        let mut driver = desktop.command("tauri-driver");
        driver.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        driver.env("AGENTTRUST_DATA", data).stdin(Stdio::null()).stdout(Stdio::null());
        // With its children it ends as one.
        let driver = driver.process_group(0).spawn().expect("tauri-driver starts: scripts/setup test");
        let answers = |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        until("the driver", || answers(port) && answers(native));
        let app = program("agenttrust-app");
        let web = WebDriver::start(port, native, app.to_str().expect("a path"), arguments);
        Window { driver, web: web.unwrap_or_else(|Refused(why)| panic!("the window does not open: {why}")) }
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub fn sees(&self, words: &str) -> &Window {
        let script = "return document.body.innerText.replace(/\\s+/g, ' ')";
        let mut seen = String::new();
        until(&format!("“{words}” in the window"), || {
            seen = self.web.run(script, &[]).ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
            seen.contains(words)
        });
        self
    }

    /// Clicks the button or link of this name, once it can be clicked.
    #[track_caller]
    pub fn click(&self, name: &str) -> &Window {
        self.with("button, a[href], [role=button], [role=tab], [role=radio], summary", name, |web, e| web.click(e))
    }

    /// Clicks the answer of this name, once what would run has been read to its end.
    #[track_caller]
    pub fn answer(&self, name: &str) -> &Window {
        let click = |name: &str| {
            let found = self.web.find(FIND, &[json!("button"), json!(name)]);
            matches!(found, Ok(Some(element)) if self.web.click(&element).is_ok())
        };
        until(&format!("“{name}”"), || {
            let _read = click("Scroll to the end of what would run");
            click(name)
        });
        self
    }

    /// Ticks the box of this name.
    #[track_caller]
    pub fn tick(&self, name: &str) -> &Window {
        self.with("label", name, |web, e| web.click(e))
    }

    /// Writes into the field of this name.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) -> &Window {
        self.with("input, textarea", name, |web, e| web.write(e, text))
    }

    /// What a script returns.
    #[track_caller]
    #[must_use]
    pub fn js(&self, script: &str) -> Value {
        self.js_with(script, &[])
    }

    /// The same with arguments.
    #[track_caller]
    pub fn js_with(&self, script: &str, arguments: &[Value]) -> Value {
        match self.web.run(script, arguments) {
            Ok(answer) => answer,
            Err(Refused(why)) => panic!("{why}: {script}"),
        }
    }

    /// Waits until a script returns true.
    #[track_caller]
    pub fn until(&self, script: &str) -> &Window {
        until(script, || self.web.run(script, &[]).is_ok_and(|answer| answer == Value::Bool(true)));
        self
    }

    /// A picture of the page.
    pub fn picture(&self, path: &Path) {
        let Ok(picture) = self.web.picture() else { panic!("no picture") };
        std::fs::write(path, BASE64.decode(picture.as_bytes()).expect("base64")).expect("a file");
    }

    #[track_caller]
    fn with(&self, selector: &str, name: &str, act: impl Fn(&WebDriver, &str) -> Result<(), Refused>) -> &Window {
        let mut last = String::new();
        until(&format!("“{name}”"), || {
            // What is drawn anew between finding and clicking is looked for again.
            match self.web.find(FIND, &[json!(selector), json!(name)]) {
                Ok(Some(element)) => act(&self.web, &element).map_err(|Refused(why)| last = why).is_ok(),
                Ok(None) => false,
                Err(Refused(why)) => {
                    last = why;
                    false
                }
            }
        });
        self
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = std::env::var_os("AGENTTRUST_PICTURES")
            && let Ok(picture) = self.web.picture()
            && let Ok(picture) = BASE64.decode(picture.as_bytes())
        {
            let _kept = std::fs::write(Path::new(&folder).join("failed.png"), picture);
        }
        let group = rustix::process::Pid::from_child(&self.driver);
        let _ended = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _reaped = self.driver.wait();
    }
}

/// Ends the daemon that the app has started on this data folder, if one runs.
pub fn stop_daemon(data: &Path) {
    if std::os::unix::net::UnixStream::connect(data.join("host.sock")).is_ok() {
        let _stopped = host(data, "POST", "/v1/stop", "");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}
