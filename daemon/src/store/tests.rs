//! The store as its callers see it: stories, crashes, full disks, pages of lists, proofs.

mod batch;
mod crash;
mod kit;
mod lists;
mod opening;
mod proofs;
mod sessions;
mod story;
