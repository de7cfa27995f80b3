//! The OpenSOC workbench.

pub mod cli;
pub mod commands;
pub mod env;
pub mod link;
pub mod model;
pub mod pretrain;
pub mod run;
pub mod stream;
pub mod train;
