//! What comes from elsewhere is told, and changes nothing of what a line does; what a line leads to is told with it.

use super::running::followed;
use super::{Bench, Plain, SOURCE, in_order, obey, text};
use crate::env::schema::Stage;
use crate::link::{Fact, RunFact};
use crate::ui::Msg;
use crate::ui::app::Toast;
use crate::ui::tests::fixtures::{group, right};

const NOTED: &str = "error: made for another base model\n";

fn noted() -> Fact {
    let message = "made for another base model".into();
    Fact::Noted { message }
}

/// Something is said while nobody asks.
fn come(plain: &mut Plain<'_>) {
    plain.take(Msg::Fact(noted())).expect("taken in");
}

#[test]
fn a_note_that_waits_takes_nothing_from_what_is_asked_next() {
    let id = &SOURCE.episode(Stage::Multi, 0).log_window[1].log_id;
    let bench = Bench::new(right);
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    for line in ["block_ip 2", "cite 2", "filter severity>=low", "mismatch"] {
        come(&mut plain);
        obey(&mut plain, line);
    }
    drop(plain);
    let told = text(out);
    let cited = format!("Cited: {id}\n");
    in_order(
        &told,
        &[
            NOTED,
            "Decided: block_ip, not submitted\n",
            &cited,
            NOTED,
            &cited,
            NOTED,
            "Filter severity>=low: ",
            NOTED,
            "note: no mismatch among ",
        ],
    );
    assert!(!told.contains("are asked about"), "{told}");
}

#[test]
fn an_error_from_elsewhere_while_a_label_is_written_does_not_hide_it() {
    let bench = Bench::new(right);
    let mut out = Vec::new();
    let (mut plain, teller) = bench.sit(&mut out);
    // The second alert has four log lines.
    obey(&mut plain, "labelling\nnext");
    assert!(teller.send(noted()).is_ok());
    obey(&mut plain, "block_ip 2");
    // What is said of a submitted label that is decided anew is no reason not to cite.
    obey(&mut plain, "label Because.\nprevious\nescalate 1");
    drop(plain);
    in_order(
        &text(out),
        &[
            "Alert 1 to label: ",
            "Label: draft, block_ip\nCited: L1-1\n",
            "Label on disk: stage2_multi-train-5-0 block_ip, citing L1-1, ",
            "Label: submitted, block_ip\nCited: L1-1\n",
            "note: a draft again, no longer submitted",
            "Label: draft, escalate\nCited: L1-0\n",
        ],
    );
}

#[test]
fn reading_rollouts_throws_no_note_away() {
    let sampled = |step| RunFact::Rollouts(Box::new(group(step)));
    let bench = followed(110, (41..=110).map(sampled));
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    plain.notes.push(Toast {
        text: "the run gives signs of life again".into(),
        is_bad: false,
    });
    obey(&mut plain, "rollouts 15");
    drop(plain);
    in_order(
        &text(out),
        &[
            "note: the run gives signs of life again\n",
            "note: the run's folder holds no rollouts\n",
        ],
    );
}

#[test]
fn what_was_submitted_is_written_as_examples_and_the_guidelines_are_told() {
    let bench = Bench::new(right);
    let text = bench.told(
        "export\nlabelling\nw\nescalate 1\nlabel A large upload.\nexport\ni\nepisodes\nguid\n",
    );
    in_order(
        &text,
        &[
            "export works on labelling: labelling goes there",
            "note: nothing is submitted yet: block_ip L1-2 and label TEXT label an alert\n",
            "Label on disk: ",
            "note: 1 example in ",
            "; train start trains on what is there\n",
            "What a label is\n",
            "Alert 0 of ",
            "What a label is\n",
        ],
    );
    assert!(bench.store().path().join("examples-ann.jsonl").is_file());
}

#[test]
fn a_note_without_a_text_is_told_and_only_an_empty_one_takes_it_away() {
    let bench = Bench::new(right);
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    let note = |plain: &Plain<'_>| {
        let item = plain.app.labelling.current();
        item.map(|item| item.decision.note.clone())
    };
    obey(&mut plain, "labelling");
    for (line, kept) in [
        ("note ask the owner", "ask the owner"),
        ("note", "ask the owner"),
        ("c", "ask the owner"),
        ("note \"\"", ""),
    ] {
        obey(&mut plain, line);
        assert_eq!(note(&plain).as_deref(), Some(kept), "{line}");
    }
}
