//! A pairing ticket as a QR code.

use crate::failure::Failure;
use agenttrust_protocol::door::Trouble;
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Light modules around the code (ISO/IEC 18004 demands four).
const QUIET: usize = 4;

/// The modules, with their quiet zone.
#[derive(Clone, Debug)]
pub struct Qr {
    width: usize,
    dark: Vec<bool>,
}

/// A QR code to draw: one path in a square.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct QrPath {
    /// The square's side in modules, quiet zone included.
    pub side: usize,
    /// The dark modules as the `d` of an SVG path.
    pub path: String,
}

impl Qr {
    /// The code of a text.
    ///
    /// # Errors
    /// `body_too_large` if the text is longer than a QR code holds.
    pub fn of(text: &str) -> Result<Qr, Failure> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L);
        let code = code.map_err(|error| Failure::new(Trouble::BodyTooLarge, error.to_string()))?;
        let (inner, modules) = (code.width(), code.into_colors());
        let width = inner.saturating_add(2 * QUIET);
        let mut dark = vec![false; width * width];
        for (at, module) in modules.into_iter().enumerate() {
            let place = (at / inner + QUIET) * width + at % inner + QUIET;
            if let Some(cell) = dark.get_mut(place) {
                *cell = module == Color::Dark;
            }
        }
        Ok(Qr { width, dark })
    }

    /// Modules in a row, quiet zone included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether a module is dark; outside the code everything is light.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && self.dark.get(y * self.width + x).copied().unwrap_or(false)
    }

    /// The dark modules, row by row, a run of them at a time.
    pub fn path(&self) -> QrPath {
        let mut path = String::new();
        for y in 0..self.width {
            let mut x = 0;
            while x < self.width {
                let run = (x..self.width).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    // Writing to a `String` cannot fail.
                    let _infallible = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        QrPath { side: self.width, path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_has_every_dark_module_and_no_other() {
        let qr = Qr::of("agenttrust://pair/AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIB").unwrap();
        let QrPath { side, path } = qr.path();
        let mut drawn = vec![false; side * side];
        for run in path.split('z').filter(|run| !run.is_empty()) {
            let (at, rest) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let length: usize = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            drawn[y * side + x..y * side + x + length].fill(true);
        }
        assert_eq!(drawn, qr.dark);
        assert!((0..side).all(|at| !qr.is_dark(at, 0) && !qr.is_dark(0, at) && !qr.is_dark(side, at)));
    }

    #[test]
    fn too_much_is_told() {
        assert_eq!(Qr::of(&"x".repeat(4000)).unwrap_err().code(), "body_too_large");
    }
}
