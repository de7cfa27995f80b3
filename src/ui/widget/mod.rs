//! Pieces of screen that screens share. They borrow what they show and know no state beyond it.

pub mod agreement;
pub mod behind;
pub mod chart;
pub mod dialog;
pub mod disagreements;
pub mod help;
pub mod hints;
pub mod matrix;
pub mod plot;
mod start;
pub mod text;
pub mod typed;
