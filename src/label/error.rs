//! What can go wrong with labels, by file and line.

use std::io;
use std::path::{Path, PathBuf};

use crate::env::read::Fault;
use crate::run::RunError;

/// A folder of labels that cannot be read or written as asked.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    #[error("{}: cannot {doing}: {cause}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
    #[error(transparent)]
    File(#[from] RunError),
    #[error("{}: line {line}: {reason}; mend or delete this line: until then the folder is not read", path.display())]
    Line {
        path: PathBuf,
        /// From 1.
        line: u64,
        reason: String,
    },
    #[error("{}: full, {} MiB are the most that is read: begin another folder with --labels DIR", path.display(), limit >> 20)]
    Full { path: PathBuf, limit: u64 },
    #[error(
        "{}: its last line is longer than 1 MiB and has no end, which nothing here writes; nothing is added: end the line or cut it off",
        path.display()
    )]
    Endless { path: PathBuf },
    #[error("{}: moved or deleted while it was written: put it back, or start again", path.display())]
    Gone { path: PathBuf },
    #[error("{}: {annotator} labels in another process already; end that, or choose another name with --as", dir.display())]
    Held { dir: PathBuf, annotator: String },
    #[error("{}: a label of episode {episode_id}, which is not in episodes.jsonl", dir.display())]
    NoEpisode { dir: PathBuf, episode_id: String },
    #[error(
        "`{name}` is no name for an annotator: letters, digits, spaces and -_.@+, at most 64 characters, no dot first"
    )]
    Name { name: String },
}

/// Why an episode cannot be put into a folder: whoever reads the folder would refuse it, and everything with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("as a line it is {0} bytes long, at most 1 MiB are read")]
    TooLong(usize),
    #[error("{0}")]
    Unreadable(#[from] Fault),
}

impl LabelError {
    /// Turns an I/O error into one that names the file and what was tried.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, doing, cause }
    }
}
