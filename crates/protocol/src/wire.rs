//! How typed values are read from strict JSON and written to it: every member named once, unknown ones refused.

use crate::json::{Object, Value, write_string};

/// A value with one wire form. `read` answers `None` for anything that is not exactly that form.
pub trait Wire: Sized {
    /// Reads the value.
    fn read(value: &Value) -> Option<Self>;
    /// Writes the value as JSON.
    fn write(&self, out: &mut String);
    /// What a missing member stands for, if it may be missing.
    fn absent() -> Option<Self> {
        None
    }
    /// Whether the member is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A set of named members: a payload's own, a nested object's, or the disclosures of a message.
pub trait Record: Sized {
    /// The member names, in the order in which they are written.
    const NAMES: &'static [&'static str];
    /// Takes the members out of an object.
    fn take(members: &mut Members<'_>) -> Option<Self>;
    /// Hands every present member to `put`, as its name and its JSON text.
    fn each(&self, put: &mut dyn FnMut(&'static str, String));
}

/// The members of an object while they are being read.
pub struct Members<'a> {
    object: &'a Object,
    taken: usize,
}

impl<'a> Members<'a> {
    pub(crate) fn new(object: &'a Object) -> Members<'a> {
        Members { object, taken: 0 }
    }

    /// Reads one member; `None` if it is missing or malformed.
    pub fn take<T: Wire>(&mut self, name: &str) -> Option<T> {
        match self.object.get(name) {
            Some(value) => {
                self.taken = self.taken.saturating_add(1);
                T::read(value)
            }
            None => T::absent(),
        }
    }

    /// Whether every member has been taken: names are distinct, so counting is enough.
    pub(crate) fn is_done(&self) -> bool {
        self.taken == self.object.len()
    }
}

/// Reads a record that owns the whole object.
pub(crate) fn read_record<T: Record>(object: &Object) -> Option<T> {
    let mut members = Members::new(object);
    let record = T::take(&mut members)?;
    members.is_done().then_some(record)
}

/// Writes one member, with the comma before it where one is due.
pub(crate) fn write_member(out: &mut String, name: &str, text: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    quote(out, name);
    out.push(':');
    out.push_str(text);
}

/// Writes a JSON string.
pub(crate) fn quote(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _infallible = write_string(out, text);
}

pub(crate) fn text<T: Wire>(value: &T) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// Declares a struct whose fields are the members of a JSON object.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident $(as $wire:literal)?: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty,)* }

        impl $crate::wire::Record for $name {
            const NAMES: &'static [&'static str] = &[$($crate::wire::wire_name!($field $($wire)?)),*];

            #[allow(unused_variables, reason = "a record may have no members")]
            fn take(members: &mut $crate::wire::Members<'_>) -> Option<$name> {
                Some($name { $($field: members.take($crate::wire::wire_name!($field $($wire)?))?,)* })
            }

            #[allow(unused_variables, reason = "a record may have no members")]
            fn each(&self, put: &mut dyn FnMut(&'static str, String)) {
                $(if !$crate::wire::Wire::is_absent(&self.$field) {
                    put($crate::wire::wire_name!($field $($wire)?), $crate::wire::text(&self.$field));
                })*
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: &$crate::json::Value) -> Option<$name> {
                $crate::wire::read_record(value.as_object()?)
            }
            fn write(&self, out: &mut String) {
                let mut object = String::from("{");
                $crate::wire::Record::each(self, &mut |name, text| $crate::wire::write_member(&mut object, name, &text));
                out.push_str(&object);
                out.push('}');
            }
        }
    };
}

macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

/// Declares an enum whose values are fixed words.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
        pub enum $name { $($(#[$word_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::hash::BadText;
            fn from_str(text: &str) -> Result<$name, $crate::hash::BadText> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::hash::BadText(stringify!($name))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: &$crate::json::Value) -> Option<$name> {
                value.as_str()?.parse().ok()
            }
            fn write(&self, out: &mut String) {
                $crate::wire::quote(out, self.as_str());
            }
        }
    };
}

pub(crate) use {record, wire_name, words};

impl Wire for String {
    fn read(value: &Value) -> Option<String> {
        value.as_str().map(str::to_owned)
    }
    fn write(&self, out: &mut String) {
        quote(out, self);
    }
}

impl Wire for bool {
    fn read(value: &Value) -> Option<bool> {
        if let Value::Bool(b) = value { Some(*b) } else { None }
    }
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Wire for u64 {
    fn read(value: &Value) -> Option<u64> {
        value.as_integer()?.try_into().ok()
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Wire for Value {
    fn read(value: &Value) -> Option<Value> {
        Some(value.clone())
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Wire for Object {
    fn read(value: &Value) -> Option<Object> {
        value.as_object().cloned()
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(value: &Value) -> Option<Vec<T>> {
        value.as_array()?.iter().map(T::read).collect()
    }
    fn write(&self, out: &mut String) {
        out.push('[');
        for (n, item) in self.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            item.write(out);
        }
        out.push(']');
    }
}

/// An optional member is left out, never `null`.
impl<T: Wire> Wire for Option<T> {
    fn read(value: &Value) -> Option<Option<T>> {
        T::read(value).map(Some)
    }
    fn write(&self, out: &mut String) {
        if let Some(value) = self {
            value.write(out);
        }
    }
    fn absent() -> Option<Option<T>> {
        Some(None)
    }
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}
