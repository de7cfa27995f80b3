//! How much of what was read is held at a time: a file of a busy day must not take all memory there is.

use serde_json::Value;

use crate::env::schema::Event;

/// The most records that are held.
const MAX_RECORDS: usize = 500_000;
/// The most bytes they may take, as far as can be told from their texts.
const MAX_BYTES: usize = 512 << 20;

/// What a record, an event and a field take beside their texts.
const OF_A_RECORD: usize = 256;
const OF_AN_EVENT: usize = 160;
const OF_A_FIELD: usize = 96;

/// There is too much to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {records} records, or {} MiB of them, are not held: join the files of one day, or of fewer machines, at a time",
    bytes >> 20
)]
pub struct Full {
    pub records: usize,
    pub bytes: usize,
}

/// What is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    most: Full,
    records: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(MAX_RECORDS, MAX_BYTES)
    }
}

impl Room {
    /// Room for so many records of so many bytes together.
    #[must_use]
    pub const fn of(records: usize, bytes: usize) -> Self {
        Self {
            most: Full { records, bytes },
            records,
            bytes,
        }
    }

    /// Takes the room that one record of `bytes` needs.
    ///
    /// # Errors
    /// Names both bounds where there is no such room.
    pub fn take(&mut self, bytes: usize) -> Result<(), Full> {
        let records = self.records.checked_sub(1).ok_or(self.most)?;
        let bytes = self.bytes.checked_sub(bytes).ok_or(self.most)?;
        (self.records, self.bytes) = (records, bytes);
        Ok(())
    }
}

/// About how many bytes the events of a record take.
#[must_use]
pub fn weight(events: &[Event]) -> usize {
    let of_value = |value: &Value| value.as_str().map_or(0, str::len);
    let of_event = |event: &Event| {
        let fields = event.fields.iter();
        let fields = fields.map(|(name, value)| OF_A_FIELD + name.len() + of_value(value));
        OF_AN_EVENT + event.source.len() + event.event_type.len() + fields.sum::<usize>()
    };
    OF_A_RECORD + events.iter().map(of_event).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn room_ends_by_number_and_by_size_and_says_so() {
        let mut few = Room::of(2, 1 << 20);
        assert_eq!((few.take(9), few.take(9)), (Ok(()), Ok(())));
        let full = few.take(1).expect_err("two are held").to_string();
        assert!(full.contains("2 records, or 1 MiB"), "{full}");
        let mut small = Room::of(100, 1_000);
        assert!(small.take(600).is_ok() && small.take(600).is_err());
        assert!(small.take(400).is_ok(), "what was refused takes nothing");
    }

    #[test]
    fn long_texts_and_many_events_weigh_more() {
        let event = |text: &str| -> Event {
            serde_json::from_value(json!({
                "log_id": "L1-0", "timestamp": "", "source": "s", "event_type": "e", "fields": {"a": text},
            }))
            .expect("an event")
        };
        let short = weight(&[event("x")]);
        assert!(short > 0 && weight(&[event(&"x".repeat(300))]) >= short + 299);
        assert!(weight(&[event("x"), event("x")]) > short);
    }
}
