//! The OpenSOC workbench.

pub mod audit;
pub mod cli;
pub mod commands;
pub mod env;
pub mod eval;
pub mod link;
pub mod model;
pub mod pretrain;
pub mod run;
pub mod stream;
pub mod train;
pub mod ui;
