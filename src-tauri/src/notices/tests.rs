use super::*;
use crate::examples::{card, card_of, hash, ready};
use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::console::Settings;

const DISCREET: Manner = Manner { notifications: Notifications::Discreet, looking: false };
const FULL: Manner = Manner { notifications: Notifications::Full, looking: false };

fn event(event: Event) -> News {
    News::Device { event: Box::new(event) }
}

fn added(number: u8) -> News {
    event(Event::CardAdded { card: Box::new(card(number, Phase::Open)) })
}

fn closed(number: u8) -> News {
    event(Event::CardClosed { card: hash(number), phase: Phase::Expired, code: None })
}

fn shown(changes: Vec<Change>) -> Notice {
    let [Change::Show(notice)] = &*changes else { panic!("one notification, not {changes:?}") };
    notice.clone()
}

#[test]
fn a_notification_says_nothing_of_the_request_unless_it_may() {
    let notice = shown(Notices::default().hear(&added(1), DISCREET));
    assert_eq!(notice.summary, "An agent asks for your approval");
    assert_eq!(notice.target, Target::Request { card: hash(1) });
    let notice = shown(Notices::default().hear(&added(1), FULL));
    assert_eq!(notice.summary, "invoice-bot: pay");
    assert!(!notice.body.contains("pay"));
}

#[test]
fn an_agents_words_are_one_safe_line() {
    let hostile = "pay\u{202e}\n<b>Approved</b>".to_owned() + &"x".repeat(500);
    let card = card_of(1, Phase::Open, "invoice-bot", &hostile);
    let notice = shown(Notices::default().hear(&event(Event::CardAdded { card: Box::new(card) }), FULL));
    assert!(!notice.summary.contains(['\u{202e}', '\n']), "{}", notice.summary);
    assert!(notice.summary.chars().count() < 120, "{}", notice.summary);
}

#[test]
fn who_looks_at_the_window_or_wants_none_is_not_told() {
    for manner in [Manner { looking: true, ..FULL }, Manner { notifications: Notifications::Off, looking: false }] {
        let mut notices = Notices::default();
        assert_eq!(notices.hear(&added(1), manner), []);
        let nearly = event(Event::CardReminder { card: hash(1), left: 5, nearly: true });
        assert_eq!(notices.hear(&nearly, manner), []);
        assert_eq!(notices.hear(&closed(1), manner), []);
    }
}

#[test]
fn what_is_answered_is_taken_back() {
    let mut notices = Notices::default();
    notices.hear(&added(1), DISCREET);
    assert_eq!(notices.hear(&added(1), DISCREET), [], "the same card twice is one notification");
    let elsewhere = card(
        1,
        Phase::AnsweredElsewhere {
            by: vec!["Phone".to_owned()],
            step: agenttrust_device::approver::inbox::Step::Denied,
        },
    );
    let changed = event(Event::CardChanged { card: Box::new(elsewhere) });
    assert_eq!(notices.hear(&changed, DISCREET), [Change::Withdraw(About::Card(hash(1)))]);
    assert_eq!(notices.hear(&closed(1), DISCREET), [], "once");
}

#[test]
fn a_reminder_replaces_and_is_urgent() {
    let mut notices = Notices::default();
    notices.hear(&added(1), DISCREET);
    let half = event(Event::CardReminder { card: hash(1), left: 30, nearly: false });
    assert_eq!(notices.hear(&half, DISCREET), []);
    let nearly = event(Event::CardReminder { card: hash(1), left: 6, nearly: true });
    let notice = shown(notices.hear(&nearly, DISCREET));
    assert_eq!((notice.about, notice.urgent), (About::Card(hash(1)), true));
    assert_eq!(notice.summary, "A request is about to expire");
}

#[test]
fn a_flood_shares_one_notification() {
    let mut notices = Notices::default();
    for number in 1..=3 {
        assert_eq!(shown(notices.hear(&added(number), DISCREET)).about, About::Card(hash(number)));
    }
    let fourth = shown(notices.hear(&added(4), DISCREET));
    assert_eq!((fourth.about, fourth.summary.as_str()), (About::Beyond, "1 more request waits for your approval"));
    assert_eq!(fourth.target, Target::Inbox);
    assert_eq!(shown(notices.hear(&added(5), DISCREET)).summary, "2 more requests wait for your approval");
    assert_eq!(shown(notices.hear(&closed(4), DISCREET)).summary, "1 more request waits for your approval");
    assert_eq!(notices.hear(&closed(5), DISCREET), [Change::Withdraw(About::Beyond)]);
}

#[test]
fn after_a_gap_the_desktop_is_brought_up_to_date() {
    let mut notices = Notices::default();
    notices.hear(&added(1), DISCREET);
    notices.hear(&added(2), DISCREET);
    let changes = notices.hear(&ready(vec![card(2, Phase::Open), card(3, Phase::Open)]), DISCREET);
    let [Change::Withdraw(gone), Change::Show(new)] = &*changes else { panic!("{changes:?}") };
    assert_eq!((*gone, new.about), (About::Card(hash(1)), About::Card(hash(3))));
}

#[test]
fn switched_off_they_all_go() {
    let mut notices = Notices::default();
    notices.hear(&added(1), DISCREET);
    let asked = Event::PairingAsked { joiner: hash(5), name: "Phone".to_owned() };
    assert_eq!(shown(notices.hear(&event(asked), DISCREET)).target, Target::Devices);
    let off = Settings { notifications: Notifications::Off, ..Settings::default() };
    let changes = notices.hear(&News::Settings { settings: off }, DISCREET);
    assert_eq!(changes, [Change::Withdraw(About::Card(hash(1))), Change::Withdraw(About::Joiner)]);
}
