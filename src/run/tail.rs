//! Follows a file that grows: whole lines since the last look, bounded in size, never in a hurry.
//!
//! Half a last line is left for next time; a broken line is counted and named; a file that shrank or holds other bytes
//! than those already read is read again from its start. Knows JSON lines, not what is in them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{MAX_LINE, RunError};

/// Bytes read at one look: room for one line of any allowed length.
const BYTES_PER_POLL: usize = 2 * MAX_LINE;
/// Bytes before the present position that are remembered, to notice that a file was cut and grew again.
const MARK: usize = 64;
/// Broken lines described at one look; more are only counted.
const MOST_DESCRIBED: usize = 16;

/// Follows the lines of one file.
#[derive(Clone, Debug)]
pub struct LineTail {
    path: PathBuf,
    offset: u64,
    line: u64,
    mark: Vec<u8>,
    is_skipping: bool,
    bytes_per_poll: usize,
}

/// What came since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Line number (from 1) and bytes, without the line end.
    pub lines: Vec<(u64, Vec<u8>)>,
    /// Numbers of lines longer than [`MAX_LINE`], which are not kept.
    pub too_long: Vec<u64>,
    /// The file was cut back or replaced: forget what was read before these.
    pub restarted: bool,
    /// There is more to read already.
    pub more: bool,
}

impl LineTail {
    /// Follows the file at `path` from its start. It need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self::starting_at(path, 0, 0)
    }

    /// Follows from `offset`, where a line starts that has `lines` lines before it.
    #[must_use]
    pub fn starting_at(path: PathBuf, offset: u64, lines: u64) -> Self {
        Self {
            path,
            offset,
            line: lines,
            mark: Vec::new(),
            is_skipping: false,
            bytes_per_poll: BYTES_PER_POLL,
        }
    }

    /// The file followed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes read so far, up to and with the last line end.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// A file that is there but cannot be read.
    pub fn poll(&mut self) -> Result<Lines, RunError> {
        let mut found = Lines::default();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                found.restarted = self.offset > 0;
                self.restart();
                return Ok(found);
            }
            Err(e) => return Err(RunError::io(&self.path, "open")(e)),
        };
        if !self
            .continues(&mut file)
            .map_err(RunError::io(&self.path, "read"))?
        {
            found.restarted = true;
            self.restart();
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| {
                file.take(self.bytes_per_poll as u64)
                    .read_to_end(&mut bytes)
            })
            .map_err(RunError::io(&self.path, "read"))?;
        found.more = bytes.len() == self.bytes_per_poll;
        let used = self.split(&bytes, &mut found);
        self.advance(bytes.get(..used).unwrap_or_default());
        Ok(found)
    }

    fn restart(&mut self) {
        *self = Self {
            bytes_per_poll: self.bytes_per_poll,
            ..Self::new(std::mem::take(&mut self.path))
        };
    }

    /// Whether the bytes before the present position are still those that were read.
    fn continues(&self, file: &mut File) -> io::Result<bool> {
        if file.metadata()?.len() < self.offset {
            return Ok(false);
        }
        let mut now = Vec::new();
        file.seek(SeekFrom::Start(self.offset - self.mark.len() as u64))?;
        file.take(self.mark.len() as u64).read_to_end(&mut now)?;
        Ok(now == self.mark)
    }

    /// Splits off whole lines; says how many bytes are done with.
    fn split(&mut self, bytes: &[u8], found: &mut Lines) -> usize {
        let mut used = 0;
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            match piece.split_last() {
                Some((b'\n', line)) => {
                    self.line += 1;
                    if self.is_skipping || line.len() > MAX_LINE {
                        self.is_skipping = false;
                        found.too_long.push(self.line);
                    } else {
                        found.lines.push((self.line, line.to_vec()));
                    }
                    used += piece.len();
                }
                _ if self.is_skipping || piece.len() > MAX_LINE => {
                    self.is_skipping = true;
                    used += piece.len();
                }
                _ => {}
            }
        }
        used
    }

    fn advance(&mut self, read: &[u8]) {
        self.offset += read.len() as u64;
        self.mark
            .extend(read.iter().skip(read.len().saturating_sub(MARK)));
        self.mark.drain(..self.mark.len().saturating_sub(MARK));
    }
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptLine {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: u64,
    pub reason: String,
}

/// Rows since the last look.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    pub rows: Vec<T>,
    /// The first few broken lines.
    pub corrupt: Vec<CorruptLine>,
    /// How many broken lines there were in all.
    pub corrupt_count: u64,
    /// See [`Lines::restarted`].
    pub restarted: bool,
    /// See [`Lines::more`].
    pub more: bool,
}

/// Follows a file of JSON lines, each a `T`.
#[derive(Clone, Debug)]
pub struct Tail<T> {
    lines: LineTail,
    row: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Tail<T> {
    /// Follows the file at `path` from its start.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self::of(LineTail::new(path))
    }

    /// Follows what `lines` follows.
    #[must_use]
    pub fn of(lines: LineTail) -> Self {
        let row = PhantomData;
        Self { lines, row }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// A file that is there but cannot be read. A broken line is no error.
    pub fn poll(&mut self) -> Result<Batch<T>, RunError> {
        let found = self.lines.poll()?;
        let mut batch = Batch {
            rows: Vec::with_capacity(found.lines.len()),
            corrupt: Vec::new(),
            corrupt_count: 0,
            restarted: found.restarted,
            more: found.more,
        };
        for line in found.too_long {
            self.describe(&mut batch, line, format!("longer than {MAX_LINE} bytes"));
        }
        for (line, bytes) in found.lines {
            match serde_json::from_slice(&bytes) {
                Ok(row) => batch.rows.push(row),
                Err(error) => self.describe(&mut batch, line, error.to_string()),
            }
        }
        Ok(batch)
    }

    fn describe(&self, batch: &mut Batch<T>, line: u64, reason: String) {
        batch.corrupt_count += 1;
        if batch.corrupt.len() < MOST_DESCRIBED {
            let name = self.lines.path.file_name().unwrap_or_default();
            batch.corrupt.push(CorruptLine {
                file: name.to_string_lossy().into_owned(),
                line,
                reason,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::MetricRow;
    use std::fs;

    fn growing() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics.jsonl");
        (folder, path)
    }

    fn text(found: &Lines) -> Vec<String> {
        let as_text = |(_, bytes): &(u64, Vec<u8>)| String::from_utf8_lossy(bytes).into_owned();
        found.lines.iter().map(as_text).collect()
    }

    #[test]
    fn half_a_last_line_waits_for_its_end() {
        let (_folder, path) = growing();
        let mut tail = LineTail::new(path.clone());
        assert_eq!(tail.poll().expect("no file"), Lines::default());
        fs::write(&path, "one\ntw").expect("written");
        assert_eq!(text(&tail.poll().expect("read")), ["one"]);
        assert_eq!(tail.poll().expect("read"), Lines::default());
        fs::write(&path, "one\ntwo\n").expect("written");
        let found = tail.poll().expect("read");
        assert_eq!(found.lines, [(2, b"two".to_vec())]);
        assert!(!found.restarted);
        assert_eq!(tail.offset(), 8);
        let mut later = LineTail::starting_at(path, 4, 1);
        assert_eq!(later.poll().expect("read").lines, [(2, b"two".to_vec())]);
    }

    #[test]
    fn a_cut_or_replaced_file_starts_again() {
        let (_folder, path) = growing();
        fs::write(&path, "one\ntwo\nthree\n").expect("written");
        let mut tail = LineTail::new(path.clone());
        tail.poll().expect("read");
        fs::write(&path, "one\n").expect("cut");
        let found = tail.poll().expect("read");
        assert!(found.restarted);
        assert_eq!(found.lines, [(1, b"one".to_vec())]);
        // Cut and grown past the old end between two looks.
        fs::write(&path, "uno\ndos\n").expect("replaced");
        let found = tail.poll().expect("read");
        assert!(found.restarted);
        assert_eq!(text(&found), ["uno", "dos"]);
        fs::remove_file(&path).expect("gone");
        assert!(tail.poll().expect("no file").restarted);
        assert!(!tail.poll().expect("no file").restarted);
    }

    #[test]
    fn looks_are_bounded_and_long_lines_are_passed_over() {
        let (_folder, path) = growing();
        let long = "x".repeat(3 * MAX_LINE);
        let just = "y".repeat(MAX_LINE);
        fs::write(&path, format!("a\n{long}\n{just}\nb\n")).expect("written");
        let mut tail = LineTail::new(path);
        let (mut lines, mut too_long, mut polls) = (Vec::new(), Vec::new(), 0);
        loop {
            let found = tail.poll().expect("read");
            lines.extend(found.lines.iter().map(|(n, bytes)| (*n, bytes.len())));
            too_long.extend(found.too_long);
            polls += 1;
            if !found.more {
                break;
            }
        }
        assert_eq!(lines, [(1, 1), (3, MAX_LINE), (4, 1)]);
        assert_eq!(too_long, [2]);
        assert!(polls > 2, "{polls}");
    }

    #[test]
    fn a_corrupt_line_is_named_and_the_rest_is_read() {
        let (_folder, path) = growing();
        let good = |step: u64| format!("{{\"step\":{step},\"stage\":\"sft\",\"loss\":0.5}}\n");
        let bytes = [
            good(1).as_bytes(),
            b"{\"step\":\xff\n",
            b"\n",
            good(4).as_bytes(),
        ]
        .concat();
        fs::write(&path, bytes).expect("written");
        let batch = Tail::<MetricRow>::new(path).poll().expect("read");
        assert_eq!(
            batch.rows.iter().map(|r| r.step).collect::<Vec<_>>(),
            [1, 4]
        );
        assert_eq!(batch.corrupt_count, 2);
        assert_eq!(batch.corrupt[0].line, 2);
        assert_eq!(batch.corrupt[0].file, "metrics.jsonl");
    }

    #[test]
    fn nesting_without_end_is_a_corrupt_line() {
        let (_folder, path) = growing();
        fs::write(&path, format!("{}\n", "[".repeat(500_000))).expect("written");
        let batch = Tail::<serde_json::Value>::new(path).poll().expect("read");
        assert_eq!((batch.rows.len(), batch.corrupt_count), (0, 1));
    }
}
