//! Callers the local doors are not for: another user, a web page.

use agenttrust_tests::kit::{Daemon, program};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// `nobody`.
const STRANGER: u32 = 65_534;

/// What an agent of this user is answered.
fn asked_by(uid: u32, program: &Path, state: &Path, socket: &Path) -> String {
    let mut command = Command::new(program);
    command.arg("--state").arg(state).arg("--socket").arg(socket).arg("once").uid(uid).gid(uid);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn another_user_is_kept_out_by_the_files_and_by_the_daemon() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: to be another user needs root");
        return;
    }
    let daemon = Daemon::spawn();
    let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
    mode(folder.path(), 0o755);
    // The build's own folder need not be one that strangers can reach.
    let agent = folder.path().join("agent");
    std::fs::copy(program("load-agent"), &agent).unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    chown(&state, Some(STRANGER), Some(STRANGER)).unwrap();

    let socket = daemon.agent_socket();
    assert_eq!(asked_by(STRANGER, &agent, &state, &socket), "daemon_down", "the folder is closed");
    for path in [daemon.data().parent().unwrap(), daemon.data()] {
        mode(path, 0o755);
    }
    assert_eq!(asked_by(STRANGER, &agent, &state, &socket), "daemon_down", "the socket is closed");
    mode(&socket, 0o666);
    assert_eq!(asked_by(STRANGER, &agent, &state, &socket), "peer_refused", "the kernel names the caller");
    let own = folder.path().join("own");
    assert_eq!(asked_by(0, &agent, &own, &socket), "unpaired", "the daemon's own user is let in");
}

/// One call with these headers: the status and the body.
fn knock(socket: &Path, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[test]
fn a_web_page_is_refused_whatever_it_sends() {
    let daemon = Daemon::spawn();
    let doors = [("agent.sock", "/v1/trust", "/v1/requests"), ("host.sock", "/v1/status", "/v1/pairings")];
    let browsers = [
        "host: localhost\r\norigin: https://evil.example\r\n",
        "host: localhost\r\norigin: null\r\n",
        "host: localhost\r\norigin: http://localhost\r\n",
        "host: evil.example\r\norigin: http://evil.example\r\n",
        "host: localhost\r\nsec-fetch-site: cross-site\r\n",
        "host: localhost\r\nsec-fetch-site: same-origin\r\n",
        "host: localhost\r\nsec-fetch-mode: no-cors\r\n",
        "host: localhost\r\nSec-Fetch-Dest: image\r\nOrigin: file://\r\n",
    ];
    // What a page may send to a stranger without being asked: the forms' types, and none.
    let types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""];
    for (door, read, write) in doors {
        let socket = daemon.data().join(door);
        for headers in browsers {
            for (method, path) in [("GET", read), ("POST", write), ("OPTIONS", write), ("DELETE", write)] {
                let (status, answer) = knock(&socket, method, path, headers, "");
                assert!(status == 403 && answer.contains("browser_refused"), "{method} {headers:?}: {answer}");
                assert!(!answer.to_ascii_lowercase().contains("access-control-"), "{answer}");
            }
        }
        for media_type in types {
            let line = if media_type.is_empty() { String::new() } else { format!("content-type: {media_type}\r\n") };
            let (status, answer) =
                knock(&socket, "POST", write, &format!("host: localhost\r\n{line}"), "{\"local\":true}");
            assert!(status == 400 && answer.contains("bad_request"), "{media_type}: {answer}");
        }
    }
    let (status, pairing) = daemon.host("GET", "/v1/pairings", "");
    assert_eq!(status, 404, "a page started a pairing: {pairing}");
}
