//! Leaves, tiles and proofs of the log.

use super::log::SqlHashes;
use super::schema::{int, nat};
use super::{Reader, StoreError};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{ConsistencyReply, LeafRef, Trouble};
use agenttrust_tlog::tile::entry_bundle;
use agenttrust_tlog::{TilePath, Tree, TreeError};

/// The most leaves of one call.
const MAX_LEAVES: u64 = 1_000;

/// The bytes of leaves after which a call ends.
const MAX_BYTES: usize = 4 << 20;

impl Reader<'_> {
    /// How many leaves the log has.
    ///
    /// # Errors
    /// Those of the database.
    pub fn log_size(&self) -> Result<u64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT coalesce(max(idx) + 1, 0) FROM message")?;
        Ok(nat(query.query_row([], |row| row.get(0))?))
    }

    fn tree(&self) -> Result<Tree<SqlHashes<'_>>, StoreError> {
        Ok(Tree::new(SqlHashes(self.conn), self.log_size()?))
    }

    /// The leaves from `from` to before `to`, at most 1,000 and about 4 MiB; fewer than asked for are not the end.
    ///
    /// # Errors
    /// Those of the database.
    pub fn leaves(&self, from: u64, to: u64) -> Result<Vec<String>, StoreError> {
        let to = to.min(from.saturating_add(MAX_LEAVES));
        let mut query =
            self.conn.prepare_cached("SELECT leaf FROM message WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")?;
        let mut rows = query.query((int(from), int(to)))?;
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let leaf: String = row.get(0)?;
            bytes += leaf.len();
            leaves.push(leaf);
            if bytes >= MAX_BYTES {
                break;
            }
        }
        Ok(leaves)
    }

    /// The bytes of a tile or a bundle of entries; `None` if the log does not have the whole of it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        let tree = self.tree()?;
        if !path.is_in(tree.size()) {
            return Ok(None);
        }
        match path {
            TilePath::Hashes { level, extent } => match tree.hash_tile(level, extent) {
                Ok(tile) => Ok(Some(tile)),
                Err(TreeError::NoSuchTile) => Ok(None),
                Err(error) => Err(error.into()),
            },
            TilePath::Entries(extent) => {
                let mut query =
                    self.conn.prepare_cached("SELECT leaf FROM message WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
                let rows = query.query_map((int(extent.start()), extent.width()), |row| row.get(0))?;
                let leaves: Vec<String> = rows.collect::<Result<_, _>>()?;
                let bundle = entry_bundle(&leaves).map_err(|error| super::schema::corrupt(&error.to_string()))?;
                Ok(Some(bundle))
            }
        }
    }

    /// A message's leaf, the size of the tree the proof is for, and the proof that the leaf is in the tree of the
    /// first `size` leaves (of all, if absent).
    ///
    /// # Errors
    /// `not_found` if the message is unknown or not in a tree of that size.
    pub fn inclusion(&self, message: &Hash, size: Option<u64>) -> Result<(LeafRef, u64, Vec<Hash>), StoreError> {
        let index = nat(self.index_of(message)?.ok_or(Trouble::NotFound)?);
        let tree = self.tree()?;
        let size = size.unwrap_or(tree.size());
        let proof = tree.inclusion_proof(index, size)?;
        Ok((LeafRef { hash: *message, index }, size, proof.iter().map(own_hash).collect()))
    }

    /// The newest checkpoint and the proof that it extends the tree of the first `old` leaves.
    ///
    /// # Errors
    /// `unpaired`; `not_found` if `old` is beyond the tree.
    pub fn consistency(&self, old: u64) -> Result<ConsistencyReply, StoreError> {
        let checkpoint = self.checkpoint()?.ok_or(Trouble::Unpaired)?;
        let tree = self.tree()?;
        let proof = match old {
            0 => Vec::new(),
            old => tree.consistency_proof(old, tree.size())?,
        };
        Ok(ConsistencyReply { checkpoint, proof: proof.iter().map(own_hash).collect() })
    }
}

fn own_hash(hash: &agenttrust_tlog::Hash) -> Hash {
    Hash::from_bytes(*hash.as_bytes())
}
