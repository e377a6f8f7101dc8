//! A hundred thousand requests that wait, put there by an agent that speaks the door's language itself.

use super::machine::resident;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Agent, SecretKey};
use agenttrust_protocol::message::{
    Action, AgentCert, AgentKind, Enroll, Facts, Message, Nothing, Request, RequestContent, Session, SessionContent,
};
use agenttrust_protocol::{Hash, Head, Random, Signed, Time};
use agenttrust_tests::cast::{hash, object};
use agenttrust_tests::forge::random;
use agenttrust_tests::kit::World;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Requests that wait at the end.
pub const COUNT: usize = 100_000;

const THREADS: usize = 8;

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Time(i64::try_from(since.as_secs()).expect("a clock before the end of time"))
}

/// A connection that is kept.
struct Line(BufReader<UnixStream>);

impl Line {
    fn open(socket: &Path) -> Line {
        Line(BufReader::new(UnixStream::connect(socket).expect("the daemon listens")))
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Value {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/jose\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(head.as_bytes()).expect("it is sent");
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).expect("an answer");
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }
}

struct Asker {
    key: SecretKey<Agent>,
    tdid: Tdid,
    cert: Hash,
    session: Hash,
}

fn sign<M: Message<Signer = Agent>>(
    key: &SecretKey<Agent>,
    tdid: Option<Tdid>,
    body: &M,
    content: &M::Content,
    mut random: impl Random,
) -> String {
    let head = Head::new(&mut random, now(), tdid);
    Signed::sign(key, &head, body, content, &mut random).into_string()
}

impl Asker {
    /// Enrols; the person has to be there.
    fn enrol(socket: &Path, tdid: Tdid) -> Asker {
        let key = SecretKey::<Agent>::from_seed(&[9; 32]);
        let (name, program) = ("Crowd".to_owned(), "bench".to_owned());
        let enroll = Enroll { key: key.public(), name, program, kind: AgentKind::Sdk };
        let enroll = sign(&key, None, &enroll, &Nothing {}, random("enroll"));
        let mut line = Line::open(socket);
        line.call("POST", "/v1/enroll?queue=true", &enroll);
        let reply = line.call("GET", &format!("/v1/enroll/{}?wait=20", hash::<Enroll>(&enroll)), "");
        let cert = hash::<AgentCert>(reply["messages"][0].as_str().expect("a certificate"));
        let sid = "0198c2f0-7a00-7000-8000-000000000001".parse().expect("a session id");
        let facts = Facts { cwd: "/".to_owned(), host: "bench".to_owned(), program: "bench".to_owned() };
        let content = SessionContent { facts, task: None };
        let session = sign(&key, Some(tdid), &Session { cert, sid, parent: None }, &content, random("session"));
        line.call("POST", "/v1/sessions", &session);
        Asker { key, tdid, cert, session: hash::<Session>(&session) }
    }

    fn request(&self, number: usize) -> String {
        let body = Request {
            cert: self.cert,
            session: self.session,
            action: Action { tool: "pay_invoice".parse().expect("a tool"), server: None, digest: None },
            risk: None,
            grant: None,
            group: None,
            call: None,
            exp: now().plus(3600),
        };
        let arguments = object(&format!(r#"{{"payee":"DE02120300000000202051","amount":{number}}}"#));
        let content = RequestContent { arguments, title: None, target: None, reason: None };
        sign(&self.key, Some(self.tdid), &body, &content, random(&format!("request {number}")))
    }
}

/// Memory before, memory after, and requests a second on the way.
pub fn measure(world: &World, tdid: Tdid, leave: impl FnOnce()) -> (f64, f64, f64) {
    let socket = world.daemon.agent_socket();
    let asker = Asker::enrol(&socket, tdid);
    leave();
    let before = resident(world.daemon.pid());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (asker, socket) = (&asker, &socket);
            scope.spawn(move || {
                let mut line = Line::open(socket);
                for number in (thread..COUNT).step_by(THREADS) {
                    let reply = line.call("POST", "/v1/requests?queue=true", &asker.request(number));
                    assert_eq!(reply["state"], "pending", "{reply}");
                }
            });
        }
    });
    let rate = COUNT as f64 / began.elapsed().as_secs_f64();
    (before, resident(world.daemon.pid()), rate)
}
