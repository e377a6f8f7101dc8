//! The tree and its proofs against known roots, outside vectors, another implementation, and
//! themselves.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use agenttrust_tlog::proof::{verify_subtree_consistency, verify_subtree_inclusion};
use agenttrust_tlog::{
    Hash, MAX_ENTRY_LEN, MemoryHashes, ProofError, Tree, TreeError, TreeHead, verify_consistency, verify_inclusion,
};
use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;
use sha2::Sha256;

type MemoryTree = Tree<MemoryHashes>;

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn tree_of(size: u64) -> MemoryTree {
    let mut tree = Tree::new(MemoryHashes::default(), 0);
    for index in 0..size {
        assert_eq!(tree.append(&entry(index)), Ok(index));
    }
    tree
}

fn leaf(index: u64) -> Hash {
    Hash::leaf(&entry(index))
}

#[test]
fn rfc_6962_reference_roots() {
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::new(MemoryHashes::default(), 0);
    for leaf in LEAVES {
        tree.append(&HEXLOWER.decode(leaf.as_bytes()).unwrap()).unwrap();
    }
    for (size, root) in (0..).zip(ROOTS) {
        let head = tree.head_at(size).unwrap();
        assert_eq!(HEXLOWER.encode(head.root.as_bytes()), root, "size {size}");
    }
}

/// The 518 cases of github.com/transparency-dev/merkle, read from `$AGENTTRUST_TEST_DATA`.
mod outside {
    use super::*;
    use serde_json::Value;

    fn number(case: &Value, name: &str) -> u64 {
        case[name].as_u64().unwrap()
    }

    fn bytes(value: &Value) -> Vec<u8> {
        let base64 = value.as_str().unwrap_or_default();
        BASE64.decode(base64.as_bytes()).unwrap()
    }

    /// A leaf or proof hash; some are of another length, which our type cannot even hold.
    fn hash(value: &Value) -> Option<Hash> {
        Hash::try_from(bytes(value).as_slice()).ok()
    }

    /// A root; where a good case has text instead ("don't care"), any hash made of it will do.
    fn root(value: &Value) -> Hash {
        hash(value).unwrap_or_else(|| Hash::leaf(&bytes(value)))
    }

    fn head(case: &Value, size: &str, root: &str) -> TreeHead {
        TreeHead { size: number(case, size), root: self::root(&case[root]) }
    }

    fn verify(kind: &str, case: &Value) -> Option<Result<(), ProofError>> {
        let hashes = case["proof"].as_array().map_or(&[][..], Vec::as_slice);
        let proof: Vec<Hash> = hashes.iter().map(hash).collect::<Option<_>>()?;
        let subtree = || number(case, "start")..number(case, "end");
        Some(match kind {
            "inclusion" => verify_inclusion(
                &hash(&case["leafHash"])?,
                number(case, "leafIdx"),
                &head(case, "treeSize", "root"),
                &proof,
            ),
            "subtreeinclusion" => verify_subtree_inclusion(
                &hash(&case["leafHash"])?,
                number(case, "leafIdx"),
                &subtree(),
                &root(&case["root"]),
                &proof,
            ),
            "consistency" => verify_consistency(&head(case, "size1", "root1"), &head(case, "size2", "root2"), &proof),
            "subtreeconsistency" => {
                verify_subtree_consistency(&subtree(), &root(&case["root1"]), &head(case, "size", "root2"), &proof)
            }
            other => panic!("unknown kind {other}"),
        })
    }

    #[test]
    fn vectors() {
        let Some(folder) = std::env::var_os("AGENTTRUST_TEST_DATA") else {
            println!("skipped: AGENTTRUST_TEST_DATA is not set");
            return;
        };
        let path = std::path::Path::new(&folder).join("rfc6962-proofs.json");
        let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = cases.as_object().unwrap();
        for (name, case) in cases {
            let kind = name.split('/').nth(1).unwrap();
            let got = verify(kind, case);
            let accepted = matches!(got, Some(Ok(())));
            assert_eq!(accepted, case["wantErr"] == false, "{name}: {got:?}");
        }
        assert_eq!(cases.len(), 518);
    }
}

#[test]
fn every_proof_of_every_size_holds() {
    const LARGEST: u64 = 300;
    let tree = tree_of(LARGEST);
    let heads: Vec<TreeHead> = (0..=LARGEST).map(|size| tree.head_at(size).unwrap()).collect();
    for new in &heads[1..] {
        for index in 0..new.size {
            let proof = tree.inclusion_proof(index, new.size).unwrap();
            assert_eq!(verify_inclusion(&leaf(index), index, new, &proof), Ok(()));
        }
        for old in &heads[1..] {
            match tree.consistency_proof(old.size, new.size) {
                Ok(proof) => {
                    assert!(old.size <= new.size);
                    assert_eq!(verify_consistency(old, new, &proof), Ok(()));
                }
                Err(error) => {
                    let (old, new) = (old.size, new.size);
                    assert!(old > new);
                    assert_eq!(error, TreeError::NoSuchConsistency { old, new });
                }
            }
        }
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let tree = tree_of(7);
    let head = tree.head().unwrap();
    let old = tree.head_at(5).unwrap();
    let empty = tree.head_at(0).unwrap();
    let path = tree.inclusion_proof(2, 7).unwrap();
    let proof = tree.consistency_proof(5, 7).unwrap();
    let longer = |proof: &[Hash]| [proof, &[Hash::EMPTY]].concat();
    let shorter = |proof: &[Hash]| proof[1..].to_vec();

    let inclusion = |index, head: &TreeHead, proof: &[Hash]| verify_inclusion(&leaf(2), index, head, proof);
    assert_eq!(inclusion(7, &head, &path), Err(ProofError::LeafOutside));
    assert_eq!(inclusion(0, &empty, &[]), Err(ProofError::LeafOutside));
    assert_eq!(inclusion(2, &head, &shorter(&path)), Err(ProofError::TooShort));
    assert_eq!(inclusion(2, &head, &longer(&path)), Err(ProofError::TooLong));
    assert_eq!(inclusion(3, &head, &path), Err(ProofError::RootMismatch));

    let fork = |head: TreeHead| TreeHead { root: leaf(99), ..head };
    for (old, new, proof, reason) in [
        (empty, head, proof.clone(), ProofError::EmptyTree),
        (head, old, proof.clone(), ProofError::SizesReversed),
        (old, head, shorter(&proof), ProofError::TooShort),
        (old, head, vec![], ProofError::TooShort),
        (old, head, longer(&proof), ProofError::TooLong),
        (fork(old), head, proof.clone(), ProofError::OldRootMismatch),
        (old, fork(head), proof.clone(), ProofError::RootMismatch),
        (head, head, proof.clone(), ProofError::TooLong),
        (head, fork(head), vec![], ProofError::RootMismatch),
    ] {
        assert_eq!(verify_consistency(&old, &new, &proof), Err(reason));
    }
    assert_eq!(verify_subtree_inclusion(&leaf(2), 2, &(1..3), &head.root, &path), Err(ProofError::NotASubtree));
}

#[test]
fn the_tree_refuses_what_it_cannot_do() {
    let mut tree = tree_of(5);
    assert_eq!(tree.append(&vec![0; MAX_ENTRY_LEN + 1]), Err(TreeError::EntryTooLarge { len: 65_536 }));
    assert_eq!(tree.size(), 5);
    assert_eq!(tree.head_at(6), Err(TreeError::BeyondTree { size: 6, tree: 5 }));
    assert_eq!(tree.inclusion_proof(5, 5), Err(TreeError::NoSuchLeaf { index: 5, size: 5 }));
    assert_eq!(tree.inclusion_proof(0, 6), Err(TreeError::BeyondTree { size: 6, tree: 5 }));
    assert_eq!(tree.consistency_proof(0, 5), Err(TreeError::NoSuchConsistency { old: 0, new: 5 }));
    assert_eq!(tree.consistency_proof(4, 6), Err(TreeError::BeyondTree { size: 6, tree: 5 }));
    assert_eq!(tree.append(&vec![0; MAX_ENTRY_LEN]), Ok(5));

    // A store that holds less than the size says.
    let (level, index) = (0, 6);
    let mut tree = Tree::new(tree.into_store(), 7);
    assert_eq!(tree.head(), Err(TreeError::Missing { level, index }));
    assert_eq!(tree.append(b"x").map(|_| tree.size()), Err(TreeError::Missing { level, index }));
    assert_eq!(tree.size(), 7);

    let mut full = Tree::new(MemoryHashes::default(), u64::MAX);
    assert_eq!(full.append(b"x"), Err(TreeError::Full));
}

#[test]
fn a_tree_can_be_reopened_and_lent() {
    let mut store = tree_of(130).into_store();
    let mut lent = Tree::new(&mut store, 130);
    lent.append(&entry(130)).unwrap();
    assert_eq!(Tree::new(&store, 131).head(), tree_of(131).head(), "continued and straight");
}

proptest! {
    #[test]
    fn a_flipped_bit_breaks_a_proof(
        size in 2_u64..=300, a: prop::sample::Index, b: prop::sample::Index, bit in 0_usize..256,
    ) {
        let tree = tree_of(size);
        let head = tree.head().unwrap();
        let index = u64::try_from(a.index(usize::try_from(size).unwrap())).unwrap();
        let flip = |hash: Hash| {
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Hash::from_bytes(bytes)
        };

        let path = tree.inclusion_proof(index, size).unwrap();
        let mut bad = path.clone();
        let place = b.index(bad.len());
        bad[place] = flip(bad[place]);
        prop_assert_eq!(verify_inclusion(&leaf(index), index, &head, &bad), Err(ProofError::RootMismatch));
        prop_assert!(verify_inclusion(&flip(leaf(index)), index, &head, &path).is_err());
        for other in (0..size).filter(|other| *other != index) {
            prop_assert!(verify_inclusion(&leaf(index), other, &head, &path).is_err());
        }

        let old = tree.head_at(index + 1).unwrap();
        let proof = tree.consistency_proof(old.size, size).unwrap();
        for place in 0..proof.len() {
            let mut bad = proof.clone();
            bad[place] = flip(bad[place]);
            prop_assert!(verify_consistency(&old, &head, &bad).is_err());
        }
        let wrong_old = TreeHead { root: flip(old.root), ..old };
        prop_assert!(verify_consistency(&wrong_old, &head, &proof).is_err());
        let wrong_head = TreeHead { root: flip(head.root), ..head };
        prop_assert!(verify_consistency(&old, &wrong_head, &proof).is_err());
    }

    #[test]
    fn agrees_with_ct_merkle(size in 1_u64..=300, a: prop::sample::Index) {
        let tree = tree_of(size);
        let mut theirs = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
        (0..size).for_each(|index| theirs.push(entry(index)));
        let index = a.index(usize::try_from(size).unwrap());
        let place = u64::try_from(index).unwrap();

        let head = tree.head().unwrap();
        prop_assert_eq!(head.root.as_bytes().to_vec(), theirs.root().as_bytes().to_vec());
        let path = tree.inclusion_proof(place, size).unwrap();
        let path: Vec<u8> = path.iter().flat_map(|hash| *hash.as_bytes()).collect();
        prop_assert_eq!(path, theirs.prove_inclusion(index).as_bytes().to_vec());
        let old = place + 1;
        let proof = tree.consistency_proof(old, size).unwrap();
        let proof: Vec<u8> = proof.iter().flat_map(|hash| *hash.as_bytes()).collect();
        let added = usize::try_from(size - old).unwrap();
        prop_assert_eq!(proof, theirs.prove_consistency(added).as_bytes().to_vec());
    }
}
