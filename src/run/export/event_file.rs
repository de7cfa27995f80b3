//! A TensorBoard event file: records with checksums, each a message of protocol buffers, written by hand.
//!
//! A record is its length (u64), that length's checksum, the bytes, their checksum; checksums are CRC-32C, rotated and
//! shifted as TFRecord masks them. Of the messages only four fields are needed: wall time, step, and tag and value.

use std::io::{self, Write};

use super::Row;

/// Writes `rows` as scalars, each metric a tag with `prefix` before its name; `time_of` gives a step's Unix seconds.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(
    rows: &[Row],
    prefix: &str,
    time_of: impl Fn(u64) -> f64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let first = rows.first().map_or(0, |row| row.step);
    let mut head = Vec::new();
    double(1, time_of(first), &mut head);
    bytes(3, b"brain.Event:2", &mut head);
    record(&head, out)?;
    for row in rows {
        let mut event = Vec::new();
        double(1, time_of(row.step), &mut event);
        key(2, VARINT, &mut event);
        varint(row.step, &mut event);
        bytes(5, &summary(row, prefix), &mut event);
        record(&event, out)?;
    }
    Ok(())
}

/// All values of a row.
fn summary(row: &Row, prefix: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, number) in &row.values {
        let mut value = Vec::new();
        bytes(1, format!("{prefix}{name}").as_bytes(), &mut value);
        key(2, FIXED32, &mut value);
        // TensorBoard's scalars are single floats.
        value.extend((*number as f32).to_le_bytes());
        bytes(1, &value, &mut all);
    }
    all
}

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

fn key(field: u64, wire_type: u64, out: &mut Vec<u8>) {
    varint(field << 3 | wire_type, out);
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn double(field: u64, value: f64, out: &mut Vec<u8>) {
    key(field, FIXED64, out);
    out.extend(value.to_le_bytes());
}

fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    key(field, DELIMITED, out);
    varint(value.len() as u64, out);
    out.extend(value);
}

fn record(data: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked(data).to_le_bytes())
}

/// The checksum as TFRecord keeps it: a checksum of data that holds checksums would be weak.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with Castagnoli's polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

fn crc32c(data: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let at = (crc as u8 ^ byte) as usize;
        crc >> 8 ^ TABLE[at]
    };
    !data.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Bit by bit, as the definition has it: nothing shared with the table above.
    fn slow_crc(data: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in data {
            for bit in 0..8 {
                let is_odd = (crc ^ u32::from(byte >> bit)) & 1 == 1;
                crc >>= 1;
                if is_odd {
                    crc ^= 0x82f6_3b78;
                }
            }
        }
        !crc
    }

    #[test]
    fn checksums_are_the_published_ones() {
        // RFC 3720, B.4.
        let rising: Vec<u8> = (0..32).collect();
        for (data, wanted) in [
            (&b"123456789"[..], 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&rising, 0x46dd_794e),
        ] {
            assert_eq!(crc32c(data), wanted);
            assert_eq!(slow_crc(data), wanted);
        }
    }

    fn take<const N: usize>(data: &mut &[u8]) -> [u8; N] {
        let (taken, rest) = data.split_at(N);
        *data = rest;
        taken.try_into().expect("so many")
    }

    fn read_varint(data: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let [byte] = take::<1>(data);
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    /// The fields of a message: number, then raw bytes of its value (numbers as little-endian bytes).
    fn fields(mut data: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        while !data.is_empty() {
            let key = read_varint(&mut data);
            let value = match key & 7 {
                0 => read_varint(&mut data).to_le_bytes().to_vec(),
                1 => take::<8>(&mut data).to_vec(),
                2 => {
                    let length = read_varint(&mut data) as usize;
                    let (taken, rest) = data.split_at(length);
                    data = rest;
                    taken.to_vec()
                }
                5 => take::<4>(&mut data).to_vec(),
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, value));
        }
        found
    }

    fn read_records(mut data: &[u8]) -> Vec<Vec<u8>> {
        let unmask = |crc: u32| crc.wrapping_sub(0xa282_ead8).rotate_left(15);
        let mut records = Vec::new();
        while !data.is_empty() {
            let length = take::<8>(&mut data);
            let told = u32::from_le_bytes(take::<4>(&mut data));
            assert_eq!(unmask(told), slow_crc(&length));
            let (content, rest) = data.split_at(u64::from_le_bytes(length) as usize);
            data = rest;
            let told = u32::from_le_bytes(take::<4>(&mut data));
            assert_eq!(unmask(told), slow_crc(content));
            records.push(content.to_vec());
        }
        records
    }

    #[test]
    fn an_independent_reader_finds_every_value_again() {
        let row = |step, values: &[(&str, f64)]| Row {
            texts: BTreeMap::new(),
            step,
            stage: "sft".into(),
            values: values.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
        };
        let rows = [
            row(1, &[("loss", 2.5), ("kl", -0.125)]),
            row(300, &[("reward", 0.75)]),
        ];
        let mut file = Vec::new();
        write(&rows, "eval/", |step| 1_000.5 + step as f64, &mut file).expect("written");
        let records = read_records(&file);
        assert_eq!(records.len(), 3);
        let head: BTreeMap<_, _> = fields(&records[0]).into_iter().collect();
        assert_eq!(head[&3], b"brain.Event:2");
        let mut found = Vec::new();
        for record in &records[1..] {
            let event: BTreeMap<_, _> = fields(record).into_iter().collect();
            let step = u64::from_le_bytes(event[&2].clone().try_into().expect("eight"));
            let time = f64::from_le_bytes(event[&1].clone().try_into().expect("eight"));
            assert_eq!(time, 1_000.5 + step as f64);
            for (number, value) in fields(&event[&5]) {
                assert_eq!(number, 1);
                let value: BTreeMap<_, _> = fields(&value).into_iter().collect();
                let tag = String::from_utf8(value[&1].clone()).expect("text");
                let scalar = f32::from_le_bytes(value[&2].clone().try_into().expect("four"));
                found.push((step, tag, scalar));
            }
        }
        let wanted = [
            (1, "eval/kl".to_owned(), -0.125),
            (1, "eval/loss".to_owned(), 2.5),
            (300, "eval/reward".to_owned(), 0.75),
        ];
        assert_eq!(found, wanted);
    }
}
