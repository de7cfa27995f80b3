//! The rollouts of one step, out of a file that may be long: found by halving, for its steps only rise.
//!
//! Reads a few lines, however long the file is. Half a last line and broken lines are passed over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::layout::Journal;
use super::{MAX_LINE, RunDir, RunError};
use crate::link::RolloutGroup;

/// Most groups read of one step.
const MOST: usize = 256;

/// Bytes read at once where a line's end is looked for.
const CHUNK: u64 = 1 << 14;

/// Which step's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first step that has any, from this one on; where there is none, the last before.
    From(u64),
    /// The first step after this one that has any.
    After(u64),
    /// The last step before this one that has any.
    Before(u64),
}

/// All groups of that step; none where the file has none.
///
/// # Errors
/// A file that is there but cannot be read.
pub fn groups(dir: &RunDir, wanted: Wanted) -> Result<Vec<RolloutGroup>, RunError> {
    let path = dir.journal(Journal::Rollouts);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RunError::io(&path, "open")(error)),
    };
    let found = Rollouts::of(file).and_then(|mut file| file.find(wanted));
    found.map_err(RunError::io(&path, "read"))
}

/// The file, as long as it was when it was opened.
struct Rollouts {
    file: File,
    len: u64,
}

impl Rollouts {
    fn of(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    fn find(&mut self, wanted: Wanted) -> io::Result<Vec<RolloutGroup>> {
        let at = match wanted {
            Wanted::Before(step) => self.before(step)?,
            Wanted::After(step) => {
                let at = self.first_from(step.saturating_add(1))?;
                self.step_at(at)?.map(|_| at)
            }
            Wanted::From(step) => {
                let at = self.first_from(step)?;
                match self.step_at(at)? {
                    Some(_) => Some(at),
                    None => self.before(u64::MAX)?,
                }
            }
        };
        match at {
            Some(at) => self.read(at),
            None => Ok(Vec::new()),
        }
    }

    /// Where the groups of the last step before `step` begin.
    fn before(&mut self, step: u64) -> io::Result<Option<u64>> {
        let end = self.first_from(step)?;
        let Some(begin) = self.line_before(end)? else {
            return Ok(None);
        };
        match self.step_at(begin)? {
            Some(last) => self.first_from(last).map(Some),
            None => Ok(None),
        }
    }

    /// Where the first line begins whose step is `step` or later; the end of the last whole line where there is none.
    fn first_from(&mut self, step: u64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            let begin = match middle {
                0 => 0,
                // The line end before `middle` may be the one right before it.
                _ => self.line_end(middle - 1)?.unwrap_or(self.len),
            };
            match self.step_at(begin)? {
                Some(there) if there < step => {
                    low = self.line_end(begin)?.unwrap_or(self.len);
                }
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The step of the whole line that begins at `at`.
    fn step_at(&mut self, at: u64) -> io::Result<Option<u64>> {
        if self.line_end(at)?.is_none() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.bytes(at, 64)?).into_owned();
        // The trainer writes the step first; a line that begins otherwise counts as one without a step.
        let digits = text.strip_prefix("{\"step\":").unwrap_or("").trim_start();
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let digits = digits.get(..end.unwrap_or(digits.len())).unwrap_or("");
        Ok(Some(digits.parse().unwrap_or(0)))
    }

    /// The byte after the first line end at or after `from`.
    fn line_end(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        while from < self.len {
            let bytes = self.bytes(from, CHUNK)?;
            if let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(from + at as u64 + 1));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            from += bytes.len() as u64;
        }
        Ok(None)
    }

    /// Where the line begins that ends right before `end`.
    fn line_before(&mut self, end: u64) -> io::Result<Option<u64>> {
        let mut to = end.saturating_sub(1);
        if end == 0 {
            return Ok(None);
        }
        while to > 0 {
            let from = to.saturating_sub(CHUNK);
            let bytes = self.bytes(from, to - from)?;
            if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(from + at as u64 + 1));
            }
            to = from;
        }
        Ok(Some(0))
    }

    fn bytes(&mut self, from: u64, count: u64) -> io::Result<Vec<u8>> {
        let count = count.min(self.len.saturating_sub(from));
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        Read::by_ref(&mut self.file)
            .take(count)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The groups from `at` on that are of one step.
    fn read(&mut self, at: u64) -> io::Result<Vec<RolloutGroup>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut reader = BufReader::new(&self.file);
        let mut groups: Vec<RolloutGroup> = Vec::new();
        while groups.len() < MOST {
            let mut line = Vec::new();
            let mut bounded = Read::by_ref(&mut reader).take(MAX_LINE as u64 + 1);
            bounded.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            let Ok(group) = serde_json::from_slice::<RolloutGroup>(&line) else {
                continue;
            };
            if groups.first().is_some_and(|first| first.step != group.step) {
                break;
            }
            groups.push(group);
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Action;

    fn group(step: u64, group_id: u64) -> RolloutGroup {
        RolloutGroup {
            step,
            stage: "stage1_basic".into(),
            group_id,
            episode_id: "e".into(),
            summary: "s".repeat((step as usize * 37) % 30_000),
            truth_action: Action::Dismiss,
            truth_log_id: "L1-0".into(),
            rule: "r".into(),
            rollouts: Vec::new(),
        }
    }

    /// Two groups at every third step from 30 to 300, and half a line.
    fn written() -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let mut text = String::new();
        for step in (30..=300).step_by(3) {
            for group_id in [2 * step, 2 * step + 1] {
                text += &serde_json::to_string(&group(step, group_id)).expect("a line");
                text += "\n";
            }
        }
        text += "{\"step\":301,\"st";
        std::fs::write(dir.journal(Journal::Rollouts), text).expect("written");
        (folder, dir)
    }

    #[test]
    fn every_step_is_found_or_the_next_one() {
        let (_folder, dir) = written();
        let found = |wanted| {
            let found = groups(&dir, wanted).expect("read");
            let ids: Vec<_> = found.iter().map(|g| g.group_id).collect();
            if let Some(first) = found.first() {
                assert_eq!(ids, [2 * first.step, 2 * first.step + 1]);
            }
            found.first().map(|g| g.step)
        };
        for step in 0..400_u64 {
            let next = (step.max(30).div_ceil(3) * 3).min(300);
            assert_eq!(found(Wanted::From(step)), Some(next), "from {step}");
            let last = (step > 30).then(|| ((step - 1) / 3 * 3).min(300));
            assert_eq!(found(Wanted::Before(step)), last, "before {step}");
            let after = (step < 300).then(|| ((step + 1).max(30).div_ceil(3) * 3).min(300));
            assert_eq!(found(Wanted::After(step)), after, "after {step}");
        }
    }

    #[test]
    fn a_file_that_is_missing_empty_or_broken_has_none() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        for text in [
            None,
            Some(""),
            Some("\n\n"),
            Some("[[[\n{}\n"),
            Some("{\"step\":7"),
        ] {
            if let Some(text) = text {
                std::fs::write(dir.journal(Journal::Rollouts), text).expect("written");
            }
            for wanted in [Wanted::From(7), Wanted::Before(8)] {
                assert_eq!(groups(&dir, wanted).expect("read"), [], "{text:?}");
            }
        }
    }
}
