//! What can be wrong with a history.

use agenttrust_protocol::{Hash, Reason};
use serde::Serialize;
use std::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $sentence:literal;)+) => {
        /// A kind of fault that only shows in the history as a whole.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            /// One entry is not worth what it claims.
            Message(Reason),
            $($(#[$doc])+ $name,)+
        }

        impl Fault {
            /// The stable code: a [`Reason`]'s where one message is at fault.
            pub const fn code(self) -> &'static str {
                match self { Fault::Message(reason) => reason.code(), $(Fault::$name => $code),+ }
            }

            /// One sentence for a person.
            pub const fn sentence(self) -> &'static str {
                match self { Fault::Message(reason) => reason.sentence(), $(Fault::$name => $sentence),+ }
            }
        }
    };
}

faults! {
    /// Entry 0 is not the first bundle of the expected domain.
    NoBeginning = "no_beginning", "The history does not begin with the first trust bundle.";
    /// The entry is of a type the log does not hold.
    StrangeEntry = "strange_entry", "The entry is of a type that does not belong into the history.";
    /// The same message stands there before.
    Twice = "twice", "The same message stands in the history twice.";
    /// It names a message that does not stand before it.
    Missing = "missing_entry", "The entry rests on a message that is missing before it.";
    /// The life cycle does not lead there.
    BadStep = "bad_step", "The entry is a step that could not happen then.";
    /// A device's count skips a number or repeats one.
    SequenceGap = "sequence_gap", "A device signed decisions that are missing here, or in another order.";
    /// A claim does not rest on enough approvals.
    NotApproved = "not_approved", "The action was released without the approvals it takes.";
    /// The checkpoint is malformed, or not signed by the log's key.
    BadCheckpoint = "bad_checkpoint", "The checkpoint is not signed by the log's key.";
    /// The checkpoint counts other entries.
    WrongSize = "wrong_size", "The checkpoint counts another number of entries: some were dropped or added.";
    /// The entries do not make the tree that the checkpoint states.
    WrongRoot = "wrong_tree", "The entries are not those that the checkpoint was made over.";
    /// A cosignature in a device's name is wrong.
    BadCosignature = "bad_cosignature", "A device's cosignature does not fit the checkpoint.";
    /// A root that a device has verified is not one of this history.
    Rewritten = "rewritten", "The history is not the one that a device has seen before: it was rewritten or cut.";
    /// The daemon shows something else than the history says.
    Projection = "projection", "The daemon shows another state than follows from the history.";
    /// A file of the export is missing or malformed.
    BadExport = "bad_export", "The exported folder is incomplete or damaged.";
}

/// One fault, and where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The entry, counted from 0.
    pub leaf: Option<u64>,
    /// The message, where it has a name.
    pub message: Option<Hash>,
    /// What exactly.
    pub detail: String,
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            code: &'a str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            entry: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hash: Option<Hash>,
            detail: &'a str,
        }
        let view = View {
            code: self.fault.code(),
            message: self.fault.sentence(),
            entry: self.leaf,
            hash: self.message,
            detail: &self.detail,
        };
        view.serialize(serializer)
    }
}

/// `entry 12: sentence [detail] (code)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(leaf) = self.leaf {
            write!(f, "entry {leaf}: ")?;
        }
        f.write_str(self.fault.sentence())?;
        if !self.detail.is_empty() {
            write!(f, " [{}]", self.detail)?;
        }
        write!(f, " ({})", self.fault.code())
    }
}
