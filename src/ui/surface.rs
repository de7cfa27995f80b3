//! What the loop draws on: the terminal with a theme, or in tests something that counts.

use std::io;

use crate::ui::app::App;
use crate::ui::screen;
use crate::ui::term::Tty;
use crate::ui::theme::{Depth, Symbols, Theme, ThemeError, Themes};

/// What the loop draws on.
pub(super) trait Surface {
    fn draw(&mut self, app: &App) -> io::Result<()>;
    fn redraw(&mut self) -> io::Result<()>;
    fn suspend(&mut self) -> io::Result<()>;
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// From now on in this theme.
    fn use_theme(&mut self, name: &str) -> Result<(), ThemeError>;
}

/// The themes there are, and what this terminal makes of them.
pub(super) struct Looks {
    pub themes: Themes,
    pub depth: Depth,
    pub symbols: Symbols,
}

impl Looks {
    /// The theme called `name`.
    pub fn theme(&self, name: &str) -> Result<Theme, ThemeError> {
        self.themes.load(name, self.depth, self.symbols)
    }
}

/// The terminal.
pub(super) struct TerminalSurface {
    pub tty: Tty,
    pub theme: Theme,
    pub looks: Looks,
}

impl Surface for TerminalSurface {
    fn draw(&mut self, app: &App) -> io::Result<()> {
        let theme = &self.theme;
        self.tty.draw(|frame| screen::draw(app, theme, frame))
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.tty.redraw()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.tty.suspend()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.tty.copy(text, std::env::var_os("TMUX").is_some())
    }

    fn use_theme(&mut self, name: &str) -> Result<(), ThemeError> {
        self.theme = self.looks.theme(name)?;
        Ok(())
    }
}
