//! `opensoc label import`: alerts into the set, ours and those of other programs; a bad line is named and the rest taken.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::Context;

use super::Folder;
use crate::commands::Outcome;
use crate::commands::lines::open;
use crate::commands::records::records;
use crate::env::schema::Episode;
use crate::gate::clean;
use crate::import::joining::Surroundings;
use crate::import::room::{Room, weight};
use crate::label::import::{Line, episode, line};
use crate::label::{Added, Store};

/// Arguments of `label import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines, packed or not: episodes, incidents, and whatever alerts `opensoc triage` reads; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take alerts only, each with at most 10 events of the same host, user or address (of all files) from the 15 minutes before it
    #[arg(long)]
    pub join: bool,
    #[command(flatten)]
    pub folder: Folder,
}

/// Bad lines that are told of; of more only their number is.
const TOLD: usize = 20;

/// What came of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    new: usize,
    known: usize,
    bad: usize,
    /// Of those, not even kept to be told of.
    dropped: usize,
    /// Only looked at for what they say about alerts.
    events: usize,
}

/// A line: of which file and which one, and the episode in it or what is wrong.
struct Read {
    file: String,
    number: u64,
    episode: Result<Episode, String>,
}

/// Takes every good line; says on stderr what is wrong with the others.
///
/// # Errors
/// When a file cannot be read, or the set cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let store = args.folder.store()?;
    let files = args.files.iter();
    let inputs = files.map(|file| anyhow::Ok((file.display().to_string(), open(Some(file))?)));
    let mut tally = Tally::default();
    let read = match args.join {
        true => joined(inputs, &mut tally)?,
        false => alone(inputs, &mut tally)?,
    };
    take(read, &store, &mut tally, &mut io::stderr())?;
    let Tally {
        new,
        known,
        bad,
        events,
        ..
    } = tally;
    let dir = store.path().display();
    let looked_at = match args.join {
        true => format!(", {events} events looked at"),
        false => String::new(),
    };
    writeln!(
        out,
        "{new} added, {known} there already, {bad} bad{looked_at}; to label in {dir}"
    )?;
    Ok(match bad {
        0 => Outcome::Complete,
        _ => Outcome::BadInput,
    })
}

impl Tally {
    /// Whether what is wrong with one more line is still told.
    fn tells(&mut self, told: &mut usize) -> bool {
        *told += 1;
        let tells = *told <= TOLD;
        if !tells {
            (self.bad, self.dropped) = (self.bad + 1, self.dropped + 1);
        }
        tells
    }
}

/// Each line by itself.
fn alone<R: BufRead>(
    inputs: impl IntoIterator<Item = anyhow::Result<(String, R)>>,
    tally: &mut Tally,
) -> anyhow::Result<Vec<Read>> {
    let (mut read, mut wrong, mut room) = (Vec::new(), 0, Room::default());
    for input in inputs {
        let (file, input) = input?;
        for found in records(input) {
            let (number, text) = found.with_context(|| file.clone())?;
            let text = text.map_err(|error| error.to_string());
            let episode = text.and_then(|text| episode(&text).map_err(|error| error.to_string()));
            if episode.is_err() && !tally.tells(&mut wrong) {
                continue;
            }
            let bytes = episode
                .as_ref()
                .map_or(0, |found| weight(&found.log_window));
            let held = room.take(bytes);
            held.with_context(|| format!("{file}: line {number}"))?;
            read.push(Read {
                file: file.clone(),
                number,
                episode,
            });
        }
    }
    Ok(read)
}

/// Each alert with what went on before it, in whichever file that stands.
fn joined<R: BufRead>(
    inputs: impl IntoIterator<Item = anyhow::Result<(String, R)>>,
    tally: &mut Tally,
) -> anyhow::Result<Vec<Read>> {
    let mut surroundings = Surroundings::default();
    let (mut lines, mut wrong) = (Vec::new(), 0);
    for input in inputs {
        let (file, input) = input?;
        for found in records(input) {
            let (number, text) = found.with_context(|| file.clone())?;
            let text = text.map_err(|error| error.to_string());
            let read = text.and_then(|text| line(&text).map_err(|error| error.to_string()));
            let full = match read {
                Ok(Line::Record(record)) if !record.is_alert => surroundings.add(*record),
                Err(_) if !tally.tells(&mut wrong) => Ok(()),
                read => {
                    let bytes = read.as_ref().map_or(0, Line::weight);
                    lines.push((file.clone(), number, read));
                    surroundings.hold(bytes)
                }
            };
            full.with_context(|| format!("{file}: line {number}"))?;
        }
    }
    tally.events = surroundings.len();
    let whole = |line| match line {
        Line::Episode(episode) => *episode,
        Line::Record(record) => surroundings.around(*record).0.into_episode(),
    };
    let lines = lines.into_iter().map(|(file, number, line)| Read {
        file,
        number,
        episode: line.map(whole),
    });
    Ok(lines.collect())
}

/// Adds what is good.
fn take(
    read: Vec<Read>,
    store: &Store,
    tally: &mut Tally,
    complaints: &mut dyn Write,
) -> anyhow::Result<()> {
    let good = read.iter().filter_map(|line| line.episode.as_ref().ok());
    let good: Vec<Episode> = good.cloned().collect();
    let mut became = store.add_episodes(&good)?.into_iter();
    let mut told = 0;
    for Read {
        file,
        number,
        episode,
    } in read
    {
        let wrong = match episode.map(|episode| (became.next(), episode.episode_id)) {
            Ok((Some(Added::New), _)) => {
                tally.new += 1;
                continue;
            }
            Ok((Some(Added::Known) | None, _)) => {
                tally.known += 1;
                continue;
            }
            Ok((Some(Added::Refused), id)) => {
                format!("another episode of the id `{id}` is there already")
            }
            Ok((Some(Added::Unfit(unfit)), _)) => unfit.to_string(),
            Err(reason) => reason,
        };
        if tally.tells(&mut told) {
            tally.bad += 1;
            writeln!(complaints, "{file}: line {number}: {}", clean(&wrong))?;
        }
    }
    if tally.dropped > 0 {
        writeln!(complaints, "and {} more bad lines", tally.dropped)?;
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
        let input = [Ok(("in.jsonl".to_owned(), input.as_bytes()))];
        let read = alone(input, &mut tally).expect("read");
        take(read, &store, &mut tally, &mut said).expect("taken");
        let expected = Tally {
            new: 2,
            known: 1,
            bad: 3,
            ..Tally::default()
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

    #[test]
    fn of_many_bad_lines_the_first_are_told_and_the_rest_counted() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path());
        let good = generate::episode(Stage::Multi, Split::Train, 3, 0);
        let good = serde_json::to_string(&good).expect("a line");
        let input = "no json\n".repeat(50) + &good;
        for is_joined in [false, true] {
            let (mut tally, mut said) = (Tally::default(), Vec::new());
            let inputs = [Ok(("in.jsonl".to_owned(), input.as_bytes()))];
            let read = match is_joined {
                true => joined(inputs, &mut tally),
                false => alone(inputs, &mut tally),
            }
            .expect("read");
            assert_eq!(read.len(), 21, "no more is kept");
            take(read, &store, &mut tally, &mut said).expect("taken");
            assert_eq!((tally.bad, tally.new + tally.known), (50, 1));
            let said = String::from_utf8(said).expect("text");
            assert_eq!(said.lines().count(), 21);
            assert!(said.ends_with("and 30 more bad lines\n"), "{said}");
        }
    }

    #[test]
    fn joined_alerts_come_with_the_events_of_other_files() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path());
        let conn = concat!(
            "{\"ts\":1767348000.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.7\",\"id.resp_h\":\"203.0.113.9\",\"conn_state\":\"SF\"}\n",
            "{\"ts\":\"long ago\",\"uid\":\"C2\",\"conn_state\":\"SF\"}\n",
        );
        let notice = "{\"ts\":1767348060.0,\"note\":\"Scan::Port_Scan\",\"msg\":\"10.0.0.7 scanned\",\"src\":\"10.0.0.7\"}\n";
        let inputs = [
            Ok(("notice.log".to_owned(), notice.as_bytes())),
            Ok(("conn.log".to_owned(), conn.as_bytes())),
        ];
        let (mut tally, mut said) = (Tally::default(), Vec::new());
        let read = joined(inputs, &mut tally).expect("read");
        take(read, &store, &mut tally, &mut said).expect("taken");
        let expected = Tally {
            new: 1,
            bad: 1,
            events: 1,
            ..Tally::default()
        };
        assert_eq!(tally, expected);
        let said = String::from_utf8(said).expect("text");
        assert_eq!(said, "conn.log: line 2: field `ts`: is no time\n");
        let episodes = store.episodes().expect("read");
        let types: Vec<_> = episodes[0]
            .log_window
            .iter()
            .map(|e| e.event_type.as_str())
            .collect();
        assert_eq!(types, ["net.connection", "zeek.notice"]);
    }
}
