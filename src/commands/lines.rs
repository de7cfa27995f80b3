//! JSON lines in, packed or not, one answer a line out: a bad line is answered with an error object and the next one is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;
use thiserror::Error;

use super::Outcome;
use crate::env::read::Fault;
use crate::gate::is_hostile;

/// The longest line that is read.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// What a gzip file begins with, and no text does.
const GZIP: u8 = 0x1f;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum LineError {
    #[error("longer than 1 MiB")]
    TooLong,
    #[error("not UTF-8")]
    Encoding,
    #[error(transparent)]
    Json(#[from] Fault),
    #[error(transparent)]
    Answer(#[from] serde_json::Error),
    #[error("{message}")]
    Content { message: String, field: String },
}

/// An error as it is printed.
#[derive(Debug, Serialize)]
struct ErrorObject {
    error: String,
    line: u64,
    field: Option<String>,
}

impl LineError {
    /// The field at fault, where it is one field's.
    fn field(&self) -> Option<&str> {
        match self {
            LineError::Content { field, .. } => {
                Some(field.as_str()).filter(|field| !field.is_empty())
            }
            LineError::Json(fault) => fault.field(),
            LineError::TooLong | LineError::Encoding | LineError::Answer(_) => None,
        }
    }
}

/// The bytes of `file` (stdin without one, or for `-`), unpacked where they are gzip.
///
/// # Errors
/// When it cannot be opened or read.
pub fn open(file: Option<&Path>) -> anyhow::Result<Box<dyn BufRead>> {
    match file.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let opened = File::open(path).map(BufReader::new);
            let unpacked = opened.and_then(|input| unpacked(Box::new(input)));
            unpacked.with_context(|| path.display().to_string())
        }
        None => Ok(unpacked(Box::new(io::stdin().lock()))?),
    }
}

/// Several packed parts one after the other are one text.
fn unpacked(mut input: Box<dyn BufRead>) -> io::Result<Box<dyn BufRead>> {
    Ok(match input.fill_buf()?.first() {
        Some(&GZIP) => Box::new(BufReader::new(MultiGzDecoder::new(input))),
        _ => input,
    })
}

/// Every line of `input` that is not empty, after its number; or why it is none. An error of `input` is the last.
pub fn numbered(
    mut input: impl BufRead,
) -> impl Iterator<Item = io::Result<(u64, Result<String, LineError>)>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            let line = match next_line(&mut input).transpose()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            number += 1;
            let line = line.map(|text| text.trim_start_matches(BYTE_ORDER_MARK).trim().to_owned());
            if !matches!(line.as_deref(), Ok("")) {
                return Some(Ok((number, line)));
            }
        }
    })
}

/// Answers every line of `file` (stdin without one, or for `-`) with `answer`; empty lines are skipped.
///
/// # Errors
/// When the input cannot be opened or read, or `out` not written. Bad lines are no errors here but a
/// [`Outcome::BadInput`] at the end.
pub fn answer_all(
    file: Option<&Path>,
    out: &mut dyn Write,
    answer: impl Fn(&str) -> Result<Value, LineError>,
) -> anyhow::Result<Outcome> {
    let name = file.map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    answer_lines(&name, open(file)?, out, answer)
}

/// Answers every line of `input`, which is called `name`.
///
/// # Errors
/// When `input` cannot be read or `out` not written.
pub fn answer_lines(
    name: &str,
    input: impl BufRead,
    out: &mut dyn Write,
    answer: impl Fn(&str) -> Result<Value, LineError>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Complete;
    for line in numbered(input) {
        let (number, line) = line.with_context(|| name.to_owned())?;
        let answered = line.and_then(|text| answer(&text));
        if write_answer(out, number, answered)? == Outcome::BadInput {
            outcome = Outcome::BadInput;
        }
    }
    Ok(outcome)
}

/// Writes what came of the line `number`: the answer, or an error object.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_answer(
    out: &mut dyn Write,
    number: u64,
    answered: Result<Value, LineError>,
) -> anyhow::Result<Outcome> {
    let outcome = match answered {
        Ok(value) => {
            write_json(out, &value)?;
            Outcome::Complete
        }
        Err(error) => {
            let object = ErrorObject {
                field: error.field().map(str::to_owned),
                error: error.to_string(),
                line: number,
            };
            write_json(out, &object)?;
            Outcome::BadInput
        }
    };
    out.write_all(b"\n")?;
    Ok(outcome)
}

/// Writes `value` as JSON in which nothing can steer a terminal: DEL, C1, reordering and invisible characters stand as
/// `\uXXXX`, which is the same JSON (C0 always does).
///
/// # Errors
/// When `out` cannot be written.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Escaping))
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            let mut units = [0; 2];
            if is_hostile(c) {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                write!(writer, "{c}")?;
            }
        }
        Ok(())
    }
}

/// The next line, or why it is not one; `None` at the end. A line that is too long is skipped whole, never held in memory.
pub fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, LineError>>> {
    let mut bytes = Vec::new();
    let limit = MAX_LINE_BYTES as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.len() > MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(LineError::TooLong)));
    }
    Ok(Some(
        String::from_utf8(bytes).map_err(|_| LineError::Encoding),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::read::Object;
    use serde_json::json;

    fn answers(input: &[u8]) -> (String, Outcome) {
        let mut out = Vec::new();
        let outcome = answer_lines("test", input, &mut out, |text| {
            Object::parse(text)?;
            Ok(json!("ok"))
        })
        .unwrap();
        (String::from_utf8(out).unwrap(), outcome)
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_is_answered() {
        let mut input = b"{}\n{\n\n\xff\xfe\n".to_vec();
        input.extend(vec![b'x'; MAX_LINE_BYTES + 10]);
        input.extend(b"\n{}");
        let (out, outcome) = answers(&input);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(outcome, Outcome::BadInput);
        assert_eq!(lines.len(), 5, "{out}");
        assert_eq!(lines[0], "\"ok\"");
        assert!(lines[1].contains("\"line\":2"), "{out}");
        assert!(!lines[1].contains("line 1"), "{out}");
        assert!(lines[2].contains("not UTF-8") && lines[2].contains("\"line\":4"));
        assert!(lines[3].contains("1 MiB") && lines[3].contains("\"line\":5"));
        assert_eq!(lines[4], "\"ok\"");
    }

    #[test]
    fn packed_lines_are_unpacked_in_however_many_parts_they_come() {
        use flate2::{Compression, write::GzEncoder};
        let pack = |text: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            let mut out = Vec::new();
            answer_all(Some(file.path()), &mut out, |text| Ok(json!(text)))
                .map(|_| String::from_utf8(out).unwrap())
        };
        let parts = [pack("\u{feff}a\r\n\nb\nc"), pack("d\n")].concat();
        assert_eq!(read(&parts).unwrap(), "\"a\"\n\"b\"\n\"cd\"\n");
        assert_eq!(read(b"a\nb").unwrap(), "\"a\"\n\"b\"\n");
        assert_eq!(read(b"").unwrap(), "");
        let cut = pack("a\nb\n");
        let error = read(&cut[..cut.len() - 6]).unwrap_err();
        assert!(format!("{error:#}").contains(file.path().to_str().unwrap()));
    }

    #[test]
    fn the_field_at_fault_is_part_of_the_answer() {
        let (out, _) = answers(b"{\"a\":1,\"a\":2}");
        let object: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(object["field"], "a");
        assert_eq!(object["error"], "field `a` occurs twice");
    }

    #[test]
    fn good_input_is_complete() {
        assert_eq!(answers(b"{}\r\n{}\n").1, Outcome::Complete);
        assert_eq!(answers(b"").1, Outcome::Complete);
    }

    #[test]
    fn what_is_printed_steers_no_terminal_and_says_the_same() {
        let text = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{200b}\u{e0041}é\"\\\n日";
        let mut out = Vec::new();
        write_json(&mut out, &json!({ "x": text })).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert!(!printed.chars().any(is_hostile), "{printed:?}");
        let read: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read["x"], text);
    }
}
