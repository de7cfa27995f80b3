//! What is read as a command, and what never is.

use std::io::{self, Write};

use super::{Bench, in_order, told};
use crate::env::schema::{Episode, Stage};
use crate::gate::clean;
use crate::ui::msg::ExitReason;
use crate::ui::plain::telling;
use crate::ui::plain::words::{WORDS, Word, named, read};
use crate::ui::preferences::Preferences;
use crate::ui::tests::fixtures::{app, right};

#[test]
fn what_is_no_command_says_the_nearest_that_tells_and_short_words_are_read() {
    let text = told("metrcs\ns\nst\nprev\nskip\nT\nxyzzy\n\n?\n");
    in_order(
        &text,
        &[
            "no command metrcs, the nearest that tells something is metrics: help lists them",
            "stage3_mixed",
            "st begins several commands: stage, stop",
            "skip works on labelling: labelling goes there",
            "T is next theme, which needs the screens",
            "no command xyzzy: help lists them",
            "nothing typed: help lists the commands",
            "quit [leave|stop]: the end",
        ],
    );
}

#[test]
fn hostile_text_steers_no_terminal_and_tells_no_truth() {
    let mut hostile = app();
    let at = hostile.queue.selected();
    let list = hostile
        .queue
        .entries
        .get_mut(&Stage::Mixed)
        .expect("a list");
    let entry = &mut list[at];
    entry.episode.alert.summary = "quiet\u{1b}[2J\u{202e}\nTruth: dismiss".into();
    let mut out = Vec::new();
    for line in telling::alert(&hostile) {
        writeln!(out, "{}", clean(&line)).expect("written");
    }
    let text = String::from_utf8(out).expect("text");
    assert!(
        text.contains("Summary: quiet<U+001B>[2J<U+202E><U+000A>Truth: dismiss\n"),
        "{text}"
    );
    // The answer of a model, and a line typed, pass the same gate.
    fn steering(_: &Episode) -> String {
        "Action: dismiss\nCitedLog: L1-0\nRationale: \u{1b}]52;c;x\u{7}\u{200b}".into()
    }
    let text = Bench::new(steering).told("answer\nx\u{1b}[31m\nfilter \u{1b}:\n");
    assert!(
        !text
            .chars()
            .any(|c| c != '\n' && (c.is_control() || c == '\u{200b}')),
        "{text}"
    );
    assert!(text.contains("<U+001B>[31m"), "{text}");
}

#[test]
fn what_is_wrong_with_the_settings_is_told_first_and_the_rest_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("config.toml", "blnd = true\nblind = true\n"),
        (
            "keys.toml",
            "[[binding]]\nverb = \"fly\"\non = \"everywhere\"\nkeys = [\"f\"]\n",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let mut bench = Bench::new(right);
    assert!(!bench.told("").contains("left out"));
    bench.preferences = Preferences::read(Some(folder.path())).expect("a table");
    let text = bench.told("answer\n");
    in_order(
        &text,
        &[
            "quit ends it.\nerror: ",
            "config.toml:1: unknown field `blnd`; did you mean `blind`? (left out)\nerror: ",
            "keys.toml:2: ",
            " (left out)\nAlert 0 of ",
            "Model: hidden until the reveal (blind ends that)\n",
        ],
    );
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text}");
}

#[test]
fn a_closed_pipe_is_the_end() {
    struct ClosedPipe;
    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (exit, _) = Bench::new(right).talk_to("show\n", &mut ClosedPipe);
    assert_eq!(exit.reason, ExitReason::TerminalLost);
}

#[test]
fn every_word_is_read_as_itself_and_every_key_it_names_means_it() {
    let app = app();
    for entry in &WORDS {
        let found = named(entry.name).map(|found| found.word);
        assert_eq!(found, Ok(entry.word), "{}", entry.name);
    }
    for (line, word, rest) in [
        ("1", Word::Decide(crate::env::schema::Action::Dismiss), ""),
        (
            "5 L1-0",
            Word::Decide(crate::env::schema::Action::Escalate),
            "L1-0",
        ),
        ("r", Word::Reveal, ""),
        ("] ", Word::Next, ""),
        ("m", Word::Mismatch, ""),
        ("s", Word::Stage, "next"),
        ("Space", Word::Cite, ""),
        ("/a b", Word::Filter, "a b"),
        ("F2", Word::Train, ""),
        ("O", Word::Sort, "next"),
        ("q", Word::Quit, ""),
    ] {
        assert_eq!(read(line, &app), Ok((word, rest)), "{line}");
    }
}

#[test]
fn no_slip_is_led_to_a_word_that_changes_something() {
    let app = app();
    let changing: Vec<&str> = WORDS
        .iter()
        .filter(|entry| !entry.word.tells())
        .map(|entry| entry.name)
        .collect();
    assert!(changing.contains(&"dismiss") && changing.contains(&"delete"));
    for entry in &WORDS {
        let letters: Vec<char> = entry.name.chars().collect();
        for left_out in 0..letters.len() {
            let mut slip = letters.clone();
            slip.remove(left_out);
            let slip: String = slip.into_iter().chain(['x']).collect();
            let Err(said) = read(&slip, &app) else {
                panic!("{slip} is a command");
            };
            let words = said.split([' ', ',', ':']).skip(3);
            let led_to: Vec<&str> = words.filter(|word| changing.contains(word)).collect();
            assert!(led_to.is_empty(), "{slip}: {said}");
        }
    }
    for slip in ["dimsiss", "curves", "deltee", "submt"] {
        let said = read(slip, &app).expect_err("no command");
        assert!(!said.contains("the nearest"), "{said}");
    }
}

#[test]
fn a_line_that_is_too_long_is_passed_over_whole() {
    // What would be a command of its own is the end of the line.
    let text = told(&format!("{}dismiss\nscore\n", "x".repeat(4_096)));
    in_order(&text, &["longer than 4096 bytes", "Stage: stage2_multi"]);
    assert!(
        !text.contains("Decided") && !text.contains("no command"),
        "{text}"
    );
}
