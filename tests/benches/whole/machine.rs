//! What it runs on, and what its parts take.

use super::series::Series;
use ed25519_dalek::{Signer, SigningKey};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// One line about the machine.
pub fn describe(folder: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (cpu, memory) = (field("/proc/cpuinfo", "model name"), field("/proc/meminfo", "MemTotal"));
    let kernel = output("uname", &["-sr"]);
    let disk = output("stat", &["-f", "-c", "%T", folder.to_str().unwrap_or("/tmp")]);
    format!("{cores} cores, {cpu}, {memory} RAM, {kernel}, file system {disk}, fsync on")
}

/// Signing, verifying and reaching the disk.
pub fn primitives(folder: &Path) -> [(&'static str, Series); 3] {
    let key = SigningKey::from_bytes(&[7; 32]);
    let message = [b'x'; 900];
    let (mut sign, mut verify, mut sync) = (Series::default(), Series::default(), Series::default());
    let mut file = std::fs::File::create(folder.join("fsync")).expect("a file");
    for _ in 0..2000 {
        let began = Instant::now();
        let signature = key.sign(&message);
        sign.push(began.elapsed());
        let began = Instant::now();
        key.verifying_key().verify_strict(&message, &signature).expect("it verifies");
        verify.push(began.elapsed());
    }
    for _ in 0..500 {
        let began = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("the disk takes it");
        sync.push(began.elapsed());
    }
    [("Ed25519 sign, 900 bytes", sign), ("Ed25519 strict verify", verify), ("append 4 KiB and fdatasync", sync)]
}

/// A process's resident memory in MB.
pub fn resident(pid: u32) -> f64 {
    let kilobytes = field(&format!("/proc/{pid}/status"), "VmRSS");
    kilobytes.split(' ').next().and_then(|number| number.parse::<f64>().ok()).expect("a number") / 1024.0
}

/// A process's memory in MB, with its share of what it holds together with others.
pub fn proportional(pid: u32) -> f64 {
    let kilobytes = field(&format!("/proc/{pid}/smaps_rollup"), "Pss");
    kilobytes.split(' ').next().and_then(|number| number.parse::<f64>().ok()).expect("a number") / 1024.0
}

/// A process's CPU time so far, in clock ticks of 10 ms.
pub fn ticks(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    number(11) + number(12)
}
