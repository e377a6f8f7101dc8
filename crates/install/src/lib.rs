//! What puts the gate into the configuration of coding agents.
#![forbid(unsafe_code)]
