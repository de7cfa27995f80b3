//! `opensoc label export`: submitted labels as examples to train on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::{Folder, by_id};
use crate::commands::Outcome;
use crate::env::schema::Split;
use crate::label::export::{Format, Rejected, Unfit, example};
use crate::label::{LabelError, Store, annotator};

/// Arguments of `label export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What a line is
    #[arg(long, value_enum, default_value_t = Format::PromptCompletion)]
    pub format: Format,
    /// What the pairs of `--format preference` reject
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Rejected::ModelOrAction)]
    pub rejected: Rejected,
    /// One annotator's labels; everybody's without it
    #[arg(long = "as", value_name = "NAME")]
    pub annotator: Option<String>,
    #[command(flatten)]
    pub folder: Folder,
}

/// What was written, and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    written: usize,
    /// Of those written, how many are of hold-out episodes.
    from_holdout: usize,
    /// Submitted labels that gave no line, by why.
    left_out: BTreeMap<String, usize>,
    /// The actions written for an episode.
    actions: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Tally {
    /// Alerts for which more than one action is written: whoever trains on all of them is taught both.
    fn contradictions(&self) -> usize {
        let actions = self.actions.values();
        actions.filter(|actions| actions.len() > 1).count()
    }
}

/// Prints an example a line; says on stderr what was left out.
///
/// # Errors
/// When the labels cannot be read, or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let name = args.annotator.as_deref().map(annotator).transpose()?;
    let store = args.folder.store()?;
    let what = (args.format, args.rejected);
    if let Some(name) = &name {
        check_known(&store, name)?;
    }
    let tally = write(&store, what, name.as_deref(), out)?;
    let mut say = io::stderr();
    for (why, count) in &tally.left_out {
        writeln!(say, "{count} submitted left out: {why}")?;
    }
    if tally.from_holdout > 0 {
        let count = tally.from_holdout;
        writeln!(
            say,
            "{count} of {} are of hold-out episodes: what is trained on them is not to be evaluated on them",
            tally.written
        )?;
    }
    let contradictions = tally.contradictions();
    if contradictions > 0 {
        writeln!(
            say,
            "{contradictions} alerts are exported with different actions, as annotators do not agree: --as NAME exports one's labels only, `opensoc label stats` tells who differs"
        )?;
    }
    if tally.written == 0 {
        let dir = store.path().display();
        writeln!(say, "no submitted labels to export in {dir}")?;
    }
    Ok(Outcome::Complete)
}

/// Refuses an annotator who has labelled nothing, and names those there are.
fn check_known(store: &Store, name: &str) -> anyhow::Result<()> {
    let labels = store.labels()?;
    let known: BTreeSet<&str> = labels
        .iter()
        .map(|label| label.annotator.as_str())
        .collect();
    anyhow::ensure!(
        known.contains(name),
        "no labels of `{name}` in {}; there are those of {}",
        store.path().display(),
        match known.is_empty() {
            true => "nobody".to_owned(),
            false => known.into_iter().collect::<Vec<_>>().join(", "),
        }
    );
    Ok(())
}

fn write(
    store: &Store,
    (format, rejected): (Format, Rejected),
    annotator: Option<&str>,
    out: &mut dyn Write,
) -> anyhow::Result<Tally> {
    let episodes = by_id(store)?;
    let labels = store.labels()?;
    let mut tally = Tally::default();
    for label in labels.iter() {
        if annotator.is_some_and(|name| name != label.annotator) {
            continue;
        }
        let Some(episode) = episodes.get(&label.episode_id) else {
            return Err(lost(store, &label.episode_id).into());
        };
        match example(format, rejected, label, episode) {
            Ok(line) => {
                writeln!(out, "{line}")?;
                tally.written += 1;
                tally.from_holdout += usize::from(episode.split == Split::Holdout);
                if let Some(action) = label.decision.action {
                    let id = label.episode_id.clone();
                    tally.actions.entry(id).or_default().insert(action.as_str());
                }
            }
            Err(Unfit::NotSubmitted(_)) => {}
            Err(why) => *tally.left_out.entry(why.to_string()).or_default() += 1,
        }
    }
    Ok(tally)
}

/// A label of an episode that is not in the set: its prompt cannot be made.
fn lost(store: &Store, episode_id: &str) -> LabelError {
    LabelError::NoEpisode {
        dir: store.path().to_owned(),
        episode_id: episode_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Action, Episode, Stage};
    use crate::env::{prompt, response};
    use crate::label::examples;
    use crate::label::testing::{decided, label};
    use crate::label::{Decision, ModelAnswer, State, Writer};
    use crate::train::extra::Extra;

    /// Three episodes labelled by ann, one of them by bob too.
    fn labelled() -> (tempfile::TempDir, Store, Vec<Episode>) {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path().join("labels"));
        let split = |n| [Split::Train, Split::Train, Split::Holdout][n as usize];
        let episodes: Vec<_> = (0..3)
            .map(|n| generate::episode(Stage::Multi, split(n), 3, n))
            .collect();
        store.add_episodes(&episodes).expect("added");
        let decision = |at: usize, action| {
            let cited = &episodes[at].log_window[0].log_id;
            Decision {
                model: Some(ModelAnswer {
                    adapter: "sft".into(),
                    response: format!("Action: dismiss\nCitedLog: {cited}\nRationale: x"),
                }),
                ..decided(action, cited, "as I see it")
            }
        };
        let mut ann = Writer::open(&store, "ann").expect("free");
        for (at, action) in [
            (0, Action::Monitor),
            (1, Action::Dismiss),
            (2, Action::Escalate),
        ] {
            let label = label("ann", &episodes[at].episode_id, decision(at, action));
            ann.append(&label).expect("written");
        }
        let mut bob = Writer::open(&store, "bob").expect("free");
        let draft = Decision {
            state: State::Draft,
            ..decision(1, Action::Monitor)
        };
        for (at, decision) in [(0, decision(0, Action::BlockIp)), (1, draft)] {
            let label = label("bob", &episodes[at].episode_id, decision);
            bob.append(&label).expect("written");
        }
        (folder, store, episodes)
    }

    #[test]
    fn what_is_exported_is_what_training_reads() {
        let (folder, store, episodes) = labelled();
        for format in [Format::PromptCompletion, Format::Messages] {
            let mut text = Vec::new();
            let what = (format, Rejected::Model);
            let tally = write(&store, what, Some("ann"), &mut text).expect("written");
            assert_eq!((tally.written, tally.from_holdout), (3, 1));
            let file = folder.path().join("extra.jsonl");
            std::fs::write(&file, &text).expect("written");
            let examples = Extra::read(&file).expect("training reads it").examples;
            assert_eq!(examples.len(), 3);
            for (label, example) in store.labels().expect("read").of("ann").zip(&examples) {
                let mut of_label = episodes.iter().filter(|e| e.episode_id == label.episode_id);
                let episode = of_label.next().expect("there");
                let user = prompt::user_message(&episode.alert, &episode.log_window);
                assert_eq!(example.user, user);
                assert_eq!(example.system.as_deref(), Some(prompt::SYSTEM));
                let answer = response::parse(&example.completion).expect("well formed");
                assert_eq!(Some(answer.action), label.decision.action);
                assert_eq!(answer.rationale, "as I see it");
            }
        }
    }

    #[test]
    fn the_workbench_writes_the_same_examples_into_the_folder() {
        let (_folder, store, _) = labelled();
        let mut text = Vec::new();
        let what = (Format::PromptCompletion, Rejected::default());
        write(&store, what, Some("ann"), &mut text).expect("written");
        let written = examples::write(&store, "ann", Format::PromptCompletion).expect("written");
        assert_eq!(written.examples, 3);
        let file = std::fs::read(&written.path).expect("there");
        assert!(file == text, "{}", String::from_utf8_lossy(&file));
        let none = examples::write(&store, "nobody", Format::PromptCompletion).expect("read");
        assert!(none.examples == 0 && !none.path.exists());
    }

    #[test]
    fn preferences_are_where_the_model_said_otherwise_and_drafts_are_left_out() {
        let (_folder, store, _) = labelled();
        let mut text = Vec::new();
        let of_model = (Format::Preference, Rejected::Model);
        let tally = write(&store, of_model, None, &mut text).expect("written");
        assert_eq!(tally.written, 3);
        let why = Unfit::SameAsModel.to_string();
        assert_eq!(tally.left_out, BTreeMap::from([(why, 1)]));
        let text = String::from_utf8(text).expect("text");
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_ne!(line["chosen"], line["rejected"]);
        }
        let either = (Format::Preference, Rejected::ModelOrAction);
        let tally = write(&store, either, None, &mut Vec::new()).expect("written");
        assert_eq!((tally.written, tally.left_out.len()), (4, 0));
        let mut text = Vec::new();
        let messages = (Format::Messages, Rejected::Model);
        let tally = write(&store, messages, Some("bob"), &mut text).expect("written");
        assert_eq!((tally.written, tally.left_out.len()), (1, 0));
    }

    #[test]
    fn contradictions_are_counted_and_an_unknown_annotator_is_told_the_known_ones() {
        let (_folder, store, _) = labelled();
        let what = (Format::Messages, Rejected::Model);
        // Both have submitted an action for the first, and not the same.
        let both = write(&store, what, None, &mut Vec::new()).expect("written");
        assert_eq!((both.written, both.contradictions()), (4, 1));
        let one = write(&store, what, Some("ann"), &mut Vec::new()).expect("written");
        assert_eq!(one.contradictions(), 0);
        assert!(check_known(&store, "bob").is_ok());
        let told = check_known(&store, "eve").expect_err("unknown").to_string();
        assert!(told.ends_with("those of ann, bob"), "{told}");
    }

    #[test]
    fn a_label_of_a_lost_episode_is_named() {
        let (_folder, store, _) = labelled();
        let mut eve = Writer::open(&store, "eve").expect("free");
        let lost = label("eve", "nowhere", decided(Action::Monitor, "L1-0", "r"));
        eve.append(&lost).expect("written");
        let messages = (Format::Messages, Rejected::Model);
        let error = write(&store, messages, None, &mut Vec::new()).expect_err("lost");
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
