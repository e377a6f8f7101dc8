//! Drawing a pairing ticket as a QR code: for a terminal, as SVG, as PNG.

use crate::failure::{Exit, Failure, Outcome};

/// Pixels a module is wide in a PNG: large enough for a screen, small enough for a mail.
const SCALE: usize = 8;

/// The modules, with their quiet zone.
#[derive(Clone, Debug)]
pub struct Qr(agenttrust_device::Qr);

impl Qr {
    /// The code of a text.
    ///
    /// # Errors
    /// If the text is longer than a QR code holds.
    pub fn of(text: &str) -> Outcome<Qr> {
        Ok(Qr(agenttrust_device::Qr::of(text)?))
    }

    /// Columns it takes in a terminal.
    pub fn columns(&self) -> usize {
        self.0.width()
    }

    /// Two modules a character. With colours it is black on white whatever the terminal's theme is; without, light
    /// modules are drawn, which suits a dark background.
    pub fn terminal(&self, color: bool) -> String {
        let mut text = String::new();
        for y in (0..self.0.width()).step_by(2) {
            if color {
                text.push_str("\x1b[38;5;16;48;5;231m");
            }
            for x in 0..self.0.width() {
                // Below the last row of an odd code there is more light.
                let (upper, lower) = (self.0.is_dark(x, y) == color, self.0.is_dark(x, y + 1) == color);
                text.push(match (upper, lower) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str(if color { "\x1b[0m\n" } else { "\n" });
        }
        text
    }

    /// An SVG of one path.
    pub fn svg(&self) -> String {
        let agenttrust_device::QrPath { side, path } = self.0.path();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <title>AgentTrust pairing code</title><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
             <path d=\"{path}\"/></svg>\n"
        )
    }

    /// A PNG in grey.
    ///
    /// # Errors
    /// If the picture cannot be encoded.
    pub fn png(&self) -> Outcome<Vec<u8>> {
        let side = self.0.width() * SCALE;
        let mut pixels = Vec::with_capacity(side * side);
        for y in 0..side {
            pixels.extend((0..side).map(|x| if self.0.is_dark(x / SCALE, y / SCALE) { 0_u8 } else { 255 }));
        }
        let failed = |error: png::EncodingError| Failure::own("qr_failed", Exit::Failed, error.to_string(), "");
        let mut bytes = Vec::new();
        let side = u32::try_from(side).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "agenttrust://pair/AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEBAGBAFAYDQ";

    fn read(side: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        let scale = 4;
        let grey = |x, y| if dark(x / scale, y / scale) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * scale, side * scale, grey);
        let grids = image.detect_grids();
        grids.first().expect("a code is found").decode().expect("it can be read").1
    }

    #[test]
    fn a_reader_reads_what_the_terminal_shows() {
        for color in [true, false] {
            let drawn = Qr::of(TEXT).unwrap().terminal(color);
            let plain = drawn.replace("\x1b[38;5;16;48;5;231m", "").replace("\x1b[0m", "");
            let rows: Vec<Vec<char>> = plain.lines().map(|line| line.chars().collect()).collect();
            let side = rows[0].len();
            let is_dark = |x: usize, y: usize| {
                let set = match rows[y / 2][x] {
                    '█' => true,
                    '▀' => y.is_multiple_of(2),
                    '▄' => !y.is_multiple_of(2),
                    _ => false,
                };
                set == color
            };
            assert_eq!(read(side, is_dark), TEXT);
        }
    }

    #[test]
    fn a_reader_reads_the_png() {
        let qr = Qr::of(TEXT).unwrap();
        let bytes = qr.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let side = reader.next_frame(&mut pixels).unwrap().width as usize;
        assert_eq!(side, qr.columns() * SCALE);
        assert_eq!(read(qr.columns(), |x, y| pixels[y * SCALE * side + x * SCALE] == 0), TEXT);
    }

    #[test]
    fn too_much_is_told() {
        assert_eq!(Qr::of(&"x".repeat(4000)).unwrap_err().code(), "body_too_large");
    }
}
