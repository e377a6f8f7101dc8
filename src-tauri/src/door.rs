//! The webview's two doors: one for calls, one for news. Nothing else on this side can be reached from there.

use crate::window;
use agenttrust_device::console::{Call, Console, ErrorBody, News, Reply, Target};
use std::sync::{Mutex, PoisonError};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager, State};

/// Who listens in the webview.
#[derive(Default)]
pub struct Listener(Mutex<Listening>);

#[derive(Default)]
struct Listening {
    /// Passes the news on; a page that is loaded again takes the place of the one before.
    passing_on: Option<JoinHandle<()>>,
    /// To be shown as soon as somebody listens.
    first: Option<Target>,
}

impl Listener {
    fn with<T>(&self, work: impl FnOnce(&mut Listening) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does something; what, the console decides.
#[tauri::command]
pub async fn call(console: State<'_, Console>, call: Call) -> Result<Reply, ErrorBody> {
    console.call(call).await
}

/// Hears all news from now on.
#[tauri::command]
pub fn listen(console: State<'_, Console>, listener: State<'_, Listener>, channel: Channel<News>) {
    let mut news = console.news();
    listener.with(|listening| {
        let first = listening.first.take();
        let task = tauri::async_runtime::spawn(async move {
            let mut next = first.map(|target| News::Show { target });
            loop {
                if let Some(news) = next
                    && channel.send(news).is_err()
                {
                    return;
                }
                next = news.next().await;
                if next.is_none() {
                    return;
                }
            }
        });
        if let Some(before) = listening.passing_on.replace(task) {
            before.abort();
        }
    });
}

/// Brings the window before the person, with this in it.
pub fn show(app: &AppHandle, target: Target) {
    let is_heard = app.state::<Listener>().with(|listening| {
        let is_heard = listening.passing_on.is_some();
        if !is_heard {
            listening.first = Some(target.clone());
        }
        is_heard
    });
    if is_heard {
        app.state::<Console>().show(target);
    }
    window::raise(app);
}
