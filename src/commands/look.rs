//! How a screen looks: what every command that opens one takes.

use crate::ui::theme::{ColorChoice, Symbols};

/// `--theme`, `--color` and `--symbols`.
#[derive(Clone, Debug, clap::Args)]
pub struct Look {
    /// dark, light, high-contrast or mono
    #[arg(long)]
    pub theme: Option<String>,
    /// auto, always or never
    #[arg(long, default_value = "auto")]
    pub color: ColorChoice,
    /// braille, blocks or ascii
    #[arg(long)]
    pub symbols: Option<Symbols>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: None,
            color: ColorChoice::Auto,
            symbols: None,
        }
    }
}
