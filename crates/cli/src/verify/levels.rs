//! The hashes of a tree in memory, level by level: two per leaf, and a root for every size.

use agenttrust_tlog::{Hash, ReadHashes, WriteHashes};
use std::convert::Infallible;

/// Hashes of complete subtrees, by level.
#[derive(Clone, Debug, Default)]
pub struct Levels(Vec<Vec<Hash>>);

impl ReadHashes for Levels {
    type Error = Infallible;

    fn get(&self, level: u8, index: u64) -> Result<Option<Hash>, Infallible> {
        let index = usize::try_from(index).ok();
        Ok(self.0.get(usize::from(level)).zip(index).and_then(|(hashes, index)| hashes.get(index)).copied())
    }
}

impl WriteHashes for Levels {
    fn put(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), Infallible> {
        let level = usize::from(level);
        if self.0.len() <= level {
            self.0.resize_with(level.saturating_add(1), Vec::new);
        }
        // A tree writes each level from left to right, each place once.
        if let Some(hashes) = self.0.get_mut(level)
            && u64::try_from(hashes.len()) == Ok(index)
        {
            hashes.push(hash);
        }
        Ok(())
    }
}
