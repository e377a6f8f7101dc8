//! Cards and snapshots for this package's tests.

use agenttrust_device::CardView;
use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::console::{Hash, News};
use serde_json::{Value, from_value, json, to_value};

/// A hash that is as good as any other.
pub fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 32])
}

/// A card of the agent `invoice-bot` that calls `pay`.
pub fn card(number: u8, phase: Phase) -> CardView {
    card_of(number, phase, "invoice-bot", "pay")
}

/// A card of this agent that calls this tool.
pub fn card_of(number: u8, phase: Phase, agent: &str, tool: &str) -> CardView {
    let view = json!({
        "id": hash(number), "phase": phase, "state": "pending", "shown": hash(0), "fields": [], "json": "{}",
        "blocked": null, "required_uv": null, "approvers": 1, "decisions": [], "change": null,
        "display": {
            "card": hash(number), "tool": text(tool), "server": null, "pinned": false,
            "who": {
                "agent": text(agent), "key": hash(9), "program": text("test"), "enrolled_program": null,
                "folder": text("/tmp"), "host": text("laptop"), "is_new": false
            },
            "task": null, "arguments": {"items": [], "shown": 0}, "edits": null,
            "story": {"title": null, "target": null, "reason": null}, "risk": {"agent_says": null},
            "asked": 0, "deadline": 60, "group": null, "beyond_grant": false
        }
    });
    from_value(view).expect("a card")
}

fn text(words: &str) -> Value {
    use agenttrust_device::approver::display::{Care, Text};
    to_value(Text::line(words, Care::Name)).expect("a text")
}

/// The news of a running device with these cards.
pub fn ready(cards: Vec<CardView>) -> News {
    let snapshot = json!({
        "me": null, "connection": {"line": "connected", "relayed": false}, "cards": cards, "agents": [],
        "joiner": null, "log": null, "log_trouble": null, "clock_ahead": 0,
        "trust": {
            "tdid": hash(7), "fingerprint": "", "version": 1, "devices": [],
            "standing": {"standing": "fresh", "until": 60}, "paused_all": false, "paused": [], "recovery_at": null
        }
    });
    let stage = json!({"stage": "ready", "snapshot": snapshot, "daemon": {"daemon": "running", "paired": true}});
    News::Stage { stage: Box::new(from_value(stage).expect("a stage")) }
}
