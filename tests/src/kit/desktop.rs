//! A desktop of a test's own: a display with a window manager, a session bus, a key store, a notification service and
//! a place for tray icons. Nothing of it is shared with the machine's real session, and all of it ends with the value.

use super::{Bus, Tray};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a service of the desktop may take to be there.
const START: Duration = Duration::from_secs(20);

/// What of the machine's own session must not be found.
const FOREIGN: &[&str] = &[
    "AGENTTRUST_DATA",
    "AT_SPI_BUS_ADDRESS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// Notifications stay, look plain, and do on a click what a click does.
const DUNST: &str = "[global]\nfollow = none\nmouse_left_click = do_action, close_current\n\
     frame_width = 1\nwidth = 360\norigin = top-right\noffset = 0x0\nstartup_notification = false\n\
     [urgency_low]\ntimeout = 0\n[urgency_normal]\ntimeout = 0\n[urgency_critical]\ntimeout = 0\n";

/// A session bus that starts no service by itself: what is not started here is not there.
const BUS: &str = "<busconfig><type>session</type><listen>ADDRESS</listen><policy context=\"default\">\
     <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
     </policy></busconfig>";

/// Whether the key store is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// There is none.
    Absent,
    /// Its password was typed at the login.
    Open,
    /// Nobody has typed its password yet.
    Locked,
}

/// A person's desktop, from the login on.
pub struct Desktop {
    /// What watches the notifications.
    pub bus: Bus,
    /// What shows the tray.
    pub tray: Tray,
    home: PathBuf,
    env: Vec<(String, String)>,
    // The services end in this order.
    services: Vec<Child>,
}

impl Desktop {
    /// Starts one at home in this folder, which an earlier session may have used.
    #[must_use]
    pub fn start(home: &Path, keyring: Keyring) -> Desktop {
        let runtime = home.join("run");
        fs::create_dir_all(home.join(".config/dunst")).expect("a folder");
        fs::create_dir_all(&runtime).expect("a folder");
        private(&runtime);
        fs::write(home.join(".config/dunst/dunstrc"), DUNST).expect("a file");
        let mut services = Vec::new();
        let display = display(&mut services);
        let address = format!("unix:path={}/bus-{}", runtime.display(), display.trim_start_matches(':'));
        let env = [
            ("HOME", home.display().to_string()),
            ("XDG_RUNTIME_DIR", runtime.display().to_string()),
            ("DISPLAY", display),
            ("DBUS_SESSION_BUS_ADDRESS", address.clone()),
            ("XDG_SESSION_TYPE", "x11".to_owned()),
            ("GDK_BACKEND", "x11".to_owned()),
            ("GTK_THEME", "Adwaita".to_owned()),
            ("LIBGL_ALWAYS_SOFTWARE", "1".to_owned()),
            ("NO_AT_BRIDGE", "1".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        let env: Vec<(String, String)> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config = runtime.join("bus.conf");
        fs::write(&config, BUS.replace("ADDRESS", &address)).expect("a file");
        let session_bus = ["--nofork", "--nopidfile", &format!("--config-file={}", config.display())];
        services.push(run(&env, "dbus-daemon", session_bus, Stdio::null()));
        let socket = PathBuf::from(address.trim_start_matches("unix:path="));
        until("the session bus", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        let bus = Bus::watch(&address);
        let tray = Tray::host(&address);
        services.push(run(&env, "openbox", [""; 0], Stdio::null()));
        services.push(run(&env, "dunst", [""; 0], Stdio::null()));
        let mut desktop = Desktop { bus, tray, home: home.to_owned(), env, services };
        desktop.keyring(keyring);
        until("the notification service", || desktop.bus.has("org.freedesktop.Notifications"));
        desktop
    }

    fn keyring(&mut self, keyring: Keyring) {
        let open = ["--foreground", "--components=secrets", "--unlock"];
        let arguments: &[&str] = match keyring {
            Keyring::Absent => return,
            Keyring::Open => &open,
            Keyring::Locked => &open[..2],
        };
        let mut daemon = run(&self.env, "gnome-keyring-daemon", arguments, Stdio::piped());
        let mut typed = daemon.stdin.take().expect("its input");
        if keyring == Keyring::Open {
            typed.write_all(b"pw").expect("it reads the password");
        }
        drop(typed);
        self.services.push(daemon);
        until("the key store", || self.bus.has("org.freedesktop.secrets"));
    }

    /// Where the person is at home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A program that runs on this desktop.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        command(&self.env, program)
    }

    /// What `xdotool` says.
    #[must_use]
    pub fn xdotool(&self, arguments: &[&str]) -> String {
        let output = self.command("xdotool").args(arguments).output().expect("xdotool starts: scripts/setup test");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Clicks the notification that is in the corner of the screen, as a person does.
    pub fn click_notification(&self) {
        let mut id = String::new();
        until("a notification on the screen", || {
            id = self.xdotool(&["search", "--onlyvisible", "--class", "^Dunst$"]);
            !id.is_empty()
        });
        let id = id.lines().next().expect("a window");
        let _moved = self.xdotool(&["mousemove", "--window", id, "20", "12"]);
        let _clicked = self.xdotool(&["click", "1"]);
    }

    /// Whether the app's window is on the screen.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.window().is_some()
    }

    /// Closes the app's window, as the button in its frame does.
    pub fn close_window(&self) {
        until("the window to close", || {
            if let Some(id) = self.window() {
                let _asked = self.xdotool(&["windowactivate", "--sync", &id, "key", "alt+F4"]);
                // It closes a moment after.
                std::thread::sleep(Duration::from_millis(100));
            }
            self.window().is_none()
        });
    }

    /// Moves the pointer to a place in the app's window, `[x, y]` from its page's corner.
    pub fn point(&self, place: &serde_json::Value) {
        let id = self.window().expect("the window is on the screen");
        let at = |index: usize| place[index].as_f64().expect("a place").round().to_string();
        let _moved = self.xdotool(&["mousemove", "--window", &id, &at(0), &at(1)]);
    }

    /// Takes what the dialog of this title proposes.
    pub fn accept_dialog(&self, title: &str) {
        let mut id = String::new();
        until(title, || {
            id = self.xdotool(&["search", "--onlyvisible", "--name", title]);
            !id.is_empty()
        });
        until("the dialog to close", || {
            let _pressed = self.xdotool(&["windowactivate", "--sync", &id, "key", "alt+o"]);
            std::thread::sleep(Duration::from_millis(200));
            self.xdotool(&["search", "--onlyvisible", "--name", title]).is_empty()
        });
    }

    /// Presses the pointer's button where it is.
    pub fn press(&self) {
        let _pressed = self.xdotool(&["click", "1"]);
    }

    fn window(&self) -> Option<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", "AgentTrust ID$"]);
        found.lines().next_back().map(str::to_owned)
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for service in self.services.iter_mut().rev() {
            // It may have ended already.
            let _ended = service.kill();
            let _reaped = service.wait();
        }
    }
}

/// Waits until something is so.
///
/// # Panics
/// If it does not become so in time.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + START;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A screen of its own, which says itself which number it got.
fn display(services: &mut Vec<Child>) -> String {
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().expect("Xvfb starts: scripts/setup test");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("it says its number");
    services.push(server);
    format!(":{}", line.trim())
}

fn run<A: AsRef<OsStr>>(
    env: &[(String, String)],
    program: &str,
    arguments: impl IntoIterator<Item = A>,
    input: Stdio,
) -> Child {
    let mut command = command(env, program);
    command.args(arguments).stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}: scripts/setup test"))
}

fn command(env: &[(String, String)], program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a folder of ours");
}
