//! The list of adapters: whom it shows, how each has done, and asking and comparing from it.

use crate::link::AdapterChoice;
use crate::ui::app::{App, update};
use crate::ui::layer::Layer;
use crate::ui::queue::groups::Tally;
use crate::ui::tests::fixtures::{answer, app, press, ready, second_wrong, seen, toast};

/// The curriculum's adapter has answered the first alerts, one of them wrongly; the first two are revealed.
fn answered() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, second_wrong);
    for _ in 0..2 {
        press(&mut app, "r");
        let effects = press(&mut app, "]");
        answer(&mut app, effects, second_wrong);
    }
    app
}

fn names(app: &App) -> Vec<String> {
    let offers = app.queue.offers().into_iter();
    offers.map(|offer| offer.name).collect()
}

#[test]
fn every_adapter_is_listed_with_how_it_has_done() {
    let app = answered();
    assert_eq!(names(&app), ["base", "sft", "stage4_adversarial"]);
    let offers = app.queue.offers();
    let asked: Vec<bool> = offers.iter().map(|offer| offer.is_asked).collect();
    assert_eq!(asked, [false, false, true]);
    assert_eq!((offers[0].answered, offers[0].tally), (0, Tally::default()));
    assert!(offers[2].answered >= 3, "{offers:?}");
    assert_eq!(offers[2].tally, Tally { right: 1, wrong: 1 });
}

#[test]
fn enter_asks_the_one_under_the_cursor() {
    let mut app = answered();
    press(&mut app, "M");
    assert_eq!(app.layers, [Layer::Adapters { chosen: 2 }]);
    press(&mut app, "k");
    let effects = press(&mut app, "Enter");
    assert!(app.layers.is_empty());
    let sft = AdapterChoice::Named("sft".into());
    assert_eq!(app.queue.adapter(), Some(&sft));
    let requests = format!("{effects:?}");
    assert!(requests.contains(r#"Named("sft")"#), "{requests}");
}

#[test]
fn c_sets_any_other_beside_and_asking_that_one_changes_places() {
    let mut app = answered();
    press(&mut app, "M");
    press(&mut app, "c");
    assert_eq!(app.queue.second_adapter(), None);
    assert!(toast(&app).contains("asked already"), "{}", toast(&app));
    press(&mut app, "g g c");
    assert_eq!(app.queue.second_adapter(), Some(&AdapterChoice::Base));
    press(&mut app, "j c");
    let sft = AdapterChoice::Named("sft".into());
    assert_eq!(app.queue.second_adapter(), Some(&sft));
    for size in [(60, 16), (80, 24), (120, 35), (200, 60)] {
        let frame = seen(&app, size);
        for wanted in ["asked", "beside", "answered", "stage4_adversarial"] {
            assert!(frame.contains(wanted), "{wanted} {size:?}:\n{frame}");
        }
    }
    press(&mut app, "Enter");
    let curriculum = AdapterChoice::Named("stage4_adversarial".into());
    assert_eq!(app.queue.adapter(), Some(&sft));
    assert_eq!(app.queue.second_adapter(), Some(&curriculum));
    press(&mut app, "M G c");
    assert_eq!(app.queue.second_adapter(), None, "c takes it away again");
    press(&mut app, "M");
    assert!(app.layers.is_empty());
}

#[test]
fn without_a_model_the_list_says_so_and_its_cursor_stays_on_it() {
    let mut app = app();
    press(&mut app, "M");
    assert!(app.layers.is_empty());
    assert!(toast(&app).contains("no model"), "{}", toast(&app));
    update(&mut app, ready());
    press(&mut app, "M k k k k");
    assert_eq!(app.layers, [Layer::Adapters { chosen: 0 }]);
    press(&mut app, "G j Esc");
    assert!(app.layers.is_empty());
}
