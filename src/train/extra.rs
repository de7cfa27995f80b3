//! Labelled examples beside the gold ones: read from a file once, kept in the run's folder, learned from like gold.
//!
//! A line is what `opensoc generate --format sft` prints: `{"prompt":[{"role","content"}…],"completion":[{"role":
//! "assistant","content"}]}`, or the same conversation under `messages`. Other keys are passed over, as
//! trainers do: tools add ids.

use std::path::{Path, PathBuf};

use super::error::{Result, TrainError};
use super::learner::Sequence;
use crate::digest::sha256;
use crate::env::read::{Fault, Object};
use crate::env::response;
use crate::model::tokenizer::Tokenizer;
use crate::run::RunDir;
use crate::run::layout::{read_bounded, replace_file};

/// The longest file that is read.
const LIMIT: u64 = 64 << 20;

/// Its name in a run's folder: what a resumed run goes on with, wherever the original is by then.
pub const FILE: &str = "sft_extra.jsonl";

/// One labelled example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its line in the file.
    pub line: u64,
    pub system: Option<String>,
    pub user: String,
    /// Three lines, well formed.
    pub completion: String,
}

/// Where a line's turns stand, in their order.
const TURNS: [&str; 3] = ["prompt", "completion", "messages"];

/// A turn of the conversation.
struct Turn {
    /// Where it stands: `messages[1]`.
    place: String,
    role: &'static str,
    content: String,
}

impl Turn {
    fn read(mut object: Object) -> Result<Self, Fault> {
        Ok(Self {
            place: object.path().to_owned(),
            role: object.word("role", &["system", "user", "assistant"], |role| role)?,
            content: object.text("content")?,
        })
    }

    /// All turns of a line.
    fn of_line(mut line: Object) -> Result<Vec<Self>, Fault> {
        let mut turns = Vec::new();
        for name in TURNS {
            if line.has(name) {
                turns.extend(line.objects(name)?);
            }
        }
        turns.into_iter().map(Self::read).collect()
    }
}

impl Example {
    /// Reads one line, the `at`th of its file.
    ///
    /// # Errors
    /// Says what is wrong with it and with which field, in words.
    fn parse(line: &str, at: u64) -> Result<Self, String> {
        let line = Object::parse(line).map_err(|fault| fault.to_string())?;
        let is_conversation = line.has("messages");
        let turns = Turn::of_line(line).map_err(|fault| fault.to_string())?;
        let (mut system, mut user, mut answer) = (None, None, None);
        for turn in turns {
            let slot = match turn.role {
                "system" => &mut system,
                "user" => &mut user,
                _ => &mut answer,
            };
            if slot.is_some() {
                let Turn { place, role, .. } = turn;
                return Err(format!(
                    "field `{place}.role`: a second message of the {role}; one turn is learned from"
                ));
            }
            *slot = Some(turn);
        }
        let without = |role: &str, list: &str| {
            let list = if is_conversation { "messages" } else { list };
            format!("field `{list}`: no message of the {role}")
        };
        let answer = answer.ok_or_else(|| without("assistant", "completion"))?;
        response::parse(&answer.content).map_err(|because| {
            let place = &answer.place;
            format!("field `{place}.content`: its answer is malformed: {because}")
        })?;
        let user = user.ok_or_else(|| without("user", "prompt"))?;
        Ok(Self {
            line: at,
            system: system.map(|turn| turn.content),
            user: user.content,
            completion: answer.content,
        })
    }

    /// As a training sequence.
    #[must_use]
    pub fn sequence(&self, tokenizer: &Tokenizer) -> Sequence {
        Sequence {
            prompt: tokenizer.prompt(self.system.as_deref(), &self.user),
            completions: vec![tokenizer.completion(&self.completion)],
        }
    }
}

/// The labelled examples of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    pub examples: Vec<Example>,
    /// The file they came from, as it was read.
    bytes: Vec<u8>,
}

impl Extra {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TrainError::Labels`] names the line, [`TrainError::NoLabels`] a file that is missing or empty.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |line: usize, reason: String| TrainError::Labels {
            path: path.to_owned(),
            line: line as u64,
            reason,
        };
        let none = |reason| TrainError::NoLabels {
            path: path.to_owned(),
            reason,
        };
        let bytes = read_bounded(path, LIMIT)?.ok_or_else(|| none("there is no such file"))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            wrong(line, "not UTF-8".into())
        })?;
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let examples = lines.map(|(n, line)| {
            let parsed = Example::parse(line, n as u64 + 1);
            parsed.map_err(|why| wrong(n + 1, why))
        });
        let examples = examples.collect::<Result<Vec<_>>>()?;
        if examples.is_empty() {
            return Err(none("the file holds none"));
        }
        Ok(Self { examples, bytes })
    }

    /// Those of a run: what its folder keeps where it is resumed, else what `file` holds.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_run(dir: &RunDir, file: Option<&Path>, resume: bool) -> Result<Self> {
        match Self::file_of_run(dir, file, resume) {
            Some(file) => Self::read(&file),
            None => Ok(Self::default()),
        }
    }

    /// The file that [`Self::of_run`] reads.
    #[must_use]
    pub fn file_of_run(dir: &RunDir, file: Option<&Path>, resume: bool) -> Option<PathBuf> {
        let copy = dir.path().join(FILE);
        match resume {
            true => copy.is_file().then_some(copy),
            false => file.map(Path::to_path_buf),
        }
    }

    /// Refuses examples that are longer than the model has positions.
    ///
    /// # Errors
    /// Names the file that [`Self::of_run`] read, and the line.
    pub fn check_lengths(&self, tokenizer: &Tokenizer, limit: usize, file: &Path) -> Result<()> {
        for example in &self.examples {
            let tokens = example.sequence(tokenizer).tokens();
            if tokens > limit {
                return Err(TrainError::Labels {
                    path: file.to_owned(),
                    line: example.line,
                    reason: format!(
                        "its {tokens} tokens exceed the model's {limit} positions: shorten its log window, or take a model with \
                         more (max_position_embeddings in its config.json)"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Leaves a copy in a run's folder.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&self, dir: &RunDir) -> Result<()> {
        if !self.examples.is_empty() {
            replace_file(&dir.path().join(FILE), &self.bytes)?;
        }
        Ok(())
    }

    /// Name and SHA-256, for `run.json`; `None` without examples.
    #[must_use]
    pub fn hash(&self) -> Option<(String, String)> {
        (!self.examples.is_empty()).then(|| (FILE.to_owned(), sha256(&self.bytes)))
    }
}

/// Where the `extra` examples stand among `gold` ones, evenly spread: positions below `gold` are gold's own, in order.
#[must_use]
pub fn spread(gold: Vec<u64>, extra: Vec<u64>) -> Vec<u64> {
    let (n, m) = (gold.len(), extra.len());
    let mut order = Vec::with_capacity(n + m);
    let (mut gold, mut extra) = (gold.into_iter(), extra.into_iter());
    for i in 0..n + m {
        // The share of extras among the first i + 1, rounded down, less those among the first i.
        let is_extra = (i + 1) * m / (n + m) > i * m / (n + m);
        order.extend(if is_extra { extra.next() } else { gold.next() });
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(completion: &str) -> String {
        json!({
            "id": "x", "annotator": "ann", "mood": ["fair", 2],
            "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
            "completion": [{"role": "assistant", "content": completion}]
        })
        .to_string()
    }

    const ANSWER: &str = "Action: monitor\nCitedLog: L1-0\nRationale: seen before.";

    #[test]
    fn both_shapes_are_read_and_what_is_wrong_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("extra.jsonl");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        let messages = json!({"messages": [
            {"role": "user", "content": "u"}, {"role": "assistant", "content": ANSWER}
        ]});
        write(&format!("{}\n\n{messages}\n", line(ANSWER)));
        let Extra { examples, .. } = Extra::read(&path).expect("two examples");
        assert_eq!(examples.len(), 2);
        assert_eq!((examples[0].line, examples[1].line), (1, 3));
        assert_eq!(
            (examples[0].system.as_deref(), examples[1].system.as_deref()),
            (Some("s"), None)
        );
        for (text, expected) in [
            (format!("{}\nno json\n", line(ANSWER)), ":2: "),
            (
                line("Action: sleep"),
                ":1: not a labelled example: field `completion[0].content`: its answer is malformed",
            ),
            (
                json!({"messages": [{"role": "tool", "content": ""}]}).to_string(),
                "field `messages[0].role`: `tool`",
            ),
            (
                json!({"messages": [{"role": "user", "content": "u"}]}).to_string(),
                "field `messages`: no message of the assistant",
            ),
            (
                json!({"completion": [{"role": "assistant", "content": ANSWER}]}).to_string(),
                "field `prompt`: no message of the user",
            ),
            (
                json!({"messages": [{"role": "user", "content": "u"}, {"role": "user", "content": "u"}]}).to_string(),
                "field `messages[1].role`: a second message of the user",
            ),
            (
                json!({"messages": [{"role": "user", "content": 5}]}).to_string(),
                "field `messages[0].content` is not text",
            ),
            (
                json!({"prompt": "u"}).to_string(),
                "field `prompt` is not a list",
            ),
            (
                format!("{}\n\n{}", line(ANSWER), line("Action: sleep")),
                ":3: not a labelled example: field `completion[0].content`",
            ),
            (String::new(), "no labelled examples: the file holds none"),
        ] {
            write(&text);
            let error = Extra::read(&path).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        std::fs::remove_file(&path).expect("removed");
        let error = Extra::read(&path).expect_err("gone").to_string();
        assert!(error.ends_with("there is no such file"), "{error}");
    }

    #[test]
    fn a_run_keeps_its_own_copy() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("extra.jsonl");
        std::fs::write(&path, line(ANSWER)).expect("written");
        let dir = RunDir::new(folder.path().join("run"));
        std::fs::create_dir(dir.path()).expect("folder");
        let given = Extra::of_run(&dir, Some(&path), false).expect("read");
        given.keep(&dir).expect("kept");
        std::fs::remove_file(&path).expect("gone");
        assert_eq!(Extra::of_run(&dir, None, true).expect("read"), given);
        assert!(given.hash().is_some() && Extra::default().hash().is_none());
        assert_eq!(
            Extra::of_run(&dir, None, false).expect("none"),
            Extra::default()
        );
    }

    #[test]
    fn extras_are_spread_evenly_and_nothing_is_lost() {
        for (n, m) in [(20u64, 3u64), (5, 5), (4, 0), (0, 3), (1_800, 20)] {
            let order = spread((0..n).collect(), (n..n + m).collect());
            let of_gold: Vec<u64> = order.iter().copied().filter(|i| *i < n).collect();
            assert_eq!(of_gold, (0..n).collect::<Vec<_>>());
            assert_eq!(order.len() as u64, n + m);
            if m > 0 {
                let places: Vec<usize> = (0..order.len()).filter(|&i| order[i] >= n).collect();
                let gaps: Vec<usize> = places.windows(2).map(|p| p[1] - p[0]).collect();
                let (least, most) = (gaps.iter().min(), gaps.iter().max());
                assert!(most.unwrap_or(&0) - least.unwrap_or(&0) <= 1, "{gaps:?}");
            }
        }
    }
}
