//! Bytes from a terminal to key presses. Pure; knows no descriptor.
//!
//! Ours because crossterm's reader loses keys that arrive together with a resize (one edge-triggered poll, two sources, the first
//! returns) and spins once the terminal is gone; its types are kept.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::pointing::{self, Pointer};

/// Longest sequence of one key; more is no key.
const MAX_SEQUENCE: usize = 32;

/// What a terminal puts around pasted text (bracketed paste).
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// Longest paste kept; the rest of a longer one is dropped. No entry here takes as much.
const MAX_PASTE: usize = 4_096;

const ESC: u8 = 0x1b;

/// What somebody did at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    Key(KeyEvent),
    /// Pasted at once: never keys, whatever it holds.
    Paste(String),
    Mouse(Pointer),
}

/// Collects bytes until they make keys or a paste.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// What has been pasted so far, while a paste goes on.
    paste: Option<Vec<u8>>,
}

/// What the first bytes are.
enum Step {
    /// So many bytes, and the key they make (or none, to be skipped).
    Key(usize, Option<KeyEvent>),
    /// The beginning of something.
    Incomplete,
}

impl Decoder {
    /// What `bytes` complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Typed> {
        self.bytes.extend_from_slice(bytes);
        let mut typed = Vec::new();
        while !self.bytes.is_empty() {
            if self.paste.is_some() {
                match self.take_paste() {
                    Some(text) => typed.push(Typed::Paste(text)),
                    None => break,
                }
                continue;
            }
            if self.bytes.starts_with(PASTE_BEGINS) {
                self.bytes.drain(..PASTE_BEGINS.len());
                self.paste = Some(Vec::new());
                continue;
            }
            if let Some((used, pointer)) = pointing::report(&self.bytes) {
                typed.extend(pointer.map(Typed::Mouse));
                self.bytes.drain(..used);
                continue;
            }
            match step(&self.bytes) {
                Step::Key(used, key) => {
                    typed.extend(key.map(Typed::Key));
                    self.bytes.drain(..used.clamp(1, self.bytes.len()));
                }
                Step::Incomplete if self.bytes.len() > MAX_SEQUENCE => self.bytes.clear(),
                Step::Incomplete => break,
            }
        }
        typed
    }

    /// The paste that goes on, if its end has come; what has come of it is taken in either way.
    fn take_paste(&mut self) -> Option<String> {
        let paste = self.paste.as_mut()?;
        let end = self
            .bytes
            .windows(PASTE_ENDS.len())
            .position(|window| window == PASTE_ENDS);
        // Without an end, its first bytes may be here already.
        let inside = end.unwrap_or(self.bytes.len().saturating_sub(PASTE_ENDS.len() - 1));
        let room = MAX_PASTE.saturating_sub(paste.len());
        paste.extend(self.bytes.drain(..inside).take(room));
        end?;
        self.bytes.drain(..PASTE_ENDS.len());
        let text = self.paste.take().unwrap_or_default();
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether a key has begun: if nothing follows soon, [`Decoder::give_up`] says what it was.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.bytes.is_empty() && self.paste.is_none()
    }

    /// Nothing followed: a lone escape is the key `Esc`, anything else cut short is no key.
    pub fn give_up(&mut self) -> Option<KeyEvent> {
        let is_escape = self.bytes == [ESC];
        self.bytes.clear();
        is_escape.then(|| KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE))
    }
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [ESC] => Step::Incomplete,
        [ESC, ESC, ..] => plain(1, KeyCode::Esc),
        [ESC, b'[', b'[', last, ..] => Step::Key(4, console_key(*last)),
        [ESC, b'[', rest @ ..] => control_sequence(rest),
        [ESC, b'O'] => Step::Incomplete,
        [ESC, b'O', last, ..] => Step::Key(3, letter_key(*last, KeyModifiers::NONE)),
        [ESC, rest @ ..] => match step(rest) {
            Step::Key(used, key) => {
                let with_alt =
                    key.map(|key| KeyEvent::new(key.code, key.modifiers | KeyModifiers::ALT));
                Step::Key(used + 1, with_alt)
            }
            Step::Incomplete => Step::Incomplete,
        },
        [first, ..] if first.is_ascii_control() => Step::Key(1, control_key(*first)),
        _ => character(bytes),
    }
}

fn plain(used: usize, code: KeyCode) -> Step {
    Step::Key(used, Some(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Return, Tab, Backspace, and letters with control.
fn control_key(byte: u8) -> Option<KeyEvent> {
    let (code, modifiers) = match byte {
        b'\r' | b'\n' => (KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => (KeyCode::Tab, KeyModifiers::NONE),
        0x08 | 0x7f => (KeyCode::Backspace, KeyModifiers::NONE),
        0x01..=0x1a => (
            KeyCode::Char(char::from(byte - 1 + b'a')),
            KeyModifiers::CONTROL,
        ),
        _ => return None,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// One character of UTF-8; a byte that begins none is skipped.
fn character(bytes: &[u8]) -> Step {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let Some(bytes) = bytes.get(..length) else {
        return Step::Incomplete;
    };
    let read = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.chars().next());
    match read {
        Some(c) => plain(length, KeyCode::Char(c)),
        None => Step::Key(1, None),
    }
}

/// `ESC [`, parameters, and a last byte that says what it is.
fn control_sequence(rest: &[u8]) -> Step {
    let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return Step::Incomplete;
    };
    let (parameters, last) = (rest.get(..end).unwrap_or_default(), rest.get(end).copied());
    let text = String::from_utf8_lossy(parameters);
    let mut numbers = text
        .split(';')
        .map(|number| number.parse::<u8>().unwrap_or(1));
    let (number, held) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
    let modifiers = modifiers(held);
    let key = match last {
        Some(b'~') => number_key(number).map(|code| KeyEvent::new(code, modifiers)),
        Some(b'Z') => Some(KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE)),
        Some(last) => letter_key(last, modifiers),
        None => None,
    };
    Step::Key(end + 3, key)
}

fn modifiers(held: u8) -> KeyModifiers {
    let bits = held.saturating_sub(1);
    let table = [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ];
    let held = table.into_iter().filter(|(bit, _)| bits & bit != 0);
    held.fold(KeyModifiers::NONE, |all, (_, one)| all | one)
}

fn letter_key(last: u8, modifiers: KeyModifiers) -> Option<KeyEvent> {
    let code = match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// The Linux console's first five function keys.
fn console_key(last: u8) -> Option<KeyEvent> {
    let number = last.checked_sub(b'A').filter(|n| *n < 5)? + 1;
    Some(KeyEvent::new(KeyCode::F(number), KeyModifiers::NONE))
}

fn number_key(number: u8) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23 | 24 => KeyCode::F(number - 12),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::Chord;

    fn names(bytes: &[u8]) -> String {
        let mut decoder = Decoder::default();
        let mut typed = decoder.feed(bytes);
        typed.extend(decoder.give_up().map(Typed::Key));
        let names = typed.into_iter().filter_map(|typed| match typed {
            Typed::Key(key) => Chord::of(key).map(|chord| chord.to_string()),
            Typed::Paste(text) => Some(format!("{text:?}")),
            Typed::Mouse(pointer) => Some(format!("{:?}", pointer.gesture)),
        });
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_key_of_the_table_is_read_in_every_dialect() {
        let table: [(&[u8], &str); 18] = [
            (b"jG1 ]", "j G 1 Space ]"),
            (b"\r\n\t\x7f\x08", "Enter Enter Tab Backspace Backspace"),
            (b"\x03\x1a\x0c\x12", "ctrl-c ctrl-z ctrl-l ctrl-r"),
            (b"\x1b", "Esc"),
            (b"\x1b\x1b", "Esc Esc"),
            (b"\x1b[A\x1b[B\x1b[C\x1b[D", "Up Down Right Left"),
            (b"\x1bOA\x1bOP\x1bOQ", "Up F1 F2"),
            (b"\x1b[11~\x1b[12~\x1b[15~\x1b[24~", "F1 F2 F5 F12"),
            (b"\x1b[[A\x1b[[B", "F1 F2"),
            (b"\x1b[Z", "S-Tab"),
            (
                b"\x1b[5~\x1b[6~\x1b[H\x1b[F\x1b[1~\x1b[4~",
                "PageUp PageDown Home End Home End",
            ),
            (b"\x1b[1;5A", "ctrl-Up"),
            ("é日".as_bytes(), "é 日"),
            (b"\xffa\x1bq", "a alt-q"),
            (b"\x1b[?1;2cx\x1b[201~y", "x y"),
            (
                b"a\x1b[200~q1\r\x1b[A\x03\x1b[201~b",
                "a \"q1\\r\\u{1b}[A\\u{3}\" b",
            ),
            (
                b"j\x1b[<0;3;4M\x1b[<0;3;4mk\x1b[<65;3;4M",
                "j Click k WheelDown",
            ),
            (b"\x1b[200~\xff\x1b[201~", "\"\u{fffd}\""),
        ];
        for (bytes, wanted) in table {
            assert_eq!(names(bytes), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_may_come_in_pieces() {
        let mut decoder = Decoder::default();
        for byte in b"\x1b[5" {
            assert!(decoder.feed(&[*byte]).is_empty() && decoder.is_waiting());
        }
        let key = |code| Typed::Key(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(decoder.feed(b"~"), [key(KeyCode::PageUp)]);
        assert!(!decoder.is_waiting());
        assert!(decoder.feed(&[0xe6, 0x97]).is_empty());
        assert_eq!(decoder.feed(&[0xa5]), [key(KeyCode::Char('日'))]);
    }

    #[test]
    fn a_paste_in_pieces_is_one_and_a_long_one_is_cut() {
        let mut decoder = Decoder::default();
        for byte in b"\x1b[200~ls\x1b[20" {
            assert!(decoder.feed(&[*byte]).is_empty());
        }
        assert!(!decoder.is_waiting(), "nothing is given up in a paste");
        let paste = decoder.feed(b"x\x1b[201~");
        assert_eq!(paste, [Typed::Paste("ls\u{1b}[20x".into())]);
        let mut long = PASTE_BEGINS.to_vec();
        long.extend([b'a'; 3 * MAX_PASTE]);
        long.extend(PASTE_ENDS);
        let paste: Vec<Typed> = long.chunks(1_000).flat_map(|c| decoder.feed(c)).collect();
        assert_eq!(paste, [Typed::Paste("a".repeat(MAX_PASTE))]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end_in_keys_or_nothing(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let mut decoder = Decoder::default();
            let keys = decoder.feed(&bytes);
            proptest::prop_assert!(keys.len() <= bytes.len());
            decoder.give_up();
            decoder.feed(PASTE_ENDS);
            proptest::prop_assert!(!decoder.is_waiting());
        }
    }
}
