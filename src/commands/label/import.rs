//! `opensoc label import`: episodes and incidents into the set; a bad line is named and the rest taken.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Folder;
use crate::commands::Outcome;
use crate::commands::lines::next_line;
use crate::env::schema::Episode;
use crate::label::import::episode;
use crate::label::{Added, Store};
use crate::ui::gate::clean;

/// Arguments of `label import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines, each an episode or an incident; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub folder: Folder,
}

/// What came of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    new: usize,
    known: usize,
    bad: usize,
}

/// Takes every good line; says on stderr what is wrong with the others.
///
/// # Errors
/// When a file cannot be read, or the set cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let store = args.folder.store()?;
    let mut tally = Tally::default();
    for file in &args.files {
        let shown = file.display().to_string();
        let input: Box<dyn BufRead> = match file == Path::new("-") {
            true => Box::new(io::stdin().lock()),
            false => Box::new(BufReader::new(
                File::open(file).with_context(|| shown.clone())?,
            )),
        };
        take(input, &shown, &store, &mut tally, &mut io::stderr())?;
    }
    let Tally { new, known, bad } = tally;
    let dir = store.path().display();
    writeln!(
        out,
        "{new} added, {known} there already, {bad} bad; to label in {dir}"
    )?;
    Ok(match bad {
        0 => Outcome::Complete,
        _ => Outcome::BadInput,
    })
}

/// Takes the lines of one file.
fn take(
    mut input: impl BufRead,
    file: &str,
    store: &Store,
    tally: &mut Tally,
    complaints: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut good: Vec<(u64, Episode)> = Vec::new();
    let mut wrong: Vec<(u64, String)> = Vec::new();
    let mut number = 0;
    while let Some(line) = next_line(&mut input).with_context(|| file.to_owned())? {
        number += 1;
        match line {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => match episode(text.trim()) {
                Ok(episode) => good.push((number, episode)),
                Err(error) => wrong.push((number, error.to_string())),
            },
            Err(error) => wrong.push((number, error.to_string())),
        }
    }
    let (numbers, episodes): (Vec<u64>, Vec<Episode>) = good.into_iter().unzip();
    let became = store.add_episodes(&episodes)?;
    for ((number, episode), added) in numbers.iter().zip(&episodes).zip(became) {
        match added {
            Added::New => tally.new += 1,
            Added::Known => tally.known += 1,
            Added::Refused => {
                let id = &episode.episode_id;
                wrong.push((
                    *number,
                    format!("another episode of the id `{id}` is there already"),
                ));
            }
        }
    }
    tally.bad += wrong.len();
    wrong.sort();
    for (number, reason) in wrong {
        writeln!(complaints, "{file}: line {number}: {}", clean(&reason))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Split, Stage};

    #[test]
    fn bad_lines_are_named_and_the_rest_is_taken() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path());
        let episode = |index| generate::episode(Stage::Multi, Split::Train, 3, index);
        let line = |episode: &Episode| serde_json::to_string(episode).expect("a line");
        let mut other = episode(0);
        other.alert.host = "other".into();
        let incident = serde_json::to_string(&episode(7).incident).expect("a line");
        let input = format!(
            "{}\nno json\n\n{}\n{}\n{incident}\n{{\"mood\u{1b}\":1}}",
            line(&episode(0)),
            line(&other),
            line(&episode(0)),
        );
        let (mut tally, mut said) = (Tally::default(), Vec::new());
        take(input.as_bytes(), "in.jsonl", &store, &mut tally, &mut said).expect("taken");
        let expected = Tally {
            new: 2,
            known: 1,
            bad: 3,
        };
        assert_eq!(tally, expected);
        let said = String::from_utf8(said).expect("text");
        let lines: Vec<&str> = said.lines().collect();
        for (line, wanted) in lines.iter().zip(["line 2: ", "line 4: ", "line 7: "]) {
            assert!(line.starts_with(&format!("in.jsonl: {wanted}")), "{said}");
        }
        assert!(!said.contains('\u{1b}') && lines.len() == 3, "{said}");
        assert_eq!(store.episodes().expect("read").len(), 2);
    }
}
