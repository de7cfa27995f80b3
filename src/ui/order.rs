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
            // Stable: within a group the queue's order stays.
            listed.sort_by_cached_key(|at| self.ranked(*at));
        }
    }

    /// The group that the alert at `at` is listed in: the one it was in when the list was sorted.
    fn ranked(&self, at: usize) -> Option<(usize, String)> {
        let frozen = self.ranks.get(at).cloned();
        frozen.or_else(|| Some(self.group(self.order, at, self.entries().get(at)?)))
    }

    /// Sorts the list anew, by what is known now. From here on no reveal, undo or answer moves a row: whoever goes through
    /// the list must not lose their place in it.
    pub(super) fn freeze(&mut self) {
        self.ranks.clear();
        self.rank_new();
    }

    /// Alerts that came since the list was sorted go to where they belong.
    pub(super) fn rank_new(&mut self) {
        if self.order == Order::Queue {
            return;
        }
        let entries = self.entries().iter().enumerate();
        let new = entries.skip(self.ranks.len());
        let new: Vec<_> = new
            .map(|(at, entry)| self.group(self.order, at, entry))
            .collect();
        self.ranks.extend(new);
    }

    /// What the queue is listed by.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// Lists by the next of the orders, as far as is known now; the selected alert stays. All alerts are listed that a filter looks through: else the
    /// first of an order would be the first of those that happen to be there. The loop has those generated that are missing
    /// ([`seeking`](crate::ui::queue::seeking)).
    pub fn step_order(&mut self) {
        let at = Order::ALL.iter().position(|order| *order == self.order);
        let next = Order::ALL.iter().cycle().nth(at.map_or(0, |at| at + 1));
        self.order = next.copied().unwrap_or_default();
        self.freeze();
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

#[cfg(test)]
mod tests {
    use crate::ui::app::{App, update};
    use crate::ui::order::Order;
    use crate::ui::tests::fixtures::{answer, app, press, ready, wrong};

    /// Listed by what is hidden until the reveal.
    fn listed_by(order: Order) -> App {
        let mut app = app();
        while app.queue.order() != order {
            press(&mut app, "O");
        }
        app.queue.select(30);
        app
    }

    #[test]
    fn no_reveal_undo_or_answer_moves_a_row_until_the_list_is_sorted_anew() {
        for order in [Order::Rule, Order::Outcome] {
            let mut app = listed_by(order);
            let before = app.queue.visible();
            let effects = update(&mut app, ready());
            answer(&mut app, effects, wrong);
            press(&mut app, "r");
            assert_eq!(app.queue.visible(), before, "{order:?}");
            let effects = press(&mut app, "]");
            answer(&mut app, effects, wrong);
            assert_eq!(app.queue.selected(), 31, "{order:?}");
            press(&mut app, "u");
            assert_eq!(app.queue.selected(), 30, "{order:?}");
            press(&mut app, "ctrl-r");
            assert_eq!(app.queue.visible(), before, "{order:?}");
            press(&mut app, "O O O O O O");
            assert_eq!(app.queue.order(), order, "once round");
            assert_eq!(app.queue.visible()[0], 30, "{order:?}");
        }
    }

    #[test]
    fn a_filter_or_another_stage_sorts_anew() {
        let mut app = listed_by(Order::Rule);
        press(&mut app, "r");
        app.queue.set_filter("number>3").expect("a filter");
        assert_eq!(app.queue.visible()[0], 30);
        app.queue.select(40);
        press(&mut app, "r");
        app.queue.set_filter("number>3").expect("a filter");
        let listed = app.queue.visible();
        assert_eq!(
            (listed[0], listed[1]),
            (30, 4),
            "the same one sorts nothing"
        );
        press(&mut app, "s S");
        let mut first = app.queue.visible()[..2].to_vec();
        first.sort_unstable();
        assert_eq!(first, [30, 40]);
    }
}
