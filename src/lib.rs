//! The OpenSOC workbench.

pub mod env;
pub mod link;
pub mod model;
pub mod pretrain;
pub mod stream;
pub mod train;
