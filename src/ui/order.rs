//! In which order the queue is listed. What is hidden until the reveal orders nothing before it.

use crate::ui::queue::{Entry, Queue};

/// What alerts are listed by; equal ones stay in the queue's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Queue,
    Severity,
    Category,
    Host,
    Outcome,
    Rule,
}

impl Order {
    /// The group of alerts whose rule is hidden until the reveal.
    pub const HIDDEN: &'static str = "hidden";

    /// The group of alerts whose answer, or whether it is right, is not known.
    pub const NOT_KNOWN: &'static str = "not known";

    /// All of them, in the order they come round.
    pub const ALL: [Order; 6] = [
        Order::Queue,
        Order::Severity,
        Order::Category,
        Order::Host,
        Order::Outcome,
        Order::Rule,
    ];

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Order::Queue => "number",
            Order::Severity => "severity",
            Order::Category => "category",
            Order::Host => "host",
            Order::Outcome => "outcome",
            Order::Rule => "rule",
        }
    }
}

/// Severities, worst first.
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

impl Queue {
    /// The group of the alert at `at` in this order, as a rank among groups and its name.
    pub(super) fn group(&self, by: Order, at: usize, entry: &Entry) -> (usize, String) {
        let alert = &entry.episode.alert;
        let is_revealed = entry.desk.is_revealed;
        match by {
            Order::Queue => (0, String::new()),
            Order::Severity => {
                let mut known = SEVERITIES.iter();
                let rank = known.position(|name| *name == alert.severity);
                (rank.unwrap_or(SEVERITIES.len()), alert.severity.clone())
            }
            Order::Category => (0, alert.category.clone()),
            Order::Host => (0, alert.host.clone()),
            Order::Outcome => match self.model_verdict(at).filter(|_| is_revealed) {
                Some(verdict) if verdict.correct_action => (1, "right".to_owned()),
                Some(_) => (0, "wrong".to_owned()),
                None => (2, Order::NOT_KNOWN.to_owned()),
            },
            Order::Rule if is_revealed => (0, entry.episode.truth.rule.clone()),
            Order::Rule => (1, Order::HIDDEN.to_owned()),
        }
    }

    /// Puts positions of alerts into the order they are listed in.
    pub(super) fn put_in_order(&self, listed: &mut [usize]) {
        if self.order != Order::Queue {
            let entries = self.entries();
            // Stable: within a group the queue's order stays.
            listed
                .sort_by_cached_key(|at| entries.get(*at).map(|e| self.group(self.order, *at, e)));
        }
    }

    /// What the queue is listed by.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// Lists by the next of the orders; the selected alert stays. All alerts are listed that a filter looks through: else the
    /// first of an order would be the first of those that happen to be there. The loop has those generated that are missing
    /// ([`seeking`](crate::ui::queue::seeking)).
    pub fn step_order(&mut self) {
        let at = Order::ALL.iter().position(|order| *order == self.order);
        let next = Order::ALL.iter().cycle().nth(at.map_or(0, |at| at + 1));
        self.order = next.copied().unwrap_or_default();
        self.look_around();
    }

    /// What the queue is listed by, the selected alert's group, and how many of `listed` are in it; none in the queue's order.
    #[must_use]
    pub fn group_told(&self, listed: &[usize]) -> Option<String> {
        let of = |at: usize| Some(self.group(self.order, at, self.entries().get(at)?));
        let here = of(self.selected())?;
        if self.order == Order::Queue {
            return None;
        }
        let count = listed
            .iter()
            .filter(|at| of(**at).as_ref() == Some(&here))
            .count();
        Some(format!(
            "by {}: {} {count}/{}",
            self.order.as_str(),
            here.1,
            listed.len()
        ))
    }
}
