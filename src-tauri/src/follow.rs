//! Keeps tray, notifications and window in step with the news. It sleeps until there are some.

use crate::notices::{About, Change, Manner, Notice, Notices};
use crate::standing::Standing;
use crate::tray::{Tray, window_title};
use agenttrust_device::Event;
use agenttrust_device::console::{Console, News, Settings, Theme};

/// What a desktop can show. The app's own is made of Tauri; the tests write down what they were told.
pub trait Desktop: Send + Sync {
    /// The tray is to be like this.
    fn set_tray(&self, tray: &Tray);

    /// The window is to be called this.
    fn set_title(&self, title: &str);

    /// The window is to be light or dark.
    fn set_theme(&self, theme: Theme);

    /// Shows a notification, in place of an earlier one about the same.
    fn notify(&self, notice: Notice);

    /// Takes a notification back, if it is still there.
    fn withdraw(&self, about: About);

    /// Whether the person looks at the window.
    fn is_looked_at(&self) -> bool;
}

/// Follows a console until it is gone.
pub async fn follow(console: Console, desktop: impl Desktop) {
    let mut news = console.news();
    let mut follower = Follower::new(desktop, console.settings());
    follower.hear(&News::Stage { stage: Box::new(console.stage()) });
    while let Some(news) = news.next().await {
        follower.hear(&news);
        if is_gap(&news) {
            follower.hear(&News::Stage { stage: Box::new(console.stage()) });
        }
    }
}

fn is_gap(news: &News) -> bool {
    matches!(news, News::Device { event } if matches!(**event, Event::Missed { .. }))
}

/// What the desktop was told last.
struct Follower<D> {
    desktop: D,
    settings: Settings,
    standing: Standing,
    notices: Notices,
    tray: Option<Tray>,
}

impl<D: Desktop> Follower<D> {
    fn new(desktop: D, settings: Settings) -> Follower<D> {
        desktop.set_theme(settings.theme);
        Follower { desktop, settings, standing: Standing::default(), notices: Notices::default(), tray: None }
    }

    fn hear(&mut self, news: &News) {
        if let News::Settings { settings } = news {
            if settings.theme != self.settings.theme {
                self.desktop.set_theme(settings.theme);
            }
            self.settings = *settings;
        }
        let looking = self.desktop.is_looked_at();
        let manner = Manner { notifications: self.settings.notifications, looking };
        for change in self.notices.hear(news, manner) {
            match change {
                Change::Show(notice) => self.desktop.notify(notice),
                Change::Withdraw(about) => self.desktop.withdraw(about),
            }
        }
        self.standing.hear(news);
        let tray = Tray::of(&self.standing);
        if self.tray.as_ref() != Some(&tray) {
            self.desktop.set_tray(&tray);
            self.desktop.set_title(&window_title(&self.standing));
            self.tray = Some(tray);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{card, hash, ready};
    use agenttrust_device::approver::inbox::Phase;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Notebook(Mutex<Vec<String>>);

    impl Notebook {
        fn write(&self, line: String) {
            self.0.lock().unwrap().push(line);
        }
    }

    impl Desktop for &Notebook {
        fn set_tray(&self, tray: &Tray) {
            self.write(format!("tray: {}", tray.status));
        }
        fn set_title(&self, title: &str) {
            self.write(format!("title: {title}"));
        }
        fn set_theme(&self, theme: Theme) {
            self.write(format!("theme: {theme:?}"));
        }
        fn notify(&self, notice: Notice) {
            self.write(format!("notify: {}", notice.summary));
        }
        fn withdraw(&self, _: About) {
            self.write("withdraw".to_owned());
        }
        fn is_looked_at(&self) -> bool {
            false
        }
    }

    #[test]
    fn the_desktop_hears_of_what_changes_and_of_nothing_twice() {
        let notebook = Notebook::default();
        let mut follower = Follower::new(&notebook, Settings::default());
        follower.hear(&ready(Vec::new()));
        let added = Event::CardAdded { card: Box::new(card(1, Phase::Open)) };
        for event in [
            added.clone(),
            added,
            Event::ClockChanged { ahead: 0 },
            Event::CardClosed { card: hash(1), phase: Phase::Cancelled, code: None },
        ] {
            follower.hear(&News::Device { event: Box::new(event) });
        }
        follower.hear(&News::Settings { settings: Settings { theme: Theme::Dark, ..Settings::default() } });
        let told = [
            "theme: System",
            "tray: Nothing waits for you",
            "title: AgentTrust ID",
            "notify: An agent asks for your approval",
            "tray: 1 waits for you",
            "title: (1) AgentTrust ID",
            "withdraw",
            "tray: Nothing waits for you",
            "title: AgentTrust ID",
            "theme: Dark",
        ];
        assert_eq!(*notebook.0.lock().unwrap(), told);
    }

    #[test]
    fn missed_news_are_made_up_for() {
        let missed = |event| News::Device { event: Box::new(event) };
        assert!(is_gap(&missed(Event::Missed { events: 3 })));
        assert!(!is_gap(&missed(Event::ClockChanged { ahead: 0 })));
    }
}
