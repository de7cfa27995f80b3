//! Lines as they are typed or piped in, read by a thread of their own.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc::{Receiver, channel};

/// The longest line that is read, in bytes; a longer one is passed over whole.
pub(super) const MAX_LINE: u64 = 4_096;

/// A line that was longer.
pub(super) struct TooLong;

pub(super) type Line = Result<String, TooLong>;

/// A thread that reads lines, no faster than they are obeyed.
pub(super) fn read_lines(mut input: impl BufRead + Send + 'static) -> io::Result<Receiver<Line>> {
    let (sender, lines) = channel(1);
    let reader = std::thread::Builder::new().name("lines".into());
    reader.spawn(move || {
        while let Some(line) = read_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// The next line; none at the end, or where nothing more can be read.
fn read_line(input: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let mut piece = |bytes: &mut Vec<u8>| {
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', bytes);
        read.ok().filter(|count| *count > 0)
    };
    piece(&mut bytes)?;
    let is_whole = |bytes: &[u8]| bytes.ends_with(b"\n") || (bytes.len() as u64) < MAX_LINE;
    if is_whole(&bytes) {
        return Some(Ok(String::from_utf8_lossy(&bytes).into_owned()));
    }
    loop {
        bytes.clear();
        if piece(&mut bytes).is_none() || is_whole(&bytes) {
            return Some(Err(TooLong));
        }
    }
}
