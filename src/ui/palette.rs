//! The palette: every action of every screen, to filter and run, also those of other screens; and numbers to jump to.

mod jumping;

use std::borrow::Cow;

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
    pub binding: Cow<'a, Binding>,
    /// Where it works: what works on another screen only.
    pub elsewhere: Option<String>,
    does: Does,
}

/// What choosing a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// What its verb says, here.
    Here,
    /// The same on another screen, which this verb shows.
    There(Verb),
    /// Goes to what has this number.
    Jump(usize),
}

/// The actions that hold every typed word: what works on the screen below first, then what works on others. Where a number
/// is typed, what has it comes before them.
#[must_use]
pub fn offered<'a>(app: &'a App, typed: &str) -> Vec<Offer<'a>> {
    let here = app.screen.place();
    let of_here = app.keymap.reachable(here).map(|binding| Offer {
        binding: Cow::Borrowed(binding),
        elsewhere: None,
        does: Does::Here,
    });
    let others = SCREENS.into_iter().filter(|(place, _)| *place != here);
    let of_others = others.flat_map(|(place, shows)| {
        let bindings = app.keymap.bindings().iter();
        let bindings = bindings.filter(move |binding| binding.place == place);
        bindings.map(move |binding| Offer {
            binding: Cow::Borrowed(binding),
            elsewhere: Some(on_screen(app, place, shows)),
            does: Does::There(shows),
        })
    });
    let found = of_here
        .chain(of_others)
        .filter(|offer| !HIDDEN.contains(&offer.binding.verb))
        .filter(|offer| holds(&offer.binding.sought(), typed));
    jump(app, typed).into_iter().chain(found).collect()
}

/// What a bare number means here.
fn jump<'a>(app: &App, typed: &str) -> Option<Offer<'a>> {
    let number = typed.trim().parse().ok()?;
    Some(Offer {
        binding: Cow::Owned(Binding {
            verb: Verb::Confirm,
            keys: Vec::new(),
            shown: Vec::new(),
            place: app.screen.place(),
            hint: None,
            help: format!("Go to {}", jumping::called(app, number)),
        }),
        elsewhere: None,
        does: Does::Jump(number),
    })
}

/// Why a key does nothing here that does something on other screens: each of those, with what it does there.
#[must_use]
pub fn why_not_here(app: &App, chord: Chord) -> Option<String> {
    let here = app.screen.place();
    let is_it = |binding: &&Binding| binding.keys.iter().any(|keys| *keys == [chord]);
    let mut told: Vec<(&Binding, Vec<String>)> = Vec::new();
    for (place, shows) in SCREENS.into_iter().filter(|(place, _)| *place != here) {
        let mut of_place = app.keymap.bindings().iter().filter(|b| b.place == place);
        let Some(binding) = of_place.find(is_it) else {
            continue;
        };
        let screen = key_of(app, place, shows);
        match told
            .iter_mut()
            .find(|(known, _)| known.verb == binding.verb)
        {
            Some((_, screens)) => screens.push(screen),
            None => told.push((binding, vec![screen])),
        }
    }
    let told = told.iter();
    let told = told.map(|(binding, on)| format!("on {}: {}", listed(on), brief(&binding.help)));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("{chord} works {}", told.join("; ")))
}

/// Names as they stand in a sentence.
fn listed(names: &[String]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// The beginning of a help text, as it stands in a sentence.
fn brief(help: &str) -> String {
    let ends = [";", ",", " ("]
        .into_iter()
        .filter_map(|end| help.find(end));
    let first = help.get(..ends.min().unwrap_or(help.len()));
    let first = first.unwrap_or(help);
    let first = match first.split_once(':') {
        // A single word is a heading: what it is about stands after it.
        Some((head, _)) if head.contains(' ') => head,
        _ => first,
    };
    let mut letters = first.chars();
    let initial = letters
        .next()
        .map(|letter| letter.to_lowercase().to_string());
    initial.unwrap_or_default() + letters.as_str()
}

/// The key that shows a screen, or its name where no key does.
fn key_of(app: &App, place: Place, shows: Verb) -> String {
    let mut bindings = app.keymap.bindings().iter();
    let key = bindings
        .find(|binding| binding.verb == shows)
        .and_then(|binding| binding.shown.first());
    key.cloned().unwrap_or_else(|| place.title().to_lowercase())
}

/// A screen and the key that shows it.
fn on_screen(app: &App, place: Place, shows: Verb) -> String {
    let (name, key) = (place.title().to_lowercase(), key_of(app, place, shows));
    match key == name {
        true => format!("on {name}"),
        false => format!("on {name} {key}"),
    }
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

/// Does what was chosen, on the screen where it works.
pub fn choose(app: &mut App, typed: &str, chosen: usize) -> Vec<Effect> {
    let found = offered(app, typed).into_iter().nth(chosen);
    let Some((verb, does)) = found.map(|offer| (offer.binding.verb, offer.does)) else {
        return Vec::new();
    };
    match does {
        Does::Here => perform(app, verb),
        Does::Jump(number) => jumping::to(app, number),
        Does::There(shows) => {
            let mut effects = perform(app, shows);
            match shows {
                // Which run it would be of is not known yet.
                Verb::ShowRuns if app.runs.root.is_none() => app.say(LOOKING),
                _ => effects.extend(perform(app, verb)),
            }
            effects
        }
    }
}

/// Said on the first look at the runs.
const LOOKING: &str = "the runs are being looked for: choose one, then do it again";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::summary::Standing;
    use crate::ui::app::ScreenName;
    use crate::ui::keys::Lookup;
    use crate::ui::tests::fixtures::{
        app, errands, press, seen, summary, toast, train, type_text, with_runs,
    };
    use crate::ui::tests::label_desk::{Desk, imported};

    fn verbs(app: &App, typed: &str) -> Vec<(Verb, bool)> {
        let offers = offered(app, typed).into_iter();
        let pair = |offer: Offer<'_>| (offer.binding.verb, offer.elsewhere.is_none());
        offers.map(pair).collect()
    }

    /// Types into the palette and takes the first line.
    fn take(app: &mut App, typed: &str) -> Vec<Effect> {
        press(app, ":");
        type_text(app, typed);
        press(app, "Enter")
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
    fn what_can_be_copied_is_found_by_its_name() {
        for word in ["case", "markdown", "json", "prompt"] {
            let mut app = app();
            assert_eq!(
                verbs(&app, word).first(),
                Some(&(Verb::Copy, true)),
                "{word}"
            );
            take(&mut app, word);
            let opened = app.layers.last();
            assert!(matches!(opened, Some(Layer::Copy { .. })), "{word}");
        }
    }

    #[test]
    fn what_works_elsewhere_goes_there_and_is_done_there() {
        let mut app = app();
        take(&mut app, "freeze");
        assert_eq!(app.screen, ScreenName::Training);
        assert!(app.training.view.is_held() && app.layers.is_empty());
        with_runs(&mut app, vec![summary("one", Standing::Finished)]);
        press(&mut app, "F1");
        take(&mut app, "delete");
        assert_eq!(app.screen, ScreenName::Runs);
        let asks = |app: &App| matches!(app.layers.last(), Some(Layer::Delete { .. }));
        assert!(asks(&app), "it asks there");
        let mut desk = Desk::on(&imported());
        desk.press("F1");
        let effects = take(&mut desk.app, "flag");
        desk.settle(effects);
        assert_eq!(desk.app.screen, ScreenName::Labelling);
        assert!(desk.decision(0).is_flagged);
    }

    #[test]
    fn what_needs_a_run_says_so_before_the_runs_are_read() {
        let mut app = app();
        let effects = take(&mut app, "delete");
        assert_eq!(errands(&effects).len(), 1, "they are looked for");
        assert_eq!((app.screen, toast(&app)), (ScreenName::Runs, LOOKING));
        assert!(app.layers.is_empty());
    }

    #[test]
    fn a_number_goes_to_what_has_it() {
        let mut app = app();
        press(&mut app, ": 5");
        let shown = seen(&app, (80, 24));
        assert!(shown.contains("Go to alert 5"), "{shown}");
        press(&mut app, "Enter");
        assert_eq!(app.queue.selected(), 5);
        assert_eq!(app.queue.current().expect("one").desk.decision, None);
        take(&mut app, "300");
        assert_eq!(app.queue.selected(), 300, "generated first");
        take(&mut app, "2000");
        assert_eq!(toast(&app), "alerts go to number 1999 here");
        press(&mut app, "Tab");
        take(&mut app, "2");
        assert_eq!((app.queue.selected(), app.queue.line), (300, 1));
        take(&mut app, "99");
        assert!(
            toast(&app).starts_with("the log window has"),
            "{}",
            toast(&app)
        );
        train(&mut app, 60);
        press(&mut app, "F2");
        take(&mut app, "42");
        assert_eq!(app.training.view.cursor, Some(42));
        let runs = ["one", "two"].map(|name| summary(name, Standing::Finished));
        with_runs(&mut app, runs.into());
        take(&mut app, "2");
        assert_eq!(app.runs.cursor(), 1);
        take(&mut app, "9");
        assert_eq!(toast(&app), "the list has 2 runs");
        let mut desk = Desk::on(&imported());
        take(&mut desk.app, "3");
        assert_eq!(desk.app.labelling.selected(), 2, "as its rows are numbered");
        take(&mut desk.app, "0");
        assert_eq!(toast(&desk.app), "alerts go from 1 to 4 here");
    }

    #[test]
    fn a_key_of_other_screens_says_what_it_does_there() {
        let mut app = app();
        for (screen, key, wanted) in [
            ("F2", "u", "u works on F1 and F3: undo your last choice"),
            ("F2", "5", "5 works on F1 and F3: decide: escalate"),
            (
                "F4",
                "ctrl-r",
                "ctrl-r works on F1 and F3: redo what was undone",
            ),
            (
                "F3",
                "m",
                "m works on F1: next alert the model got wrong in action or citation",
            ),
            (
                "F3",
                "b",
                "b works on F1: groups by category; \
                 on F2 and F4: the next marked run is the baseline of the value cursor",
            ),
            ("F3", "M", "M works on F1: all adapters in a list"),
            (
                "F1",
                "f",
                "f works on F2: freeze the window; on F3: flag the alert for somebody to look at",
            ),
        ] {
            press(&mut app, screen);
            press(&mut app, key);
            assert_eq!(toast(&app), wanted);
        }
    }

    /// The screens that a text names, by their keys.
    fn named(told: &str) -> Vec<String> {
        let (_, said) = told.split_once(" works on ").expect("where it works");
        let of_group = |group: &str| {
            let (screens, what) = group.split_once(": ").expect("what it does");
            assert!(
                what.chars().next().is_some_and(|c| !c.is_uppercase()),
                "{told}"
            );
            let screens = screens.replace(" and ", ", ");
            screens.split(", ").map(str::to_owned).collect::<Vec<_>>()
        };
        let mut screens: Vec<String> = said.split("; on ").flat_map(of_group).collect();
        screens.sort_unstable();
        screens
    }

    #[test]
    fn a_key_names_every_screen_that_binds_it_and_no_other() {
        let mut app = app();
        let bindings = app.keymap.bindings().iter();
        let of_screens = bindings.filter(|b| SCREENS.iter().any(|(place, _)| b.place == *place));
        let keys = of_screens.flat_map(|binding| binding.keys.clone());
        let keys: Vec<Chord> = keys.filter(|keys| keys.len() == 1).flatten().collect();
        let mut told = 0;
        for here in ScreenName::ALL {
            app.screen = here;
            for chord in &keys {
                let found = |place| app.keymap.lookup(place, &[*chord]);
                if found(here.place()) != Lookup::Unknown {
                    continue;
                }
                let screens = ScreenName::ALL.into_iter().zip(["F1", "F2", "F3", "F4"]);
                let binds = screens.filter(|(s, _)| matches!(found(s.place()), Lookup::Verb(_)));
                let wanted: Vec<&str> = binds.map(|(_, key)| key).collect();
                let said = why_not_here(&app, *chord).expect("it works somewhere");
                assert_eq!(named(&said), wanted, "{said}");
                told += 1;
            }
        }
        assert!(told > 50, "{told}");
    }
}
