//! `opensoc label stats`: how far everybody has come, and how far they agree.

use std::io::Write;

use serde::Serialize;

use super::Folder;
use crate::commands::Outcome;
use crate::env::schema::{Action, Episode};
use crate::gate::clean;
use crate::label::agreement::Agreement;
use crate::label::progress::Counts;
use crate::label::{Labels, State, Store};

/// Arguments of `label stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub folder: Folder,
}

/// Everything that is counted.
#[derive(Debug, Serialize)]
struct Stats {
    episodes: usize,
    annotators: Vec<Annotator>,
    pairs: Vec<Between>,
}

#[derive(Debug, Serialize)]
struct Annotator {
    name: String,
    states: serde_json::Map<String, serde_json::Value>,
    actions: serde_json::Map<String, serde_json::Value>,
    flagged: usize,
    accepted: usize,
    with_verifier: Agreement,
}

#[derive(Debug, Serialize)]
struct Between {
    one: String,
    two: String,
    agreement: Agreement,
}

/// Prints the counts.
///
/// # Errors
/// When the labels cannot be read, or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let store = args.folder.store()?;
    let stats = count(&store.episodes()?, &store.labels()?);
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&stats)?)?,
        false => print(&store, &stats, out)?,
    }
    Ok(Outcome::Complete)
}

fn count(episodes: &[Episode], labels: &Labels) -> Stats {
    let names = labels.annotators();
    let annotators = names.iter().map(|name| {
        let counts = Counts::of(labels.of(name), episodes.len());
        let state = |s: State| (s.as_str().to_owned(), counts.in_state(s).into());
        let action = |a: Action| (a.as_str().to_owned(), counts.deciding(a).into());
        Annotator {
            name: (*name).to_owned(),
            states: State::ALL.into_iter().map(state).collect(),
            actions: Action::ALL.into_iter().map(action).collect(),
            flagged: counts.flagged,
            accepted: counts.accepted,
            with_verifier: Agreement::with_verifier(labels, name, episodes),
        }
    });
    let pairs = names.iter().enumerate().flat_map(|(at, one)| {
        let others = names.iter().skip(at + 1);
        others.map(|two| Between {
            one: (*one).to_owned(),
            two: (*two).to_owned(),
            agreement: Agreement::between(labels, one, two),
        })
    });
    Stats {
        episodes: episodes.len(),
        annotators: annotators.collect(),
        pairs: pairs.collect(),
    }
}

fn print(store: &Store, stats: &Stats, out: &mut dyn Write) -> anyhow::Result<()> {
    let dir = store.path().display();
    writeln!(out, "{} alerts to label in {dir}", stats.episodes)?;
    if stats.annotators.is_empty() {
        writeln!(out, "no labels yet: F3 in `opensoc` labels them")?;
    }
    for annotator in &stats.annotators {
        let name = &annotator.name;
        writeln!(out, "\n{name}: {}", counted(&annotator.states))?;
        writeln!(out, "  submitted: {}", counted(&annotator.actions))?;
        let (flagged, accepted) = (annotator.flagged, annotator.accepted);
        writeln!(
            out,
            "  {flagged} flagged, {accepted} the model's own answer"
        )?;
        agree(name, "the verifier", &annotator.with_verifier, out)?;
    }
    for Between {
        one,
        two,
        agreement,
    } in &stats.pairs
    {
        writeln!(out)?;
        agree(one, two, agreement, out)?;
    }
    Ok(())
}

fn counted(counts: &serde_json::Map<String, serde_json::Value>) -> String {
    let each = counts.iter().map(|(name, n)| format!("{n} {name}"));
    each.collect::<Vec<_>>().join(", ")
}

fn agree(one: &str, two: &str, found: &Agreement, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(percent) = found.percent else {
        writeln!(out, "  {one} and {two}: no alert submitted by both")?;
        return Ok(());
    };
    let kappa = found.kappa.map_or_else(
        || "undefined (one action only)".to_owned(),
        |k| format!("{k:.3}"),
    );
    writeln!(
        out,
        "  {one} and {two}: {} of {} actions the same ({percent:.1} %), Cohen's kappa {kappa}; citations the same: {}",
        found.same_action, found.both, found.same_citation
    )?;
    for pair in &found.disagreements {
        let id = clean(&pair.episode_id);
        writeln!(out, "    {id}: {} against {}", pair.one, pair.two)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Split, Stage};
    use crate::label::testing::{decided, label};

    #[test]
    fn counts_and_agreement_are_printed_for_people_and_programs() {
        let episodes: Vec<_> = (0..4)
            .map(|n| generate::episode(Stage::Basic, Split::Train, 3, n))
            .collect();
        let truth = |at: usize| {
            let truth = &episodes[at].truth;
            decided(truth.action, &truth.triggering_log_id, "r")
        };
        let other = Action::ALL
            .into_iter()
            .find(|action| *action != episodes[1].truth.action);
        let mut wrong = truth(1);
        wrong.action = other;
        let id = |at: usize| episodes[at].episode_id.as_str();
        let labels: Labels = [
            label("ann", id(0), truth(0)),
            label("ann", id(1), wrong),
            label("bob", id(0), truth(0)),
            label("bob", id(1), truth(1)),
        ]
        .into_iter()
        .collect();
        let stats = count(&episodes, &labels);
        let value = serde_json::to_value(&stats).expect("JSON");
        assert_eq!(value["annotators"][0]["states"]["pending"], 2);
        assert_eq!(value["annotators"][0]["states"]["submitted"], 2);
        assert_eq!(value["annotators"][0]["with_verifier"]["percent"], 50.0);
        assert_eq!(value["annotators"][1]["with_verifier"]["percent"], 100.0);
        assert_eq!(
            value["pairs"][0]["agreement"]["disagreements"][0]["episode_id"],
            id(1)
        );
        let mut text = Vec::new();
        print(&Store::new("somewhere"), &stats, &mut text).expect("printed");
        let text = String::from_utf8(text).expect("text");
        for wanted in ["4 alerts", "ann and bob: 1 of 2", "(50.0 %)", id(1)] {
            assert!(text.contains(wanted), "{wanted}:\n{text}");
        }
        let mut text = Vec::new();
        let none = count(&[], &Labels::default());
        print(&Store::new("somewhere"), &none, &mut text).expect("printed");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("no labels yet"), "{text}");
    }
}
