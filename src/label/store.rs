//! The folder of labels: `episodes.jsonl` holds what is to be labelled, `labels.jsonl` every revision, one a line.
//!
//! Both only grow. A line is on disk before anybody is told so. Half a last line is what a dead writer left: readers pass
//! over it, the next writer cuts it off. The lock of an annotator is held as long as they label, that of a file as long as
//! a line is being written.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Label, LabelError, Labels, Unfit, annotator};
use crate::env::read::{self, Fault, Object};
use crate::env::schema::Episode;
use crate::run::MAX_LINE;
use crate::run::layout::{open_or_make, read_bounded};

/// The longest file that is read, and so the longest that is written.
const LIMIT: u64 = 256 << 20;

/// What became of an episode that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    New,
    /// The same one is there already.
    Known,
    /// Another one of its id is there: labels would be of either.
    Refused,
    /// It could not be read again.
    Unfit(Unfit),
}

/// A folder of labels. Existing or not: this is only its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// The folder at `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    fn episodes_file(&self) -> PathBuf {
        self.dir.join("episodes.jsonl")
    }

    fn labels_file(&self) -> PathBuf {
        self.dir.join("labels.jsonl")
    }

    /// The episodes that are to be labelled, in the order they came; none where there is no folder.
    ///
    /// # Errors
    /// A file that is unreadable or too long, or its first bad line.
    pub fn episodes(&self) -> Result<Vec<Episode>, LabelError> {
        let path = self.episodes_file();
        lines(&path, |line| {
            read_episode(line).map_err(|fault| fault.to_string())
        })
    }

    /// The latest revision of every label; none where there is no folder.
    ///
    /// # Errors
    /// As [`Self::episodes`].
    pub fn labels(&self) -> Result<Labels, LabelError> {
        Ok(self.revisions()?.into_iter().collect())
    }

    /// Every revision of every label, in the order they were written.
    ///
    /// # Errors
    /// As [`Self::episodes`].
    pub fn revisions(&self) -> Result<Vec<Label>, LabelError> {
        let path = self.labels_file();
        lines(&path, |line| {
            serde_json::from_str::<Label>(line).map_err(|error| error.to_string())
        })
    }

    /// Adds those episodes that are not there yet; says of each what became of it.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn add_episodes(&self, episodes: &[Episode]) -> Result<Vec<Added>, LabelError> {
        self.make_folder()?;
        let known = self.episodes()?.into_iter();
        let mut known: HashMap<String, Episode> =
            known.map(|e| (e.episode_id.clone(), e)).collect();
        let path = self.episodes_file();
        let mut file = open_or_make(&path)?;
        let mut became = Vec::with_capacity(episodes.len());
        for episode in episodes {
            became.push(match known.get(&episode.episode_id) {
                Some(there) if there == episode => Added::Known,
                Some(_) => Added::Refused,
                None => match fitting(&path, episode)? {
                    Err(unfit) => Added::Unfit(unfit),
                    Ok(line) => {
                        append(&path, &mut file, &line)?;
                        known.insert(episode.episode_id.clone(), episode.clone());
                        Added::New
                    }
                },
            });
        }
        Ok(became)
    }

    pub(super) fn make_folder(&self) -> Result<(), LabelError> {
        fs::create_dir_all(&self.dir).map_err(LabelError::io(&self.dir, "make the folder"))
    }
}

/// The right of one annotator to write labels, until dropped.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    annotator: String,
    _lock: File,
}

impl Writer {
    /// Opens the labels for `name`, making the folder where there is none.
    ///
    /// # Errors
    /// [`LabelError::Held`] where another process writes for this annotator; a bad name; files that cannot be opened.
    pub fn open(store: &Store, name: &str) -> Result<Self, LabelError> {
        let annotator = annotator(name)?;
        store.make_folder()?;
        let held = store.dir.join(format!("lock-{annotator}"));
        let lock = open_or_make(&held)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let dir = store.dir.clone();
                return Err(LabelError::Held { dir, annotator });
            }
            Err(TryLockError::Error(cause)) => return Err(LabelError::io(&held, "lock")(cause)),
        }
        let path = store.labels_file();
        Ok(Self {
            file: open_or_make(&path)?,
            path,
            annotator,
            _lock: lock,
        })
    }

    /// Whose labels these are.
    #[must_use]
    pub fn annotator(&self) -> &str {
        &self.annotator
    }

    /// Writes one revision; it is on disk when this returns.
    ///
    /// # Errors
    /// Where it is not.
    pub fn append(&mut self, label: &Label) -> Result<(), LabelError> {
        let line = encoded(&self.path, label)?;
        if line.len() > MAX_LINE + 1 {
            let too_long = std::io::Error::other("a line of more than 1 MiB");
            return Err(LabelError::io(&self.path, "write")(too_long));
        }
        // An open file outlives its name: what is written to it then, nobody finds again.
        if !self.path.is_file() {
            let path = self.path.clone();
            return Err(LabelError::Gone { path });
        }
        append(&self.path, &mut self.file, &line)
    }
}

/// A value as a line with its end.
pub(super) fn encoded(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, LabelError> {
    let mut line =
        serde_json::to_vec(value).map_err(|error| LabelError::io(path, "write")(error.into()))?;
    line.push(b'\n');
    Ok(line)
}

/// The line of an episode that can be read again; else why it cannot: one such line would close the whole folder.
fn fitting(path: &Path, episode: &Episode) -> Result<Result<Vec<u8>, Unfit>, LabelError> {
    let line = encoded(path, episode)?;
    let length = line.len() - 1;
    if length > MAX_LINE {
        return Ok(Err(Unfit::TooLong(length)));
    }
    let read = read_episode(String::from_utf8_lossy(&line).trim_end());
    Ok(read.map(|_| line).map_err(Unfit::from))
}

fn read_episode(line: &str) -> Result<Episode, Fault> {
    read::episode(Object::parse(line)?)
}

/// Puts one line at the end of a file that others may write to as well.
pub(super) fn append(path: &Path, file: &mut File, line: &[u8]) -> Result<(), LabelError> {
    file.lock().map_err(LabelError::io(path, "lock"))?;
    let written = append_locked(path, file, line);
    // Unlocking cannot undo the line; the lock goes with the file at the latest.
    let _ = file.unlock();
    written
}

fn append_locked(path: &Path, file: &mut File, line: &[u8]) -> Result<(), LabelError> {
    let path = || path.to_owned();
    let found = end_of_lines(file).map_err(LabelError::io(&path(), "write"))?;
    let (whole, end) = found.ok_or_else(|| LabelError::Endless { path: path() })?;
    if whole + line.len() as u64 > LIMIT {
        let (path, limit) = (path(), LIMIT);
        return Err(LabelError::Full { path, limit });
    }
    let written = match whole < end {
        true => file.set_len(whole),
        false => Ok(()),
    }
    .and_then(|()| file.seek(SeekFrom::Start(whole)))
    .and_then(|_| file.write_all(line))
    .and_then(|()| file.sync_data());
    written.map_err(LabelError::io(&path(), "write"))
}

/// Where the last whole line ends, and the file. None where what comes after it is longer than any line of ours: it is not
/// half of one, and not ours to cut off.
fn end_of_lines(file: &mut File) -> std::io::Result<Option<(u64, u64)>> {
    let end = file.seek(SeekFrom::End(0))?;
    let from = end.saturating_sub(MAX_LINE as u64 + 1);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(end - from).read_to_end(&mut tail)?;
    let whole = match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => from + at as u64 + 1,
        None if from == 0 => 0,
        None => return Ok(None),
    };
    Ok(Some((whole, end)))
}

/// Reads the whole lines of a file with `read`.
pub(super) fn lines<T>(
    path: &Path,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, LabelError> {
    let Some(bytes) = read_bounded(path, LIMIT)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let wrong = |reason: String| LabelError::Line {
            path: path.to_owned(),
            line: at as u64 + 1,
            reason,
        };
        let Some((b'\n', line)) = line.split_last() else {
            break;
        };
        if line.len() > MAX_LINE {
            return Err(wrong("longer than 1 MiB".into()));
        }
        let text = std::str::from_utf8(line).map_err(|_| wrong("not UTF-8".into()))?;
        if !text.trim().is_empty() {
            found.push(read(text).map_err(wrong)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Action, Split, Stage};
    use crate::label::testing::{decided, label};
    use crate::label::{Decision, ModelAnswer, State};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path().join("labels"));
        (folder, store)
    }

    fn revision(n: u64, decision: Decision) -> Label {
        Label {
            revision: n,
            ..label("ann", "e1", decision)
        }
    }

    #[test]
    fn nothing_is_written_into_a_file_that_nobody_finds_again() {
        let (_folder, store) = store();
        let mut ann = Writer::open(&store, "ann").expect("free");
        let first = revision(1, decided(Action::Monitor, "L1-0", "r"));
        ann.append(&first).expect("written");
        std::fs::remove_dir_all(store.path()).expect("removed");
        let error = ann.append(&first).expect_err("gone").to_string();
        assert!(error.contains("moved or deleted"), "{error}");
    }

    #[test]
    fn labels_come_back_as_they_were_written_and_revisions_stay() {
        let (_folder, store) = store();
        assert_eq!(store.labels().expect("no folder yet"), Labels::default());
        let full = Decision {
            note: "ask \"network\" — ü\u{1b}[2J".into(),
            is_flagged: true,
            is_accepted: true,
            model: Some(ModelAnswer {
                adapter: "sft".into(),
                response: "Action: monitor\nCitedLog: L1-0\nRationale: x".into(),
            }),
            ..decided(Action::Monitor, "L1-0", "seen")
        };
        let mut writer = Writer::open(&store, "ann").expect("free");
        writer.append(&revision(1, Decision::default())).expect("1");
        writer.append(&revision(2, full.clone())).expect("2");
        let read = store.labels().expect("read");
        assert_eq!(read.get("ann", "e1"), Some(&revision(2, full)));
        // Undo: a new revision with what was before.
        writer.append(&revision(3, Decision::default())).expect("3");
        let read = store.labels().expect("read");
        assert_eq!(
            read.get("ann", "e1").map(|l| l.decision.state),
            Some(State::Pending)
        );
        let text = fs::read_to_string(store.labels_file()).expect("text");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn half_a_line_is_passed_over_and_cut_by_the_next_writer() {
        let (_folder, store) = store();
        let first = revision(1, decided(Action::Dismiss, "L1-0", "r"));
        let mut writer = Writer::open(&store, "ann").expect("free");
        writer.append(&first).expect("written");
        let path = store.labels_file();
        let mut file = OpenOptions::new().append(true).open(&path).expect("open");
        file.write_all(b"{\"episode_id\":\"e1\",\"annot")
            .expect("half");
        let read = store.labels().expect("half a line is no error");
        assert_eq!(read.iter().collect::<Vec<_>>(), [&first]);
        let second = revision(2, decided(Action::Monitor, "L1-1", "r"));
        writer.append(&second).expect("written");
        let read = store.labels().expect("sound");
        assert_eq!(read.get("ann", "e1"), Some(&second));
        assert_eq!(fs::read_to_string(&path).expect("text").lines().count(), 2);
    }

    #[test]
    fn two_annotators_write_to_one_file_and_one_annotator_once() {
        let (_folder, store) = store();
        let mut ann = Writer::open(&store, "ann").expect("free");
        let mut bob = Writer::open(&store, "bob").expect("free");
        let refused = Writer::open(&store, "ann").expect_err("held").to_string();
        assert!(
            refused.contains("ann labels in another process"),
            "{refused}"
        );
        for n in 1..=20 {
            ann.append(&revision(n, decided(Action::Dismiss, "L1-0", "r")))
                .expect("written");
            let mut other = revision(n, decided(Action::Escalate, "L1-1", "s"));
            other.annotator = "bob".into();
            bob.append(&other).expect("written");
        }
        let labels = store.labels().expect("read");
        let of = |name| {
            labels
                .get(name, "e1")
                .map(|l| (l.revision, l.decision.action))
        };
        assert_eq!(of("ann"), Some((20, Some(Action::Dismiss))));
        assert_eq!(of("bob"), Some((20, Some(Action::Escalate))));
        drop(ann);
        Writer::open(&store, "ann").expect("free again");
        assert!(matches!(
            Writer::open(&store, "../ann"),
            Err(LabelError::Name { .. })
        ));
    }

    #[test]
    fn a_bad_line_is_named_with_its_file() {
        let (_folder, store) = store();
        let mut writer = Writer::open(&store, "ann").expect("free");
        writer.append(&revision(1, Decision::default())).expect("1");
        let good = fs::read_to_string(store.labels_file()).expect("text");
        for (line, wanted) in [
            ("no json\n", "line 2: "),
            ("{\"mood\":1}\n", "`mood`"),
            ("\u{7f}[[[[\n", "line 2: "),
        ] {
            fs::write(store.labels_file(), format!("{good}{line}")).expect("written");
            let error = store.labels().expect_err("bad").to_string();
            assert!(
                error.contains("labels.jsonl")
                    && error.contains(wanted)
                    && error.contains("mend or delete this line"),
                "{error}"
            );
        }
        fs::write(store.labels_file(), b"\xff\xfe\n").expect("written");
        let error = store.labels().expect_err("bad").to_string();
        assert!(error.contains("line 1: not UTF-8"), "{error}");
        let long = format!("{}\n", "x".repeat(MAX_LINE + 1));
        fs::write(store.labels_file(), long).expect("written");
        let error = store.labels().expect_err("bad").to_string();
        assert!(error.contains("line 1: longer"), "{error}");
    }

    #[test]
    fn episodes_are_added_once_and_ids_are_not_taken_over() {
        let (_folder, store) = store();
        let episode = |index| generate::episode(Stage::Multi, Split::Train, 3, index);
        let all = [episode(0), episode(1), episode(0)];
        let add = |episodes: &[Episode]| store.add_episodes(episodes).expect("written");
        assert_eq!(add(&all), [Added::New, Added::New, Added::Known]);
        assert!(add(&all).iter().all(|became| *became == Added::Known));
        let mut other = episode(0);
        other.alert.summary = "something else".into();
        assert_eq!(add(&[other]), [Added::Refused]);
        assert_eq!(store.episodes().expect("read"), [episode(0), episode(1)]);
    }

    #[test]
    fn an_episode_that_could_not_be_read_again_is_named_and_not_written() {
        let (_folder, store) = store();
        let episode = |index| generate::episode(Stage::Multi, Split::Train, 3, index);
        let mut many = episode(1);
        many.log_window = vec![many.log_window[0].clone(); 70];
        let mut long = episode(2);
        long.alert.summary = "x".repeat(MAX_LINE);
        let became = store.add_episodes(&[many, episode(0), long]);
        let became = became.expect("the others are taken");
        assert!(
            matches!(
                &became[..],
                [
                    Added::Unfit(Unfit::Unreadable(_)),
                    Added::New,
                    Added::Unfit(Unfit::TooLong(_))
                ]
            ),
            "{became:?}"
        );
        assert_eq!(store.episodes().expect("still read"), [episode(0)]);
    }

    #[test]
    fn a_full_file_is_not_written_past_what_is_read() {
        let (_folder, store) = store();
        let mut writer = Writer::open(&store, "ann").expect("free");
        let path = store.labels_file();
        let file = OpenOptions::new().write(true).open(&path).expect("open");
        file.set_len(LIMIT - 1).expect("a long file");
        let mut file = OpenOptions::new().append(true).open(&path).expect("open");
        file.write_all(b"\n").expect("ended");
        let label = revision(1, Decision::default());
        let error = writer.append(&label).expect_err("full").to_string();
        assert!(
            error.contains("256 MiB") && error.contains("--labels"),
            "{error}"
        );
        assert_eq!(fs::metadata(&path).expect("there").len(), LIMIT);
    }

    #[test]
    fn what_is_no_half_line_of_ours_is_not_cut() {
        let (_folder, store) = store();
        let mut writer = Writer::open(&store, "ann").expect("free");
        let label = revision(1, Decision::default());
        writer.append(&label).expect("written");
        let path = store.labels_file();
        let mut text = fs::read(&path).expect("text");
        text.extend(vec![b'x'; MAX_LINE + 100]);
        fs::write(&path, &text).expect("written");
        let error = writer.append(&label).expect_err("endless");
        assert!(matches!(error, LabelError::Endless { .. }), "{error}");
        assert_eq!(fs::read(&path).expect("text"), text, "nothing is lost");
        // A half line of the longest kind is one of ours.
        text.truncate(text.len() - 100);
        fs::write(&path, &text).expect("written");
        writer.append(&label).expect("written");
        assert_eq!(store.labels().expect("sound").iter().count(), 1);
        assert_eq!(fs::read_to_string(&path).expect("text").lines().count(), 2);
    }
}
