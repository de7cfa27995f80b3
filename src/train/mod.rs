pub mod config;
pub mod optim;
