//! Answers that are none.

use super::{ATTACK, Act, Attack, Wire};
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::message::{Decision, Message};

pub(super) const ALL: &[Attack] = &[
    Attack {
        name: "not-http",
        does: "does not speak HTTP",
        expect: &["daemon_down"],
        wire: Some(Wire::Once(b"SSH-2.0-OpenSSH_9.6\r\n")),
        ..ATTACK
    },
    Attack {
        name: "truncated",
        does: "breaks off in the middle of its answer",
        expect: &["daemon_down"],
        wire: Some(Wire::Once(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{\"state\":\"ok\",",
        )),
        ..ATTACK
    },
    Attack {
        name: "endless",
        does: "never ends its answer",
        expect: &["daemon_down"],
        wire: Some(Wire::Forever(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1099511627776\r\n\r\n{\"state\":\"",
            b"a",
        )),
        ..ATTACK
    },
    Attack {
        name: "garbage",
        does: "answers what is not JSON",
        expect: &["bad_request"],
        tamper: |_, _, _| Act::Body("<html>approved</html>"),
        ..ATTACK
    },
    Attack {
        name: "extra-member",
        does: "adds a member to its answer that the protocol does not know",
        expect: &["bad_request"],
        tamper: |_, call, reply| match call.is("GET", "/v1/requests/*") {
            true => Act::Body(r#"{"state":"approved","messages":[],"approved":true}"#),
            false => Act::Reply(reply),
        },
        ..ATTACK
    },
    Attack {
        name: "unknown-state",
        does: "calls the request by a state that the protocol does not know",
        expect: &["bad_request"],
        tamper: |_, call, mut reply| {
            if call.is("GET", "/v1/requests/*") {
                reply.state = "granted".to_owned();
            }
            Act::Reply(reply)
        },
        ..ATTACK
    },
    Attack {
        name: "nonsense-decision",
        does: "presents a decision that is no message at all",
        expect: &["bad_header", "bad_form"],
        tamper: |_, _, mut reply| {
            let decision = |text: &&mut String| typ_of(text).as_deref() == Some(Decision::TYP);
            reply.messages.iter_mut().filter(decision).for_each(|text| *text = "approved".to_owned());
            Act::Reply(reply)
        },
        ..ATTACK
    },
];
