//! How much room is left on the disk that a run writes to.

use std::io;
use std::path::Path;

/// Less than this is little: the next checkpoints of a large model may not fit. Bytes.
pub const LITTLE: u64 = 1 << 30;

/// Bytes that can still be written where `path` is.
///
/// # Errors
/// Where the system does not say.
pub fn free(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// So many bytes, for people.
#[must_use]
pub fn in_words(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_one_that_is_not_there_has_none_to_tell_of() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(free(folder.path()).expect("told") > 0);
        assert!(free(&folder.path().join("none")).is_err());
        assert_eq!(in_words(3 << 29), "1.5 GiB");
    }
}
