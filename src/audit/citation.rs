//! Ways of citing an event without understanding it; none may find the trigger much more often than chance.
//!
//! They read the log window; only [`TypeTable::learn`] reads the truth of training episodes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::env::events::{self, Kind};
use crate::env::prompt::event_line;
use crate::env::schema::{Alert, Episode, Event};
use crate::stream::Stream;

/// One such way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Citer {
    First,
    Last,
    /// The longest line; of several the first.
    LongestLine,
    /// The longest line; of several the last.
    LastLongestLine,
    /// The event whose type is the least frequent in training windows; of several the first.
    RarestType,
    /// The same; of several the last.
    LastRarestType,
    /// The event that holds the largest number; where none is the largest the first.
    LargestNumber,
    /// The same; where none is the largest the last.
    LastLargestNumber,
    Random,
    /// The last but one: where lines decide together the last of them comes late. Not of the contract's list: reported, not bounded.
    Penultimate,
    /// The last event of the type most frequent in the window: a window has more of what it is about. Reported, not bounded.
    CommonestType,
    /// The same, one that names what another event names where there is one: who does most. Reported, not bounded.
    CommonestTied,
    /// The last event that names the header's user or host. Reported, not bounded.
    Header,
    /// The last event that names the account, machine or address that most events name; where several are named as often one
    /// of them is guessed. Reported, not bounded.
    BusiestEntity,
    /// The last event of the source that wrote most of the window. Reported, not bounded.
    CommonestSource,
    /// The first event that names what an earlier one of another type names: it may follow a lead. Reported, not bounded.
    FirstTied,
    /// The event whose type is most often the trigger where it occurs. Learns from truth: reported, not bounded.
    LikeliestType,
}

impl Citer {
    /// All of them.
    pub const ALL: [Citer; 17] = [
        Citer::First,
        Citer::Last,
        Citer::LongestLine,
        Citer::LastLongestLine,
        Citer::RarestType,
        Citer::LastRarestType,
        Citer::LargestNumber,
        Citer::LastLargestNumber,
        Citer::Random,
        Citer::Penultimate,
        Citer::CommonestType,
        Citer::CommonestTied,
        Citer::Header,
        Citer::BusiestEntity,
        Citer::CommonestSource,
        Citer::FirstTied,
        Citer::LikeliestType,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Citer::First => "first",
            Citer::Last => "last",
            Citer::LongestLine => "longest_line",
            Citer::LastLongestLine => "last_longest_line",
            Citer::RarestType => "rarest_type",
            Citer::LastRarestType => "last_rarest_type",
            Citer::LargestNumber => "largest_number",
            Citer::LastLargestNumber => "last_largest_number",
            Citer::Random => "random",
            Citer::Penultimate => "penultimate",
            Citer::CommonestType => "commonest_type",
            Citer::CommonestTied => "commonest_tied",
            Citer::Header => "header",
            Citer::BusiestEntity => "busiest_entity",
            Citer::CommonestSource => "commonest_source",
            Citer::FirstTied => "first_tied",
            Citer::LikeliestType => "likeliest_type",
        }
    }

    /// Whether the contract bounds it.
    #[must_use]
    pub const fn is_bounded(self) -> bool {
        !matches!(
            self,
            Citer::Penultimate
                | Citer::CommonestType
                | Citer::CommonestTied
                | Citer::Header
                | Citer::BusiestEntity
                | Citer::CommonestSource
                | Citer::FirstTied
                | Citer::LikeliestType
        )
    }

    /// The event it cites; `None` where the window has none such. Ties go to the earlier event, but where its name says otherwise.
    pub fn cite<'a>(
        self,
        episode: &'a Episode,
        types: &TypeTable,
        stream: &mut Stream,
    ) -> Option<&'a Event> {
        let window = episode.log_window.as_slice();
        match self {
            Citer::First => window.first(),
            Citer::Last => window.last(),
            Citer::LongestLine => best(window.iter(), length),
            Citer::LastLongestLine => best(window.iter().rev(), length),
            Citer::RarestType => best(window.iter(), |e| -types.seen(&e.event_type)),
            Citer::LastRarestType => best(window.iter().rev(), |e| -types.seen(&e.event_type)),
            Citer::LargestNumber => best(window.iter(), largest_number),
            Citer::LastLargestNumber => best(window.iter().rev(), largest_number),
            Citer::Random => stream.pick(window),
            Citer::Penultimate => window.get(window.len().saturating_sub(2)),
            Citer::CommonestType => best(window.iter().rev(), |e| of_type(window, e)),
            Citer::CommonestTied => best(window.iter().rev(), |e| {
                2.0 * of_type(window, e) + f64::from(u8::from(is_tied(window, e)))
            }),
            Citer::Header => {
                let named = |e: &&Event| names(e, &episode.alert);
                window.iter().rfind(named)
            }
            Citer::BusiestEntity => busiest(window, stream),
            Citer::CommonestSource => best(window.iter().rev(), |e| of_source(window, e)),
            Citer::FirstTied => first_tied(window),
            Citer::LikeliestType => best(window.iter(), |e| types.trigger_rate(&e.event_type)),
        }
    }
}

/// How many events of the window are of this one's type.
fn of_type(window: &[Event], event: &Event) -> f64 {
    let alike = window.iter().filter(|e| e.event_type == event.event_type);
    alike.count() as f64
}

/// How many events of the window are of this one's source.
fn of_source(window: &[Event], event: &Event) -> f64 {
    let alike = window.iter().filter(|e| e.source == event.source);
    alike.count() as f64
}

/// Whether a field of this kind says who acts: by account, machine or address.
fn is_actor(kind: Kind) -> bool {
    kind == Kind::Host || kind.is_account() || kind.is_address()
}

/// Whether two events name the same account, machine, address, file or domain.
fn share_a_name(one: &Event, other: &Event) -> bool {
    let named = |kind: Kind| is_actor(kind) || matches!(kind, Kind::File | Kind::Domain);
    let mut ours = events::texts(one, named);
    ours.any(|(_, our)| events::texts(other, named).any(|(_, their)| our == their))
}

/// Whether another event names somebody or something that this one names.
fn is_tied(window: &[Event], event: &Event) -> bool {
    let mut others = window.iter().filter(|other| other.log_id != event.log_id);
    others.any(|other| share_a_name(event, other))
}

/// The first event that names what an earlier one of another type names.
fn first_tied(window: &[Event]) -> Option<&Event> {
    let mut places = window.iter().enumerate();
    let tied = places.find(|(place, event)| {
        let earlier = window.iter().take(*place);
        let mut others = earlier.filter(|other| other.event_type != event.event_type);
        others.any(|other| share_a_name(event, other))
    });
    tied.map(|(_, event)| event)
}

/// The last event that names whom most events name; a guess where several are named as often.
fn busiest<'a>(window: &'a [Event], stream: &mut Stream) -> Option<&'a Event> {
    let mut named: BTreeMap<&str, (usize, &Event)> = BTreeMap::new();
    for event in window {
        // A line that names somebody twice is one line.
        let actors: BTreeSet<&str> = events::texts(event, is_actor).map(|(_, who)| who).collect();
        for who in actors {
            let lines = named.get(who).map_or(0, |(lines, _)| *lines);
            named.insert(who, (lines + 1, event));
        }
    }
    let most = named.values().map(|(lines, _)| *lines).max()?;
    let busiest = named.values().filter(|(lines, _)| *lines == most);
    let last: Vec<&Event> = busiest.map(|(_, event)| *event).collect();
    stream.pick(&last).copied()
}

/// Whether an event names whom the header names.
fn names(event: &Event, alert: &Alert) -> bool {
    let mut texts = event.fields.values().filter_map(Value::as_str);
    texts.any(|text| text == alert.user || text == alert.host)
}

fn length(event: &Event) -> f64 {
    event_line(event).chars().count() as f64
}

/// The first of those that score most.
fn best<'a>(
    events: impl Iterator<Item = &'a Event>,
    score: impl Fn(&Event) -> f64,
) -> Option<&'a Event> {
    let mut best: Option<(f64, &Event)> = None;
    for event in events {
        let score = score(event);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, event));
        }
    }
    best.map(|(_, event)| event)
}

fn largest_number(event: &Event) -> f64 {
    event
        .fields
        .values()
        .filter_map(Value::as_f64)
        .fold(f64::NEG_INFINITY, f64::max)
}

/// How often each event type occurs, and how often as trigger.
#[derive(Clone, Debug, Default)]
pub struct TypeTable {
    types: BTreeMap<String, (f64, f64)>,
}

impl TypeTable {
    /// Counts over training episodes.
    #[must_use]
    pub fn learn(episodes: &[Episode]) -> Self {
        let mut types: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for episode in episodes {
            for event in &episode.log_window {
                let entry = types.entry(event.event_type.clone()).or_default();
                entry.0 += 1.0;
                if event.log_id == episode.truth.triggering_log_id {
                    entry.1 += 1.0;
                }
            }
        }
        Self { types }
    }

    fn seen(&self, event_type: &str) -> f64 {
        self.types.get(event_type).map_or(0.0, |t| t.0)
    }

    fn trigger_rate(&self, event_type: &str) -> f64 {
        self.types.get(event_type).map_or(0.0, |t| t.1 / t.0)
    }
}

/// Share of `episodes` whose trigger `citer` cites; zero of none.
pub fn hit_rate(
    citer: Citer,
    episodes: &[&Episode],
    types: &TypeTable,
    stream: &mut Stream,
) -> f64 {
    let hits = episodes
        .iter()
        .filter(|episode| {
            citer
                .cite(episode, types, stream)
                .is_some_and(|event| event.log_id == episode.truth.triggering_log_id)
        })
        .count();
    hits as f64 / episodes.len().max(1) as f64
}

/// How often a blind guess is right: the mean of one over the number of events.
#[must_use]
pub fn chance(episodes: &[&Episode]) -> f64 {
    let sum: f64 = episodes
        .iter()
        .map(|e| 1.0 / e.log_window.len().max(1) as f64)
        .sum();
    sum / episodes.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Split, Stage};
    use serde_json::json;

    fn line(id: &str, kind: &str, field: &str, name: &str) -> Event {
        let fields = json!({field: name, "LogonType": "2"});
        serde_json::from_value(json!({
            "log_id": id, "timestamp": "2026-04-25T10:00:00Z", "source": "x", "event_type": kind, "fields": fields
        }))
        .expect("an event")
    }

    /// How often `citer` finds the trigger of this window.
    fn found(citer: Citer, window: &[Event], trigger: &str) -> f64 {
        let mut episode = generate::episode(Stage::Multi, Split::Train, 1, 0);
        episode.log_window = window.to_vec();
        episode.truth.triggering_log_id = trigger.into();
        let mut stream = Stream::named(1, &["citers"]);
        hit_rate(citer, &[&episode; 400], &TypeTable::default(), &mut stream)
    }

    #[test]
    fn of_the_commonest_type_the_last_that_shares_a_name_is_cited() {
        let window = [
            line("L1-0", "process.terminate", "User", "ann"),
            line("L1-1", "process.terminate", "User", "bob"),
            line("L1-2", "auth.logoff", "TargetUserName", "ann"),
        ];
        assert_eq!(found(Citer::CommonestType, &window, "L1-1"), 1.0);
        assert_eq!(found(Citer::CommonestTied, &window, "L1-0"), 1.0);
    }

    #[test]
    fn the_last_line_of_whom_most_lines_name_is_cited() {
        // All lines share a logon type, which names nobody.
        let mut window = vec![
            line("L1-0", "process.terminate", "User", "ann"),
            line("L1-1", "auth.logoff", "TargetUserName", "ann"),
            line("L1-2", "vpn.session", "srcuser", "bob"),
        ];
        assert_eq!(found(Citer::BusiestEntity, &window, "L1-1"), 1.0);
        assert_eq!(found(Citer::BusiestEntity, &window, "L1-2"), 0.0);
        window.remove(0);
        for trigger in ["L1-1", "L1-2"] {
            let half = found(Citer::BusiestEntity, &window, trigger);
            assert!((half - 0.5).abs() < 0.1, "{trigger}: {half}");
        }
        window.clear();
        assert_eq!(found(Citer::BusiestEntity, &window, "L1-1"), 0.0);
    }

    #[test]
    fn the_last_line_of_the_source_that_wrote_most_is_cited() {
        let mut window = ["L1-0", "L1-1", "L1-2"].map(|id| line(id, "vpn.session", "srcuser", id));
        window[2].source = "y".into();
        assert_eq!(found(Citer::CommonestSource, &window, "L1-1"), 1.0);
        assert_eq!(found(Citer::CommonestSource, &window, "L1-2"), 0.0);
    }

    #[test]
    fn the_first_line_that_names_what_another_type_named_is_cited() {
        let window = [
            line("L1-0", "net.tls", "server_name", "files.example"),
            line("L1-1", "net.tls", "server_name", "files.example"),
            line("L1-2", "auth.logoff", "TargetUserName", "ann"),
            line("L1-3", "process.terminate", "User", "ann"),
            line("L1-4", "vpn.session", "srcuser", "ann"),
        ];
        assert_eq!(found(Citer::FirstTied, &window, "L1-3"), 1.0);
        assert_eq!(found(Citer::FirstTied, &window, "L1-1"), 0.0);
        // A name that only lines of one type share ties nothing.
        let apart = &window[..3];
        for event in apart {
            assert_eq!(found(Citer::FirstTied, apart, &event.log_id), 0.0);
        }
    }
}
