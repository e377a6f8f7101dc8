//! Checking proofs: pure functions over hashes, no storage.
//!
//! Subtrees are those of draft-ietf-plants-merkle-tree-certs: leaves `start..end` where `start`
//! is a multiple of the least power of two that is not below `end - start`. A whole tree is the
//! subtree `0..size`, so each check is written once, for subtrees.

use std::ops::Range;

use thiserror::Error;

use crate::hash::{Hash, TreeHead};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The leaf lies outside the tree or subtree.
    #[error("the leaf is outside the tree")]
    LeafOutside,
    /// Nothing follows from a consistency proof that starts at an empty tree.
    #[error("a consistency proof from an empty tree is meaningless")]
    EmptyTree,
    /// The old tree or subtree ends beyond the new tree.
    #[error("the old tree is larger than the new one")]
    SizesReversed,
    /// The range is not aligned as a subtree must be.
    #[error("the range is not a subtree")]
    NotASubtree,
    /// The proof has fewer hashes than the sizes demand.
    #[error("the proof is too short")]
    TooShort,
    /// The proof has more hashes than the sizes demand.
    #[error("the proof is too long")]
    TooLong,
    /// The proof does not lead to the root of the old tree or subtree.
    #[error("the proof does not match the old root")]
    OldRootMismatch,
    /// The proof does not lead to the root.
    #[error("the proof does not match the root")]
    RootMismatch,
}

/// Checks that the leaf with this hash is at `index` in the tree (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// Any [`ProofError`] but those about old trees and subtrees.
pub fn verify_inclusion(leaf: &Hash, index: u64, tree: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    verify_subtree_inclusion(leaf, index, &(0..tree.size), &tree.root, proof)
}

/// Checks that the new tree begins with exactly the leaves of the old one
/// (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// Any [`ProofError`] but those about leaves and subtrees.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if old.size == 0 {
        return Err(ProofError::EmptyTree);
    }
    verify_subtree_consistency(&(0..old.size), &old.root, new, proof)
}

/// Checks that the leaf with this hash is at `index` (counted in the whole tree) in a subtree.
///
/// # Errors
/// Any [`ProofError`] but those about old trees.
pub fn verify_subtree_inclusion(
    leaf: &Hash,
    index: u64,
    subtree: &Range<u64>,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_aligned(subtree)?;
    if !subtree.contains(&index) {
        return Err(ProofError::LeafOutside);
    }
    // The node on the path and the rightmost node, both as positions within the current level.
    let mut node = index.wrapping_sub(subtree.start);
    let mut last = subtree.end.wrapping_sub(subtree.start).wrapping_sub(1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(sibling, &hash);
            // A rightmost node without a sibling moves up unchanged.
            let lonely = node.trailing_zeros();
            node = node.wrapping_shr(lonely);
            last = last.wrapping_shr(lonely);
        } else {
            hash = Hash::node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    if hash != *root {
        return Err(ProofError::RootMismatch);
    }
    Ok(())
}

/// Checks that the subtree with this root lies at its place in the tree.
///
/// An empty subtree lies in every tree it does not overshoot: its root is [`Hash::EMPTY`], its
/// proof is empty, and it says nothing about the tree.
///
/// # Errors
/// Any [`ProofError`] but those about leaves and empty trees.
pub fn verify_subtree_consistency(
    subtree: &Range<u64>,
    subtree_root: &Hash,
    tree: &TreeHead,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_aligned(subtree)?;
    if subtree.end > tree.size {
        return Err(ProofError::SizesReversed);
    }
    if subtree.is_empty() {
        return verify_empty_subtree(subtree_root, proof);
    }
    // First and last node of the subtree and last node of the tree, at the level reached so far.
    let mut first = subtree.start;
    let mut last = subtree.end.wrapping_sub(1);
    let mut top = tree.size.wrapping_sub(1);
    // Up to where the proof begins: the largest complete subtree at the subtree's right edge.
    while first != last && (last == top || last & 1 == 1) {
        first >>= 1;
        last >>= 1;
        top >>= 1;
    }
    let mut siblings = proof.iter();
    let seed = if first == last { *subtree_root } else { *siblings.next().ok_or(ProofError::TooShort)? };
    let (mut inner, mut outer) = (seed, seed);
    for sibling in siblings {
        if top == 0 {
            return Err(ProofError::TooLong);
        }
        if last & 1 == 1 || last == top {
            if first < last {
                inner = Hash::node(sibling, &inner);
            }
            outer = Hash::node(sibling, &outer);
            let lonely = last.trailing_zeros();
            first = first.wrapping_shr(lonely);
            last = last.wrapping_shr(lonely);
            top = top.wrapping_shr(lonely);
        } else {
            outer = Hash::node(&outer, sibling);
        }
        first >>= 1;
        last >>= 1;
        top >>= 1;
    }
    if top != 0 {
        return Err(ProofError::TooShort);
    }
    if inner != *subtree_root {
        return Err(ProofError::OldRootMismatch);
    }
    if outer != tree.root {
        return Err(ProofError::RootMismatch);
    }
    Ok(())
}

fn verify_empty_subtree(root: &Hash, proof: &[Hash]) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::TooLong);
    }
    if *root != Hash::EMPTY {
        return Err(ProofError::OldRootMismatch);
    }
    Ok(())
}

fn check_aligned(subtree: &Range<u64>) -> Result<(), ProofError> {
    let count = subtree.end.checked_sub(subtree.start).ok_or(ProofError::NotASubtree)?;
    // No power of two fits above 2^63 leaves: only a range from 0 is aligned there.
    let aligned =
        count.checked_next_power_of_two().map_or(subtree.start == 0, |unit| subtree.start.is_multiple_of(unit));
    if aligned { Ok(()) } else { Err(ProofError::NotASubtree) }
}
