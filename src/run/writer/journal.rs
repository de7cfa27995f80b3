//! One file that only grows, open for appending. Knows bytes and line ends, not what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::RunError;

/// The file, and its length as far as it holds facts.
#[derive(Debug)]
pub(super) struct OpenJournal {
    pub(super) file: File,
    pub(super) bytes: u64,
}

impl OpenJournal {
    /// Opens or makes the file at `path`; half a last line, left by a crash, is no fact and goes.
    pub(super) fn open(path: &Path) -> Result<Self, RunError> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(RunError::io(path, "open"))?;
        let bytes = whole_lines(&mut file).map_err(RunError::io(path, "read"))?;
        let mut open = Self { file, bytes };
        open.cut(path, bytes)?;
        Ok(open)
    }

    /// Cuts the file back to its first `bytes` bytes.
    pub(super) fn cut(&mut self, path: &Path, bytes: u64) -> Result<(), RunError> {
        self.file
            .set_len(bytes)
            .map_err(RunError::io(path, "cut back"))?;
        self.bytes = bytes;
        Ok(())
    }

    /// Appends a line, whole or not at all.
    pub(super) fn write(&mut self, path: &Path, line: &[u8]) -> Result<(), RunError> {
        if let Err(error) = self.file.write_all(line) {
            // A full disk takes half a line; without this the next line would be glued to it.
            self.cut(path, self.bytes)?;
            return Err(RunError::io(path, "append")(error));
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Bytes up to and with the last line end.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(1 << 16);
        file.seek(SeekFrom::Start(start))?;
        buffer.clear();
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut buffer)?;
        if let Some(last) = buffer.iter().rposition(|&b| b == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
