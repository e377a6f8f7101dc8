//! `steps`: one agent's side over several asks, against a daemon that answers as told; what no single message decides.
//!
//! Each step is a process of its own on the same record. `ask` names the action; the person approves it unless
//! `person` is `nobody`, in which case the process is killed while it waits. The daemon answers the claim with
//! `claim`: `claimed`, `refused` (an error), `approved` (another state), or `lost` (no answer ever), and `known` makes it
//! say of the request that it is in this state already. With `tool`, that is the digest of the tool's definition when
//! the call is about to run. `result` of a step is `ok`, `killed` or the reason of refusal, and `expect` the last one.

use super::Case;
use agenttrust_protocol::Hash;
use serde_json::{Value, json};

fn case(name: &str, why: &str, steps: &[Value]) -> Case {
    let expect = steps.last().map(|step| step["result"].clone());
    Case::new("steps", name, why, json!({"steps": steps, "expect": expect}))
}

fn ask(call: &str, amount: &str) -> Value {
    let arguments = format!(r#"{{"to":"acme","amount":{amount}}}"#);
    json!({"ask": {"tool": "pay", "arguments": arguments, "call": call}})
}

/// A step with more members.
fn with(mut step: Value, more: Value, result: &str) -> Value {
    let (Value::Object(step_members), Value::Object(more)) = (&mut step, more) else { panic!("objects") };
    step_members.extend(more);
    step_members.insert("result".to_owned(), json!(result));
    step
}

fn pinned(call: &str, digest: &str) -> Value {
    let mut step = ask(call, "120");
    step["ask"]["digest"] = json!(digest);
    step
}

pub(super) fn cases() -> Vec<Case> {
    let plain = |call: &str, amount: &str, result: &str| with(ask(call, amount), json!({}), result);
    let claim = |how: &str, result: &str| with(ask("call-1", "120"), json!({ "claim": how }), result);
    let (before, after) = (Hash::of(b"pays").to_string(), Hash::of(b"pays somebody else").to_string());
    let mut cases = vec![
        case("once", "an approval lets it run once", &[plain("call-1", "120", "ok")]),
        case("twice", "the same call again", &[plain("call-1", "120", "ok"), plain("call-1", "120", "spent")]),
        case(
            "twice-spelt-otherwise",
            "equal arguments are the same call",
            &[plain("call-1", "120", "ok"), plain("call-1", "1.2e2", "spent")],
        ),
        case(
            "other-arguments",
            "other arguments are another call",
            &[plain("call-1", "120", "ok"), plain("call-1", "121", "ok")],
        ),
        case("other-call", "another id is another call", &[plain("call-1", "120", "ok"), plain("call-2", "120", "ok")]),
        case(
            "resumed",
            "a call that waits is found again and runs once",
            &[
                with(ask("call-1", "120"), json!({"person": "nobody"}), "killed"),
                plain("call-1", "120", "ok"),
                plain("call-1", "120", "spent"),
            ],
        ),
    ];
    cases.extend(["claimed", "executed", "unknown"].map(|state| {
        let step = with(ask("call-1", "120"), json!({ "known": state }), "spent");
        case(&format!("known-{state}"), "somebody else used it", &[step])
    }));
    cases.extend(
        ["refused", "approved", "lost"]
            .map(|how| case(&format!("claim-{how}"), "only `claimed` lets it run", &[claim(how, "claim_refused")])),
    );
    cases.push(case(
        "claim-refused-then-again",
        "after a claim that was not granted it never runs",
        &[claim("refused", "claim_refused"), plain("call-1", "120", "spent")],
    ));
    let now = |step: Value, tool: &str, result: &str| with(step, json!({ "tool": tool }), result);
    cases.extend([
        case("tool-same", "the tool is the one that was shown", &[now(pinned("call-1", &before), &before, "ok")]),
        case(
            "tool-changed-before-the-run",
            "it changed while the person decided",
            &[now(pinned("call-1", &before), &after, "tool_changed")],
        ),
        case(
            "tool-never-shown",
            "nobody was shown that definition",
            &[now(ask("call-1", "120"), &after, "tool_changed")],
        ),
        case(
            "tool-changed-while-waiting",
            "a call that waits is not resumed for another tool",
            &[
                with(pinned("call-1", &before), json!({"person": "nobody"}), "killed"),
                with(pinned("call-1", &after), json!({}), "tool_changed"),
            ],
        ),
        case(
            "tool-changed-asked-anew",
            "then it is asked for the tool as it is now",
            &[
                with(pinned("call-1", &before), json!({"person": "nobody"}), "killed"),
                with(pinned("call-1", &after), json!({}), "tool_changed"),
                now(pinned("call-1", &after), &after, "ok"),
            ],
        ),
        case(
            "tool-changed-after-the-run",
            "one call runs once, whatever its tool became",
            &[with(pinned("call-1", &before), json!({}), "ok"), with(pinned("call-1", &after), json!({}), "spent")],
        ),
    ]);
    cases
}
