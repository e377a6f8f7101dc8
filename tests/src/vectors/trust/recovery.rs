//! Bundles signed by the recovery key: they count 72 hours after they were first seen, unless an admin objects.

use super::{Case, next, next_by};
use crate::cast::{Cast, DeviceKeys, NOW, hash};
use crate::forge::{id, random};
use agenttrust_protocol::Head;
use agenttrust_protocol::envelope::Unsigned;
use agenttrust_protocol::message::{Bundle, Nothing};
use serde_json::json;

const HOUR: i64 = 3600;

pub(super) fn cases(cast: &Cast) -> Vec<Case> {
    let watch = DeviceKeys::new("watch", "first", &["admin", "approver"], false);
    let (signed, alone) = (recovered(cast, &watch, true), recovered(cast, &watch, false));
    let objection = next(cast, "objection", |bundle| bundle.devices.retain(|device| device.name != "laptop"));
    let by_watch =
        next_by(cast, "by the watch", &[&watch.approval], |bundle| bundle.devices = vec![watch.entry.clone()]);
    let case = |name: &str, why: &str, bundles: &[&str], expect: &str, settled: Option<(i64, u64)>| {
        let bundles: Vec<&str> = std::iter::once(cast.bundle.as_str()).chain(bundles.iter().copied()).collect();
        let mut content = json!({"bundles": bundles, "statuses": [], "now": NOW, "expect": expect});
        if let Some((seconds, version)) = settled {
            content["settled"] = json!([NOW.plus(seconds), version]);
        }
        Case::new("trust", &format!("recovery-{name}"), why, content)
    };
    vec![
        case("waits", "signed by the recovery key and the new admins", &[&signed], "ok", Some((0, 1))),
        case("after-71-hours", "it still waits", &[&signed], "ok", Some((71 * HOUR, 1))),
        case("a-second-early", "it still waits", &[&signed], "ok", Some((72 * HOUR - 1, 1))),
        case("after-72-hours", "it counts", &[&signed], "ok", Some((72 * HOUR, 2))),
        case("seen-again", "that makes it neither older nor younger", &[&signed, &signed], "ok", Some((72 * HOUR, 2))),
        case("replaced", "an admin objects in time", &[&signed, &objection], "ok", Some((1000 * HOUR, 2))),
        case("too-late", "an admin was first", &[&objection, &signed], "stale_trust", None),
        case("after-objection", "the rival is refused", &[&signed, &objection, &signed], "stale_trust", None),
        case("alone", "without the new admins", &[&alone], "quorum", None),
        case("by-nobody", "the new admins without the recovery key", &[&by_watch], "quorum", None),
    ]
}

/// A bundle with only the watch in it, signed by the recovery key and perhaps the watch.
fn recovered(cast: &Cast, watch: &DeviceKeys, with_new: bool) -> String {
    let body = Bundle {
        version: 2,
        prev: Some(hash::<Bundle>(&cast.bundle)),
        devices: vec![watch.entry.clone()],
        ..cast.bundle_body()
    };
    let head = Head { jti: id("recovered"), iat: NOW, tdid: cast.tdid() };
    let unsigned = Unsigned::new(&head, &body, &Nothing {}, &mut random("recovered"));
    let new = with_new.then(|| unsigned.part(&watch.approval));
    unsigned.join(new.into_iter().chain([unsigned.recovery_part(&cast.recovery)]).collect()).into_string()
}
