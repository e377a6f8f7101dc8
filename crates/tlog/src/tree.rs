//! The append-only tree over a store of complete-subtree hashes.
//!
//! The store holds, for every level, the hashes of all *complete* subtrees of 2^level leaves.
//! They never change once written, so appending writes one hash (two on average) and every proof
//! reads O(log n). Level 8·L is exactly level L of the tiles of [`crate::tile`].

use std::collections::BTreeMap;
use std::convert::Infallible;

use thiserror::Error;

use crate::hash::{Hash, TreeHead};
use crate::tile::MAX_ENTRY_LEN;

/// Reads the hashes of complete subtrees.
pub trait ReadHashes {
    /// Why reading failed.
    type Error;

    /// The hash over leaves `index << level .. (index + 1) << level`, `None` where never written.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn get(&self, level: u8, index: u64) -> Result<Option<Hash>, Self::Error>;

    /// Up to `count` consecutive hashes of a level from `start` on, ending before the first one
    /// that was never written. Storage with range queries should override this.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn get_run(&self, level: u8, start: u64, count: u16) -> Result<Vec<Hash>, Self::Error> {
        (0..u64::from(count))
            .map_while(|offset| start.checked_add(offset))
            .map_while(|index| self.get(level, index).transpose())
            .collect()
    }
}

/// Writes the hashes of complete subtrees.
pub trait WriteHashes: ReadHashes {
    /// Stores the hash over leaves `index << level .. (index + 1) << level`.
    ///
    /// A tree writes each place once, unless an append failed half-way and the store kept what
    /// it had written: then the next append writes those places again.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn put(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), Self::Error>;
}

impl<S: ReadHashes + ?Sized> ReadHashes for &S {
    type Error = S::Error;

    fn get(&self, level: u8, index: u64) -> Result<Option<Hash>, S::Error> {
        (**self).get(level, index)
    }

    fn get_run(&self, level: u8, start: u64, count: u16) -> Result<Vec<Hash>, S::Error> {
        (**self).get_run(level, start, count)
    }
}

impl<S: ReadHashes + ?Sized> ReadHashes for &mut S {
    type Error = S::Error;

    fn get(&self, level: u8, index: u64) -> Result<Option<Hash>, S::Error> {
        (**self).get(level, index)
    }

    fn get_run(&self, level: u8, start: u64, count: u16) -> Result<Vec<Hash>, S::Error> {
        (**self).get_run(level, start, count)
    }
}

impl<S: WriteHashes + ?Sized> WriteHashes for &mut S {
    fn put(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), S::Error> {
        (**self).put(level, index, hash)
    }
}

/// Hashes kept in memory, for tests and for checking an exported log.
#[derive(Clone, Debug, Default)]
pub struct MemoryHashes(BTreeMap<(u8, u64), Hash>);

impl ReadHashes for MemoryHashes {
    type Error = Infallible;

    fn get(&self, level: u8, index: u64) -> Result<Option<Hash>, Infallible> {
        Ok(self.0.get(&(level, index)).copied())
    }
}

impl WriteHashes for MemoryHashes {
    fn put(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), Infallible> {
        self.0.insert((level, index), hash);
        Ok(())
    }
}

/// Why the tree could not append or prove.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError<E> {
    /// The storage failed.
    #[error("the hash store failed")]
    Store(#[source] E),
    /// The storage lacks a hash that a tree of this size must have.
    #[error("the hash store has no hash at level {level}, index {index}")]
    Missing {
        /// The level, 0 for leaves.
        level: u8,
        /// The index within the level.
        index: u64,
    },
    /// A size beyond the tree's own was asked for.
    #[error("size {size} is beyond the tree's {tree} leaves")]
    BeyondTree {
        /// The size asked for.
        size: u64,
        /// The size of the tree.
        tree: u64,
    },
    /// The leaf is not in the tree of the given size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// The size it was asked for.
        size: u64,
    },
    /// The tree does not hold the whole of the tile yet.
    #[error("the tree does not have this tile")]
    NoSuchTile,
    /// A consistency proof from an empty tree, or from a larger to a smaller one, means nothing.
    #[error("there is no consistency proof from size {old} to size {new}")]
    NoSuchConsistency {
        /// The size to start from.
        old: u64,
        /// The size to end at.
        new: u64,
    },
    /// The entry would not fit an entry bundle ([`MAX_ENTRY_LEN`]), so the log could never be
    /// exported again.
    #[error("an entry of {len} bytes is over the limit of {MAX_ENTRY_LEN}")]
    EntryTooLarge {
        /// The entry's length in bytes.
        len: usize,
    },
    /// The tree has as many leaves as can be counted.
    #[error("the tree is full")]
    Full,
}

/// An append-only Merkle tree of a known size over stored hashes.
///
/// It holds nothing but the store and the size: make one inside each transaction and drop it.
#[derive(Clone, Debug)]
pub struct Tree<S> {
    store: S,
    size: u64,
}

impl<S> Tree<S> {
    /// The tree of the first `size` leaves of the store.
    pub const fn new(store: S, size: u64) -> Self {
        Self { store, size }
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }
}

impl<S: WriteHashes> Tree<S> {
    /// Appends an entry and returns its index.
    ///
    /// # Errors
    /// [`TreeError::EntryTooLarge`] or [`TreeError::Full`] before anything is written;
    /// [`TreeError::Store`] or [`TreeError::Missing`] with the size unchanged.
    pub fn append(&mut self, entry: &[u8]) -> Result<u64, TreeError<S::Error>> {
        if entry.len() > MAX_ENTRY_LEN {
            return Err(TreeError::EntryTooLarge { len: entry.len() });
        }
        let leaf = self.size;
        let size = leaf.checked_add(1).ok_or(TreeError::Full)?;
        let (mut index, mut hash) = (leaf, Hash::leaf(entry));
        self.store.put(0, index, hash).map_err(TreeError::Store)?;
        // Every trailing one bit of the leaf's index completes a subtree one level up.
        let mut level = 0_u8;
        while index & 1 == 1 {
            hash = Hash::node(&self.stored(level, index ^ 1)?, &hash);
            index >>= 1;
            level = level.saturating_add(1);
            self.store.put(level, index, hash).map_err(TreeError::Store)?;
        }
        self.size = size;
        Ok(leaf)
    }
}

impl<S: ReadHashes> Tree<S> {
    /// The size and root of the whole tree.
    ///
    /// # Errors
    /// [`TreeError::Store`] or [`TreeError::Missing`].
    pub fn head(&self) -> Result<TreeHead, TreeError<S::Error>> {
        self.head_at(self.size)
    }

    /// The size and root the tree had when it held `size` leaves.
    ///
    /// # Errors
    /// [`TreeError::BeyondTree`], [`TreeError::Store`] or [`TreeError::Missing`].
    pub fn head_at(&self, size: u64) -> Result<TreeHead, TreeError<S::Error>> {
        self.check_size(size)?;
        let root = if size == 0 { Hash::EMPTY } else { self.hash_of(Leaves::first(size))? };
        Ok(TreeHead { size, root })
    }

    /// The proof that leaf `index` is in the tree of the first `size` leaves, lowest sibling
    /// first (`PATH`, RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// [`TreeError::NoSuchLeaf`], [`TreeError::BeyondTree`], [`TreeError::Store`] or
    /// [`TreeError::Missing`].
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, TreeError<S::Error>> {
        self.check_size(size)?;
        if index >= size {
            return Err(TreeError::NoSuchLeaf { index, size });
        }
        let mut proof = Vec::new();
        let mut leaves = Leaves::first(size);
        while leaves.count() > 1 {
            let (left, right) = leaves.split();
            let sibling = if index < right.start {
                leaves = left;
                right
            } else {
                leaves = right;
                left
            };
            proof.push(self.hash_of(sibling)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of the first `new` leaves extends the one of the first `old`
    /// (`PROOF`, RFC 6962 section 2.1.2); empty where both are equal.
    ///
    /// # Errors
    /// [`TreeError::NoSuchConsistency`] where `old` is 0 or above `new`,
    /// [`TreeError::BeyondTree`], [`TreeError::Store`] or [`TreeError::Missing`].
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, TreeError<S::Error>> {
        self.check_size(new)?;
        if old == 0 || old > new {
            return Err(TreeError::NoSuchConsistency { old, new });
        }
        let mut proof = Vec::new();
        let mut leaves = Leaves::first(new);
        while leaves.end != old {
            let (left, right) = leaves.split();
            let sibling = if old <= right.start {
                leaves = left;
                right
            } else {
                leaves = right;
                left
            };
            proof.push(self.hash_of(sibling)?);
        }
        // A verifier already has the hash of the old tree itself, and only that one.
        if leaves.start != 0 {
            proof.push(self.hash_of(leaves)?);
        }
        proof.reverse();
        Ok(proof)
    }

    pub(crate) const fn store(&self) -> &S {
        &self.store
    }

    fn check_size(&self, size: u64) -> Result<(), TreeError<S::Error>> {
        if size > self.size {
            return Err(TreeError::BeyondTree { size, tree: self.size });
        }
        Ok(())
    }

    fn stored(&self, level: u8, index: u64) -> Result<Hash, TreeError<S::Error>> {
        self.store.get(level, index).map_err(TreeError::Store)?.ok_or(TreeError::Missing { level, index })
    }

    /// `MTH` of RFC 6962 section 2.1 over some leaves.
    fn hash_of(&self, leaves: Leaves) -> Result<Hash, TreeError<S::Error>> {
        if let Some((level, index)) = leaves.complete_subtree() {
            return self.stored(level, index);
        }
        let (left, right) = leaves.split();
        Ok(Hash::node(&self.hash_of(left)?, &self.hash_of(right)?))
    }
}

/// Leaves `start..end`, not empty, cut from a whole tree by [`Leaves::split`] alone: so a power
/// of two of them always starts at a multiple of their number.
#[derive(Clone, Copy)]
struct Leaves {
    start: u64,
    end: u64,
}

impl Leaves {
    const fn first(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    const fn count(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Splits two or more leaves at the largest power of two below their number.
    fn split(self) -> (Self, Self) {
        let left = self.count().div_ceil(2).next_power_of_two();
        let middle = self.start.saturating_add(left);
        (Self { start: self.start, end: middle }, Self { start: middle, end: self.end })
    }

    /// Level and index of the complete subtree these leaves are, if they are one.
    fn complete_subtree(self) -> Option<(u8, u64)> {
        let level = self.count().checked_ilog2()?;
        let index = self.start.checked_shr(level)?;
        let level = u8::try_from(level).ok()?;
        self.count().is_power_of_two().then_some((level, index))
    }
}
