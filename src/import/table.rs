//! Zeek's logs as tables: lines that begin with `#` say what parts the columns, what they are called and what they hold; each
//! other line is a record. It becomes the JSON that Zeek would have written, so that there is one reader of both.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::ImportError;

/// The most values of a set or vector that are taken over.
const MAX_VALUES: usize = 64;

/// The most columns of a table, and the longest name of a column or a log: every record has all of them.
const MAX_COLUMNS: usize = 512;
const MAX_NAME: usize = 200;

/// What the lines so far say of the next one: one for each file, because files have headers of their own.
#[derive(Debug, Default)]
pub struct Table {
    header: Option<Header>,
}

#[derive(Clone, Debug)]
struct Header {
    separator: String,
    set_separator: String,
    /// What stands for no text, and for nothing.
    empty: String,
    unset: String,
    path: Option<String>,
    fields: Vec<String>,
    types: Vec<String>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".to_owned(),
            set_separator: ",".to_owned(),
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            path: None,
            fields: Vec::new(),
            types: Vec::new(),
        }
    }
}

impl Table {
    /// The line as JSON: a record of a table; as it stands where it is of none. Nothing where it is of a header.
    ///
    /// # Errors
    /// A header that makes no sense, and a record that is not as its header says.
    pub fn line<'a>(&mut self, line: &'a str) -> Result<Option<Cow<'a, str>>, ImportError> {
        if let Some(said) = line.strip_prefix('#')
            && self.learn(said)?
        {
            return Ok(None);
        }
        let header = self.header.as_ref().filter(|h| !h.fields.is_empty());
        match header {
            // A record of JSON after a table, in a file put together of several.
            Some(header) if !line.starts_with('{') => {
                let record = Value::Object(header.record(line)?);
                Ok(Some(Cow::Owned(record.to_string())))
            }
            _ => Ok(Some(Cow::Borrowed(line))),
        }
    }

    /// Takes in a line of a header; says whether it is one.
    fn learn(&mut self, said: &str) -> Result<bool, ImportError> {
        if let Some(separator) = said.strip_prefix("separator ") {
            let separator = unescaped(separator.trim());
            if separator.is_empty() {
                return Err(ImportError::at("#separator", "is empty"));
            }
            self.header = Some(Header {
                separator,
                ..Header::default()
            });
            return Ok(true);
        }
        let header = self.header.get_or_insert_default();
        let parts = said.split_once(header.separator.as_str());
        let (name, rest) = parts.unwrap_or((said, ""));
        match name {
            "set_separator" => header.set_separator = unescaped(rest),
            "empty_field" => header.empty = rest.to_owned(),
            "unset_field" => header.unset = rest.to_owned(),
            "path" => header.path = Some(rest.chars().take(MAX_NAME).collect()),
            "fields" => header.fields = header.columns(rest),
            "types" => header.types = header.columns(rest),
            // When the log was opened and closed.
            "open" | "close" => {}
            _ => return Ok(false),
        }
        if !["fields", "types"].contains(&name) {
            return Ok(true);
        }
        let checked = header.check();
        if checked.is_err() {
            // What follows is no record of it.
            self.header = None;
        }
        checked.map(|()| true)
    }
}

impl Header {
    fn columns(&self, line: &str) -> Vec<String> {
        let columns = line.split(self.separator.as_str());
        columns.take(MAX_COLUMNS + 1).map(str::to_owned).collect()
    }

    fn check(&self) -> Result<(), ImportError> {
        let mut names: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(ImportError::at("#fields", "names a column twice"));
        }
        let (fields, types) = (self.fields.len(), self.types.len());
        if fields > MAX_COLUMNS || names.iter().any(|name| name.len() > MAX_NAME) {
            let message = format!("are more than {MAX_COLUMNS}, or one is longer than {MAX_NAME}");
            return Err(ImportError::at("#fields", message));
        }
        if ![0, fields].contains(&types) {
            let message = format!("has {types} of them, and #fields {fields}");
            return Err(ImportError::at("#types", message));
        }
        Ok(())
    }

    fn record(&self, line: &str) -> Result<Map<String, Value>, ImportError> {
        let count = line.split(self.separator.as_str()).count();
        let wanted = self.fields.len();
        if count != wanted {
            let message = format!("has {wanted} columns, the record {count}");
            return Err(ImportError::at("#fields", message));
        }
        let mut record = Map::new();
        let columns = line.split(self.separator.as_str());
        for (n, (name, text)) in self.fields.iter().zip(columns).enumerate() {
            let of_type = self.types.get(n).map_or("string", String::as_str);
            if let Some(value) = self
                .value(of_type, text)
                .map_err(|m| ImportError::at(name, m))?
            {
                record.insert(name.clone(), value);
            }
        }
        if let Some(path) = &self.path {
            record.entry("_path").or_insert_with(|| json!(path));
        }
        Ok(record)
    }

    /// A column; nothing where it says that there is nothing.
    fn value(&self, of_type: &str, text: &str) -> Result<Option<Value>, &'static str> {
        if [self.unset.as_str(), self.empty.as_str(), ""].contains(&text) {
            return Ok(None);
        }
        let number = |found: Option<Value>| found.ok_or("is no number").map(Some);
        match of_type {
            "count" | "int" | "port" => number(
                text.parse::<u64>()
                    .map(Value::from)
                    .or_else(|_| text.parse::<i64>().map(Value::from))
                    .ok(),
            ),
            "time" | "interval" | "double" => {
                let found = text.parse::<f64>().ok();
                number(
                    found
                        .and_then(serde_json::Number::from_f64)
                        .map(Value::Number),
                )
            }
            "bool" => match text {
                "T" => Ok(Some(true.into())),
                "F" => Ok(Some(false.into())),
                _ => Err("is neither T nor F"),
            },
            list if list.starts_with("set[") || list.starts_with("vector[") => {
                let values = text.split(self.set_separator.as_str()).take(MAX_VALUES);
                Ok(Some(values.map(unescaped).collect()))
            }
            _ => Ok(Some(unescaped(text).into())),
        }
    }
}

/// Text in which `\x09` stands for the byte 9.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        let digits = after
            .get(..2)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.extend(b"\\x");
                rest = after;
            }
        }
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Imported, record};
    use super::*;

    /// The lines of a log, each after what Zeek puts above them.
    fn log(path: &str, fields: &str, types: &str, lines: &[&str]) -> Vec<String> {
        let above = [
            "#separator \\x09".to_owned(),
            "#set_separator\t,".to_owned(),
            "#empty_field\t(empty)".to_owned(),
            "#unset_field\t-".to_owned(),
            format!("#path\t{path}"),
            "#open\t2026-01-02-10-00-00".to_owned(),
            format!("#fields\t{}", fields.replace(' ', "\t")),
            format!("#types\t{}", types.replace(' ', "\t")),
        ];
        let lines = lines.iter().map(|line| line.replace(' ', "\t"));
        above.into_iter().chain(lines).collect()
    }

    fn read(lines: &[String]) -> Vec<Result<Imported, ImportError>> {
        let mut table = Table::default();
        let read = lines.iter().filter_map(|line| table.line(line).transpose());
        read.map(|line| record(&line?)).collect()
    }

    fn one(lines: &[String]) -> Imported {
        let mut found = read(lines);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).expect("a record")
    }

    const ENDS: &str = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p";
    const OF_ENDS: &str = "time string addr port addr port";
    const HERE: &str = "1767348000.250000 CHhAvVGS1 10.0.0.7 50211 198.51.100.23 443";

    #[test]
    fn a_table_says_what_its_json_would() {
        let conn = log(
            "conn",
            &format!(
                "{ENDS} proto service duration orig_bytes resp_bytes conn_state local_orig tunnel_parents"
            ),
            &format!("{OF_ENDS} enum string interval count count string bool set[string]"),
            &[
                &format!("{HERE} tcp ssl 12.75 18220 - SF T (empty)"),
                "#close\t2026-01-02-11-00-00",
            ],
        );
        let found = one(&conn);
        let json = json!({
            "_path": "conn", "ts": 1_767_348_000.25, "uid": "CHhAvVGS1", "id.orig_h": "10.0.0.7", "id.orig_p": 50211,
            "id.resp_h": "198.51.100.23", "id.resp_p": 443, "proto": "tcp", "service": "ssl", "duration": 12.75, "orig_bytes": 18220,
            "conn_state": "SF", "local_orig": true
        });
        assert_eq!(found, record(&json.to_string()).expect("a record"));
        assert_eq!(found.log_window[0].timestamp, "2026-01-02T10:00:00Z");
        assert_eq!(
            found.log_window[0].text("resp_bytes"),
            None,
            "a dash is nothing"
        );

        let dns = log(
            "dns",
            &format!("{ENDS} query qtype_name answers"),
            &format!("{OF_ENDS} string string vector[string]"),
            &[&format!(
                "{HERE} a\\x09b.example TXT 198.51.100.23,198.51.100.24"
            )],
        );
        let event = &one(&dns).log_window[0];
        assert_eq!(event.text("query"), Some("a\tb.example"));
        assert_eq!(event.text("answers"), Some("198.51.100.23"));

        let http = log(
            "http",
            &format!("{ENDS} method host uri status_code resp_mime_types username"),
            &format!("{OF_ENDS} string string string count vector[string] string"),
            &[&format!(
                "{HERE} GET h.example /a.bin 200 application/x-dosexec -"
            )],
        );
        let event = &one(&http).log_window[0];
        assert_eq!(event.event_type, "http.download");
        assert_eq!(
            (event.number("status_code"), event.text("User")),
            (Some(200), None)
        );
    }

    #[test]
    fn a_record_that_is_not_as_its_header_says_is_named() {
        let fault = |types: &str, line: &str| {
            let mut found = read(&log("conn", "ts uid orig_bytes conn_state", types, &[line]));
            let error = found.pop().expect("one").expect_err("refused");
            error.to_string()
        };
        let types = "time string count string";
        assert!(fault(types, "1 C1 x SF").contains("`orig_bytes`: is no number"));
        assert!(fault(types, "noon C1 1 SF").contains("`ts`: is no number"));
        assert!(fault(types, "inf C1 1 SF").contains("`ts`: is no number"));
        assert!(fault(types, "- C1 1 SF").contains("no known kind"));
        assert!(fault(types, "1 C1 SF").contains("4 columns, the record 3"));
        assert!(fault("time string bool string", "1 C1 yes SF").contains("neither T nor F"));
        let other = log("weird", "ts uid", "time string", &["1 C1"]);
        let error = read(&other).remove(0).expect_err("refused").to_string();
        assert!(error.contains("`_path`: \"weird\" is none of"), "{error}");
    }

    #[test]
    fn headers_that_make_no_sense_are_refused_and_forgotten() {
        let mut table = Table::default();
        for (bad, field) in [
            ("#fields\tts\tts", "#fields"),
            ("#separator ", "#separator"),
        ] {
            let error = table.line(bad).expect_err("refused");
            assert_eq!(error.field(), Some(field));
            let line = table.line("1\t2").expect("as it stands");
            assert_eq!(line.as_deref(), Some("1\t2"));
        }
        let many = "x\t".repeat(600) + &"y".repeat(9);
        let numbered: Vec<String> = (0..600).map(|n| n.to_string()).collect();
        for bad in [many, numbered.join("\t"), "y".repeat(201)] {
            let error = table.line(&format!("#fields\t{bad}")).expect_err("refused");
            assert_eq!(error.field(), Some("#fields"));
        }
        table.line("#fields\tts\tuid").expect("a header");
        let error = table.line("#types\ttime").expect_err("refused");
        assert_eq!(error.field(), Some("#types"));
    }

    #[test]
    fn other_lines_and_other_separators() {
        let mut table = Table::default();
        assert_eq!(
            table.line("{\"a\":1}").expect("as it stands").as_deref(),
            Some("{\"a\":1}")
        );
        for header in [
            "#separator \\x7c",
            "#path|conn",
            "#fields|ts|uid",
            "#types|time|string",
        ] {
            assert_eq!(table.line(header).expect("a header"), None);
        }
        let line = table.line("1.5|C\\xff\\x41\\xzz").expect("a record");
        let value: Value = serde_json::from_str(&line.expect("JSON")).expect("JSON");
        assert_eq!(
            value,
            json!({"_path": "conn", "ts": 1.5, "uid": "C\u{fffd}A\\xzz"})
        );
        assert_eq!(
            table.line("{\"a\":1}").expect("JSON").as_deref(),
            Some("{\"a\":1}")
        );
        assert!(table.line("# hello").is_err(), "neither header nor record");
        let mut newer = table;
        newer.line("#separator \\x09").expect("a header");
        assert_eq!(
            newer.line("1|C").expect("no table yet").as_deref(),
            Some("1|C")
        );
    }
}
