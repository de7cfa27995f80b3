//! What a classifier that does not understand an episode can still see of it, in five channels.
//!
//! Only what the model is shown is read here: alert header and log window, never incident or truth.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::env::events::{self, Kind};
use crate::env::prompt::event_line;
use crate::env::schema::{Episode, Event};

/// A part of the prompt that must not give the label away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Severity, category, host, user and the words of the summary.
    Header,
    /// Number of events, time gaps, ids, line lengths.
    Shape,
    /// Which event types occur and how often.
    Types,
    /// Tokens of all lines of the log window.
    Bag,
    /// How many lines name the header's user, and its host. Not of the contract's list: reported, not bounded.
    Recurrence,
}

impl Channel {
    /// All five.
    pub const ALL: [Channel; 5] = [
        Channel::Header,
        Channel::Shape,
        Channel::Types,
        Channel::Bag,
        Channel::Recurrence,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Header => "header",
            Channel::Shape => "shape",
            Channel::Types => "types",
            Channel::Bag => "bag",
            Channel::Recurrence => "recurrence",
        }
    }

    /// The highest held-out accuracy the contract allows from stage 2 on, chance being 0.20; `None` where it sets none.
    #[must_use]
    pub const fn bound(self) -> Option<f64> {
        match self {
            Channel::Header | Channel::Shape => Some(0.27),
            Channel::Types => Some(0.45),
            Channel::Bag => Some(0.60),
            Channel::Recurrence => None,
        }
    }
}

/// What one channel shows of one episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Things that occur, with how often; what is absent counts zero.
    pub counts: BTreeMap<String, f64>,
    /// Quantities; an absent one is unknown, not zero.
    pub measures: BTreeMap<String, f64>,
}

impl Sample {
    fn count(&mut self, name: String) {
        *self.counts.entry(name).or_default() += 1.0;
    }

    fn measure(&mut self, name: impl Into<String>, value: f64) {
        self.measures.insert(name.into(), value);
    }
}

/// What `channel` shows of `episode`.
#[must_use]
pub fn sample(channel: Channel, episode: &Episode) -> Sample {
    match channel {
        Channel::Header => header(episode),
        Channel::Shape => shape(episode),
        Channel::Types => types(episode),
        Channel::Bag => bag(&episode.log_window),
        Channel::Recurrence => recurrence(episode),
    }
}

fn header(episode: &Episode) -> Sample {
    let alert = &episode.alert;
    let mut sample = Sample::default();
    sample.count(format!("severity={}", alert.severity));
    sample.count(format!("category={}", alert.category));
    sample.count(format!("both={}|{}", alert.severity, alert.category));
    for (name, value) in [("host", &alert.host), ("user", &alert.user)] {
        sample.count(format!("{name}={value}"));
        sample.measure(format!("{name} characters"), value.chars().count() as f64);
        for part in words(value) {
            sample.count(format!("{name}~{part}"));
        }
    }
    for word in words(&alert.summary) {
        sample.count(format!("word {word}"));
    }
    let length = alert.summary.chars().count();
    sample.measure("summary characters", length as f64);
    sample
}

/// Lower-case runs of letters, and runs of digits, so that `WS-0412` shows its prefix.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let kind = (c.is_alphabetic(), c.is_numeric());
        if kind == (false, false) {
            last = None;
            continue;
        }
        match words.last_mut() {
            Some(word) if last == Some(kind) => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
        last = Some(kind);
    }
    words
}

fn types(episode: &Episode) -> Sample {
    let mut sample = Sample::default();
    for event in &episode.log_window {
        sample.count(event.event_type.clone());
    }
    // The set beside the counts: a linear model cannot make "at least one" out of "how many".
    let set: Vec<String> = sample.counts.keys().map(|k| format!("any {k}")).collect();
    for name in set {
        sample.count(name);
    }
    sample
}

/// Tokens of rendered lines: split at white space, and every field as a whole where it holds white space.
#[must_use]
pub fn bag(window: &[Event]) -> Sample {
    let mut sample = Sample::default();
    for event in window {
        for token in event_line(event).split_whitespace() {
            sample.count(token.to_owned());
        }
        for (name, value) in &event.fields {
            let text = value.to_string();
            if text.contains(char::is_whitespace) {
                sample.count(format!("{name}={text}"));
            }
        }
    }
    sample
}

/// The two counts, and as things that occur: a linear model cannot make "exactly one" out of "how many".
fn recurrence(episode: &Episode) -> Sample {
    let alert = &episode.alert;
    let mut sample = Sample::default();
    let mut tell = |name: &str, whom: &str, is_asked: fn(Kind) -> bool| {
        let names = |event: &&Event| events::texts(event, is_asked).any(|(_, text)| text == whom);
        let lines = episode.log_window.iter().filter(names).count();
        sample.count(format!("{name} in {lines}"));
        sample.measure(format!("lines that name the {name}"), lines as f64);
    };
    tell("user", &alert.user, Kind::is_account);
    tell("host", &alert.host, |kind| kind == Kind::Host);
    sample
}

fn shape(episode: &Episode) -> Sample {
    let window = &episode.log_window;
    let mut sample = Sample::default();
    sample.count(format!("events={}", window.len()));
    sample.measure("events", window.len() as f64);
    lengths(&mut sample, window);
    ids(&mut sample, episode);
    times(&mut sample, episode);
    sample
}

fn lengths(sample: &mut Sample, window: &[Event]) {
    let lengths: Vec<usize> = window
        .iter()
        .map(|e| event_line(e).chars().count())
        .collect();
    for (position, &length) in lengths.iter().enumerate() {
        sample.measure(format!("length {position}"), length as f64);
    }
    let total: usize = lengths.iter().sum();
    sample.measure("length total", total as f64);
    let longest = (0..lengths.len()).max_by_key(|&i| lengths.get(i));
    let shortest = (0..lengths.len()).min_by_key(|&i| lengths.get(i));
    for (name, at) in [("longest", longest), ("shortest", shortest)] {
        if let Some((at, &length)) = at.and_then(|at| Some((at, lengths.get(at)?))) {
            sample.count(format!("{name} at {at}"));
            sample.measure(name, length as f64);
        }
    }
}

fn ids(sample: &mut Sample, episode: &Episode) {
    let mut order = Vec::new();
    for event in &episode.log_window {
        let mut parts = words(&event.log_id).into_iter().skip(1);
        sample.count(format!("turn {}", parts.next().unwrap_or_default()));
        order.push(parts.next().unwrap_or_default());
    }
    sample.count(format!("order {}", order.join(",")));
    let digits: Vec<String> = words(&episode.alert.alert_id);
    if let Some(number) = digits.last().and_then(|d| d.parse::<f64>().ok()) {
        sample.measure("alert number", number);
        sample.measure("alert number mod 5", number % 5.0);
    }
}

fn times(sample: &mut Sample, episode: &Episode) {
    let window = &episode.log_window;
    let times: Vec<i64> = window
        .iter()
        .filter_map(|e| seconds(&e.timestamp))
        .collect();
    let gaps: Vec<i64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(a, b)| b - a)
        .collect();
    for (position, &gap) in gaps.iter().enumerate() {
        sample.measure(format!("gap {position}"), gap as f64);
    }
    if let (Some(&least), Some(&most)) = (gaps.iter().min(), gaps.iter().max()) {
        sample.measure("gap least", least as f64);
        sample.measure("gap most", most as f64);
        sample.measure("gap last", gaps.last().copied().unwrap_or(0) as f64);
    }
    if let (Some(&first), Some(&last)) = (times.first(), times.last()) {
        sample.measure("span", (last - first) as f64);
        sample.measure("hour", (first.rem_euclid(86_400) / 3_600) as f64);
        sample.measure("second", first.rem_euclid(60) as f64);
        sample.measure("day of week", (first.div_euclid(86_400) % 7) as f64);
        if let Some(alert) = seconds(&episode.alert.timestamp) {
            sample.measure("alert after first", (alert - first) as f64);
            sample.measure("alert after last", (alert - last) as f64);
        }
    }
}

fn seconds(timestamp: &str) -> Option<i64> {
    let time: jiff::Timestamp = timestamp.parse().ok()?;
    Some(time.as_second())
}

/// One episode as columns: sorted column numbers and values; absent columns are zero.
pub type Row = Vec<(usize, f64)>;

/// Which columns there are, and how quantities are scaled: learned from training samples alone.
#[derive(Clone, Debug)]
pub struct Columns {
    counts: BTreeMap<String, usize>,
    measures: BTreeMap<String, Scale>,
}

#[derive(Clone, Copy, Debug)]
struct Scale {
    column: usize,
    mean: f64,
    deviation: f64,
}

impl Columns {
    /// Columns for everything that occurs in at least two of `samples`: what occurs once cannot generalise.
    #[must_use]
    pub fn learn(samples: &[Sample]) -> Self {
        let mut seen: BTreeMap<&String, usize> = BTreeMap::new();
        let mut values: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
        for sample in samples {
            for name in sample.counts.keys() {
                *seen.entry(name).or_default() += 1;
            }
            for (name, &value) in &sample.measures {
                values.entry(name).or_default().push(value);
            }
        }
        let counts: BTreeMap<String, usize> = seen
            .into_iter()
            .filter(|&(_, episodes)| episodes >= 2)
            .enumerate()
            .map(|(column, (name, _))| (name.clone(), column))
            .collect();
        let measures = values
            .into_iter()
            .enumerate()
            .map(|(i, (name, values))| (name.clone(), Scale::of(counts.len() + i, &values)))
            .collect();
        Self { counts, measures }
    }

    /// How many columns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len() + self.measures.len()
    }

    /// Whether there is no column at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `sample` in these columns; quantities in standard deviations from their mean, unknown ones at the mean.
    #[must_use]
    pub fn row(&self, sample: &Sample) -> Row {
        let counts = sample
            .counts
            .iter()
            .filter_map(|(name, &value)| Some((*self.counts.get(name)?, value)));
        let measures = sample.measures.iter().filter_map(|(name, &value)| {
            let scale = self.measures.get(name)?;
            Some((scale.column, (value - scale.mean) / scale.deviation))
        });
        counts.chain(measures).collect()
    }
}

impl Scale {
    fn of(column: usize, values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        Self {
            column,
            mean,
            deviation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::planted::{self, Leak};

    #[test]
    fn words_split_letters_from_digits() {
        assert_eq!(
            words("WS-0412, svc_Backup"),
            ["ws", "0412", "svc", "backup"]
        );
        assert!(words("--").is_empty());
    }

    #[test]
    fn lines_that_name_the_headers_user_and_host_are_counted() {
        let mut episode = planted::episode(Leak::None, 0, 1, 0);
        let (user, host) = (episode.alert.user.clone(), episode.alert.host.clone());
        let window = &mut episode.log_window;
        for (event, kind) in window.iter_mut().zip(["auth.logoff", "print.job"]) {
            event.event_type = kind.into();
        }
        window[0]
            .fields
            .insert("TargetUserName".into(), user.clone().into());
        window[1].fields.insert("Param3".into(), user.into());
        window[1]
            .fields
            .insert("Param4".into(), host.clone().into());
        // Where no name stands it names nobody.
        window[0].fields.insert("LogonType".into(), host.into());
        let sample = sample(Channel::Recurrence, &episode);
        let counts: Vec<&str> = sample.counts.keys().map(String::as_str).collect();
        assert_eq!(counts, ["host in 1", "user in 2"]);
        let measures: Vec<f64> = sample.measures.values().copied().collect();
        assert_eq!(measures, [1.0, 2.0]);
    }

    #[test]
    fn columns_leave_out_what_occurs_once_and_scale_quantities() {
        let sample = |names: &[&str], size: f64| {
            let mut s = Sample::default();
            names.iter().for_each(|n| s.count((*n).to_owned()));
            s.measure("size", size);
            s
        };
        let train = [sample(&["a", "a", "b"], 1.0), sample(&["a", "c"], 3.0)];
        let columns = Columns::learn(&train);
        assert_eq!(columns.len(), 2);
        assert_eq!(columns.row(&train[0]), [(0, 2.0), (1, -1.0)]);
        assert_eq!(columns.row(&sample(&["z"], 5.0)), [(1, 3.0)]);
    }
}
