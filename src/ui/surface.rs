//! What the loop draws on: the terminal with a theme, or in tests something that counts.

use std::io;
use std::sync::Arc;

use crate::ui::app::App;
use crate::ui::input::terminal_fd;
use crate::ui::keyboard::Keyboard;
use crate::ui::preferences::Preferences;
use crate::ui::term::Tty;
use crate::ui::theme::{ColorChoice, DEFAULT, Depth, Symbols, Theme, ThemeError, Themes};
use crate::ui::{Painter, WorkbenchOptions, editor};

/// What the loop draws on.
pub(super) trait Surface {
    /// Draws; gives the columns and rows there were.
    fn draw(&mut self, app: &App) -> io::Result<(u16, u16)>;
    fn redraw(&mut self) -> io::Result<()>;
    fn suspend(&mut self) -> io::Result<()>;
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Has the user's editor work on `text`; gives what it left, or why there is nothing.
    fn edit(&mut self, text: &str) -> io::Result<Result<String, String>>;
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

/// The theme to begin with, and its name. One that cannot be used is told of and the default stands in for it.
pub(super) fn look(
    options: &WorkbenchOptions,
    preferences: &mut Preferences,
    var: impl Fn(&str) -> Option<String> + Copy,
) -> Result<(String, Theme, Looks), ThemeError> {
    let config = &preferences.config;
    let color = options.color.or(config.color).unwrap_or_default();
    if color == ColorChoice::Always {
        crossterm::style::force_color_output(true);
    }
    let symbols = options.symbols.or(config.symbols);
    let looks = Looks {
        themes: preferences.themes.clone(),
        depth: Depth::detect(color, var),
        symbols: symbols.unwrap_or_else(|| Symbols::detect(var)),
    };
    let wanted = options.theme.as_ref().or(config.theme.as_ref());
    let wanted = wanted.map_or(DEFAULT, String::as_str).to_owned();
    match looks.theme(&wanted) {
        Ok(theme) => Ok((wanted, theme, looks)),
        Err(error) => {
            preferences.complaints.push(error.to_string());
            let theme = Theme::load(None, looks.depth, looks.symbols)?;
            Ok((DEFAULT.to_owned(), theme, looks))
        }
    }
}

/// The terminal.
pub(super) struct TerminalSurface {
    pub tty: Tty,
    pub paint: Painter,
    pub theme: Theme,
    pub looks: Looks,
    pub keyboard: Arc<Keyboard>,
}

impl Surface for TerminalSurface {
    fn draw(&mut self, app: &App) -> io::Result<(u16, u16)> {
        let (paint, theme) = (self.paint, &self.theme);
        let mut size = (0, 0);
        self.tty.draw(|frame| {
            size = frame.area().as_size().into();
            paint(app, theme, frame);
        })?;
        Ok(size)
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

    fn edit(&mut self, text: &str) -> io::Result<Result<String, String>> {
        let named = editor::named(|name| std::env::var(name).ok());
        let command = named.or_else(|| editor::usual(std::env::var_os("PATH")));
        let keys = terminal_fd()?;
        let _lent = self.keyboard.lend();
        let edited = self
            .tty
            .lend(|| editor::edit(command.as_deref(), text, keys))?;
        Ok(edited.map_err(|error| error.to_string()))
    }

    fn use_theme(&mut self, name: &str) -> Result<(), ThemeError> {
        self.theme = self.looks.theme(name)?;
        Ok(())
    }
}
