//! Where a screen would be.

use std::io;

use crate::ui::app::App;
use crate::ui::surface::Surface;
use crate::ui::theme::ThemeError;

/// There is no screen: nothing is drawn, copied or edited.
pub(super) struct NoScreen;

impl Surface for NoScreen {
    fn draw(&mut self, _app: &App) -> io::Result<(u16, u16)> {
        Ok((0, 0))
    }

    fn redraw(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn edit(&mut self, _text: &str) -> io::Result<Result<String, String>> {
        Ok(Err("an editor needs the screens".to_owned()))
    }

    fn use_theme(&mut self, _name: &str) -> Result<(), ThemeError> {
        Ok(())
    }
}
