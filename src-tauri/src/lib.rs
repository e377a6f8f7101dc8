//! The desktop app: a window, a tray, notifications and links around one
//! [`Console`](agenttrust_device::console::Console).
//!
//! Keys and signatures stay on this side. The webview gets what is to be shown and sends what the person chose, through
//! the two doors of `door`; everything else here follows the console's news (`follow`). What is decided about
//! tray, notifications and links is decided in modules that know nothing of Tauri.

mod app;
mod door;
#[cfg(test)]
mod examples;
mod follow;
mod link;
mod notices;
mod notifier;
mod shell;
mod standing;
mod tray;
mod tray_icon;
mod window;

pub use app::run;
