//! Lines of alerts and events, tables of Zeek's among them: what `triage` and `label import` read.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::lines::{LineError, numbered};
use crate::import::ImportError;
use crate::import::table::Table;

/// Every record of a file after the number of its line, as JSON; or why it is none. Headers of tables are none.
pub fn records(
    input: impl BufRead,
) -> impl Iterator<Item = io::Result<(u64, Result<String, LineError>)>> {
    let mut table = Table::default();
    numbered(input).filter_map(move |line| {
        let (number, text) = match line {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let record = text.and_then(|text| as_json(&mut table, text));
        Some(Ok((number, record.transpose()?)))
    })
}

fn as_json(table: &mut Table, text: String) -> Result<Option<String>, LineError> {
    if matches!(text.as_str(), "[" | "{") {
        return Err(LineError::Content {
            message: "JSON over several lines: one object a line is read (`jq -c .` or `jq -c '.[]'` makes such lines)".into(),
            field: String::new(),
        });
    }
    let converted = match table.line(&text).map_err(of_import)? {
        None => return Ok(None),
        Some(Cow::Owned(json)) => Some(json),
        Some(Cow::Borrowed(_)) => None,
    };
    Ok(Some(converted.unwrap_or(text)))
}

/// What is wrong with a record, as what is wrong with its line.
pub fn of_import(error: ImportError) -> LineError {
    match error {
        ImportError::Json(fault) => LineError::Json(fault),
        other => LineError::Content {
            message: other.to_string(),
            field: other.field().unwrap_or_default().to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_headers_are_passed_over() {
        let file = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n1.5\tC1\n\n2.5\n{\"a\":1}\n";
        let found: Vec<_> = records(file.as_bytes())
            .map(|line| line.expect("read"))
            .map(|(number, record)| (number, record.map_err(|error| error.to_string())))
            .collect();
        let record = r#"{"ts":1.5,"uid":"C1","_path":"conn"}"#.to_owned();
        let short = "field `#fields`: has 2 columns, the record 1".to_owned();
        let expected = [
            (5, Ok(record)),
            (7, Err(short)),
            (8, Ok("{\"a\":1}".to_owned())),
        ];
        assert_eq!(found, expected);
    }
}
