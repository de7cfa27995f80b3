//! The environment: episodes, their truth, and what a response to them earns. Pure data and functions; no I/O, no model.

pub mod address;
pub mod attacker;
pub mod coherence;
pub mod events;
pub mod evidence;
pub mod families;
pub mod generate;
pub mod gold;
pub mod login;
pub mod names;
pub mod paths;
pub mod plausible;
pub mod pools;
pub mod probe;
pub mod prompt;
pub mod read;
pub mod response;
pub mod reward;
pub mod rules;
pub mod schema;
pub mod verdict;
pub mod verify;
