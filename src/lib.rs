//! The OpenSOC workbench.

pub mod env;
pub mod link;
pub mod model;
pub mod run;
pub mod stream;
pub mod train;
