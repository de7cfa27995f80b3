//! What is wrong with a file that does not read as safetensors, and what to do: most such files were never fetched whole.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use safetensors::tensor::TensorInfo;
use serde_json::Value;

/// What to ask of whoever has the file.
const ADVICE: &str = "is it a whole download?";
/// What a file in a git repository holds before git-lfs has fetched it.
const POINTER: &[u8] = b"version https://git-lfs";
/// First bytes of a file that are looked at.
const SHOWN: u64 = 64;

/// [`told`] of a file that is open.
pub(in crate::model) fn told_of(file: &mut (impl Read + Seek), reason: &str) -> String {
    let mut beginning = Vec::new();
    let rewound = file.rewind();
    let read = rewound.and_then(|()| file.by_ref().take(SHOWN).read_to_end(&mut beginning));
    match read {
        Ok(_) => told(&beginning, reason),
        Err(_) => reason.to_owned(),
    }
}

/// The reason that a reader gave, or a better one that the first bytes of the file show; with what to do.
pub(super) fn told(beginning: &[u8], reason: &str) -> String {
    let is_page = [&b"<!"[..], b"<h", b"<H", b"<?"]
        .iter()
        .any(|mark| beginning.trim_ascii_start().starts_with(mark));
    if beginning.is_empty() {
        format!("it is empty: {ADVICE}")
    } else if beginning.starts_with(POINTER) {
        "it is a pointer of git-lfs, not the weights: `git lfs pull` in its folder fetches them"
            .to_owned()
    } else if is_page {
        format!("it is a web page, not the weights: {ADVICE}")
    } else {
        format!("{reason}: {ADVICE}")
    }
}

/// The reason that a reader of a header gave, with the tensor that it is about where one can be told.
pub(super) fn of_header(header: &[u8], reason: &str) -> String {
    match misplaced(header) {
        Some(tensor) => format!("{reason} (tensor {tensor})"),
        None => reason.to_owned(),
    }
}

/// The header within the bytes of a whole file; nothing where they are too few.
pub(super) fn header(bytes: &[u8]) -> &[u8] {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return &[];
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    rest.get(..length).unwrap_or_default()
}

/// The first tensor, by name, whose entry is none or asks for other bytes than its shape and element type.
fn misplaced(header: &[u8]) -> Option<String> {
    let entries: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
    let mut tensors = entries
        .into_iter()
        .filter(|(name, _)| name != "__metadata__");
    tensors.find_map(|(name, entry)| {
        let info = serde_json::from_value::<TensorInfo>(entry);
        (!info.is_ok_and(|info| is_sound(&info))).then_some(name)
    })
}

fn is_sound(info: &TensorInfo) -> bool {
    let (start, end) = info.data_offsets;
    let held = end.checked_sub(start);
    held.is_some() && held == bytes(info)
}

/// Bytes that a tensor's shape and element type ask for; `None` where no file could hold so many.
fn bytes(info: &TensorInfo) -> Option<usize> {
    let sizes = info.shape.iter().copied();
    let bits = sizes
        .chain([info.dtype.bitsize()])
        .try_fold(1usize, usize::checked_mul)?;
    Some(bits / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_fetched_is_known_by_its_beginning() {
        for (bytes, word) in [
            (&b""[..], "it is empty"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid",
                "git lfs pull",
            ),
            (b"<!DOCTYPE html><html>", "a web page"),
            (b"\n<html>", "a web page"),
            (b"\x10\0\0\0\0\0\0\0{", "no header: is it a whole download?"),
        ] {
            let told = told(bytes, "no header");
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn the_tensor_that_is_wrong_is_named() {
        let header = |entry: &str| {
            let sound = r#""a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}"#;
            let metadata = r#""__metadata__": {"format": "pt"}"#;
            format!("{{{metadata}, {sound}, \"b\": {entry}}}")
        };
        for entry in [
            r#"{"dtype": "F32", "shape": [2], "data_offsets": [8, 12]}"#,
            r#"{"dtype": "F32", "shape": [2], "data_offsets": [16, 8]}"#,
            r#"{"dtype": "F32", "shape": [2], "data_offsets": [-1, 8]}"#,
            r#"{"dtype": "Q9", "shape": [2], "data_offsets": [8, 16]}"#,
            r#"{"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [8, 16]}"#,
        ] {
            let told = of_header(header(entry).as_bytes(), "wrong");
            assert_eq!(told, "wrong (tensor b)", "{entry}");
        }
        let sound = header(r#"{"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]}"#);
        assert_eq!(of_header(sound.as_bytes(), "wrong"), "wrong");
        assert_eq!(of_header(b"{", "wrong"), "wrong");
    }

    #[test]
    fn a_header_is_found_within_its_file_only() {
        assert_eq!(header(b"\x02\0\0\0\0\0\0\0{}data"), b"{}");
        assert_eq!(header(b"\x09\0\0\0\0\0\0\0{}data"), b"");
        assert_eq!(header(b"\x09\0"), b"");
        assert_eq!(header(&[0xff; 16]), b"");
    }
}
