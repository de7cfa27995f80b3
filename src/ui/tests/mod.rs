//! The workbench without a terminal: what is drawn, what keys do, how the loop behaves.

mod event_loop;
pub(super) mod fixtures;
mod frames;
mod insight;
mod keys;
mod run_keys;
