//! Texts that go through the user's editor: what is taken over, what is refused and kept, and where it is said.

use crate::label::State;
use crate::run::summary::Standing;
use crate::ui::app::update;
use crate::ui::editing::Document;
use crate::ui::errand::Errand;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{app, press, summary, with_runs};
use crate::ui::tests::label_desk::{Desk, imported};

/// Opens the editor, which leaves what `change` makes of its text; gives the text it was given.
fn edit(desk: &mut Desk, change: impl Fn(&str) -> Result<String, String>) -> String {
    let effects = press(&mut desk.app, "E");
    let [Effect::Edit { of, text }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let (of, before) = (of.clone(), text.clone());
    let after = change(&before);
    let given = before.clone();
    let effects = update(&mut desk.app, Msg::Edited { of, before, after });
    desk.settle(effects);
    given
}

#[test]
fn rationale_and_note_come_from_the_editor_and_are_on_disk() {
    let mut desk = Desk::on(&imported());
    desk.press("2");
    let given = edit(&mut desk, |text| {
        let text = text.replacen("learns from\n", "learns from\nseen before", 1);
        Ok(text + "ask ann\nand bob\n")
    });
    assert!(given.contains("## Note: for people"), "{given}");
    let label = desk.on_disk(0).expect("a revision").decision;
    assert_eq!(label.rationale, "seen before");
    assert_eq!(label.note, "ask ann\nand bob");
    assert_eq!(label.state, State::Draft);
    // The line of `c` has no room for it, and `u` takes both back at once.
    desk.press("c");
    assert!(desk.app.layers.is_empty());
    assert!(desk.said().contains("several lines: E"), "{}", desk.said());
    desk.press("Enter [");
    edit(&mut desk, |text| Ok(text.replace("and bob", "and eve")));
    let label = desk.on_disk(0).expect("a revision").decision;
    assert_eq!(label.note, "ask ann\nand eve");
    assert_eq!(label.state, State::Submitted, "a note is no second thought");
    desk.press("u u u");
    assert_eq!(desk.decision(0).rationale, "");
    assert_eq!(desk.decision(0).note, "");
}

#[test]
fn an_unchanged_file_or_a_failed_editor_changes_nothing() {
    let mut desk = Desk::on(&imported());
    desk.press("2 e");
    desk.type_line("seen before");
    let before = desk.on_disk(0).expect("a revision");
    edit(&mut desk, |text| Ok(text.to_owned()));
    assert!(
        desk.said().contains("nothing was changed"),
        "{}",
        desk.said()
    );
    edit(&mut desk, |_| Ok("\n".to_owned()));
    assert!(desk.said().contains("came back empty"), "{}", desk.said());
    edit(&mut desk, |_| Err("the editor `x` was not found".into()));
    assert!(desk.app.toast.as_ref().is_some_and(|toast| toast.is_bad));
    assert_eq!(desk.on_disk(0), Some(before));
}

#[test]
fn a_rationale_of_several_lines_is_refused_and_kept() {
    let mut desk = Desk::on(&imported());
    desk.press("2");
    let two = |text: &str| Ok(text.replacen("learns from\n", "learns from\none\ntwo\n", 1));
    edit(&mut desk, two);
    assert!(desk.said().contains("has 2 lines"), "{}", desk.said());
    assert_eq!(desk.on_disk(0).expect("the choice").revision, 1);
    // Another alert's text is its own.
    desk.press("]");
    let given = edit(&mut desk, |text| Ok(text.to_owned()));
    assert!(!given.contains("two"), "{given}");
    desk.press("[");
    let given = edit(&mut desk, |text| Ok(text.to_owned()));
    assert!(given.contains("one\ntwo"), "{given}");
    assert!(desk.said().contains("has 2 lines"), "refused again");
    edit(
        &mut desk,
        |text| Ok(text.replace("one\ntwo", "one and two")),
    );
    let label = desk.on_disk(0).expect("taken").decision;
    assert_eq!(label.rationale, "one and two");
    assert!(desk.app.refused.is_empty());
}

#[test]
fn a_runs_note_comes_from_the_editor() {
    let mut app = app();
    let mut run = summary("20260101-000000-s1", Standing::Finished);
    run.note = "first\nsecond".into();
    with_runs(&mut app, vec![run]);
    press(&mut app, "F4 e");
    let said = app.toast.as_ref().map_or("", |toast| toast.text.as_str());
    assert!(said.contains("several lines: E"), "{said}");
    let effects = press(&mut app, "E");
    let [Effect::Edit { of, text }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert!(matches!(of, Document::RunNote { .. }));
    assert_eq!(text, "first\nsecond\n");
    let edited = |after: String| Msg::Edited {
        of: of.clone(),
        before: text.clone(),
        after: Ok(after),
    };
    let effects = update(&mut app, edited("first\nthird\n".into()));
    let [Effect::Errand(Errand::Note { text, .. })] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(text, "first\nthird");
    assert!(update(&mut app, edited("x".repeat(5_000))).is_empty());
    assert_eq!(app.refused.len(), 1);
}
