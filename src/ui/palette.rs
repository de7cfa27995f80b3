//! The palette: every action of every screen, to filter and run. Those of other screens say where they work.

use crate::ui::app::App;
use crate::ui::keys::{Binding, Chord, Place, Verb, holds};
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::perform;

/// The screens, and what shows each.
const SCREENS: [(Place, Verb); 4] = [
    (Place::Episodes, Verb::ShowEpisodes),
    (Place::Training, Verb::ShowTraining),
    (Place::Labelling, Verb::ShowLabelling),
    (Place::Runs, Verb::ShowRuns),
];

/// What needs no palette: it is open, or it only closes it.
const HIDDEN: [Verb; 2] = [Verb::Palette, Verb::Back];

/// A line of the palette.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    pub binding: &'a Binding,
    /// Why it does nothing here: what works on another screen only.
    pub elsewhere: Option<String>,
}

/// The actions that hold every typed word: what works on the screen below first, then what works on others.
#[must_use]
pub fn offered<'a>(app: &'a App, typed: &str) -> Vec<Offer<'a>> {
    let here = app.screen.place();
    let of_here = app.keymap.reachable(here).map(|binding| Offer {
        binding,
        elsewhere: None,
    });
    let others = SCREENS.into_iter().filter(|(place, _)| *place != here);
    let of_others = others.flat_map(|(place, shows)| {
        let bindings = app.keymap.bindings().iter();
        let bindings = bindings.filter(move |binding| binding.place == place);
        bindings.map(move |binding| Offer {
            binding,
            elsewhere: Some(on_screen(app, place, shows)),
        })
    });
    of_here
        .chain(of_others)
        .filter(|offer| !HIDDEN.contains(&offer.binding.verb))
        .filter(|offer| holds(&offer.binding.sought(), typed))
        .collect()
}

/// Why a key does nothing here that does something on another screen.
#[must_use]
pub fn why_not_here(app: &App, chord: Chord) -> Option<String> {
    let here = app.screen.place();
    let others = SCREENS.into_iter().filter(|(place, _)| *place != here);
    let found = others
        .flat_map(|(place, shows)| {
            let bindings = app.keymap.bindings().iter();
            let bindings = bindings.filter(move |binding| binding.place == place);
            bindings.map(move |binding| (binding, place, shows))
        })
        .find(|(binding, ..)| binding.keys.iter().any(|keys| *keys == [chord]));
    let (binding, place, shows) = found?;
    let (elsewhere, what) = (on_screen(app, place, shows), binding.verb.words());
    Some(format!("{chord} works {elsewhere} only: {what}"))
}

/// A screen and the key that shows it.
fn on_screen(app: &App, place: Place, shows: Verb) -> String {
    let mut bindings = app.keymap.bindings().iter();
    let key = bindings
        .find(|binding| binding.verb == shows)
        .and_then(|binding| binding.shown.first());
    let key = key.map_or("", String::as_str);
    format!("on {} {key}", place.title().to_lowercase())
}

/// The line below in the palette, or the one above.
pub fn step(app: &mut App, down: bool) {
    let Some(Layer::Palette { typed, chosen }) = app.layers.last() else {
        return;
    };
    let last = offered(app, typed).len().saturating_sub(1);
    let next = if down {
        (chosen + 1).min(last)
    } else {
        chosen.saturating_sub(1)
    };
    if let Some(Layer::Palette { chosen, .. }) = app.layers.last_mut() {
        *chosen = next;
    }
}

/// Does what was chosen; what works elsewhere says where.
pub fn choose(app: &mut App, typed: &str, chosen: usize) -> Vec<Effect> {
    let found = offered(app, typed).into_iter().nth(chosen);
    let found = found.map(|offer| (offer.binding.verb, offer.elsewhere));
    match found {
        Some((verb, None)) => perform(app, verb),
        Some((_, Some(elsewhere))) => {
            app.say(format!("that works {elsewhere}: nothing is done here"));
            Vec::new()
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::app::ScreenName;
    use crate::ui::tests::fixtures::{app, press, toast};

    fn verbs(app: &App, typed: &str) -> Vec<(Verb, bool)> {
        let offers = offered(app, typed).into_iter();
        let pair = |offer: Offer<'_>| (offer.binding.verb, offer.elsewhere.is_none());
        offers.map(pair).collect()
    }

    #[test]
    fn every_screens_actions_are_there_and_those_of_here_come_first() {
        let mut app = app();
        let all = verbs(&app, "");
        let first_elsewhere = all.iter().position(|(_, is_here)| !is_here);
        let first_elsewhere = first_elsewhere.expect("of other screens too");
        assert!(all[first_elsewhere..].iter().all(|(_, is_here)| !is_here));
        for (verb, is_here) in [
            (Verb::NextMismatch, true),
            (Verb::ZoomIn, false),
            (Verb::FlagAlert, false),
            (Verb::DeleteRun, false),
            (Verb::Quit, true),
        ] {
            assert!(all.contains(&(verb, is_here)), "{verb:?}");
        }
        assert!(verbs(&app, "mismatch").contains(&(Verb::NextMismatch, true)));
        press(&mut app, "F2");
        assert!(verbs(&app, "zoom").contains(&(Verb::ZoomIn, true)));
    }

    #[test]
    fn what_works_elsewhere_says_where_and_does_nothing() {
        let mut app = app();
        press(&mut app, ": s m o o t h i n g Enter");
        assert_eq!(
            toast(&app),
            "that works on training F2: nothing is done here"
        );
        assert!(app.layers.is_empty() && app.screen == ScreenName::Episodes);
    }

    #[test]
    fn a_key_of_another_screen_says_so() {
        let mut app = app();
        press(&mut app, "F3");
        for (key, wanted) in [
            ("m", "m works on episodes F1 only: next mismatch"),
            ("b", "b works on episodes F1 only: show groups"),
            ("M", "M works on episodes F1 only: show adapters"),
            ("c", "c works on episodes F1 only: toggle compare"),
        ] {
            press(&mut app, key);
            assert_eq!(toast(&app), wanted);
        }
    }
}
