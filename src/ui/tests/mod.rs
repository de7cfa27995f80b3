//! The workbench without a terminal: what is drawn, what keys do, how the loop behaves.

mod chart_keys;
mod event_loop;
pub(super) mod fixtures;
mod frames;
mod golden;
mod insight;
mod keys;
mod labelling;
mod life;
mod overlays;
mod run_keys;
mod run_list;
mod run_lists;
