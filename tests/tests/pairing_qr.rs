//! Pairing by QR code: what is drawn is read by decoders that are not ours, and the digits decide.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::{Introduction, KeyStore, join};
use agenttrust_tests::kit::{Desk, PIN, Phone, Terminal, scan, shown_ticket};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// The text in a picture of square modules.
fn read(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
    let scale = 4;
    let grey = |x, y| if is_dark(x / scale, y / scale) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * scale, side * scale, grey);
    image.detect_grids().first().expect("a code is found").decode().expect("it can be read").1
}

/// The text in what a terminal shows in half blocks; `ink` is whether they are the dark modules.
fn read_screen(terminal: &Terminal, ink: bool) -> String {
    let is_block = |c: char| matches!(c, '█' | '▀' | '▄');
    let rows: Vec<Vec<char>> = terminal.screen().lines().map(|line| line.chars().collect()).collect();
    let is_drawn = |row: &&Vec<char>| row.len() > 20 && row.iter().all(|c| is_block(*c) || *c == ' ');
    let rows: Vec<Vec<char>> = rows.iter().filter(is_drawn).cloned().collect();
    let side = rows.first().expect("a code is drawn").len();
    assert!(side <= 100 && rows.len() <= 40, "it fits the terminal");
    read(side, |x, y| {
        let set = match rows.get(y / 2).and_then(|row| row.get(x)) {
            Some('█') => true,
            Some('▀') => y.is_multiple_of(2),
            Some('▄') => !y.is_multiple_of(2),
            _ => false,
        };
        set == ink
    })
}

fn read_png(path: &Path) -> String {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let side = reader.next_frame(&mut pixels).unwrap().width as usize;
    read(side, |x, y| pixels[y * side + x] == 0)
}

fn read_svg(path: &Path) -> String {
    let svg = std::fs::read_to_string(path).unwrap();
    let side = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let d = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let runs = d.split('M').skip(1).flat_map(|run| {
        let (at, rest) = run.split_once('h').unwrap();
        let (x, y) = at.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = rest.split('v').next().unwrap().parse().unwrap();
        (x..x + length).map(move |x| (x, y))
    });
    let dark: std::collections::BTreeSet<(usize, usize)> = runs.collect();
    read(side, |x, y| dark.contains(&(x, y)))
}

fn read_with_zbar(path: &Path) -> String {
    let output = Command::new("zbarimg").args(["--raw", "--quiet"]).arg(path).output();
    let output = output.expect("zbarimg of zbar-tools: scripts/setup test");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Six digits that are not these.
fn other(digits: &str) -> String {
    let number: u32 = digits.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

fn is_paired(desk: &Desk) -> bool {
    desk.daemon.host("GET", "/v1/status", "").1["devices"] == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn every_drawing_of_the_code_holds_the_ticket() {
    let desk = Desk::bare();
    let (svg, png) = (desk.path("code.svg"), desk.path("code.png"));
    let mut terminal = desk.run(&["pair", "--svg", svg.to_str().unwrap(), "--png", png.to_str().unwrap()]);
    let ticket = shown_ticket(&mut terminal);
    assert_eq!(read_screen(&terminal, true), ticket);
    assert_eq!(read_png(&png), ticket);
    assert_eq!(read_with_zbar(&png), ticket);
    assert_eq!(read_svg(&svg), ticket);
    terminal.send("\x03");
    assert_eq!(terminal.end(), 130, "{}", terminal.plain());

    let mut plain = desk.run_with(&["pair"], &[("NO_COLOR", OsStr::new("1"))]);
    let second = shown_ticket(&mut plain);
    assert_ne!(second, ticket, "a ticket is good for one try");
    assert_eq!(read_screen(&plain, false), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digits_of_the_phone_pair_it() {
    let desk = Desk::bare();
    let mut terminal = desk.run(&["pair"]);
    shown_ticket(&mut terminal);
    let (digits, joining) = scan(&desk.path("phone"), &read_screen(&terminal, true)).await;
    assert!(!is_paired(&desk), "not before the digits");
    terminal.wait_for("“Ann's phone” wants to be the first one").wait_for("Type the six digits");
    terminal.line("12").wait_for("That is not six digits.").wait_for("Type the six digits");
    let grouped = digits.split_at(3);
    terminal.line(&format!("{} {}", grouped.0, grouped.1));
    terminal.wait_for("Paired.");
    assert_eq!(terminal.end(), 0);
    joining.await.unwrap().unwrap();
    assert!(is_paired(&desk));
    let phone = Phone::open(&desk.path("phone"), Phone::config()).await;
    assert_eq!(phone.device.snapshot().me.unwrap().name, "Ann's phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_digits_pair_nobody() {
    let desk = Desk::bare();
    let mut terminal = desk.run(&["pair"]);
    let ticket = shown_ticket(&mut terminal);
    let (digits, joining) = scan(&desk.path("phone"), &ticket).await;
    terminal.wait_for("Type the six digits").line(&other(&digits));
    assert_eq!(terminal.end(), 4, "{}", terminal.plain());
    assert!(terminal.plain().contains("(digits_wrong)"), "{}", terminal.plain());
    assert!(joining.await.unwrap().is_err());
    assert!(!is_paired(&desk));
    let again = Introduction { name: "Ann's phone".to_owned(), owner: "ann".to_owned(), local: false };
    let late = join(&desk.path("again"), KeyStore::File, &ticket, again, &Phone::config(), |_| ()).await;
    assert!(late.is_err(), "a ticket is good for one try");
    assert!(!is_paired(&desk));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_lets_a_phone_in() {
    let desk = Desk::new();
    let terminal = desk.let_in(&desk.path("phone")).await;
    assert!(!terminal.plain().contains(PIN));
    assert_eq!(desk.daemon.host("GET", "/v1/status", "").1["devices"], 2);
}
