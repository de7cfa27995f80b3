//! Keys that are no verb: text where text is taken, else a word on why they do nothing. And pasted text.

use crossterm::event::KeyCode;

use crate::gate;
use crate::ui::app::App;
use crate::ui::keys::{Chord, Place, Verb};
use crate::ui::layer::Typing;
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::palette;
use crate::ui::searching;

/// Keys without a verb: a single one is text where text is taken; anything else says that it does nothing.
pub(super) fn unbound(app: &mut App, presses: &[Chord]) -> Vec<Effect> {
    match presses {
        [chord] => type_into(app, *chord),
        // The way out of a sequence needs no word.
        [.., last] if last.code == KeyCode::Esc => Vec::new(),
        _ => {
            say_nothing_done(app, presses);
            Vec::new()
        }
    }
}

fn type_into(app: &mut App, chord: Chord) -> Vec<Effect> {
    let is_text = |c: char| !chord.ctrl && !chord.alt && !gate::is_hostile(c);
    let typing = match (app.layers.last_mut(), chord.code) {
        (Some(layer), KeyCode::Char(c)) if is_text(c) => layer.type_char(c),
        _ => Typing::Nowhere,
    };
    match typing {
        Typing::Nowhere => {
            say_nothing_done(app, &[chord]);
            Vec::new()
        }
        Typing::Full(most) => {
            app.complain(format!("full: {most} characters are the most"));
            Vec::new()
        }
        Typing::Taken => searching::typed(app),
    }
}

/// That a key does nothing here: because it works on another screen, or nowhere.
fn say_nothing_done(app: &mut App, presses: &[Chord]) {
    let elsewhere = match presses {
        [chord] if app.layers.is_empty() => palette::why_not_here(app, *chord),
        _ => None,
    };
    let names: Vec<String> = presses.iter().map(Chord::to_string).collect();
    let name = names.join(" ");
    let back = key_of(app, Verb::Back).unwrap_or_default();
    let said = elsewhere.unwrap_or_else(|| match (app.place(), key_of(app, Verb::Help)) {
        (Place::Entry, _) => format!("{name} does nothing while you type: {back} leaves the line"),
        (Place::Help, _) | (_, None) => format!("{name} does nothing here: {back} goes back"),
        (_, Some(help)) => format!("{name} does nothing here: {help} lists the keys"),
    });
    app.say(gate::clean(&said));
}

/// The first key of a verb where one is, if it has one there.
fn key_of(app: &App, verb: Verb) -> Option<String> {
    let mut bindings = app.keymap.reachable(app.place());
    let found = bindings.find(|binding| binding.verb == verb)?;
    found.shown.first().cloned()
}

/// Pasted text goes where text is taken, its line breaks as spaces; elsewhere it would press keys nobody meant.
pub(super) fn on_paste(app: &mut App, text: &str) -> Vec<Effect> {
    app.pending.clear();
    if app.is_too_small() {
        return Vec::new();
    }
    app.toast = None;
    app.touch(Urgency::Input);
    let Some(layer) = app.layers.last_mut().filter(|l| l.place() == Place::Entry) else {
        app.say("pasted text is taken only where you type, as after /");
        return Vec::new();
    };
    let spaced = text.trim().chars().map(|c| match c {
        '\r' | '\n' | '\t' => ' ',
        c => c,
    });
    let (mut left_out, mut most) = (0, 0);
    for c in spaced.filter(|c| !gate::is_hostile(*c)) {
        if let Typing::Full(full) = layer.type_char(c) {
            (left_out, most) = (left_out + 1, full);
        }
    }
    let effects = searching::typed(app);
    if left_out > 0 {
        app.complain(format!(
            "{left_out} characters of the paste are left out: {most} are the most"
        ));
    }
    effects
}
