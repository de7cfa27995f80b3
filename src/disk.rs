//! Files of the user's and of runs: read within a bound, replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// The bytes of the file at `path`.
///
/// # Errors
/// Where it is unreadable, or longer than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("more than {most} bytes, which no file of its kind has");
        return Err(io::Error::other(why));
    }
    Ok(bytes)
}

/// [`read`] as text.
///
/// # Errors
/// As [`read`], and where it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(io::Error::other)
}

/// Replaces the file at `path` whole or not at all: temporary file beside it, fsync, rename.
///
/// # Errors
/// Says what could not be done.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the user masks, as any file: others may load an adapter.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // Without this the rename itself can be lost with the power.
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_replaced_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("file");
        replace(&path, b"first").expect("written");
        replace(&path, b"2nd").expect("written");
        assert_eq!(read(&path, 3).expect("read"), b"2nd");
        assert_eq!(read_text(&path, 3).expect("read"), "2nd");
        let error = read(&path, 2).expect_err("too long").to_string();
        assert!(error.contains("more than 2 bytes"), "{error}");
        replace(&path, b"\xff").expect("written");
        assert!(read_text(&path, 9).is_err(), "not UTF-8");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
