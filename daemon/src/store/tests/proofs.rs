//! The log as strangers see it, and what the deep check finds.

use super::kit::{Ask, NOW, PHONE, TABLET, World, device, log_key, witness};
use crate::store::{Store, StoreError};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::{ExecutionResult, Paused, Verdict};
use agenttrust_tlog::{
    Checkpoint, Cosigner, Note, TILE_WIDTH, TilePath, TreeHead, Verifier, verify_consistency, verify_inclusion,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rusqlite::Connection;

fn foreign(hashes: &[Hash]) -> Vec<agenttrust_tlog::Hash> {
    hashes.iter().map(|hash| agenttrust_tlog::Hash::from_bytes(*hash.as_bytes())).collect()
}

impl World {
    fn log_name(&self) -> String {
        format!("agenttrust/{}", self.trust.tdid())
    }

    async fn checkpoint(&self) -> (Note, Checkpoint) {
        let note: Note = self.store.read(|reader| reader.checkpoint()).await.unwrap().unwrap().parse().unwrap();
        let key = VerifyingKey::from_bytes(log_key().public().as_bytes()).unwrap();
        let checkpoint = Checkpoint::open(&note, &Verifier::new(self.log_name().parse().unwrap(), key)).unwrap();
        (note, checkpoint)
    }
}

#[tokio::test]
async fn strangers_verify_inclusion_consistency_and_tiles() {
    let world = World::new().await;
    let (_, old) = world.checkpoint().await;
    let mut asked = Vec::new();
    for _ in 0..70 {
        asked.push(world.run(Ask::default()).await.request);
    }
    let (_, new) = world.checkpoint().await;
    assert_eq!(new.head().size, 4 + 1 + 70 * 4);
    let first = old.head().size;
    let reply = world.store.read(move |reader| reader.consistency(first)).await.unwrap();
    verify_consistency(old.head(), new.head(), &foreign(&reply.proof)).unwrap();
    for request in &asked {
        let hash = request.hash();
        let (leaf, size, proof) = world.store.read(move |reader| reader.inclusion(&hash, None)).await.unwrap();
        assert_eq!(size, new.head().size);
        let entry = agenttrust_tlog::Hash::leaf(request.leaf().as_bytes());
        verify_inclusion(&entry, leaf.index, new.head(), &foreign(&proof)).unwrap();
    }
    let mut leaves = Vec::new();
    while (leaves.len() as u64) < new.head().size {
        let from = leaves.len() as u64;
        leaves.extend(world.store.read(move |reader| reader.leaves(from, u64::MAX)).await.unwrap());
    }
    for path in TilePath::all(new.head().size) {
        let tile = world.store.read(move |reader| reader.tile(path)).await.unwrap().unwrap();
        if let TilePath::Hashes { level: 0, extent } = path {
            let start = usize::try_from(extent.start()).unwrap();
            let hashes =
                leaves[start..].iter().take(TILE_WIDTH.into()).map(|leaf| agenttrust_tlog::Hash::leaf(leaf.as_bytes()));
            assert_eq!(tile, hashes.flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>());
        }
    }
    let beyond = TilePath::all(new.head().size + 600).last().unwrap();
    assert_eq!(world.store.read(move |reader| reader.tile(beyond)).await, Ok(None));
    let refused = world.store.read(move |reader| reader.consistency(100_000)).await;
    assert_eq!(refused, Err(StoreError::Trouble(Trouble::NotFound)));
}

#[tokio::test]
async fn devices_cosign_what_is_ours_and_only_forward() {
    let world = World::new().await;
    let cosigner = |n: u8| {
        let name = format!("{}/{}", world.log_name(), witness(n).public().thumbprint());
        Cosigner::new(name.parse().unwrap(), SigningKey::from_bytes(&witness(n).to_seed()))
    };
    let cosign = |n: u8, checkpoint: &Checkpoint| {
        let (line, checkpoint) = (cosigner(n).cosign(checkpoint, 7).unwrap(), checkpoint.clone());
        let key = device(n).public().thumbprint();
        world.store.write(move |tx| tx.cosign(&key, &checkpoint, &line, NOW))
    };
    let (_, old) = world.checkpoint().await;
    world.ask(Ask::default()).await;
    let (_, new) = world.checkpoint().await;
    cosign(PHONE, &new).await.unwrap();
    cosign(TABLET, &old).await.unwrap();
    cosign(PHONE, &old).await.unwrap();
    let (note, _) = world.checkpoint().await;
    cosigner(PHONE).verifier().verify(&note).unwrap();
    assert!(cosigner(TABLET).verifier().verify(&note).is_err());
    world.ask(Ask::default()).await;
    let (note, _) = world.checkpoint().await;
    assert_eq!(note.signatures().len(), 1, "the newest is not co-signed yet");
    let seen: Note = world.store.read(|reader| reader.cosigned_checkpoint()).await.unwrap().unwrap().parse().unwrap();
    cosigner(PHONE).verifier().verify(&seen).unwrap();
    let trust = world.trust.clone();
    let devices = world.store.read(move |reader| reader.devices(&trust)).await.unwrap();
    let sizes: Vec<_> = devices.iter().map(|device| device.cosigned).collect();
    assert_eq!(sizes, [Some(new.head().size), Some(old.head().size)]);

    let head = TreeHead { size: new.head().size, root: agenttrust_tlog::Hash::leaf(b"forged") };
    let forged = Checkpoint::new(world.log_name(), head).unwrap();
    assert_eq!(cosign(PHONE, &forged).await, Err(StoreError::Trouble(Trouble::Conflict)));
    let elsewhere = Checkpoint::new("another/log", *new.head()).unwrap();
    assert_eq!(cosign(PHONE, &elsewhere).await, Err(StoreError::Trouble(Trouble::Conflict)));
}

/// A store in which everything has happened once.
async fn lived() -> World {
    let mut world = World::new().await;
    let erased = world.run(Ask { title: Some("once"), ..Ask::default() }).await.request.hash();
    world.store.write(move |tx| tx.erase(&[erased], NOW)).await.unwrap();
    world.run(Ask::default()).await;
    let denied = world.ask(Ask::default()).await;
    world.decide(PHONE, &denied, Verdict::Deny).await.unwrap();
    let failed = world.ask(Ask::default()).await;
    world.decide(TABLET, &failed, Verdict::Approve).await.unwrap();
    world.claim_all(&failed).await.unwrap();
    world.outcome(&failed, ExecutionResult::Failed, None).await.unwrap();
    let cancelled = world.ask(Ask::default()).await;
    world.cancel(&cancelled).await.unwrap();
    let late = world.decision(PHONE, &cancelled, Verdict::Approve, None);
    world.store.write(move |tx| tx.refuse_decision(&late, "closed", NOW)).await.unwrap();
    world.ask(Ask { life: 10, ..Ask::default() }).await;
    world.store.write(move |tx| tx.sweep(NOW.plus(20), 10)).await.unwrap();
    let approved = world.ask(Ask::default()).await;
    world.decide(PHONE, &approved, Verdict::Modify).await.unwrap();
    world.status(PHONE, Vec::new(), Paused::All).await;
    let refused = super::kit::enrollment(6);
    let hash = refused.hash();
    world.store.write(move |tx| tx.enroll(&refused, None, NOW)).await.unwrap();
    world.store.write(move |tx| tx.refuse_enrollment(&hash, NOW)).await.unwrap();
    let waiting = world.ask(Ask::default()).await;
    world.decide(PHONE, &waiting, Verdict::Approve).await.unwrap();
    world
}

#[tokio::test]
async fn the_tables_are_what_the_log_leads_to() {
    let world = lived().await;
    let verified = world.store.verify().await.unwrap();
    assert_eq!(verified.findings, []);
    let log_size = world.store.read(|reader| reader.log_size()).await.unwrap();
    assert_eq!(verified.leaves, log_size);
}

#[tokio::test]
async fn the_deep_check_finds_what_was_changed_behind_its_back() {
    for (sql, place) in [
        ("UPDATE request SET state = 8 WHERE state = 4", "leaf"),
        ("UPDATE request SET state = 2 WHERE state = 1", "request at leaf"),
        ("UPDATE request SET tool = (SELECT max(id) FROM tool) + 1", "leaf"),
        ("UPDATE request SET exp = exp + 1 WHERE state = 8", "leaf"),
        ("UPDATE enrollment SET state = 1 WHERE state = 2", "enrolment"),
        ("DELETE FROM decision WHERE denies = 1", "decision at leaf"),
        ("DELETE FROM bundle", "table bundle"),
        ("UPDATE message SET leaf = replace(leaf, 'a', 'b') WHERE idx = 9", "leaf 9"),
        ("UPDATE message SET hash = zeroblob(32) WHERE idx = 9", "leaf 9"),
        ("UPDATE message SET request = 5 WHERE idx = 12", "leaf 12"),
        ("UPDATE tree SET hash = zeroblob(32) WHERE level = 1 AND idx = 2", "tree"),
        ("UPDATE disclosure SET segments = (SELECT segments FROM disclosure LIMIT 1) WHERE message > 10", "leaf"),
        ("INSERT INTO words (rowid, text) VALUES (7, 'extra')", "none"),
    ] {
        let world = lived().await;
        let path = world.path();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        drop(conn);
        let found = match world.store.verify().await {
            Ok(verified) => verified.findings.iter().map(|f| format!("{}: {}", f.place, f.what)).collect(),
            Err(error) => vec![error.to_string()],
        };
        let expected = found.iter().any(|finding| finding.starts_with(place));
        assert_eq!(expected, place != "none", "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn an_empty_store_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("agenttrust.db"), log_key(), Default::default()).unwrap();
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.leaves, verified.findings.len()), (0, 0));
}
