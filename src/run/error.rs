//! What can go wrong with a run folder, by file and line.

use std::io;
use std::path::{Path, PathBuf};

/// A run folder that cannot be read or written as asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{}: cannot {doing}: {cause}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
    #[error("{}: not a run folder (no run.json)", path.display())]
    NotARun { path: PathBuf },
    #[error("{}: a run folder already", path.display())]
    Exists { path: PathBuf },
    #[error("{}: {}{message}", path.display(), at(*line))]
    Malformed {
        path: PathBuf,
        /// From 1; `None` where the file is one object of one line.
        line: Option<u64>,
        message: String,
    },
    #[error("{}: {bytes} bytes, more than the {limit} allowed", path.display())]
    TooLong {
        path: PathBuf,
        bytes: u64,
        limit: u64,
    },
    #[error("{}: another process (pid {pid}) is writing this run; use `opensoc watch` to look on", dir.display())]
    Held { dir: PathBuf, pid: String },
    #[error("{}: {found} bytes, but the checkpoint recorded {recorded}: lines it counts on are lost", path.display())]
    Shorter {
        path: PathBuf,
        recorded: u64,
        found: u64,
    },
    #[error("{}: the checkpoint and this program disagree on whether this file belongs to a run", path.display())]
    NotRecorded { path: PathBuf },
    #[error("{}: the run cannot be continued here: {differs}", path.display())]
    NotResumable { path: PathBuf, differs: String },
    #[error("no home folder to keep runs in; set OPENSOC_HOME or --run-dir")]
    NoHome,
}

fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |n| format!("line {n}: "))
}

impl RunError {
    /// Turns an I/O error into one that names the file and what was tried.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, doing, cause }
    }

    pub(super) fn malformed(path: &Path, message: impl ToString) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            line: None,
            message: message.to_string(),
        }
    }
}
