//! The OpenSOC workbench.

pub mod cli;
pub mod commands;
pub mod env;
pub mod link;
pub mod stream;
pub mod train;
