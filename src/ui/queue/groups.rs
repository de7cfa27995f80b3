//! Alerts counted in groups, and the list of groups to filter by. What is hidden until the reveal is one group before it.

use std::collections::BTreeMap;

use crate::env::schema::Verdict;
use crate::gate;
use crate::ui::app::App;
use crate::ui::detail::added;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::order::Order;
use crate::ui::queue::{Queue, wrap};
use crate::ui::scroll::stride;

/// What alerts can be grouped by, in the order it comes round.
pub const GROUPINGS: [Order; 5] = [
    Order::Category,
    Order::Host,
    Order::Rule,
    Order::Severity,
    Order::Outcome,
];

/// Right actions and wrong ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub right: usize,
    pub wrong: usize,
}

impl Tally {
    pub(in crate::ui) fn add(&mut self, verdict: &Verdict) {
        if verdict.correct_action {
            self.right += 1;
        } else {
            self.wrong += 1;
        }
    }
}

/// Alerts that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub alerts: usize,
    /// Over revealed alerts, as everywhere.
    pub analyst: Tally,
    pub model: Tally,
    /// Alerts whose truth is hidden.
    pub hidden: usize,
}

impl Queue {
    /// The groups of the alerts that the filter admits: worst severity or outcome first, else the largest.
    #[must_use]
    pub fn groups(&self, by: Order) -> Vec<Group> {
        let mut found: BTreeMap<(usize, String), Group> = BTreeMap::new();
        for at in self.visible() {
            let Some(entry) = self.entries().get(at) else {
                continue;
            };
            let key = self.group(by, at, entry);
            let group = found.entry(key).or_default();
            group.alerts += 1;
            if entry.desk.is_revealed {
                let own = entry.desk.counted().into_iter();
                own.for_each(|verdict| group.analyst.add(verdict));
                let said = self.model_verdict(at).into_iter();
                said.for_each(|verdict| group.model.add(verdict));
            } else {
                group.hidden += 1;
            }
        }
        let mut groups: Vec<(usize, Group)> = found
            .into_iter()
            .map(|((rank, name), group)| (rank, Group { name, ..group }))
            .collect();
        // Stable: equal ones stay in the order of their names.
        groups.sort_by_key(|(rank, group)| (*rank, usize::MAX - group.alerts));
        groups.into_iter().map(|(_, group)| group).collect()
    }
}

/// Opens the list: grouped as the queue is listed, else by category. All alerts are counted that a filter looks through, as
/// soon as the loop has had them generated.
pub fn open(app: &mut App) {
    let by = app.queue.order();
    let by = if by == Order::Queue {
        Order::Category
    } else {
        by
    };
    app.layers.push(Layer::Groups { by, chosen: 0 });
}

/// Does what `verb` says in the list; `None` leaves it to others.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let &Layer::Groups { by, chosen } = app.layers.last()? else {
        return None;
    };
    let groups = app.queue.groups(by);
    let last = groups.len().saturating_sub(1);
    let (by, to) = match verb {
        _ if verb.is_movement() => (by, chosen.saturating_add_signed(stride(verb))),
        Verb::NextOrder => (step(by, 1), 0),
        Verb::PreviousOrder => (step(by, -1), 0),
        Verb::ShowGroups => {
            app.layers.pop();
            return Some(Vec::new());
        }
        Verb::Confirm | Verb::ExcludeValue => {
            let name = groups.get(chosen)?.name.clone();
            app.layers.pop();
            return Some(narrow(app, by, &name, verb == Verb::ExcludeValue));
        }
        _ => return None,
    };
    if let Some(layer) = app.layers.last_mut() {
        // Another grouping has another number of groups; its first is one of them.
        let chosen = to.min(last);
        *layer = Layer::Groups { by, chosen };
    }
    Some(Vec::new())
}

fn step(by: Order, forward: isize) -> Order {
    let at = GROUPINGS.iter().position(|other| *other == by);
    let next = wrap(at.unwrap_or(0), forward, GROUPINGS.len());
    GROUPINGS.get(next).copied().unwrap_or(by)
}

/// Adds the group to the filter, or that it is not wanted; what says the contrary goes.
fn narrow(app: &mut App, by: Order, name: &str, is_excluded: bool) -> Vec<Effect> {
    let Some(only) = terms(by, name) else {
        let name = gate::clean(name).into_owned();
        app.say(format!("{name} cannot be filtered by"));
        return Vec::new();
    };
    let others = others(&only);
    let (wanted, unwanted) = if is_excluded {
        (others, only)
    } else {
        (only, others)
    };
    let contraries: Vec<String> = wanted.iter().map(|term| negated(term)).collect();
    let before = app.queue.filter_text.clone();
    let filter = wanted.iter().fold(before, |filter, term| {
        let contraries = contraries.iter().chain(&unwanted);
        contraries.fold(filter, |filter, contrary| added(&filter, term, contrary))
    });
    match app.queue.set_filter(&filter) {
        Ok(()) => app.say(format!(
            "filter: {}; Esc takes it off",
            gate::clean(&filter)
        )),
        Err(error) => app.complain(gate::clean(&error.to_string())),
    }
    app.queue.ask()
}

fn negated(term: &str) -> String {
    let bare = term.strip_prefix('!').map(str::to_owned);
    bare.unwrap_or_else(|| format!("!{term}"))
}

/// The terms that admit every group but the one that `only` admits. Only the alerts whose outcome is not known take two
/// terms, and all terms have to hold: the others are revealed and answered.
fn others(only: &[String]) -> Vec<String> {
    match only {
        [term] => vec![negated(term)],
        _ => ["revealed=yes", "!model=\"none\""]
            .map(str::to_owned)
            .into(),
    }
}

/// The terms that admit this group and no other; none where a filter could not read it back.
fn terms(by: Order, name: &str) -> Option<Vec<String>> {
    let is = |field: &str| vec![format!("{field}=\"{name}\"")];
    if name.is_empty() || name.contains('"') {
        return None;
    }
    Some(match (by, name) {
        (Order::Rule, Order::HIDDEN) => vec!["revealed=no".to_owned()],
        (Order::Rule, _) => is("rule"),
        (Order::Outcome, Order::NOT_KNOWN) => {
            let known = ["right", "wrong"].into_iter();
            known.map(|word| format!("!model=\"{word}\"")).collect()
        }
        (Order::Outcome, _) => is("model"),
        (Order::Severity, _) => is("severity"),
        (Order::Category, _) => is("category"),
        // A log line's host is no alert's.
        (Order::Host, _) => is("alert_host"),
        (Order::Queue, _) => return None,
    })
}
