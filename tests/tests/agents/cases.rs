//! What holds for every client alike.

use crate::clients::{PROMPT, own_file, write};
use crate::desk::{Desk, LIMIT, Ran};
use crate::person::Person;
use agenttrust_hooks::Client;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, Proposal, ToolUse};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};

/// Three calls in one turn: the first is approved, the second denied, the third changed.
pub async fn a_turn_of_three_calls(client: Client) {
    let (seen, mut cards) = tokio::sync::mpsc::unbounded_channel();
    let person = Person::new(move |card| {
        seen.send(format!("{:?} {:?}", card.display.task, card.display.who)).unwrap();
        match card.json.as_str() {
            json if json.contains("second") => Answer::Deny("Not this one.".to_owned()),
            json if json.contains("third") => Answer::Edit(json.replace("original", "EDITED")),
            _ => Answer::Approve,
        }
    });
    let person = person.await;
    let calls = ["first", "second", "third"];
    let desk = Desk::new(client, vec![calls.map(|name| write(client, name)).to_vec()]).await;
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    let ran_as = calls.map(|name| desk.marker(name));
    let text = |text: &str| Some(text.to_owned());
    let told = desk.model.told();
    assert_eq!(ran_as, [text("original"), None, text("EDITED")], "{}\n{:?}", ran.output, desk.model.results());
    let results = desk.model.results();
    let second = results.get(1).map_or("", String::as_str);
    assert!(second.contains("not approved (denied)") && second.contains("Not this one."), "{results:?}");
    assert!(told.contains("AgentTrust: the person changed the arguments; this ran with"), "{results:?} {told}");
    let mut states = person.phone.states().await;
    states.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(states, [State::Denied, State::Executed, State::Executed], "{}", ran.output);
    let card = cards.recv().await.unwrap();
    assert!(card.contains(PROMPT) && card.contains(client.name()), "{card}");
}

/// The agent starts another one of the client's own, which wants a command of its own: that is asked as well.
pub async fn a_sub_agent(client: Client, starts: ToolUse) {
    let person = Person::new(|card| match card.json.contains("echo original") {
        true => Answer::Deny("Not for a helper.".to_owned()),
        false => Answer::Approve,
    });
    let person = person.await;
    // The one that starts another is offered the tool for that; the last has none and takes the shell.
    let step = Proposal::from(vec![starts, write(client, "marker")]);
    let desk = Desk::new(client, vec![vec![step]]).await;
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None, "{}", ran.output);
    let states = person.phone.states().await;
    assert!(states.contains(&State::Denied) && states.len() > 1, "{states:?} {:?}", desk.model.results());
    assert!(desk.model.told().contains("Not for a helper."), "{states:?} {}", ran.output);
}

/// Nobody listens on the socket.
pub async fn without_a_daemon(client: Client) {
    let desk = Desk::new(client, vec![vec![write(client, "marker")]]).await;
    desk.install(&desk.path("nobody.sock"), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None);
    let result = desk.only_result(&ran);
    assert!(result.contains("not approved (daemon_down)"), "{result}");
}

/// The daemon hangs for longer than the person has.
pub async fn a_daemon_that_hangs(client: Client) {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(client, vec![vec![write(client, "marker")]]).await;
    desk.install(&person.socket(), &["--deadline", "5"]);
    let daemon = Pid::from_raw(person.daemon.pid().try_into().unwrap()).unwrap();
    kill_process(daemon, Signal::STOP).unwrap();
    let ran = desk.run().await;
    kill_process(daemon, Signal::CONT).unwrap();
    assert_eq!(desk.marker("marker"), None);
    let result = desk.only_result(&ran);
    assert!(result.contains("not approved (timed_out)"), "{result}");
}

/// The hook is killed while it waits; what the model is told of it.
pub async fn a_hook_that_is_killed(client: Client) -> String {
    let (desk, ran) = killed(client, move |line| line.contains(&format!("\0hook\0{}\0", client.name()))).await;
    assert_eq!(desk.marker("marker"), None, "{}", ran.output);
    desk.only_result(&ran)
}

/// The hook is killed while it waits, and the shell that its client started for it with it: two processes at once.
pub async fn a_hook_that_is_killed_with_its_shell(client: Client) -> Option<String> {
    let (desk, _) = killed(client, |line| line.contains("hook")).await;
    desk.marker("marker")
}

/// A run in which the processes with the agent's folder in their command line that `is_meant` are killed while the
/// person is asked.
async fn killed(client: Client, is_meant: impl Fn(&str) -> bool + Send + 'static) -> (Desk, Ran) {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(client, vec![vec![write(client, "marker")]]).await;
    desk.install(&person.socket(), &[]);
    let (asked, state) = (person.first_card(), desk.path("state").display().to_string());
    let ran = desk.run_while(move |_| {
        asked.recv_timeout(LIMIT).unwrap();
        let mut found = processes(|line| line.contains(&state) && is_meant(line));
        assert!(!found.is_empty());
        // The shell first: it would say no for the hook.
        found.sort_by_key(|pid| pid.as_raw_nonzero());
        found.into_iter().for_each(|pid| kill_process(pid, Signal::KILL).unwrap());
    });
    let ran = ran.await;
    (desk, ran)
}

/// The processes with such a command line, whose words end with a zero.
fn processes(is_meant: impl Fn(&str) -> bool) -> Vec<Pid> {
    let line = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let entries = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let pids = entries.filter_map(|name| name.to_str()?.parse().ok()).filter(|pid| is_meant(&line(pid)));
    pids.filter_map(Pid::from_raw).collect()
}

/// Before, with and after the hook: what the doctor says, and what is left behind.
pub async fn the_doctor_knows(client: Client) {
    let desk = Desk::new(client, Vec::<Vec<ToolUse>>::new()).await;
    let before = snapshot(&desk);
    desk.doctor().is("not_installed");
    desk.install(&desk.path("nobody.sock"), &[]);
    let held = desk.doctor();
    held.is("holds");
    let told = held.report["told"].as_array().unwrap();
    assert_eq!(told.len(), held.report["proposed"].as_array().unwrap().len(), "{}", held.text);
    assert!(!desk.path("state").exists(), "the doctor's run is nobody's session");
    let keeps_its_history = matches!(client, Client::Gemini | Client::Copilot | Client::Opencode);
    assert!(keeps_its_history || !remembers(&desk.path("home")), "the conversation is in the person's history");
    desk.uninstall();
    assert_eq!(snapshot(&desk), before);
    let broken = desk.doctor_of(&PathBuf::from("/bin/false"));
    broken.is("could_not_run");
    let missing = desk.doctor_of(&desk.path("nothing"));
    assert_eq!((missing.exit, missing.code.as_str()), (1, "client_not_found"), "{}", missing.text);
}

/// What stands where the hook is put: the text of each file that is there.
fn snapshot(desk: &Desk) -> Vec<Option<String>> {
    let own = own_file(desk.client).map(|(path, _)| path);
    let paths = [".copilot/hooks/agenttrust.json", ".config/opencode/plugin/agenttrust.js"];
    let paths = paths.into_iter().chain(own).map(|path| desk.path("home").join(path));
    paths.map(|path| std::fs::read_to_string(path).ok()).collect()
}

/// Whether a file below this folder holds what the doctor asked for.
fn remembers(folder: &Path) -> bool {
    let said = b"AgentTrust doctor";
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => remembers(&path),
        false => std::fs::read(&path).unwrap_or_default().windows(said.len()).any(|part| part == said),
    })
}
