//! What goes over a session's bus about notifications, and what stands in its tray.

use super::desktop::until;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator, Proxy};
use zbus::fdo::{DBusProxy, MonitoringProxy};
use zbus::message::Header;
use zbus::names::BusName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

/// A notification as the app sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// The first line.
    pub summary: String,
    /// The text below.
    pub body: String,
    /// The names of its actions.
    pub actions: Vec<String>,
}

/// What was heard.
#[derive(Default)]
struct Heard {
    notified: Vec<Notified>,
    closed: usize,
    clicked: usize,
}

/// Listens to a session's bus.
pub struct Bus {
    connection: Connection,
    heard: Arc<Mutex<Heard>>,
}

impl Bus {
    /// Listens from now on.
    #[must_use]
    pub fn watch(address: &str) -> Bus {
        let monitor = connect(address);
        let rules = ["interface='org.freedesktop.Notifications'"];
        let monitoring = zbus::block_on(async {
            MonitoringProxy::new(monitor.inner()).await?.become_monitor(&[rules[0].try_into()?], 0).await?;
            Ok::<_, zbus::Error>(())
        });
        monitoring.expect("the bus lets itself be watched");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hearing = Arc::clone(&heard);
        // It ends when the bus does.
        std::thread::spawn(move || {
            for message in MessageIterator::from(monitor).map_while(Result::ok) {
                hear(&mut hearing.lock().expect("no test panics in here"), &message);
            }
        });
        Bus { connection: connect(address), heard }
    }

    /// Whether somebody has this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name = BusName::try_from(name.to_owned()).expect("a name");
        zbus::block_on(async { DBusProxy::new(self.connection.inner()).await?.name_has_owner(name).await })
            .unwrap_or(false)
    }

    /// Takes the place of the program that asks for the key store's password, and never answers, as a person who is
    /// away would not.
    pub fn prompt_in_vain(&self) {
        self.connection.request_name("org.gnome.keyring.SystemPrompter").expect("nobody else asks");
    }

    /// The password is asked for no longer.
    pub fn prompt_no_more(&self) {
        self.connection.release_name("org.gnome.keyring.SystemPrompter").expect("the name is ours");
    }

    /// Opens the locked key store, as its password in the prompt does.
    pub fn unlock(&self, password: &str) {
        let unlocked = || {
            let service = |interface| {
                Proxy::new(&self.connection, "org.freedesktop.secrets", "/org/freedesktop/secrets", interface)
            };
            let open = ("plain", Value::from(""));
            let (_, session): (OwnedValue, OwnedObjectPath) =
                service("org.freedesktop.Secret.Service")?.call("OpenSession", &open)?;
            let secret = (session, Vec::<u8>::new(), password.as_bytes(), "text/plain");
            let keyring = OwnedObjectPath::try_from("/org/freedesktop/secrets/collection/login")?;
            // What the prompt itself uses.
            let prompt = service("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface")?;
            prompt.call::<_, _, ()>("UnlockWithMasterPassword", &(keyring, secret))
        };
        unlocked().unwrap_or_else(|error: zbus::Error| panic!("the key store does not open: {error}"));
    }

    /// All notifications so far.
    #[must_use]
    pub fn notified(&self) -> Vec<Notified> {
        self.heard.lock().expect("no test panics in here").notified.clone()
    }

    /// How many notifications the app has taken back.
    #[must_use]
    pub fn taken_back(&self) -> usize {
        self.heard.lock().expect("no test panics in here").closed
    }

    /// How many notifications the person clicked.
    #[must_use]
    pub fn clicked(&self) -> usize {
        self.heard.lock().expect("no test panics in here").clicked
    }
}

fn hear(heard: &mut Heard, message: &zbus::Message) {
    let header = message.header();
    match header.member().map(|name| name.as_str()) {
        Some("Notify") => {
            type Notify = (String, u32, String, String, String, Vec<String>, HashMap<String, OwnedValue>, i32);
            if let Ok((_, _, _, summary, body, actions, _, _)) = message.body().deserialize::<Notify>() {
                heard.notified.push(Notified { summary, body, actions });
            }
        }
        Some("CloseNotification") => heard.closed += 1,
        Some("ActionInvoked") => heard.clicked += 1,
        Some(_) | None => {}
    }
}

/// A place for tray icons.
pub struct Tray {
    connection: Connection,
    icons: Arc<Mutex<Vec<(String, String)>>>,
}

/// The desktop's part of a tray.
struct Watcher {
    icons: Arc<Mutex<Vec<(String, String)>>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let icon =
            if service.starts_with('/') { (sender, service) } else { (service, "/StatusNotifierItem".to_owned()) };
        self.icons.lock().expect("no test panics in here").push(icon);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let icons = self.icons.lock().expect("no test panics in here");
        icons.iter().map(|(name, path)| format!("{name}{path}")).collect()
    }
}

type Properties = HashMap<String, OwnedValue>;

impl Tray {
    /// Offers a place for icons.
    #[must_use]
    pub fn host(address: &str) -> Tray {
        let icons = Arc::new(Mutex::new(Vec::new()));
        let watcher = Watcher { icons: Arc::clone(&icons) };
        let connection = Builder::address(address)
            .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", watcher))
            .and_then(Builder::build)
            .expect("a place on the bus");
        Tray { connection, icons }
    }

    /// The words beside the icon.
    #[must_use]
    pub fn label(&self) -> String {
        self.property("XAyatanaLabel")
    }

    /// The file of the icon.
    #[must_use]
    pub fn icon(&self) -> String {
        self.property("IconName")
    }

    /// The words of the menu's entries that can be chosen, and of those that cannot.
    #[must_use]
    pub fn menu(&self) -> (Vec<String>, Vec<String>) {
        let entries = self.entries().into_iter().map(|(_, label, enabled)| (label, enabled));
        let (can, cannot): (Vec<_>, Vec<_>) = entries.partition(|(_, enabled)| *enabled);
        let labels = |entries: Vec<(String, bool)>| entries.into_iter().map(|(label, _)| label).collect();
        (labels(can), labels(cannot))
    }

    /// Chooses an entry of the menu.
    pub fn choose(&self, label: &str) {
        let mut found = None;
        until(label, || {
            found = self.entries().into_iter().find(|(_, text, enabled)| text == label && *enabled);
            found.is_some()
        });
        let (id, ..) = found.expect("it was found");
        let menu = self.menu_proxy().expect("there is a menu");
        menu.call_method("Event", &(id, "clicked", Value::from(0), 0_u32)).expect("it can be chosen");
    }

    /// Waits for an icon.
    pub fn wait(&self) {
        until("an icon in the tray", || self.place().is_some());
    }

    fn place(&self) -> Option<(String, String)> {
        self.icons.lock().expect("no test panics in here").last().cloned()
    }

    fn property(&self, name: &str) -> String {
        self.wait();
        let (service, path) = self.place().expect("there is one");
        let proxy = Proxy::new(&self.connection, service, path, "org.kde.StatusNotifierItem").expect("an icon");
        proxy.get_property(name).unwrap_or_default()
    }

    fn menu_proxy(&self) -> Option<Proxy<'static>> {
        self.wait();
        let (service, path) = self.place()?;
        let icon = Proxy::new(&self.connection, service.clone(), path, "org.kde.StatusNotifierItem").ok()?;
        let menu: OwnedObjectPath = icon.get_property("Menu").ok()?;
        Proxy::new(&self.connection, service, menu, "com.canonical.dbusmenu").ok()
    }

    fn entries(&self) -> Vec<(i32, String, bool)> {
        let Some(menu) = self.menu_proxy() else { return Vec::new() };
        type Layout = (u32, (i32, Properties, Vec<OwnedValue>));
        let asked = (0, -1, vec!["label", "enabled", "type"]);
        let Ok((_, (_, _, children))) = menu.call::<_, _, Layout>("GetLayout", &asked) else { return Vec::new() };
        let entries = children.into_iter().filter_map(|child| {
            let (id, properties, _): (i32, Properties, Vec<OwnedValue>) = child.try_into().ok()?;
            let label = properties.get("label").and_then(|label| label.downcast_ref::<String>().ok())?;
            let enabled = properties.get("enabled").is_none_or(|on| on.downcast_ref::<bool>().unwrap_or(true));
            Some((id, label, enabled))
        });
        entries.collect()
    }
}

fn connect(address: &str) -> Connection {
    Builder::address(address).and_then(Builder::build).expect("the session bus answers")
}
