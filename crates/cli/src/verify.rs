//! The full check of a history: every signature, every step, every count, and the roots that devices remember.
//!
//! Pure: leaves and the checkpoint come in, findings go out. It believes nobody but the first bundle, whose hash the
//! caller knows, and what follows from it: a daemon that rewrote its history and signed it again with its own log
//! key is found by the roots that devices put into their decisions and keep for themselves.

mod course;
mod entries;
mod fault;
mod levels;
mod notes;
#[cfg(test)]
pub(crate) mod tests;

pub use course::States;
pub use fault::{Fault, Finding};
pub use notes::Witnessed;

use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{LogRef, SessionId};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint};
use agenttrust_tlog::{Tree, TreeHead};
use course::Course;
use levels::Levels;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most findings that are kept; the first one is the reason, the rest often follows from it.
const MAX_FINDINGS: usize = 100;

/// The longest run of a device's numbers that may be late; a longer one is a fault at once.
const MAX_GAP: u64 = 1000;

/// What the caller knows beforehand.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The trust domain, from a device or a pin; without it the history's own is taken.
    pub tdid: Option<Tdid>,
    /// Roots that a device verified before and remembers, with its name.
    pub remembered: Vec<(String, LogRef)>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The trust domain the history belongs to.
    pub tdid: Option<Tdid>,
    /// How many entries were checked.
    pub entries: u64,
    /// Their root.
    pub root: Hash,
    /// The devices that co-signed the checkpoint.
    pub witnesses: Vec<Witnessed>,
    /// How many entries there are of each type.
    pub types: BTreeMap<String, u64>,
    /// How many requests there are.
    pub requests: u64,
    /// How many decisions, each in its device's own count.
    pub decisions: u64,
    /// How many roots named by decisions and devices were found in the history.
    pub roots: u64,
    /// What is wrong; empty if all is well.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Where a device's own count of its decisions stands.
#[derive(Default)]
struct Count {
    last: u64,
    /// Numbers left out so far, the entry that showed it, and the device's name.
    missing: BTreeMap<u64, (u64, String)>,
}

/// A check under way: entries are pushed in order, then it is finished with the checkpoint.
pub struct Verification {
    expected: Expected,
    tree: Tree<Levels>,
    trust: Option<Trust>,
    /// Every message by its name.
    seen: HashSet<Hash>,
    /// Agents by their certificates.
    certs: HashMap<Hash, Thumbprint>,
    agents: HashMap<Thumbprint, PublicKey<Agent>>,
    /// Agent and session id by the session's name.
    sessions: HashMap<Hash, (Thumbprint, SessionId)>,
    grants: HashMap<Hash, Vec<Thumbprint>>,
    courses: HashMap<Hash, Course>,
    counts: HashMap<Thumbprint, Count>,
    /// What is wrong with a decision unless the daemon noted that it refused it.
    doubts: BTreeMap<u64, (Hash, Finding)>,
    /// The last decision that counted, its request, and how that stood before: the daemon notes a refusal right
    /// behind the decision.
    undo: Option<(Hash, Hash, Course)>,
    types: BTreeMap<String, u64>,
    decisions: u64,
    roots: u64,
    findings: Vec<Finding>,
}

impl Verification {
    /// Begins with what is known beforehand.
    pub fn new(expected: Expected) -> Verification {
        Verification {
            expected,
            tree: Tree::new(Levels::default(), 0),
            trust: None,
            seen: HashSet::new(),
            certs: HashMap::new(),
            agents: HashMap::new(),
            sessions: HashMap::new(),
            grants: HashMap::new(),
            courses: HashMap::new(),
            counts: HashMap::new(),
            doubts: BTreeMap::new(),
            undo: None,
            types: BTreeMap::new(),
            decisions: 0,
            roots: 0,
            findings: Vec::new(),
        }
    }

    /// Adds roots that devices remember.
    pub fn remember(&mut self, roots: impl IntoIterator<Item = (String, LogRef)>) {
        self.expected.remembered.extend(roots);
    }

    /// How many entries were pushed.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The states a request can be in by what was pushed; none for an unknown request.
    pub fn states(&self, request: &Hash) -> States {
        self.courses.get(request).map(|course| course.states).unwrap_or_default()
    }

    /// How many requests there are.
    pub fn requests(&self) -> u64 {
        self.courses.len() as u64
    }

    /// Checks the next entry.
    pub fn push(&mut self, leaf: &str) {
        let index = self.tree.size();
        if let Err((fault, message, detail)) = self.enter(leaf) {
            self.find(Finding { fault, leaf: Some(index), message, detail });
        }
        if let Err(error) = self.tree.append(leaf.as_bytes()) {
            let detail = error.to_string();
            self.find(Finding { fault: Fault::StrangeEntry, leaf: Some(index), message: None, detail });
        }
    }

    /// Compares what the daemon says of a request with what follows from the history.
    pub fn compare(&mut self, request: &Hash, shown: State) {
        let states = self.states(request);
        if !states.has(shown) {
            let follows: Vec<&str> = states.iter().map(State::as_str).collect();
            let follows = if follows.is_empty() { "nothing".to_owned() } else { follows.join(" or ") };
            let detail = format!("the daemon shows {shown}, the history says {follows}");
            self.find(Finding { fault: Fault::Projection, leaf: None, message: Some(*request), detail });
        }
    }

    /// Notes a fault that the caller found around the entries.
    pub fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Compares the whole with the checkpoint, a signed note, and with the remembered roots.
    pub fn finish(mut self, checkpoint: &str) -> Report {
        for (_, finding) in std::mem::take(&mut self.doubts).into_values() {
            self.find(finding);
        }
        self.find_gaps();
        let root = self.root_at(self.size()).unwrap_or(Hash::from_bytes([0; 32]));
        let witnesses = self.check_note(checkpoint, &root);
        for (who, log) in std::mem::take(&mut self.expected.remembered) {
            self.check_root(&who, &log, None);
        }
        self.findings.sort_by_key(|finding| finding.leaf.unwrap_or(u64::MAX));
        Report {
            tdid: self.trust.as_ref().map(Trust::tdid),
            entries: self.size(),
            root,
            witnesses,
            types: self.types,
            requests: self.courses.len() as u64,
            decisions: self.decisions,
            roots: self.roots,
            findings: self.findings,
        }
    }

    fn find_gaps(&mut self) {
        for count in std::mem::take(&mut self.counts).into_values() {
            for (number, (leaf, device)) in count.missing {
                let detail = format!("{device}: its decision {number} is missing");
                self.find(Finding { fault: Fault::SequenceGap, leaf: Some(leaf), message: None, detail });
            }
        }
    }

    fn root_at(&self, size: u64) -> Option<Hash> {
        let head: TreeHead = self.tree.head_at(size).ok()?;
        Some(Hash::from_bytes(*head.root.as_bytes()))
    }

    /// Looks for a root that somebody verified before.
    fn check_root(&mut self, who: &str, log: &LogRef, leaf: Option<u64>) {
        if self.root_at(log.size) == Some(log.root) {
            self.roots = self.roots.saturating_add(1);
            return;
        }
        let detail = if log.size > self.size() {
            format!("{who} has seen {} entries, there are {}", log.size, self.size())
        } else {
            format!("{who} has seen other entries among the first {}", log.size)
        };
        self.find(Finding { fault: Fault::Rewritten, leaf, message: None, detail });
    }
}
