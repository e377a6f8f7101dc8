//! The demo: an agent that does real things in a scratch folder and at a small local server, each of them asked
//! for; and a checker that holds what really happened against what was signed.

pub mod effects;
pub mod evidence;
pub mod tools;
