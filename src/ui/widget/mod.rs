//! Pieces of screen that screens and overlays share. They borrow what they show and know no state beyond it.

pub mod behind;
pub mod chart;
pub mod matrix;
pub mod plot;
pub mod text;
pub mod typed;
