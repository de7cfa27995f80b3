//! Random windows, drawn from few values so that rules meet: several fire at once, at equal cost too, groups are split,
//! joined and come back to what they have, sign-ins reset failures, leads hold, break, contradict each other or come
//! too late, contexts are unknown, made up or words of another field, findings that cost less stand before and behind
//! the one that decides, and values lie on both sides of every limit, go up a path, change their case or are missing. The
//! generator avoids most of that, so only here are the order of the table and the odd cases of its
//! preamble compared.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::binary;
use crate::chains::CHAINS;
use crate::changes::FIELDS;
use crate::groups::{LOCKED_FILES, SPRAY, SWEEP};
use crate::lines::FAMILIES;
use crate::pools::{self, Kind, Kinds, NOTES};
use crate::prompt::{self, Event};
use crate::rules::{self, Answer, RULES, Rule};

/// SplitMix64: small enough to be typed here, and the same windows on every machine.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is less than a usize")
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The types that a window is mostly made of. Rules that count need many events of one type to come to a decision, and
/// rules with leads need both types.
fn some_kinds<'a>(draw: &mut Draw, kinds: &'a Kinds) -> Vec<&'a Kind> {
    let pairs: Vec<_> = kinds.chained.chunks_exact(2).collect();
    match (draw.below(16), kinds.counted.as_slice()) {
        (0, [rename, ..]) => vec![rename],
        (1, [_, connection, ..]) => vec![connection],
        (2, [_, _, kerberos, ..]) => vec![kerberos],
        (3 | 4, [.., failure, success]) => vec![failure, failure, success],
        (5, counted) => counted.iter().collect(),
        (6 | 7, _) => (0..3).map(|_| draw.pick(&kinds.others)).collect(),
        (8..=11, _) => draw.pick(&pairs).iter().collect(),
        (12..=14, _) => {
            let two = [*draw.pick(&pairs), *draw.pick(&pairs)];
            two.into_iter().flatten().collect()
        }
        _ => kinds.all(),
    }
}

/// A word that no rule asks for where it stands, though some look much like one that does.
fn strange(draw: &mut Draw, value: &str, kinds: &Kinds) -> Value {
    let shorter = || value.char_indices().next_back();
    let end = shorter().map_or(0, |(at, _)| at);
    json!(match draw.below(10) {
        0..=2 => made_up(draw),
        3..=5 => return foreign(draw, kinds),
        6 => value.get(..end).unwrap_or_default().to_owned(),
        7 => format!("{value}{}", draw.pick(&["s", "_", ".", " ", "\u{a0}"])),
        8 => format!("{}{value}", draw.pick(&["x", " ", "\""])),
        // Letters that become a k and an s in lower or upper case, but are none of a to z.
        _ => value.replace('k', "\u{212a}").replace('s', "\u{17f}"),
    })
}

/// A word that nobody knows.
fn made_up(draw: &mut Draw) -> String {
    let syllables = ["bra", "tou", "xis", "kon", "fet", "lu", "gai", "shen"];
    let count = 1 + draw.below(3);
    (0..count).map(|_| *draw.pick(&syllables)).collect()
}

/// A value of another field, mostly of another type.
fn foreign(draw: &mut Draw, kinds: &Kinds) -> Value {
    let kind = *draw.pick(&kinds.all());
    let (_, pool) = draw.pick(&kind.fields);
    draw.pick(pool).clone()
}

fn window(draw: &mut Draw, kinds: &Kinds) -> Vec<Value> {
    let (mostly, all) = (some_kinds(draw, kinds), kinds.all());
    let strays = draw.one_in(2);
    // Rules meet in long windows rather than in short ones, but one rule is about a window of one line.
    let length = if draw.one_in(20) {
        1
    } else {
        1 + draw.below(12).max(draw.below(12))
    };
    let events = (0..length).map(|at| {
        let stray = strays && draw.one_in(5);
        let kind = *draw.pick(if stray { &all } else { &mostly });
        event(draw, at, kind, kinds)
    });
    events.collect()
}

fn event(draw: &mut Draw, at: usize, kind: &Kind, kinds: &Kinds) -> Value {
    let mut fields = Map::new();
    for (key, pool) in &kind.fields {
        // Any field can be missing, also one that an event of its type has to have.
        if !draw.one_in(25) {
            let known = draw.pick(pool).clone();
            let word = known.as_str().filter(|_| draw.one_in(16));
            let value = word.map(|word| strange(draw, word, kinds));
            fields.insert((*key).to_owned(), value.unwrap_or(known));
        }
    }
    if draw.one_in(20) {
        fields.insert("note".to_owned(), json!(draw.pick(&NOTES)));
    }
    // Before and after go by the order of the lines, whatever their times say.
    let minute = 10 + draw.below(50);
    json!({
        "log_id": format!("L1-{at}"),
        "timestamp": format!("2026-03-27T06:{minute}:25Z"),
        "source": kind.source,
        "event_type": kind.name,
        "fields": fields,
    })
}

/// The text a model is shown.
fn message(events: &[Value]) -> String {
    let lines: Vec<_> = events.iter().map(line).collect();
    format!(
        "Alert A-1\n\nLog window:\n{}\n\nTriage this alert in three lines.",
        lines.join("\n")
    )
}

fn line(event: &Value) -> String {
    let word = |key: &str| event[key].as_str().unwrap_or_default();
    let mut line = format!(
        "[{}] {} src={} type={}",
        word("timestamp"),
        word("log_id"),
        word("source"),
        word("event_type")
    );
    let fields = event["fields"].as_object().into_iter().flatten();
    for (key, value) in fields.filter(|(_, value)| **value != "") {
        line += &format!(" {key}={value}");
    }
    line
}

fn incident(events: &[Value]) -> Value {
    json!({"category": "malware", "target_label": "dismiss", "narrative": "x", "events": events})
}

/// What a comparison came across.
#[derive(Default)]
struct Tally {
    checked: usize,
    /// Windows in which two or more rules fired.
    several: usize,
    /// Windows in which two or more of the costliest rules cost the same, so that the order of the table decided.
    ties: usize,
    decided: BTreeSet<String>,
    fired: BTreeSet<&'static str>,
    /// Rules that fired at a line with a value that counted already, where different ones count.
    returned: BTreeSet<&'static str>,
    /// Rules about three or more that fired at a line whose context no other line of its group has.
    alone: BTreeSet<&'static str>,
    /// Chains of which an event came after a line that is no lead of it only for another value.
    broken: BTreeSet<&'static str>,
    /// Chains of which an event came before what would have been its lead.
    reversed: BTreeSet<&'static str>,
    /// Chains of which one lead of an event cleared it, and another did not.
    disputed: BTreeSet<&'static str>,
    /// Event types of which an event was left over though its context, or that of its leads, was there.
    unknown: BTreeSet<&'static str>,
    /// The action that decided, one that costs less, and whether the line of that came first.
    second: BTreeSet<(&'static str, &'static str, bool)>,
}

impl Tally {
    /// Compares that many windows, and adds them.
    fn compare(&mut self, seed: u64, count: usize) {
        let mut draw = Draw(seed);
        let kinds = pools::kinds();
        let windows: Vec<_> = (0..count).map(|_| window(&mut draw, &kinds)).collect();
        let incidents: Vec<_> = windows.iter().map(|events| incident(events)).collect();
        let truths = binary::verify(&incidents);
        let mut wrong = Vec::new();
        for (events, truth) in windows.iter().zip(truths) {
            let message = message(events);
            let answer = crate::answer(&message);
            if answer != truth {
                wrong.push(format!(
                    "{message}\n\noracle: {answer:?}\nbinary: {truth:?}\n----\n"
                ));
            }
            self.add(&message, &answer);
        }
        let shown: String = wrong.iter().take(5).map(String::as_str).collect();
        let many = wrong.len();
        assert!(wrong.is_empty(), "seed {seed}: {many} of {count}\n{shown}");
    }

    fn add(&mut self, message: &str, answer: &Answer) {
        let window = prompt::read(message).expect("the oracle can read the prompt");
        let firing = rules::firing(&window);
        let decisive = |action| rules::cost(action) == rules::cost(&answer.action);
        let equals = firing.iter().filter(|(rule, _)| decisive(rule.action));
        self.checked += 1;
        self.several += usize::from(firing.len() > 1);
        self.ties += usize::from(equals.count() > 1);
        self.decided.insert(answer.rule.clone());
        self.fired.extend(firing.iter().map(|(rule, _)| rule.id));
        let returned = firing.iter().filter(|(_, at)| {
            let seen = &window[..=*at];
            SWEEP.is_return(seen) || SPRAY.is_return(seen)
        });
        self.returned.extend(returned.map(|(rule, _)| rule.id));
        let alone = firing.iter().filter(|(_, at)| {
            let groups = [&LOCKED_FILES, &SWEEP, &SPRAY];
            groups
                .iter()
                .any(|group| group.is_complete(&window[..=*at]) && group.is_alone(&window[..=*at]))
        });
        self.alone.extend(alone.map(|(rule, _)| rule.id));
        let broken = CHAINS.iter().filter(|chain| chain.is_broken(&window));
        self.broken.extend(broken.map(|chain| chain.event));
        let reversed = CHAINS.iter().filter(|chain| chain.is_reversed(&window));
        self.reversed.extend(reversed.map(|chain| chain.event));
        let disputed = CHAINS.iter().filter(|chain| chain.is_disputed(&window));
        self.disputed.extend(disputed.map(|chain| chain.event));
        self.add_unknown(&window, &firing);
        self.add_second(&firing, answer);
    }

    fn add_unknown(&mut self, window: &[Event], firing: &[(&Rule, usize)]) {
        let left_over = |ids: &[&str]| {
            let mut rules = firing.iter().filter(|(rule, _)| ids.contains(&rule.id));
            rules.next().map(|&(_, at)| at)
        };
        for (family, (event, context, ..)) in FAMILIES.iter().zip(FIELDS) {
            let at = left_over(&family.ids(true));
            if at.is_some_and(|at| window[at].word(context).is_some()) {
                self.unknown.insert(event);
            }
        }
        for chain in CHAINS {
            let at = left_over(&chain.ids(false));
            if at.is_some_and(|at| chain.is_told_all(window, at)) {
                self.unknown.insert(chain.event);
            }
        }
    }

    fn add_second(&mut self, firing: &[(&'static Rule, usize)], answer: &Answer) {
        let decisive = firing.iter().find(|(rule, _)| rule.id == answer.rule);
        if let Some((rule, at)) = decisive {
            let cheaper = |other: &Rule| rules::cost(other.action) < rules::cost(rule.action);
            let others = firing
                .iter()
                .filter(|(other, there)| cheaper(other) && there != at);
            self.second
                .extend(others.map(|(other, there)| (rule.action, other.action, there < at)));
        }
    }

    /// Windows in which rules do not meet would prove little.
    fn assert_not_vacuous(&self) {
        let (several, ties) = (self.several, self.ties);
        assert!(several * 3 >= self.checked, "{several} with several rules");
        assert!(ties * 10 >= self.checked, "{ties} with rules of equal cost");
        let idle = RULES.iter().filter(|rule| !self.fired.contains(rule.id));
        let idle: Vec<_> = idle.map(|rule| rule.id).collect();
        assert!(idle.is_empty(), "rules that never fire: {idle:?}");
        let of_groups = |starts: &'static [&'static str]| {
            let ids = RULES.iter().map(|rule| rule.id);
            ids.filter(|id| starts.iter().any(|start| id.starts_with(start)))
        };
        let mut different = of_groups(&["sweep_", "spray_"]);
        let returned = different.all(|id| self.returned.contains(id));
        assert!(returned, "{:?}", self.returned);
        let mut counting = of_groups(&["locked_files_", "sweep_", "spray_"]);
        let alone = counting.all(|id| self.alone.contains(id));
        assert!(alone, "{:?}", self.alone);
        let types = FAMILIES.len() + CHAINS.len();
        assert_eq!(self.unknown.len(), types, "{:?}", self.unknown);
        // Monitor over dismiss, two over both, escalate over all four, each before and behind.
        assert_eq!(self.second.len(), 2 * (1 + 2 * 2 + 4), "{:?}", self.second);
        assert_eq!(self.broken.len(), CHAINS.len(), "{:?}", self.broken);
        assert_eq!(self.reversed.len(), CHAINS.len(), "{:?}", self.reversed);
        let told_by_leads = CHAINS.iter().filter(|chain| chain.is_told_by_leads());
        assert_eq!(
            self.disputed.len(),
            told_by_leads.count(),
            "{:?}",
            self.disputed
        );
    }
}

#[test]
fn agrees_with_the_binary_on_four_thousand_random_windows() {
    let mut tally = Tally::default();
    tally.compare(1, 4_000);
    tally.assert_not_vacuous();
}

#[test]
#[ignore = "the slow proof: 100,000 random windows"]
fn agrees_with_the_binary_on_a_hundred_thousand_random_windows() {
    let mut tally = Tally::default();
    for seed in [101, 202, 303, 404, 505] {
        tally.compare(seed, 20_000);
    }
    tally.assert_not_vacuous();
    println!(
        "{} random windows checked; several rules fired in {}, of equal cost in {}; {} of {} rules decided",
        tally.checked,
        tally.several,
        tally.ties,
        tally.decided.len(),
        RULES.len()
    );
    let idle = RULES.iter().filter(|rule| !tally.decided.contains(rule.id));
    let idle: Vec<_> = idle.map(|rule| rule.id).collect();
    assert!(idle.is_empty(), "rules that never decide: {idle:?}");
    assert_eq!(tally.checked, 100_000);
}
