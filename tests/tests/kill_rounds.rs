//! `kill -9` of daemon, approver and agents at random moments under load: no acknowledged message is lost, nothing is
//! released twice, nothing runs that was not approved.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
#![allow(clippy::print_stdout, reason = "the seed and the tally are for whoever reads a failure")]

use agenttrust_protocol::Hash;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Daemon, History, Ledger, Phone, program};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Calls each of the two agent processes has under way; both ask the same calls.
const LANES: &str = "12";

/// A process that is killed and started again.
struct Victim {
    program: &'static str,
    arguments: Vec<String>,
    child: Child,
}

impl Victim {
    fn start(program: &'static str, arguments: Vec<String>) -> Victim {
        let child = launch(program, &arguments);
        Victim { program, arguments, child }
    }

    fn kill(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "{} ended by itself", self.program);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = launch(self.program, &self.arguments);
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn launch(name: &str, arguments: &[String]) -> Child {
    Command::new(program(name)).args(arguments).stdin(Stdio::null()).spawn().unwrap()
}

/// A small generator: the moments must be random, and the same again for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

struct Scene {
    daemon: Daemon,
    phone: Victim,
    agents: [Victim; 2],
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let daemon = Daemon::spawn();
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
        let device = folder.path().join("phone");
        Phone::first(&daemon, &device).await.device.close().await;
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let phone = ["--folder", &text(&device), "serve", "--deny", "5", "--ledger", &text(&phone_ledger(&folder))];
        let phone = Victim::start("load-phone", phone.map(str::to_owned).to_vec());
        let (state, socket) = (text(&folder.path().join("agent")), text(&daemon.agent_socket()));
        let ledger = text(&agent_ledger(&folder));
        let agent = ["--state", &state, "--socket", &socket, "load", "--lanes", LANES, "--ledger", &ledger];
        let agent = || Victim::start("load-agent", agent.map(str::to_owned).to_vec());
        let agents = [agent(), agent()];
        Scene { daemon, phone, agents, folder }
    }

    fn ran(&self) -> usize {
        Ledger::read(&agent_ledger(&self.folder), "ran").len()
    }

    /// Waits until more was run than so much.
    fn wait_until_more_ran(&self, than: usize) {
        let since = Instant::now();
        while self.ran() <= than {
            assert!(since.elapsed() < Duration::from_secs(30), "nothing runs any more");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn round(&mut self, dice: &mut Dice) -> &'static str {
        std::thread::sleep(Duration::from_millis(20 + dice.below(200)));
        match dice.below(5) {
            0 | 1 => {
                self.daemon.kill();
                self.daemon.restart();
                "daemon"
            }
            2 => {
                self.phone.kill();
                self.phone.restart();
                "phone"
            }
            n => {
                let agent = &mut self.agents[usize::from(n == 3)];
                agent.kill();
                agent.restart();
                "agent"
            }
        }
    }
}

fn agent_ledger(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("agent.ledger")
}

fn phone_ledger(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("phone.ledger")
}

fn hash(words: &[String]) -> Hash {
    words[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_rounds_lose_nothing_and_release_nothing_twice() {
    let rounds = setting("ROUNDS").unwrap_or(200);
    let seed = setting("SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) | 1
    });
    println!("SEED={seed} ROUNDS={rounds}");
    let mut dice = Dice(seed);
    let mut scene = Scene::new().await;
    scene.wait_until_more_ran(0);

    let (began, mut killed) = (Instant::now(), BTreeMap::new());
    for round in 1..=rounds {
        *killed.entry(scene.round(&mut dice)).or_insert(0) += 1;
        if round % 2 == 0 {
            // Every other kill comes while the last one is still being recovered from, the rest under full load.
            scene.wait_until_more_ran(scene.ran());
        }
    }
    println!("{killed:?} in {:?}; {} calls ran", began.elapsed(), scene.ran());

    scene.agents.iter_mut().for_each(Victim::kill);
    scene.phone.kill();
    scene.daemon.kill();
    scene.daemon.restart();
    let phone = Phone::open(&scene.folder.path().join("phone"), Phone::config()).await;
    let history = History::of(&phone.device).await;
    check(&scene.folder, &history);
    let report = history.verify();
    assert!(report.is_sound(), "{:?}", report.findings);
    println!("{} entries, {} requests, {} decisions verified", report.entries, report.requests, report.decisions);
}

fn check(folder: &tempfile::TempDir, history: &History) {
    let (agent, phone) = (agent_ledger(folder), phone_ledger(folder));
    let rejected = Ledger::read(&phone, "rejected");
    assert!(rejected.is_empty(), "the device found the log wrong: {rejected:?}");

    let ran = Ledger::read(&agent, "ran");
    let requests: HashSet<Hash> = ran.iter().map(|words| hash(words)).collect();
    assert_eq!(requests.len(), ran.len(), "a request ran twice");
    let calls: HashSet<&String> = ran.iter().map(|words| &words[1]).collect();
    assert_eq!(calls.len(), ran.len(), "a call ran twice");

    let approved: HashSet<Hash> = Ledger::read(&phone, "approve").iter().map(|words| hash(words)).collect();
    let denied: HashSet<Hash> = Ledger::read(&phone, "deny").iter().map(|words| hash(words)).collect();
    assert!(!denied.is_empty() && approved.is_disjoint(&denied));
    assert!(requests.is_subset(&approved), "something ran that was not approved");

    // Whatever a process saw acknowledged must be there: cards, decisions, claims, outcomes.
    let names = history.names();
    for words in Ledger::read(&phone, "card") {
        assert!(names.contains(&hash(&words)), "a request is lost: {words:?}");
    }
    for words in Ledger::read(&phone, "decided") {
        let decision: Hash = words[1].parse().unwrap();
        assert!(names.contains(&decision), "a decision is lost: {words:?}");
    }
    for request in &requests {
        let state = history.states[request];
        assert!(matches!(state, State::Claimed | State::Executed | State::Unknown), "ran, and is {state}");
    }
    for words in Ledger::read(&agent, "reported") {
        assert_eq!(history.states[&hash(&words)], State::Executed, "an outcome is lost: {words:?}");
    }
}
