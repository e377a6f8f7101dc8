//! Tiles, bundles and their paths against the specification and another implementation.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use agenttrust_tlog::tile::{entry_bundle, parse_entry_bundle, parse_hash_tile};
use agenttrust_tlog::{
    Extent, Hash, MAX_ENTRY_LEN, MemoryHashes, ReadHashes, TILE_WIDTH, TileError, TilePath, Tree, TreeError,
};
use proptest::prelude::*;

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn tree_of(size: u64) -> Tree<MemoryHashes> {
    let mut tree = Tree::new(MemoryHashes::default(), 0);
    for index in 0..size {
        assert_eq!(tree.append(&entry(index)), Ok(index));
    }
    tree
}

#[test]
fn tile_paths_follow_the_specification() {
    let path = |path: &str| path.parse::<TilePath>();
    let extent = Extent::new(1_234_067, TILE_WIDTH).unwrap();
    assert_eq!(path("tile/0/x001/x234/067"), Ok(TilePath::Hashes { level: 0, extent }));
    let extent = Extent::new(273, 112).unwrap();
    assert_eq!(path("tile/entries/273.p/112"), Ok(TilePath::Entries(extent)));
    assert!(path("tile/63/000").is_ok());
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x001000",
        "tile/0/x01/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0//000",
        "/tile/0/000",
        "tile/0/000 ",
        "tile/0/000.p/1.p/1",
        "tile/0/../000",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
    ] {
        assert_eq!(path(bad), Err(TileError::BadPath), "{bad:?}");
    }
    assert_eq!(Extent::new(0, 0), None);
    assert_eq!(Extent::new(0, 257), None);
    assert_eq!(Extent::new(u64::MAX, 1), None);
}

#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let of = |size| TilePath::all(size).collect::<Vec<_>>();
    let tiles = of(70_000);
    let texts: Vec<String> = tiles.iter().map(ToString::to_string).collect();
    let entries = texts.iter().filter(|path| path.contains("entries"));
    assert_eq!(entries.count(), 274);
    let level_0 = texts.iter().filter(|path| path.starts_with("tile/0/"));
    assert_eq!(level_0.count(), 274);
    assert_eq!(texts[547..], ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert!(tiles.iter().all(|tile| tile.is_in(70_000)));
    let not_yet = tiles.iter().filter(|tile| !tile.is_in(69_999));
    assert_eq!(not_yet.map(ToString::to_string).collect::<Vec<_>>(), ["tile/entries/273.p/112", "tile/0/273.p/112"]);
    assert_eq!(of(0), []);
    assert_eq!(of(256).len(), 3);
}

/// A store of theirs whose numbering is ours, to let them read tiles and make proofs.
struct Theirs<'a>(&'a MemoryHashes);

impl tlog_tiles::HashReader for Theirs<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (level, place) = tlog_tiles::split_stored_hash_index(*index);
            tlog_tiles::Hash(*self.0.get(level, place).unwrap().unwrap().as_bytes())
        };
        Ok(indexes.iter().map(read).collect())
    }
}

#[test]
fn agrees_with_tlog_tiles() {
    const SIZE: u64 = 256 * 256 + 300;
    let tree = tree_of(SIZE);
    let store = tree.clone().into_store();
    let theirs = Theirs(&store);
    let bytes = |hashes: &[Hash]| hashes.iter().map(|hash| *hash.as_bytes()).collect::<Vec<_>>();
    for size in [1, 2, 255, 256, 257, 1000, 65_536, SIZE] {
        let head = tree.head_at(size).unwrap();
        let root = tlog_tiles::tree_hash(size, &theirs).unwrap();
        assert_eq!(*head.root.as_bytes(), root.0);
        for other in [0, size / 3, size - 1] {
            let path = tree.inclusion_proof(other, size).unwrap();
            let their_path = tlog_tiles::prove_record(size, other, &theirs).unwrap();
            assert_eq!(bytes(&path), their_path.iter().map(|hash| hash.0).collect::<Vec<_>>());
            let proof = tree.consistency_proof(other + 1, size).unwrap();
            let their_proof = tlog_tiles::prove_tree(size, other + 1, &theirs).unwrap();
            assert_eq!(bytes(&proof), their_proof.iter().map(|hash| hash.0).collect::<Vec<_>>());
        }
    }

    let mut ours = Vec::new();
    for path in TilePath::all(SIZE) {
        let TilePath::Hashes { level, extent } = path else {
            continue;
        };
        let their_tile = tlog_tiles::Tile::new(8, level, extent.start() / 256, extent.width().into(), false);
        // Their paths name the height too: tile/8/<L>/<N>.
        assert_eq!(their_tile.path().replacen("tile/8/", "tile/", 1), path.to_string());
        let tile = tree.hash_tile(level, extent).unwrap();
        assert_eq!(tile, their_tile.read_data(&theirs).unwrap());
        let hashes = parse_hash_tile(&tile, extent.width()).unwrap();
        assert_eq!(Some(hashes[0]), store.get(8 * level, extent.start()).unwrap());
        ours.push(their_tile);
    }
    assert_eq!(ours, tlog_tiles::Tile::new_tiles(8, 0, SIZE));
}

#[test]
fn tiles_and_bundles_are_refused_when_incomplete() {
    let tree = tree_of(300);
    let extent = |index, width| Extent::new(index, width).unwrap();
    assert!(tree.hash_tile(0, extent(1, 44)).is_ok());
    assert!(tree.hash_tile(1, extent(0, 1)).is_ok());
    for (level, extent) in [(0, extent(1, 45)), (1, extent(0, 2)), (2, extent(0, 1)), (40, extent(0, 1))] {
        assert_eq!(tree.hash_tile(level, extent), Err(TreeError::NoSuchTile));
    }
    let hollow = Tree::new(MemoryHashes::default(), 300);
    assert_eq!(hollow.hash_tile(0, extent(1, 44)), Err(TreeError::Missing { level: 0, index: 256 }));

    let tile = tree.hash_tile(0, extent(1, 44)).unwrap();
    assert_eq!(parse_hash_tile(&tile, 43), Err(TileError::WrongLength));
    assert_eq!(parse_hash_tile(&tile[1..], 44), Err(TileError::WrongLength));
    assert_eq!(entry_bundle([vec![0; MAX_ENTRY_LEN + 1]]), Err(TileError::EntryTooLarge { len: 65_536 }));
    let largest = vec![7; MAX_ENTRY_LEN];
    let bundle = entry_bundle([&largest]).unwrap();
    assert_eq!(parse_entry_bundle(&bundle, 1), Ok(vec![largest.as_slice()]));
    assert_eq!(parse_entry_bundle(&bundle[..9], 1), Err(TileError::WrongLength));
}

proptest! {
    #[test]
    fn any_tile_path_has_one_spelling(level in 0_u8..64, index in 0_u64..1 << 55, width in 1_u16..=256) {
        let extent = Extent::new(index, width).unwrap();
        for path in [TilePath::Hashes { level, extent }, TilePath::Entries(extent)] {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn entry_bundles_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)) {
        let bundle = entry_bundle(&entries).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(parse_entry_bundle(&bundle, width), Ok(entries.iter().map(Vec::as_slice).collect()));
        prop_assert_eq!(parse_entry_bundle(&bundle, width - 1), Err(TileError::WrongLength));
        prop_assert_eq!(parse_entry_bundle(&bundle, width + 1), Err(TileError::WrongLength));
    }
}
