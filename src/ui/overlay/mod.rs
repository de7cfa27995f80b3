//! What stands over a screen, or under it: dialogs, the help, the form before a run, the pages of agreement, and the bar of keys
//! with its message. Drawing only, like the screens, from a borrowed [`crate::ui::app::App`].

pub mod agreement;
pub mod dialog;
pub mod disagreements;
pub mod help;
pub mod hints;
mod start;
