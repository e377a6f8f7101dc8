//! opencode: a plugin, a file that is ours.

use crate::edit::Edit;
use agenttrust_hooks::{Wiring, opencode_plugin};

pub(super) fn hooks(wiring: &Wiring) -> Vec<Edit> {
    vec![Edit::Whole(opencode_plugin(wiring))]
}
