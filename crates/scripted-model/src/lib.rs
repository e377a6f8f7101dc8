//! A model that says what it is told to.
#![forbid(unsafe_code)]
