//! The runs there are by word: opened, noted, exported, deleted.

use std::collections::BTreeMap;

use super::{Bench, in_order};
use crate::config::TrainConfig;
use crate::link::RunState;
use crate::run::{Manifest, RunDir, RunWriter};
use crate::ui::tests::fixtures::{right, row, status};

/// A bench with two runs that have ended.
fn with_runs() -> Bench {
    let bench = Bench::new(right);
    add_runs(
        &bench,
        &[("20260101-000000-s1", 60), ("20260102-000000-s2", 50)],
    );
    bench
}

fn add_runs(bench: &Bench, runs: &[(&str, u64)]) {
    for &(id, steps) in runs {
        let dir = RunDir::new(bench.home.path().join("runs").join(id));
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        let mut writer = RunWriter::create(dir, &manifest).expect("begun");
        for step in 1..=steps {
            writer.metrics(&row(step)).expect("written");
        }
        let finished = status(steps, RunState::Finished);
        writer.status(&finished).expect("written");
    }
}

fn folder(bench: &Bench, id: &str) -> std::path::PathBuf {
    bench.home.path().join("runs").join(id)
}

#[test]
fn a_run_is_opened_to_be_looked_at_and_the_shipped_one_again() {
    let bench = with_runs();
    let text = bench.told(
        "open 2026\nopen 20260101\nmetrics loss\nopen shipped\nmetrics loss\nopen\nopen holiday\nshow\n",
    );
    in_order(
        &text,
        &[
            "2026 begins several runs: ",
            "Run: 20260101-000000-s1, finished\n",
            "Step: 60 of ",
            "\nStep 60: ",
            "Run: shipped, shipped with the program, read-only\n",
            "\nStep 160: ",
            "Run: none; train start begins one",
            "no run holiday: runs lists them",
            // The alerts are still in front.
            "Alert 0 of stage2_multi",
        ],
    );
    assert!(!text.contains("reading the run"), "{text}");
}

#[test]
fn a_note_is_written_on_a_run_told_and_taken_away() {
    let bench = with_runs();
    let text = bench.told(
        "note\nnote 20260102 higher beta, worse\nruns\nnote 20260102\nnote 20260102 \"\"\nnote 20260102\nnote shipped x\n",
    );
    in_order(
        &text,
        &[
            "note takes a run and a text here",
            "note: note on 20260102-000000-s2 kept\n",
            "Run 20260102-000000-s2: finished",
            "; note: higher beta, worse\n",
            "Note on 20260102-000000-s2: higher beta, worse\n",
            "note: note on 20260102-000000-s2 kept\n",
            "Note on 20260102-000000-s2: none\n",
            "note: the shipped run is in the program, read-only",
        ],
    );
    assert!(!text.contains("error:"), "{text}");
}

#[test]
fn a_run_is_noted_on_by_its_whole_name_however_short_and_by_no_less() {
    let bench = with_runs();
    add_runs(&bench, &[("one", 1)]);
    let text = bench.told("note one HELLO\nnote on HELLO\nnote one\n");
    in_order(
        &text,
        &[
            "note: note on one kept\n",
            "no run is noted on by on alone: ",
            "Note on one: HELLO\n",
        ],
    );
}

#[test]
fn the_numbers_of_a_run_are_written_into_its_folder() {
    let bench = with_runs();
    let text = bench.told("export 20260101\nexport shipped\n");
    in_order(
        &text,
        &[
            "note: written into ",
            "note: the shipped run has no folder to write into",
        ],
    );
    let dir = RunDir::new(folder(&bench, "20260101-000000-s1"));
    assert!(dir.export().is_dir());
}

#[test]
fn a_run_is_deleted_only_when_the_next_line_says_yes() {
    let bench = with_runs();
    let id = "20260101-000000-s1";
    let question = format!("Delete {id} and its folder? yes deletes it");
    let text = bench.told("yes\ndelete\ndelete 20260101\nno\ndelete 20260101\nshow\nyes\n");
    in_order(
        &text,
        &[
            "no command yes: help lists them",
            "delete takes a run",
            &question,
            "Nothing is deleted.",
            &question,
            "Nothing is deleted.",
            // Any other line is obeyed.
            "Alert 0 of ",
            "no command yes: ",
        ],
    );
    assert!(folder(&bench, id).is_dir());
    // The end of the input is no answer either.
    bench.told("delete 20260101\n");
    assert!(folder(&bench, id).is_dir());
    let text = bench.told("delete 20260101\nyes\nruns\ndelete shipped\nyes\n");
    in_order(
        &text,
        &[
            &question,
            &format!("note: deleted {id}\n"),
            "Run 20260102-000000-s2: ",
            "note: the shipped run is in the program, read-only",
            "no command yes: ",
        ],
    );
    assert!(!folder(&bench, id).exists());
    assert!(folder(&bench, "20260102-000000-s2").is_dir());
    assert!(!text.contains(&format!("Run {id}: ")), "{text}");
}
