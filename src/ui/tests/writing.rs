//! Text that is written in one line: its cursor, and what erases.

use ratatui::style::Modifier;

use crate::ui::app::App;
use crate::ui::layer::Layer;
use crate::ui::tests::fixtures::{app, frame, press, text, theme};
use crate::ui::theme::{Depth, Symbols};

#[test]
fn every_line_that_is_written_has_a_cursor_to_edit_it_with() {
    let written = |app: &App| match app.layers.last() {
        Some(Layer::Search { typed, .. } | Layer::Palette { typed, .. }) => typed.to_string(),
        Some(Layer::Help { typed, .. } | Layer::Edit { typed, .. }) => typed.to_string(),
        Some(Layer::Start { form }) => form.filter.to_string(),
        other => panic!("{other:?}"),
    };
    for open in ["/", ":", "? /", "F2 t /"] {
        let mut app = app();
        press(
            &mut app,
            &format!("{open} b c d Left Left ctrl-a a End e Left Backspace"),
        );
        assert_eq!(written(&app), "abce", "{open}");
        press(&mut app, "Home Delete alt-f Space x ctrl-w y ctrl-b ctrl-k");
        assert_eq!(written(&app), "bce ", "{open}");
        press(&mut app, "ctrl-u");
        assert_eq!(written(&app), "", "{open}");
    }
}

#[test]
fn a_filter_follows_what_is_erased_in_its_middle_and_shows_where_one_writes() {
    let mut app = app();
    press(&mut app, "/ i d : x A Left Left");
    assert_eq!(app.queue.visible().len(), 0);
    let buffer = frame(&app, &theme(Depth::None, Symbols::Braille), (80, 24));
    let reversed = |x: u16| buffer[(x, 22)].modifier.contains(Modifier::REVERSED);
    let cells: Vec<u16> = (0..80).filter(|x| reversed(*x)).collect();
    assert_eq!(cells.len(), 1, "{}", text(&buffer));
    assert_eq!(buffer[(cells[0], 22)].symbol(), "x");
    press(&mut app, "Delete");
    assert_eq!(app.queue.filter_text, "id:A");
    assert!(!app.queue.visible().is_empty());
}
