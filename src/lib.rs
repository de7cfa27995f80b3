//! The OpenSOC workbench.

pub mod env;
pub mod link;
pub mod stream;
pub mod train;
