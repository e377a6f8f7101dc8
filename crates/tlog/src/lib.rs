//! A transparency log without a server: an append-only SHA-256 Merkle tree (RFC 6962), its proofs,
//! and the C2SP text formats that let strangers check them.
//!
//! | Module | Specification |
//! |---|---|
//! | [`hash`], [`tree`], [`proof`] | RFC 6962 section 2.1, RFC 9162 section 2.1 |
//! | [`note`] | <https://c2sp.org/signed-note>, Ed25519 keys only |
//! | [`checkpoint`] | <https://c2sp.org/tlog-checkpoint> |
//! | [`cosignature`] | <https://c2sp.org/tlog-cosignature>, `cosignature/v1` only |
//! | [`tile`] | <https://c2sp.org/tlog-tiles> |
//!
//! Storage is a trait, time is an argument, and signing keys are handed in; the crate reads no
//! clock, no file and no random number. What a log does in one step:
//!
//! ```
//! use agenttrust_tlog::{Checkpoint, MemoryHashes, Signer, Tree, verify_inclusion};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signer = Signer::new("example.com/log".parse()?, ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
//! let mut tree = Tree::new(MemoryHashes::default(), 0);
//! let index = tree.append(b"an entry")?;
//! let note = Checkpoint::new("example.com/log", tree.head()?)?.sign(&signer)?.to_string();
//!
//! // Anyone with the log's public key:
//! let checkpoint = Checkpoint::open(&note.parse()?, &signer.verifier())?;
//! let proof = tree.inclusion_proof(index, checkpoint.head().size)?;
//! verify_inclusion(&agenttrust_tlog::Hash::leaf(b"an entry"), index, checkpoint.head(), &proof)?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod checkpoint;
pub mod cosignature;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
mod text;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{CosignatureVerifier, Cosigner};
pub use hash::{Hash, TreeHead};
pub use key::{KeyError, KeyId, KeyName};
pub use note::{Note, NoteError, SignatureLine, Signer, Verifier, VerifyError};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use tile::{Extent, MAX_ENTRY_LEN, TILE_WIDTH, TileError, TilePath};
pub use tree::{MemoryHashes, ReadHashes, Tree, TreeError, WriteHashes};
