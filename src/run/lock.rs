//! One writer a run: a lock on the file `lock`, held as long as the process lives.
//!
//! The lock is the system's, so one left by a dead process is no lock; the pid inside is only for the message. Readers
//! need none.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::Duration;

use super::layout::open_or_make;
use super::{RunDir, RunError};

/// The right to write to a run folder, until dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// A reader's probe (see [`is_held`]) holds the lock for microseconds: a writer tries this often before it gives up.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

impl RunLock {
    /// Takes the lock of `dir`, whose folder must exist.
    ///
    /// # Errors
    /// [`RunError::Held`] with the pid and folder where another process has it.
    pub fn acquire(dir: &RunDir) -> Result<Self, RunError> {
        let path = dir.lock();
        let mut file = open_or_make(&path)?;
        for attempt in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < TRIES => {
                    std::thread::sleep(BETWEEN_TRIES)
                }
                Err(TryLockError::WouldBlock) => return Err(held(dir, &mut file)),
                Err(TryLockError::Error(e)) => return Err(RunError::io(&path, "lock")(e)),
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(RunError::io(&path, "write"))?;
        Ok(Self { _file: file })
    }
}

/// Whether some process is writing to `dir`.
///
/// # Errors
/// Where the lock file is there but cannot be looked at.
pub fn is_held(dir: &RunDir) -> Result<bool, RunError> {
    let path = dir.lock();
    if !path.exists() {
        return Ok(false);
    }
    // A shared lock: readers that probe at the same time do not see one another.
    let file = File::open(&path).map_err(RunError::io(&path, "open"))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(RunError::io(&path, "look at the lock of")(e)),
    }
}

fn held(dir: &RunDir, file: &mut File) -> RunError {
    let mut text = String::new();
    // Unreadable or empty, the refusal stands: only its wording is poorer.
    let known = file.take(20).read_to_string(&mut text).is_ok();
    let pid = text.trim().parse::<u32>().ok().filter(|_| known);
    RunError::Held {
        dir: dir.path().to_owned(),
        pid: pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_writer_is_refused_by_pid_and_folder_until_the_first_ends() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        assert!(!is_held(&dir).expect("no file yet"));
        let first = RunLock::acquire(&dir).expect("free");
        assert!(is_held(&dir).expect("probe"));
        let message = RunLock::acquire(&dir).expect_err("held").to_string();
        assert!(
            message.contains(&std::process::id().to_string()),
            "{message}"
        );
        assert!(
            message.contains(&folder.path().display().to_string()),
            "{message}"
        );
        drop(first);
        assert!(!is_held(&dir).expect("probe"));
        RunLock::acquire(&dir).expect("free again");
    }

    #[test]
    fn a_file_left_by_a_dead_process_is_no_lock() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        std::fs::write(dir.lock(), "999999999999\n").expect("left");
        RunLock::acquire(&dir).expect("nobody holds it");
        let pid = std::fs::read_to_string(dir.lock()).expect("read");
        assert_eq!(pid, format!("{}\n", std::process::id()));
    }
}
