//! The workbench without a terminal: what is drawn, what keys do, how the loop behaves.

mod chart_keys;
mod event_loop;
pub(super) mod fixtures;
mod found;
mod frames;
mod golden;
mod groups;
mod insight;
mod keys;
pub(super) mod label_desk;
mod label_editor;
mod label_pages;
mod labelling;
mod life;
mod other_runs;
mod overlays;
mod reading;
mod run_keys;
mod run_list;
mod run_lists;
mod sifting;
mod start_form;
mod three_way;
mod what_if;
