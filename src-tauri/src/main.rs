//! `agenttrust-app`, the desktop app.

// A console window beside the app's own is of no use to anybody.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() {
    agenttrust_app_lib::run();
}
