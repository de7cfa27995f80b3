//! Hand-made episodes for tests: labels drawn at random, surfaces independent of them but for one leak of known size.

use serde_json::{Map, Value};

use crate::env::schema::{
    Action, Alert, ENV_VERSION, Episode, Event, Incident, Split, Stage, Truth,
};
use crate::stream::Stream;

/// Where the label shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leak {
    None,
    Severity,
    Host,
    SummaryWord,
    TimeGap,
    EventType,
    Token,
    /// The trigger is the last event.
    LastTrigger,
}

/// Of equal length, so that the line does not tell what the type does.
const TYPES: [&str; 5] = [
    "auth.fail",
    "auth.good",
    "proc.exec",
    "net.flows",
    "dns.query",
];
const SEVERITIES: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// Accuracy of whoever knows the leak: it tells in `percent` of 100, and one in five of the rest is guessed.
pub fn ceiling(percent: u64) -> f64 {
    let p = percent as f64 / 100.0;
    p + (1.0 - p) / 5.0
}

/// `n` episodes of stage 2 whose label shows in `leak` in `percent` of 100.
pub fn episodes(leak: Leak, percent: u64, n: u64, seed: u64) -> Vec<Episode> {
    (0..n).map(|i| episode(leak, percent, seed, i)).collect()
}

/// The one of `index`. Indices 2k and 2k+1 are twins: they share all draws but the label, and one process id.
pub fn episode(leak: Leak, percent: u64, seed: u64, index: u64) -> Episode {
    let mut stream = Stream::named(seed, &["planted"]).fork(index / 2);
    let first = stream.index(5);
    let second = (first + 1 + stream.index(4)) % 5;
    let action = Action::ALL[if index.is_multiple_of(2) {
        first
    } else {
        second
    }];
    let told = stream.chance(percent, 100);
    // What the leaking surface shows: the label, or chance.
    let mut shown = |from: Leak| {
        let chance = stream.index(5);
        if leak == from && told {
            action.index()
        } else {
            chance
        }
    };
    let severity = SEVERITIES[shown(Leak::Severity)].to_owned();
    let host = format!(
        "{}-{}",
        ["ws", "srv", "db", "dc", "vpn"][shown(Leak::Host)],
        index / 2 % 90
    );
    let summary = format!(
        "activity {} seen",
        ["alpha", "bravo", "charlie", "delta", "echo"][shown(Leak::SummaryWord)]
    );
    let gap = 7 + 3 * shown(Leak::TimeGap) as u64;
    let extra = TYPES[shown(Leak::EventType)];
    let token = shown(Leak::Token);
    let mut window: Vec<Event> = (0..3)
        .map(|n| event(n, 20 + n, "proc.exec", stream.index(1_000)))
        .collect();
    let own = Stream::named(seed, &["planted", "own"])
        .fork(index)
        .index(1_000_000);
    window[0].fields.insert("pid".into(), own.into());
    window[1].fields.insert("port".into(), token.into());
    window[2].timestamp = format!("2026-03-01T10:00:{:02}Z", 21 + gap);
    if leak == Leak::EventType {
        window.push(event(3, 45, extra, 5));
    }
    let trigger = match leak {
        Leak::LastTrigger if told => window.len() - 1,
        _ => stream.index(window.len()),
    };
    assemble(action, index, (severity, host, summary), window, trigger)
}

fn event(n: u64, second: u64, event_type: &str, pid: usize) -> Event {
    let mut fields = Map::new();
    fields.insert("pid".into(), Value::from(pid));
    fields.insert("image".into(), "C:\\Tools\\agent run.exe".into());
    Event {
        log_id: format!("L1-{n}"),
        timestamp: format!("2026-03-01T10:00:{second:02}Z"),
        source: "edr".into(),
        event_type: event_type.into(),
        fields,
    }
}

fn assemble(
    action: Action,
    index: u64,
    (severity, host, summary): (String, String, String),
    window: Vec<Event>,
    trigger: usize,
) -> Episode {
    let triggering_log_id = window[trigger].log_id.clone();
    Episode {
        episode_id: format!("planted-{index}"),
        env_version: ENV_VERSION.into(),
        stage: Stage::Multi,
        split: Split::Train,
        seed: 0,
        index,
        alert: Alert {
            alert_id: format!("A-{}", 1_000 + index * 7 % 991),
            timestamp: "2026-03-01T10:01:00Z".into(),
            severity,
            category: "execution".into(),
            host,
            user: "mira".into(),
            summary,
        },
        incident: Incident {
            category: "execution".into(),
            target_label: action,
            narrative: String::new(),
            events: window.clone(),
        },
        log_window: window,
        truth: Truth {
            action,
            evidence: vec![triggering_log_id.clone()],
            triggering_log_id,
            rule: format!("rule_{}", action.as_str()),
            reason: "planted".into(),
            attack: Vec::new(),
        },
    }
}

mod tests {
    use super::*;
    use crate::audit::citation::Citer;
    use crate::audit::features::Channel;
    use crate::audit::{Options, Report, audit};

    fn report(leak: Leak, percent: u64) -> Report {
        report_of(|seed, index| episode(leak, percent, seed, index))
    }

    /// An audit of what `make` gives for a seed and an index.
    fn report_of(make: impl Fn(u64, u64) -> Episode + Sync) -> Report {
        let options = Options {
            seed: 5,
            train_episodes: 1_200,
            test_episodes: 800,
            stages: vec![Stage::Multi],
        };
        audit(&options, &|_, split, index| {
            let seed = if split == Split::Train { 11 } else { 12 };
            make(seed, index)
        })
    }

    /// An episode of which so many lines name the header's user.
    fn naming(mut episode: Episode, lines: usize) -> Episode {
        for (place, event) in episode.log_window.iter_mut().enumerate() {
            event.event_type = "vpn.session".into();
            let who = if place < lines { "mira" } else { "nora" };
            event.fields.insert("srcuser".into(), who.into());
        }
        episode
    }

    /// The better classifier's accuracy on `channel`, and whether one of them broke the bound.
    fn best(report: &Report, channel: &str) -> (f64, bool) {
        let rows = || report.rows.iter().filter(|row| row.channel == channel);
        let accuracy = rows().map(|row| row.accuracy).fold(0.0, f64::max);
        (accuracy, rows().any(|row| !row.ok))
    }

    #[test]
    fn without_a_leak_nothing_is_flagged() {
        let report = report(Leak::None, 0);
        let broken: Vec<_> = report.rows.iter().filter(|row| !row.ok).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(report.ok, "{:#?}", report.balance);
        assert_eq!(report.rows.len(), 2 * Channel::ALL.len() + Citer::ALL.len());
    }

    #[test]
    fn a_leak_is_found_in_its_channel_up_to_its_ceiling() {
        let cases = [
            (Leak::Severity, 40, "header"),
            (Leak::Host, 30, "header"),
            (Leak::SummaryWord, 50, "header"),
            (Leak::TimeGap, 40, "shape"),
            (Leak::EventType, 50, "types"),
            (Leak::Token, 70, "bag"),
        ];
        for (leak, percent, channel) in cases {
            let report = report(leak, percent);
            let (accuracy, flagged) = best(&report, channel);
            let ceiling = ceiling(percent);
            assert!(
                (accuracy - ceiling).abs() < 0.06,
                "{leak:?}: {accuracy} of {ceiling}"
            );
            assert!(flagged && !report.ok, "{leak:?}");
            for other in ["header", "shape"] {
                let touched = other == channel;
                assert_eq!(best(&report, other).1, touched, "{leak:?} in {other}");
            }
        }
    }

    #[test]
    fn a_trigger_that_is_often_last_is_flagged() {
        let report = report(Leak::LastTrigger, 50);
        let row = |name| report.rows.iter().find(|row| row.classifier == name);
        let (last, first) = (row("last").expect("row"), row("first").expect("row"));
        // Half the time last, and a third of the other half.
        assert!((last.accuracy - 2.0 / 3.0).abs() < 0.05, "{last:?}");
        assert!(!last.ok && first.ok);
        assert!((last.chance - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_label_told_by_how_many_lines_name_the_user_is_reported_and_not_bounded() {
        let told = report_of(|seed, index| {
            let episode = episode(Leak::None, 0, seed, index);
            let lines = episode.truth.action.index().min(3);
            naming(episode, lines)
        });
        // Four numbers of lines tell four of five labels, and of the last two one.
        let (accuracy, flagged) = best(&told, "recurrence");
        assert!((accuracy - 0.8).abs() < 0.01 && !flagged, "{accuracy}");
        let rows = told.rows.iter().filter(|row| row.channel == "recurrence");
        let unbounded = rows.filter(|row| row.bound.is_none());
        let classifiers: Vec<_> = unbounded.map(|row| row.classifier).collect();
        assert_eq!(classifiers, ["logistic", "tree"]);
        assert!(told.table().contains(" recurrence logistic "));
        let even = report_of(|seed, index| naming(episode(Leak::None, 0, seed, index), 2));
        assert!(best(&even, "recurrence").0 < 0.25);
    }
}
