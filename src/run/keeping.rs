//! What becomes of a run afterwards: a note on it, and its end.

use std::fs;

use super::layout::{read_bounded, replace_file};
use super::lock::RunLock;
use super::{RunDir, RunError};

/// The longest note: bytes.
pub const NOTE_LIMIT: usize = 4_096;

/// The note on the run in `dir`; empty where there is none.
///
/// # Errors
/// A note that is too long or cannot be read.
pub fn note(dir: &RunDir) -> Result<String, RunError> {
    let bytes = read_bounded(&dir.note(), NOTE_LIMIT as u64)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// Writes the note on the run in `dir`; an empty one takes the file away.
///
/// # Errors
/// Where it cannot be written.
pub fn write_note(dir: &RunDir, text: &str) -> Result<(), RunError> {
    let path = dir.note();
    if text.trim().is_empty() {
        return match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(RunError::io(&path, "remove")(e))
            }
            _ => Ok(()),
        };
    }
    replace_file(&path, format!("{}\n", text.trim_end()).as_bytes())
}

/// Deletes the run in `dir` with everything in its folder.
///
/// # Errors
/// [`RunError::NotARun`] where there is none, [`RunError::Held`] where a process writes to it; or what could not be removed.
pub fn delete(dir: &RunDir) -> Result<(), RunError> {
    let path = dir.path();
    let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    if !dir.is_run() || is_link {
        return Err(RunError::NotARun {
            path: path.to_owned(),
        });
    }
    // Held until the folder is gone: nobody can take the run up again in between.
    let _lock = RunLock::acquire(dir)?;
    fs::remove_dir_all(path).map_err(RunError::io(path, "delete"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(root: &std::path::Path) -> RunDir {
        let dir = RunDir::new(root.join("20260101-000000-s1"));
        fs::create_dir_all(dir.checkpoints()).expect("folder");
        fs::write(dir.manifest(), b"{}").expect("written");
        dir
    }

    #[test]
    fn a_note_is_kept_changed_and_taken_away() {
        let root = tempfile::tempdir().expect("folder");
        let dir = run(root.path());
        assert_eq!(note(&dir).expect("none"), "");
        write_note(&dir, "higher beta, worse").expect("written");
        assert_eq!(note(&dir).expect("read"), "higher beta, worse");
        for _ in 0..2 {
            write_note(&dir, "  ").expect("taken away, or not there");
            assert!(!dir.note().exists());
        }
        fs::write(dir.note(), vec![b'x'; NOTE_LIMIT + 1]).expect("written");
        assert!(matches!(note(&dir), Err(RunError::TooLong { .. })));
    }

    #[test]
    fn only_a_run_nobody_writes_to_is_deleted() {
        let root = tempfile::tempdir().expect("folder");
        let other = RunDir::new(root.path().join("holiday"));
        fs::create_dir(other.path()).expect("folder");
        assert!(matches!(delete(&other), Err(RunError::NotARun { .. })));
        assert!(other.path().exists());
        let dir = run(root.path());
        let lock = RunLock::acquire(&dir).expect("free");
        assert!(matches!(delete(&dir), Err(RunError::Held { .. })));
        assert!(dir.is_run());
        drop(lock);
        delete(&dir).expect("deleted");
        assert!(!dir.path().exists() && root.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_run_elsewhere_is_not_followed() {
        let (root, elsewhere) = (
            tempfile::tempdir().expect("folder"),
            tempfile::tempdir().expect("folder"),
        );
        let dir = run(elsewhere.path());
        let link = root.path().join("linked");
        std::os::unix::fs::symlink(dir.path(), &link).expect("linked");
        assert!(delete(&RunDir::new(link)).is_err());
        assert!(dir.is_run());
    }
}
