//! The mouse, for those who have asked for it (`mouse = true` in config.toml): what it reports, and what that does.
//!
//! It does what keys do, to what is in sight: a click goes to a screen, a pane or a row, the wheel moves as `j` and `k` do.

use ratatui::layout::Position;

use crate::ui::app::{App, ScreenName};
use crate::ui::keys::Verb;
use crate::ui::labelling::verbs;
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::perform::perform;
use crate::ui::queue::QueuePane;
use crate::ui::scroll::Scroll;
use crate::ui::spots::Spot;

/// What terminals put before a report (SGR encoding, xterm's 1006).
const BEGINS: &[u8] = b"\x1b[<";

/// Lines that a notch of the wheel moves.
const NOTCH: usize = 3;

/// Bits of a report's first number: held keys count for nothing here.
const HELD: u16 = 4 | 8 | 16;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gesture {
    Click,
    WheelUp,
    WheelDown,
}

/// What was done with the mouse, and at which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub gesture: Gesture,
    pub cell: Position,
}

/// The report that `bytes` begin with: how long it is, and what it tells where that means something here. `None` where they
/// begin with none, or not with all of it.
#[must_use]
pub fn report(bytes: &[u8]) -> Option<(usize, Option<Pointer>)> {
    let rest = bytes.strip_prefix(BEGINS)?;
    let end = rest.iter().position(|byte| matches!(byte, b'M' | b'm'))?;
    let (numbers, last) = (rest.get(..end)?, rest.get(end)?);
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
    if !numbers.iter().all(is_number) {
        return None;
    }
    let text = String::from_utf8_lossy(numbers);
    let numbers: Vec<u16> = text.split(';').filter_map(|n| n.parse().ok()).collect();
    let pointer = match numbers.as_slice() {
        [button, x, y] => gesture(button & !HELD, *last == b'M').map(|gesture| Pointer {
            gesture,
            cell: Position {
                x: x.saturating_sub(1),
                y: y.saturating_sub(1),
            },
        }),
        _ => None,
    };
    Some((BEGINS.len() + end + 1, pointer))
}

/// The left button going down, or the wheel.
const fn gesture(button: u16, is_press: bool) -> Option<Gesture> {
    match (button, is_press) {
        (0, true) => Some(Gesture::Click),
        (64, true) => Some(Gesture::WheelUp),
        (65, true) => Some(Gesture::WheelDown),
        _ => None,
    }
}

/// Does what a gesture says to what is under it. Over a dialog only the wheel does anything.
pub fn point(app: &mut App, pointer: Pointer) -> Vec<Effect> {
    if app.is_too_small() {
        return Vec::new();
    }
    app.touch(Urgency::Input);
    app.pending.clear();
    let is_free = app.layers.is_empty();
    let spot = is_free.then(|| app.spots.at(pointer.cell)).flatten();
    match pointer.gesture {
        Gesture::Click => {
            let Some(spot) = spot else {
                return Vec::new();
            };
            app.toast = None;
            app.queue.is_looking = false;
            click(app, spot)
        }
        Gesture::WheelUp => turn(app, spot, Verb::Up),
        Gesture::WheelDown => turn(app, spot, Verb::Down),
    }
}

/// The wheel moves in the pane under it.
fn turn(app: &mut App, spot: Option<Spot>, verb: Verb) -> Vec<Effect> {
    match spot {
        Some(Spot::Pane(pane)) => focus(app, pane),
        Some(Spot::Alert(_)) => focus(app, QueuePane::Alerts),
        Some(Spot::Line(_)) => focus(app, QueuePane::Log),
        _ => {}
    }
    (0..NOTCH).flat_map(|_| perform(app, verb)).collect()
}

fn click(app: &mut App, spot: Spot) -> Vec<Effect> {
    match spot {
        Spot::Screen(screen) => return perform(app, shows(screen)),
        Spot::Pane(pane) => focus(app, pane),
        Spot::Alert(at) => {
            focus(app, QueuePane::Alerts);
            match app.screen {
                ScreenName::Labelling => app.labelling.select(at),
                _ => app.queue.select(at),
            }
        }
        Spot::Line(at) => {
            focus(app, QueuePane::Log);
            let (line, scroll) = match app.screen {
                ScreenName::Labelling => {
                    let labelling = &mut app.labelling;
                    (&mut labelling.line, &mut labelling.line_scroll)
                }
                _ => (&mut app.queue.line, &mut app.queue.line_scroll),
            };
            (*line, *scroll) = (at, Scroll::closed());
        }
        Spot::List(pane) => app.training.pane = pane,
        Spot::Run(at) => app.runs.point_at(at),
    }
    match app.screen {
        ScreenName::Labelling => verbs::ask(app),
        _ => app.queue.ask(),
    }
}

/// The pane gets what keys do. The labelling screen has no pane of answers.
fn focus(app: &mut App, pane: QueuePane) {
    match app.screen {
        ScreenName::Labelling if pane != QueuePane::Answers => app.labelling.pane = pane,
        ScreenName::Labelling => {}
        _ => app.queue.pane = pane,
    }
}

const fn shows(screen: ScreenName) -> Verb {
    match screen {
        ScreenName::Episodes => Verb::ShowEpisodes,
        ScreenName::Training => Verb::ShowTraining,
        ScreenName::Labelling => Verb::ShowLabelling,
        ScreenName::Runs => Verb::ShowRuns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presses_of_the_left_button_and_the_wheel_are_read_and_nothing_else_is() {
        let told = |bytes: &[u8]| report(bytes);
        let at = |gesture, x, y| {
            let cell = Position { x, y };
            Some(Pointer { gesture, cell })
        };
        for (bytes, used, wanted) in [
            (&b"\x1b[<0;1;1M"[..], 9, at(Gesture::Click, 0, 0)),
            (b"\x1b[<0;80;24Mj", 11, at(Gesture::Click, 79, 23)),
            (b"\x1b[<16;300;2M", 12, at(Gesture::Click, 299, 1)),
            (b"\x1b[<64;5;6M", 10, at(Gesture::WheelUp, 4, 5)),
            (b"\x1b[<65;5;6M", 10, at(Gesture::WheelDown, 4, 5)),
            (b"\x1b[<0;5;6m", 9, None),
            (b"\x1b[<2;5;6M", 9, None),
            (b"\x1b[<32;5;6M", 10, None),
            (b"\x1b[<0;5M", 7, None),
            (b"\x1b[<99999999;5;6M", 16, None),
        ] {
            assert_eq!(told(bytes), Some((used, wanted)), "{bytes:?}");
        }
        for bytes in [&b"\x1b[<0;1;1"[..], b"\x1b[A", b"M", b"", b"\x1b[<0;x;1M"] {
            assert_eq!(told(bytes), None, "{bytes:?}");
        }
    }
}
