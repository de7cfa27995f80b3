//! SHA-256 in hexadecimal: what says that two files are the same.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Of bytes in memory.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Of the file at `path`, read in pieces.
///
/// # Errors
/// Where it cannot be read.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}

/// Whether a file of a model holds weights, by its name: whatever is not JSON does, since a GGUF file may have any name.
#[must_use]
pub fn holds_weights(file: &str) -> bool {
    !file.ends_with(".json")
}

/// What tells weights from others, of the hashes of their files: one file's own, or that of all of them in order.
#[must_use]
pub fn weights_hash<'a>(hashes: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let hashes: Vec<&str> = hashes.into_iter().collect();
    match hashes[..] {
        [] => None,
        [only] => Some(only.to_owned()),
        _ => Some(sha256(hashes.concat().as_bytes())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_by_one_hash_however_many_files_hold_them() {
        assert_eq!(weights_hash([]), None);
        assert_eq!(weights_hash(["a"]), Some("a".to_owned()));
        assert_eq!(weights_hash(["a", "b"]), Some(sha256(b"ab")));
        for (file, wanted) in [
            ("model-00001-of-00002.safetensors", true),
            ("a-download", true),
            ("tokenizer.json", false),
        ] {
            assert_eq!(holds_weights(file), wanted, "{file}");
        }
    }

    #[test]
    fn hash_of_a_file_is_that_of_its_bytes() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("big");
        let bytes = vec![7u8; 2_200_000];
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(sha256_file(&path).expect("read"), sha256(&bytes));
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
