//! The tree and its entries as static files (C2SP tlog-tiles).
//!
//! An entry bundle gives each entry a 16-bit length. So that every log can be exported at any
//! time, [`crate::Tree::append`] refuses an entry over [`MAX_ENTRY_LEN`] instead of a bundle
//! refusing it when it is too late.

use std::fmt;
use std::iter;
use std::str::FromStr;

use thiserror::Error;

use crate::hash::Hash;
use crate::tree::{ReadHashes, Tree, TreeError};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// The longest entry, in bytes: what a bundle's 16-bit lengths can say.
pub const MAX_ENTRY_LEN: usize = 65_535;

/// The highest level a tile path may name. Trees of 64-bit sizes end at level 7.
const MAX_LEVEL: u8 = 63;

/// Tree levels in one tile level, as a shift.
const TILE_HEIGHT: u8 = 8;

/// Why a path, a tile or a bundle is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TileError {
    /// Not the one spelling of a tile path.
    #[error("not a tile path")]
    BadPath,
    /// The bytes are not as many hashes as the tile is wide, or not as many entries.
    #[error("the tile or bundle does not have the width its path says")]
    WrongLength,
    /// The entry is over [`MAX_ENTRY_LEN`].
    #[error("an entry of {len} bytes is over the limit of {MAX_ENTRY_LEN}")]
    EntryTooLarge {
        /// The entry's length in bytes.
        len: usize,
    },
}

/// Which tile of a level, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    index: u64,
    width: u16,
}

impl Extent {
    /// Tile number `index` of a level, cut to its first `width` (1 to 256) hashes or entries;
    /// `None` where the width is not in that range or the positions exceed 64 bits.
    #[must_use]
    pub fn new(index: u64, width: u16) -> Option<Self> {
        let start = index.checked_mul(TILE_WIDTH.into())?;
        start.checked_add(width.into())?;
        (1..=TILE_WIDTH).contains(&width).then_some(Self { index, width })
    }

    /// The position of the first hash in its level, or of the first entry in the log.
    #[must_use]
    pub fn start(self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH.into())
    }

    /// The number of hashes or entries.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    fn end(self) -> u64 {
        self.start().saturating_add(self.width.into())
    }

    /// Full tiles, then the partial one if any, over `count` hashes or entries.
    fn all(count: u64) -> impl Iterator<Item = Self> {
        let full = count >> TILE_HEIGHT;
        let rest = u16::from(count.to_le_bytes()[0]);
        (0..full)
            .map(|index| (index, TILE_WIDTH))
            .chain(iter::once((full, rest)))
            .filter_map(|(index, width)| Self::new(index, width))
    }
}

/// The path of a file in an exported log, relative to the log's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`: hashes of level 8·L of the tree.
    Hashes {
        /// The tile level, 0 to 63.
        level: u8,
        /// Which tile of the level.
        extent: Extent,
    },
    /// `tile/entries/<N>[.p/<W>]`: the entries themselves.
    Entries(Extent),
}

impl TilePath {
    /// Every tile and bundle of a tree of `size` leaves: bundles first, then tiles level by level.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let hashes = (0..=MAX_LEVEL)
            .map(move |level| (level, hashes_at(level, size)))
            .take_while(|(_, count)| *count > 0)
            .flat_map(|(level, count)| Extent::all(count).map(move |extent| Self::Hashes { level, extent }));
        Extent::all(size).map(Self::Entries).chain(hashes)
    }

    /// Whether a tree of `size` leaves has all hashes or entries of this file.
    #[must_use]
    pub fn is_in(self, size: u64) -> bool {
        match self {
            Self::Hashes { level, extent } => extent.end() <= hashes_at(level, size),
            Self::Entries(extent) => extent.end() <= size,
        }
    }
}

/// How many complete hashes tile level `level` has in a tree of `size` leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(TILE_HEIGHT.into())).unwrap_or(0)
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = match self {
            Self::Hashes { level, extent } => {
                write!(f, "tile/{level}/")?;
                extent
            }
            Self::Entries(extent) => {
                f.write_str("tile/entries/")?;
                extent
            }
        };
        write_thousands(f, extent.index, "")?;
        if extent.width < TILE_WIDTH {
            write!(f, ".p/{}", extent.width)?;
        }
        Ok(())
    }
}

/// Writes 1234067 as `x001/x234/067`.
fn write_thousands(f: &mut fmt::Formatter<'_>, index: u64, mark: &str) -> fmt::Result {
    let (rest, group) = (index.wrapping_div(1000), index.wrapping_rem(1000));
    if rest > 0 {
        write_thousands(f, rest, "x")?;
        f.write_str("/")?;
    }
    write!(f, "{mark}{group:03}")
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let parsed = parse_path(path).ok_or(TileError::BadPath)?;
        // The parser is lenient about zeros and marks: only the one spelling comes out again.
        if parsed.to_string() == path { Ok(parsed) } else { Err(TileError::BadPath) }
    }
}

fn parse_path(path: &str) -> Option<TilePath> {
    let (kind, place) = path.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match place.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (place, TILE_WIDTH),
    };
    let digits: String = index.chars().filter(|c| !matches!(c, 'x' | '/')).collect();
    let extent = Extent::new(digits.parse().ok()?, width)?;
    if kind == "entries" {
        return Some(TilePath::Entries(extent));
    }
    let level = kind.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
    Some(TilePath::Hashes { level, extent })
}

impl<S: ReadHashes> Tree<S> {
    /// The bytes of the hash tile at a tile level.
    ///
    /// # Errors
    /// [`TreeError::NoSuchTile`] where the tree does not have the whole of it (see
    /// [`TilePath::is_in`]), [`TreeError::Store`] or [`TreeError::Missing`].
    pub fn hash_tile(&self, level: u8, extent: Extent) -> Result<Vec<u8>, TreeError<S::Error>> {
        if !(TilePath::Hashes { level, extent }).is_in(self.size()) {
            return Err(TreeError::NoSuchTile);
        }
        let level = level.saturating_mul(TILE_HEIGHT);
        let hashes = self.store().get_run(level, extent.start(), extent.width).map_err(TreeError::Store)?;
        if hashes.len() != usize::from(extent.width) {
            let index = extent.start().saturating_add(u64::try_from(hashes.len()).unwrap_or(u64::MAX));
            return Err(TreeError::Missing { level, index });
        }
        Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }
}

/// The hashes of a tile's bytes.
///
/// # Errors
/// [`TileError::WrongLength`] where they are not exactly `width` hashes.
pub fn parse_hash_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LEN }>();
    if !rest.is_empty() || hashes.len() != usize::from(width) {
        return Err(TileError::WrongLength);
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The bytes of a bundle: each entry after its length as a big-endian 16-bit number.
///
/// # Errors
/// [`TileError::EntryTooLarge`].
pub fn entry_bundle<E: AsRef<[u8]>>(entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, TileError> {
    let mut bundle = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLarge { len: entry.len() })?;
        bundle.extend_from_slice(&len.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries of a bundle's bytes.
///
/// # Errors
/// [`TileError::WrongLength`] where they are not exactly `width` entries.
pub fn parse_entry_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut rest = bytes;
    let mut entries = Vec::new();
    for _ in 0..width {
        let (len, tail) = rest.split_first_chunk().ok_or(TileError::WrongLength)?;
        let (entry, tail) = tail.split_at_checked(u16::from_be_bytes(*len).into()).ok_or(TileError::WrongLength)?;
        entries.push(entry);
        rest = tail;
    }
    if rest.is_empty() { Ok(entries) } else { Err(TileError::WrongLength) }
}
