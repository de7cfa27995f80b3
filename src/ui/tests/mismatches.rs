//! Going from mismatch to mismatch: what `m` asks about, goes to and says.

use crate::env::schema::Episode;
use crate::link::{Command, Fact};
use crate::ui::app::{App, update};
use crate::ui::msg::{Effect, Msg};
use crate::ui::queue::mismatch::Mismatch;
use crate::ui::queue::seeking::LOOKED_THROUGH;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, wrong};

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

#[test]
fn looking_for_mismatches_ends_and_says_so() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let effects = press(&mut app, "m");
    answer(&mut app, effects, right);
    assert_eq!(app.queue.selected(), 0);
    let all = app.queue.entries().len();
    assert_eq!(all, LOOKED_THROUGH);
    let others = all - 1;
    let wanted = format!("no mismatch among {others} answered alerts besides this one");
    assert_eq!(said(&app), wanted);
    assert!(!app.queue.is_looking);
}

#[test]
fn looking_goes_on_past_the_first_alerts_that_are_asked_about() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let effects = press(&mut app, "m");
    let only_36 = |episode: &Episode| match episode.index {
        36 => wrong(episode),
        _ => right(episode),
    };
    answer(&mut app, effects, only_36);
    assert_eq!(app.queue.selected(), 36, "{}", said(&app));
    assert!(!app.queue.is_looking);
    assert!(said(&app).contains("the reveal tells which"));
}

#[test]
fn what_is_looked_through_is_said_batch_by_batch_until_a_run_wants_the_model() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let mut effects = press(&mut app, "m");
    let first = app.queue.ahead.clone();
    while app.queue.ahead == first {
        let effect = effects.pop().expect("more is asked about");
        if let Effect::Send(Command::Infer(request)) = effect {
            // No answer is no mismatch either.
            let none = Fact::InferenceFailed {
                id: request.id,
                message: "too long".into(),
            };
            effects.extend(update(&mut app, Msg::Fact(none)));
        }
    }
    let told = said(&app);
    assert!(told.starts_with("no mismatch among 27 others: "), "{told}");
    assert!(app.queue.is_looking);
    app.queue.is_training = true;
    let ended = app.queue.go_on_looking();
    assert_eq!(ended, Some(Mismatch::None { answered: 27 }));
    assert!(!app.queue.is_looking);
}

#[test]
fn mismatches_are_gone_through_as_the_queue_is_listed_and_filtered() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, wrong);
    for keys in ["O"].into_iter().chain(["j"; 4]) {
        let effects = press(&mut app, keys);
        answer(&mut app, effects, wrong);
    }
    app.queue.set_filter("!severity:medium").expect("a filter");
    let effects = press(&mut app, "g g");
    answer(&mut app, effects, wrong);
    let listed = app.queue.visible();
    assert!(listed.len() > 4 && !listed.is_sorted());
    for at in [1, 2, 3] {
        let effects = press(&mut app, "m");
        answer(&mut app, effects, wrong);
        assert_eq!(app.queue.selected(), listed[at], "{at} of {listed:?}");
    }
    let known = listed
        .iter()
        .filter(|at| app.queue.model_verdict(**at).is_some());
    assert!(known.count() >= 7, "those listed next are asked about");
}

#[test]
fn a_wrong_citation_is_a_mismatch_that_the_queue_shows_and_the_toast_explains() {
    let mut app = app();
    let effects = update(&mut app, ready());
    let miscited = |episode: &Episode| {
        let trigger = &episode.truth.triggering_log_id;
        right(episode).replace(trigger.as_str(), "L9-99")
    };
    answer(&mut app, effects, miscited);
    press(&mut app, "j r k m");
    assert_eq!(app.queue.selected(), 1);
    let wanted = "the model's citation is wrong here, its action is right";
    assert_eq!(said(&app), wanted);
    for size in [(80, 24), (120, 35)] {
        let shown = seen(&app, size);
        let row = shown.lines().find(|row| row.contains("  1b "));
        let row = row.expect("a row");
        assert!(row.contains("✓ cite✗") || row.contains("1b ✓✗ "), "{shown}");
    }
}

#[test]
fn mismatches_are_found_among_answered_alerts_and_more_are_asked_for() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        if episode.index == 2 {
            wrong(episode)
        } else {
            right(episode)
        }
    });
    let mut effects = press(&mut app, "m");
    assert_eq!(app.queue.selected(), 2);
    assert!(said(&app).contains("the reveal tells which"));
    effects.extend(press(&mut app, "m"));
    assert!(
        said(&app).contains("more are asked about"),
        "{}",
        said(&app)
    );
    let only_20 = |episode: &Episode| match episode.index {
        20 => wrong(episode),
        _ => right(episode),
    };
    answer(&mut app, effects, only_20);
    assert_eq!(app.queue.selected(), 20, "gone to by itself");
}

#[test]
fn whoever_does_something_else_no_longer_waits_for_a_mismatch() {
    for (keys, at) in [("m j", 1), ("m r", 0), ("m F2 F1", 0), ("m Tab", 0)] {
        let mut app = app();
        let effects = update(&mut app, ready());
        answer(&mut app, effects, right);
        let effects = press(&mut app, keys);
        assert!(!effects.is_empty());
        answer(&mut app, effects, wrong);
        assert_eq!(app.queue.selected(), at, "{keys}");
    }
}
