//! Single bits of the stopped daemon's database are flipped: it is found, or it changes nothing that counts; never is
//! there an approval that was not signed.

use super::{pay, pay_arguments};
use agenttrust_cli::verify::{Expected, Verification};
use agenttrust_daemon::folder::Folder;
use agenttrust_daemon::gate::stored_trust;
use agenttrust_daemon::store::{Reader, Settings, Standing, Store, StoreError};
use agenttrust_protocol::check::{Asked, Release, check_decisions};
use agenttrust_protocol::door::HistoryQuery;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Time};
use agenttrust_tests::kit::{Answer, World, outcome};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bits that are flipped, one at a time; `FLIPS` sets another number.
const FLIPS: usize = 1_000;

/// Everything the doors would tell.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    leaves: Vec<String>,
    checkpoint: String,
    states: BTreeMap<Hash, State>,
    standings: BTreeMap<Hash, Standing>,
}

fn told(reader: &Reader<'_>) -> Result<Told, StoreError> {
    let leaves = reader.leaves(0, reader.log_size()?)?;
    let checkpoint = reader.checkpoint()?.unwrap_or_default();
    let rows = reader.history(&HistoryQuery::default())?.rows;
    let states: BTreeMap<Hash, State> = rows.iter().map(|row| (row.request, row.state)).collect();
    let mut standings = BTreeMap::new();
    for request in states.keys() {
        standings.extend(reader.standing(request)?.map(|standing| (*request, standing)));
    }
    Ok(Told { leaves, checkpoint, states, standings })
}

/// What became of a flipped bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    DoesNotStart,
    ReadingFails,
    FoundByVerification,
    RefusedByTheAgent,
    WithoutEffect,
}

/// The database as it was, and what follows from it.
struct Truth {
    told: Told,
    trust: Trust,
    now: Time,
}

impl Truth {
    /// The agent's own check: what it would run.
    fn release(&self, standing: &Standing) -> Option<Release> {
        let Standing { cert, session, request, decisions, .. } = standing;
        let asked = Asked::open(&self.trust, cert, session, request, self.now).ok()?;
        let decisions: Vec<&str> = decisions.iter().map(String::as_str).collect();
        check_decisions(&self.trust, &asked, &decisions, self.now, None).ok()
    }

    fn is_sound(&self, told: &Told) -> bool {
        let expected = Expected { tdid: Some(self.trust.tdid()), remembered: Vec::new() };
        let mut verification = Verification::new(expected);
        told.leaves.iter().for_each(|leaf| verification.push(leaf));
        told.states.iter().for_each(|(request, state)| verification.compare(request, *state));
        verification.finish(&told.checkpoint).is_sound()
    }

    fn judge(&self, told: &Told) -> Fate {
        let mut fate = Fate::WithoutEffect;
        for (request, standing) in &told.standings {
            let (now, before) = (self.release(standing), self.told.standings.get(request));
            let before = before.and_then(|before| self.release(before));
            assert!(now.is_none() || now == before, "{request}: an approval that nobody signed");
            if now != before {
                fate = Fate::RefusedByTheAgent;
            }
        }
        if told.leaves != self.told.leaves || told.states != self.told.states || told.checkpoint != self.told.checkpoint
        {
            assert!(!self.is_sound(told), "the history is another one, and nobody finds it");
            fate = Fate::FoundByVerification;
        }
        fate
    }
}

async fn read(data: &Path) -> Result<Result<Told, StoreError>, Fate> {
    let folder = Folder::open(data).unwrap();
    let opened = Store::open(&folder.database(), folder.log_key().unwrap(), Settings::default());
    let Ok(store) = opened else { return Err(Fate::DoesNotStart) };
    // The daemon reads its trust before it opens a door.
    let trust = store.read(stored_trust).await;
    let read = match trust {
        Ok(Some(_)) => Ok(store.read(told).await),
        Ok(None) | Err(_) => Err(Fate::DoesNotStart),
    };
    store.close().await;
    read
}

/// A history with every kind of end.
async fn history() -> World {
    let mut world = World::new().await;
    let person = world.answering(|card| match card.json.as_str() {
        text if text.contains("2000") => Answer::Deny("Too much.".to_owned()),
        text if text.contains("3000") => Answer::Edit(pay_arguments(30).to_string()),
        _ => Answer::Approve,
    });
    let session = world.session().await;
    for amount in [1000, 2000, 3000, 4000] {
        let code = outcome(&session, pay(amount)).await.err();
        assert_eq!(code.as_deref(), (amount == 2000).then_some("denied"));
    }
    person.abort();
    world.daemon.stop();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_or_changes_nothing() {
    let world = history().await;
    let data = world.daemon.data();
    let path = data.join("agenttrust.db");
    let original = std::fs::read(&path).unwrap();
    let told = read(data).await.unwrap().unwrap();
    let (trust, now) = trust_and_time(&told);
    let truth = Truth { told, trust, now };
    assert!(truth.is_sound(&truth.told));
    assert_eq!(truth.told.standings.values().filter(|standing| truth.release(standing).is_some()).count(), 3);
    assert_eq!(truth.judge(&truth.told), Fate::WithoutEffect);

    let flips = std::env::var("FLIPS").map_or(FLIPS, |text| text.parse().unwrap());
    let mut fates = BTreeMap::new();
    // Every part of the file gets its share, and the same ones each time.
    let step = (original.len() * 8) / flips;
    for flip in 0..flips {
        let bit = flip * step + flip % step.max(1);
        let mut bytes = original.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        let fate = match read(data).await {
            Err(fate) => fate,
            Ok(Err(_)) => Fate::ReadingFails,
            Ok(Ok(told)) => truth.judge(&told),
        };
        *fates.entry(fate).or_insert(0) += 1;
    }
    eprintln!("{} bytes, {flips} flips: {fates:?}", original.len());
    assert!(fates.keys().any(|fate| *fate != Fate::WithoutEffect), "{fates:?}");
}

/// The trust the history builds up, and the time it is judged at.
fn trust_and_time(told: &Told) -> (Trust, Time) {
    let mut trust: Option<Trust> = None;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Time(i64::try_from(since.as_secs()).unwrap());
    for leaf in &told.leaves {
        match &mut trust {
            None => trust = Trust::enter(leaf, None).ok(),
            // The other messages are no statuses; they change nothing.
            Some(trust) => drop(trust.accept_status(leaf)),
        }
    }
    (trust.unwrap(), now)
}
