//! How a screen looks: what every command that opens one takes.

use crate::ui::theme::{ColorChoice, Symbols};

/// `--theme`, `--color`, `--symbols` and `--plain`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Look {
    /// dark, light, high-contrast, mono, or one in themes/ of the configuration folder
    #[arg(long)]
    pub theme: Option<String>,
    /// auto, always or never
    #[arg(long)]
    pub color: Option<ColorChoice>,
    /// braille, blocks or ascii
    #[arg(long)]
    pub symbols: Option<Symbols>,
    /// Lines in, lines out, for screen readers and pipes: `help` lists the commands; as where stdout is no terminal or TERM=dumb
    #[arg(long)]
    pub plain: bool,
}
