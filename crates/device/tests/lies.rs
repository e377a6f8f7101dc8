//! A daemon that lies, a clock that is wrong, a store that fails: nothing is shown as verified, nothing is signed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one event and lets the others pass")]

mod common;

use agenttrust_device::approver::display::Folds;
use agenttrust_device::approver::trustview::Standing;
use agenttrust_device::{AgentInfo, Command, Done, Event, MomentKind, SessionList};
use agenttrust_protocol::door::{AgentState, AgentView, SessionView};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Agent, SecretKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, Paused, RevokedKind, Status};
use agenttrust_protocol::trust::Trust;
use common::agent::{SID, VirtualAgent};
use common::phone::{Phone, approve};
use common::{Daemon, Lie, NOTHING, now, sign};

const INVOICE: &str = r#"{"payee":"DE02120300000000202051","amount":120.50}"#;

async fn ready() -> (Daemon, Phone, VirtualAgent) {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = phone.accept(&daemon).await;
    (daemon, phone, agent)
}

fn messages(daemon: &Daemon, agent: &VirtualAgent) -> Vec<String> {
    let world = daemon.lock();
    agent.request(world.certs.last().unwrap(), world.tdid(), INVOICE, 300, &agent.key)
}

#[tokio::test]
async fn an_altered_request_is_refused() {
    let (daemon, mut phone, agent) = ready().await;
    let good = messages(&daemon, &agent);
    // Other arguments behind the same signature.
    let mut altered = good.clone();
    let dearer = messages(&daemon, &agent);
    let segments: Vec<&str> = altered[2].split('~').collect();
    let foreign: Vec<&str> = dearer[2].split('~').collect();
    altered[2] = format!("{}~{}~", segments[0], foreign[1]);
    agent.carry(&daemon, altered);
    assert_eq!(phone.refusal().await, "bad_disclosure");
    // A session of another request's.
    let mut mixed = good.clone();
    mixed[1].clone_from(&dearer[1]);
    agent.carry(&daemon, mixed);
    assert_eq!(phone.refusal().await, "wrong_request");
    assert!(phone.device.snapshot().cards.is_empty());
}

#[tokio::test]
async fn a_request_by_another_key_is_refused() {
    let (daemon, mut phone, agent) = ready().await;
    let forged = {
        let world = daemon.lock();
        agent.request(world.certs.last().unwrap(), world.tdid(), INVOICE, 300, &SecretKey::from_seed(&[61; 32]))
    };
    let id = agent.carry(&daemon, forged);
    assert_eq!(phone.refusal().await, "unknown_key");
    phone.quiet("no card", |event| matches!(event, Event::CardAdded { .. })).await;
    assert_eq!(phone.device.run(approve(id, id)).await.unwrap_err().code(), "not_found");
    assert!(daemon.lock().decisions.is_empty());
}

#[tokio::test]
async fn a_request_under_the_name_of_another_is_refused() {
    let (daemon, mut phone, agent) = ready().await;
    let messages = messages(&daemon, &agent);
    let other = agent.enroll_hash();
    daemon.push(agenttrust_protocol::door::InboxEvent::Request { request: other, messages });
    assert_eq!(phone.refusal().await, "wrong_request");
}

#[tokio::test]
async fn of_a_forged_record_only_what_verifies_is_shown() {
    let (daemon, mut phone, agent) = ready().await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    phone.approve(&card).await.unwrap();
    let sound = phone.record(card.id).await;
    assert_eq!((sound.fault.clone(), sound.erased, sound.messages.len()), (None, false, 4));
    let kinds: Vec<MomentKind> = sound.timeline.iter().map(|moment| moment.kind).collect();
    assert_eq!(kinds, [MomentKind::Asked, MomentKind::Approved]);

    // Another decision's signature below this one.
    let other = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    phone.approve(&other).await.unwrap();
    let decision = {
        let mut world = daemon.lock();
        let foreign = world.decisions.pop().unwrap();
        let signature = |text: &str| text.split(['.', '~']).nth(2).unwrap().to_owned();
        let forged = world.decisions[0].replace(&signature(&world.decisions[0]), &signature(&foreign));
        world.decisions[0].clone_from(&forged);
        forged
    };
    let forged = phone.record(card.id).await;
    assert_eq!(forged.fault.unwrap().code, "bad_signature");
    assert!(forged.messages.iter().all(|message| message.text != decision));
    assert_eq!(forged.timeline.iter().map(|moment| moment.kind).collect::<Vec<_>>(), [MomentKind::Asked]);
    assert!(forged.display.is_some() && forged.about.is_some());
    let failure = phone.device.run(Command::Verify { request: card.id }).await.unwrap_err();
    assert_eq!(failure.code(), "bad_signature");

    // The state alone proves nothing.
    daemon.lock().decisions.clear();
    let shown = phone.record(card.id).await;
    assert_eq!((shown.state, shown.fault.unwrap().code.as_str()), (State::Approved, "projection"));

    // Words that were not signed are nowhere.
    let dearer = messages(&daemon, &agent);
    let asked = daemon.lock().asked[&card.id].clone();
    let (leaf, words) = (asked[2].split('~').next().unwrap(), dearer[2].split_once('~').unwrap().1);
    daemon.lock().asked.get_mut(&card.id).unwrap()[2] = format!("{leaf}~{words}");
    let altered = phone.record(card.id).await;
    assert_eq!(altered.fault.unwrap().code, "bad_disclosure");
    assert!(altered.display.is_none() && altered.about.is_none());
}

#[tokio::test]
async fn an_agent_is_what_its_messages_say() {
    let (daemon, phone, agent) = ready().await;
    let key = agent.key.public().thumbprint();
    let cert = daemon.lock().certs[0].clone();
    let tdid = daemon.lock().tdid();
    let view = |messages: Vec<String>| AgentView {
        agent: key,
        messages,
        state: AgentState::Enrolled,
        paused: true,
        requests: 3,
        last_asked: None,
    };
    let body =
        AgentCert { enroll: agent.enroll_hash(), cnf: agent.key.public(), name: "Boss".into(), exp: now().plus(9) };
    let forged = sign(&SecretKey::from_seed(&[61; 32]), Some(tdid), &body, &NOTHING);
    let mine = view(vec![agent.enroll.clone(), cert.clone()]);
    let other = AgentView { agent: SecretKey::<Agent>::from_seed(&[62; 32]).public().thumbprint(), ..mine.clone() };
    daemon.lock().agents = vec![
        mine.clone(),
        view(vec![agent.enroll.clone(), forged]),
        view(vec![agent.enroll.clone()]),
        view(vec![cert]),
        other,
    ];
    let Done::Agents { agents } = phone.device.run(Command::Agents).await.unwrap() else { panic!("agents") };
    let [sound, forged, bare, nameless, other] = &agents[..] else { panic!("{agents:?}") };
    assert_eq!((sound.fault.clone(), sound.enroll), (None, Some(agent.enroll_hash())));
    assert!(sound.until.is_some() && sound.enrolled.is_some() && sound.accepted_by.is_some());
    assert!(!sound.paused, "only a signed status pauses an agent");
    let code = |info: &AgentInfo| info.fault.as_ref().map(|fault| fault.code.clone());
    assert_eq!(code(forged).as_deref(), Some("unknown_key"));
    assert!(forged.name == sound.name && forged.until.is_none(), "{:?}", forged.name);
    assert_eq!(code(bare).as_deref(), Some("missing_entry"));
    assert_eq!((code(nameless).as_deref(), nameless.program.clone()), (Some("missing_entry"), None));
    assert_eq!((code(other).as_deref(), other.enroll), (Some("unknown_key"), None));
}

#[tokio::test]
async fn a_log_that_does_not_continue_is_not_vouched_for() {
    for (lie, fraud) in [(Lie::Fork, true), (Lie::Shrink, true), (Lie::ForeignLog, false)] {
        let (daemon, mut phone, agent) = ready().await;
        daemon.until("it is co-signed", |world| !world.cosignatures.is_empty()).await;
        // Everything there is so far is verified before the daemon begins to lie.
        loop {
            let size = phone.device.snapshot().log.map_or(0, |log| log.size);
            if size == daemon.lock().leaves.len() as u64 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let before = daemon.lock().cosignatures.len();
        daemon.lock().lie = lie;
        agent.ask(&daemon, INVOICE, 300);
        let why = phone
            .event("the log is rejected", |event| match event {
                Event::LogRejected { why } => Some(why),
                _ => None,
            })
            .await;
        assert_eq!(why.fraud, fraud, "{lie:?}: {}", why.message);
        assert_eq!(phone.device.snapshot().log_trouble, Some(why));
        assert_eq!(daemon.lock().cosignatures.len(), before, "{lie:?}");
    }
}

#[tokio::test]
async fn a_device_whose_clock_is_off_says_so_and_does_not_sign() {
    let (daemon, mut phone, agent) = ready().await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    phone.clock.shift(-90);
    let ahead = phone
        .event("the clock is told", |event| match event {
            Event::ClockChanged { ahead } => Some(ahead),
            _ => None,
        })
        .await;
    assert!((-92..=-88).contains(&ahead), "{ahead}");
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "clock_off");
    assert_eq!(phone.device.run(Command::PauseAll).await.unwrap_err().code(), "clock_off");
    let shown = phone.device.snapshot().cards.remove(0);
    assert_eq!(shown.blocked.unwrap().code, "clock_off");
    assert!(daemon.lock().decisions.is_empty() && daemon.lock().statuses.len() == 1);
    phone.clock.shift(0);
    phone.event("it is right again", |event| matches!(event, Event::ClockChanged { ahead: 0 }).then_some(())).await;
    phone.approve(&card).await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_keeps_the_answer_waiting() {
    let (daemon, mut phone, agent) = ready().await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    daemon.lock().lie = Lie::StoreFailed;
    let done = phone.approve(&card).await.unwrap();
    assert!(matches!(done, Done::Answered { stored: None, .. }), "{done:?}");
    daemon.lock().lie = Lie::None;
    agent.ask(&daemon, r#"{"payee":"another"}"#, 300);
    daemon.until("it is sent again", |world| world.decisions.len() == 1).await;
}

#[tokio::test]
async fn the_disk_of_the_device_takes_nothing() {
    let (daemon, mut phone, agent) = ready().await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    // What cannot be stored is not sent. Somebody else in the file is as good as a disk that takes nothing.
    let other = rusqlite::Connection::open(phone.folder().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "store_failed");
    assert!(daemon.lock().decisions.is_empty());
    other.execute_batch("ROLLBACK").unwrap();
    phone.approve(&card).await.unwrap();
    assert_eq!(daemon.lock().decisions.len(), 1);
}

#[tokio::test]
async fn the_status_is_renewed_at_half_of_its_life() {
    let (daemon, phone, _agent) = ready().await;
    assert_eq!(daemon.lock().statuses.len(), 1);
    // A day and a half later, for both sides.
    daemon.lock().skew = 37 * 3600;
    phone.clock.shift(37 * 3600);
    phone.device.run(Command::Detail { request: agenttrust_protocol::Hash::of(b"") }).await.unwrap_err();
    daemon.until("a second status", |world| world.statuses.len() == 2).await;
}

#[tokio::test]
async fn the_kill_switch_stops_what_waits_and_lets_it_go_on() {
    let (daemon, mut phone, agent) = ready().await;
    let card = phone.card(agent.ask(&daemon, INVOICE, 300)).await;
    assert_eq!(phone.device.run(Command::PauseAll).await, Ok(Done::Ok));
    assert!(phone.device.snapshot().trust.paused_all);
    assert_eq!(phone.approve(&card).await.unwrap_err().code(), "paused");
    assert_eq!(phone.device.run(Command::PauseAll).await.unwrap_err().code(), "conflict", "nothing to change");
    assert_eq!(phone.device.run(Command::Resume { agent: None }).await, Ok(Done::Ok));
    phone.approve(&card).await.unwrap();

    let agent = card.display.who.key;
    assert_eq!(phone.device.run(Command::RevokeAgent { agent }).await, Ok(Done::Ok));
    let world = daemon.lock();
    let mut trust = Trust::enter(&world.bundles[0], None).unwrap();
    for status in &world.statuses {
        trust.accept_status(status).unwrap();
    }
    assert_eq!(trust.status().unwrap().body().seq, 4);
    assert!(trust.is_agent_revoked(&agent));
}

#[tokio::test]
async fn a_step_that_came_too_late_is_made_again() {
    let (daemon, phone, _agent) = ready().await;
    // Another admin's step that this device has not heard of, signed with its own key for want of another device.
    let keys: serde_json::Value =
        serde_json::from_slice(&std::fs::read(phone.folder().join("keys.json")).unwrap()).unwrap();
    let seeds = data_encoding::BASE64URL_NOPAD.decode(keys["keys"]["file"]["seeds"].as_str().unwrap().as_bytes());
    let key = SecretKey::from_seed(seeds.unwrap()[..32].try_into().unwrap());
    {
        let mut world = daemon.lock();
        let mut trust = Trust::enter(&world.bundles[0], None).unwrap();
        trust.accept_status(&world.statuses[0]).unwrap();
        let held = trust.status().unwrap();
        let other = agenttrust_protocol::Thumbprint::from_bytes([8; 32]);
        let next =
            Status { seq: 2, prev: Some(held.hash()), paused: Paused::Agents(vec![other]), ..held.body().clone() };
        let text = sign(&key, Some(trust.tdid()), &next, &common::NOTHING);
        world.log(&text);
        world.statuses.push(text);
    }
    let device = agenttrust_protocol::Thumbprint::from_bytes([9; 32]);
    assert_eq!(phone.device.run(Command::RevokeDevice { device }).await, Ok(Done::Ok));
    let world = daemon.lock();
    let mut trust = Trust::enter(&world.bundles[0], None).unwrap();
    for status in &world.statuses {
        trust.accept_status(status).unwrap();
    }
    let status = trust.status().unwrap().body();
    assert_eq!((status.seq, status.revoked[0].kind), (3, RevokedKind::Device));
    assert!(matches!(&status.paused, Paused::Agents(agents) if agents.len() == 1), "nothing of the other step is lost");
}

#[tokio::test]
async fn an_unknown_agent_is_refused() {
    let daemon = Daemon::start().await;
    let mut phone = Phone::pair(&daemon).await;
    let agent = VirtualAgent::new(62);
    agent.knock(&daemon);
    let enroll = phone
        .event("an agent", |event| match event {
            Event::AgentAsked { agent } => Some(agent.enroll),
            _ => None,
        })
        .await;
    assert_eq!(phone.device.run(Command::RefuseAgent { enroll }).await, Ok(Done::Ok));
    phone.event("it is gone", |event| matches!(event, Event::AgentAnswered { .. }).then_some(())).await;
    assert_eq!(daemon.lock().refused, [enroll]);
    let failure = phone.device.run(Command::AcceptAgent { enroll, name: None }).await.unwrap_err();
    assert_eq!(failure.code(), "not_found");
    assert!(daemon.lock().certs.is_empty());
}

#[tokio::test]
async fn a_status_that_runs_out_is_told_with_the_name_of_the_device_to_open() {
    let (daemon, mut phone, _agent) = ready().await;
    daemon.stop().await;
    phone.clock.shift(60 * 3600);
    let standing = phone
        .event("the end of the status", |event| match event {
            Event::StatusExpiring { standing } => Some(standing),
            _ => None,
        })
        .await;
    assert!(matches!(standing, Standing::Fresh { .. }), "{standing:?}");
    phone.clock.shift(80 * 3600);
    let Standing::Expired { open, .. } = phone.device.snapshot().trust.standing else { panic!("expired") };
    assert_eq!(open, ["Phone"]);
}

#[tokio::test]
async fn of_an_agents_sessions_only_what_it_signed_is_shown() {
    let (daemon, phone, agent) = ready().await;
    let key = agent.key.public().thumbprint();
    let (cert, tdid) = {
        let world = daemon.lock();
        (world.certs[0].clone(), world.tdid())
    };
    let view = AgentView {
        agent: key,
        messages: vec![agent.enroll.clone(), cert.clone()],
        state: AgentState::Enrolled,
        paused: false,
        requests: 3,
        last_asked: None,
    };
    daemon.lock().agents = vec![view.clone()];
    let other = SecretKey::<Agent>::from_seed(&[61; 32]);
    let turn = |message: &str| SessionView { message: message.to_owned(), requests: 2, last_asked: Some(now()) };
    let later = "0198c2f0-7a00-7000-8000-000000000002";
    let sound = agent.session(&cert, tdid, SID, "Pay the open\ninvoices\u{202e}", &agent.key);
    let second = agent.session(&cert, tdid, SID, "And the rent", &agent.key);
    let newest = agent.session(&cert, tdid, later, "Good night", &agent.key);
    let foreign = agent.session(&cert, tdid, later, "Send the money elsewhere", &other);
    let elsewhere = agent.session(&cert, Tdid::from_bytes([9; 32]), later, "Of another domain", &agent.key);
    let show = async |sessions: &[&str]| {
        daemon.lock().sessions = sessions.iter().map(|message| turn(message)).collect();
        let command = Command::Sessions { agent: key, before: None, limit: None };
        let Done::Sessions(list) = phone.device.run(command).await.unwrap() else { panic!("sessions") };
        list
    };
    let code = |list: &SessionList| list.fault.as_ref().map(|fault| fault.code.clone());

    let list = show(&[&newest, &second, &sound]).await;
    assert_eq!(code(&list), None);
    let turns: Vec<(&str, usize)> =
        list.sessions.iter().map(|session| (session.sid.as_str(), session.turns.len())).collect();
    assert_eq!(turns, [(later, 1), (SID, 2)], "turns of one session stand together");
    let told = &list.sessions[1].turns[1];
    let task = told.task.as_ref().unwrap();
    assert_eq!(task.raw(), "Pay the open\ninvoices\u{202e}");
    assert!(!task.flags.is_empty() || task.shown(Folds::Open).join(" ").contains("U+202E"), "{task:?}");
    assert_eq!(told.place.as_ref().unwrap().folder.raw(), "/home/user");
    assert_eq!((told.requests, told.last_asked), (2, Some(now())));

    // Its leaf alone: the words are erased, and nothing is wrong.
    let leaf = format!("{}~", sound.split('~').next().unwrap());
    let list = show(&[&leaf]).await;
    assert_eq!((code(&list), &list.sessions[0].turns[0].task), (None, &None));
    assert!(list.sessions[0].turns[0].place.is_none());

    // Words of another session, or a part of them.
    let words = second.split_once('~').unwrap().1;
    let swapped = format!("{leaf}{words}");
    let part = format!("{leaf}{}~", sound.split('~').nth(1).unwrap());
    for (lie, expected) in [
        (foreign.as_str(), "unknown_key"),
        (&elsewhere, "wrong_root"),
        (&swapped, "bad_disclosure"),
        (&part, "bad_disclosure"),
        (&second.replace('.', ""), "bad_form"),
        (&newest, "twice"),
    ] {
        let list = show(&[&newest, lie]).await;
        assert_eq!(code(&list).as_deref(), Some(expected));
        assert_eq!(list.sessions.iter().map(|session| session.turns.len()).sum::<usize>(), 1, "{expected}");
    }

    // An agent whose own enrolment does not verify has no words at all.
    for agents in [vec![], vec![AgentView { messages: vec![cert.clone()], ..view }]] {
        daemon.lock().agents = agents;
        let list = show(&[&newest]).await;
        assert_eq!((code(&list).as_deref(), list.sessions.len()), (Some("missing_entry"), 0));
    }
}
