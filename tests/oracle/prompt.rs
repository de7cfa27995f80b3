//! Reads the log window out of the text a model is shown. The header, the summary and the closing line are skipped.

use std::net::IpAddr;

use serde_json::{Deserializer, Value};

/// One line of the window.
pub struct Event {
    pub log_id: String,
    kind: String,
    fields: Vec<(String, Value)>,
}

impl Event {
    pub fn is_a(&self, kind: &str) -> bool {
        self.kind == kind
    }

    pub fn field(&self, key: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    pub fn word(&self, key: &str) -> Option<&str> {
        self.field(key).and_then(Value::as_str)
    }

    /// Numbers are whole and not negative, so -1 is none, and neither is 9.0: it is written as a fraction.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.field(key).and_then(Value::as_u64)
    }

    /// Whether the field is one of these words or paths, in whatever case.
    pub fn has(&self, key: &str, words: &[&str]) -> bool {
        self.word(key).is_some_and(|word| is_one_of(word, words))
    }

    /// Whether the last part of the path in the field is one of these.
    pub fn ends(&self, key: &str, parts: &[&str]) -> bool {
        let path = self.path(key);
        let last = path
            .as_deref()
            .and_then(|path| path.split('\\').next_back());
        last.is_some_and(|part| is_one_of(part, parts))
    }

    /// Whether the field is this path.
    pub fn lies_at(&self, key: &str, whole: &str) -> bool {
        self.path(key)
            .is_some_and(|path| path.eq_ignore_ascii_case(whole))
    }

    /// Whether the path in the field begins with this folder, and does not go up anywhere.
    pub fn below(&self, key: &str, folder: &str) -> bool {
        self.downward(key)
            .is_some_and(|path| path.starts_with(&folder.to_ascii_lowercase()))
    }

    /// Whether the path in the field is this folder and the name of a file, without blanks.
    pub fn file_in(&self, key: &str, folder: &str) -> bool {
        let path = self.downward(key);
        let name = path
            .as_deref()
            .and_then(|path| path.strip_prefix(&*folder.to_ascii_lowercase()));
        name.is_some_and(|name| !name.is_empty() && !name.contains(['\\', ' ']))
    }

    /// Whether the path in the field holds this folder, and does not go up anywhere.
    pub fn through(&self, key: &str, folder: &str) -> bool {
        self.downward(key)
            .is_some_and(|path| path.contains(&folder.to_ascii_lowercase()))
    }

    /// The path in lower case, unless it goes up to a folder above.
    fn downward(&self, key: &str) -> Option<String> {
        let path = self.path(key)?.to_ascii_lowercase();
        (!path.split('\\').any(|part| part == "..")).then_some(path)
    }

    /// The path with backslashes only, and without the quotes around it.
    fn path(&self, key: &str) -> Option<String> {
        let path = self.word(key)?.replace('/', "\\");
        Some(path.trim_matches('"').to_owned())
    }

    /// An IPv4 address written as an IPv6 one counts as what it stands for.
    pub fn address(&self, key: &str) -> Option<IpAddr> {
        let ip: IpAddr = self.word(key)?.parse().ok()?;
        Some(ip.to_canonical())
    }

    fn folded(&self, key: &str) -> Option<String> {
        Some(self.field(key)?.to_string().to_ascii_lowercase())
    }

    /// Whether both lines print this field, with the same value: two lines without it share nothing.
    pub fn shares(&self, other: &Event, key: &str) -> bool {
        self.equals(key, other, key)
    }

    /// Whether both lines print their field, with the same value. One address in two spellings is one, and so is a name in
    /// upper and lower case.
    pub fn equals(&self, key: &str, other: &Event, other_key: &str) -> bool {
        let same_address =
            self.address(key).is_some() && self.address(key) == other.address(other_key);
        let (mine, theirs) = (self.folded(key), other.folded(other_key));
        let same_value = mine.is_some() && mine == theirs;
        same_address || same_value
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// The events of a user message, in window order, or the line that could not be read.
pub fn read(message: &str) -> Result<Vec<Event>, String> {
    // The last heading counts: a summary could hold a copy, a line of the window cannot, as its text is quoted.
    let (_, after) = message
        .rsplit_once("\n\nLog window:\n")
        .ok_or("no log window")?;
    after
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| read_line(line).ok_or_else(|| format!("unreadable line: {line}")))
        .collect()
}

fn read_line(line: &str) -> Option<Event> {
    let (_timestamp, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let (log_id, rest) = rest.split_once(' ')?;
    let (_source, rest) = rest.strip_prefix("src=")?.split_once(' ')?;
    let rest = rest.strip_prefix("type=")?;
    let (kind, fields) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(Event {
        log_id: log_id.to_owned(),
        kind: kind.to_owned(),
        fields: read_fields(fields)?,
    })
}

fn read_fields(mut text: &str) -> Option<Vec<(String, Value)>> {
    let mut fields = Vec::new();
    while !text.is_empty() {
        let (key, rest) = text.split_once('=')?;
        // A quoted value may hold blanks and equal signs, so JSON itself says where the value ends.
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let rest = rest.get(values.byte_offset()..)?;
        text = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix(' ')?
        };
        fields.push((key.to_owned(), value));
    }
    Some(fields)
}
