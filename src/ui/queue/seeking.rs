//! Alerts that a list lacks, generated a few at a time between two looks at the keyboard: no key waits for all of them.

use crate::ui::app::App;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::order::Order;
use crate::ui::queue::Queue;
use crate::ui::searching;

/// Alerts generated in search of those that a filter admits, at most.
pub(in crate::ui) const LOOKED_THROUGH: usize = 2_000;

/// Alerts generated between two looks at the keyboard: a few milliseconds' worth.
pub(in crate::ui) const SLICE: usize = 40;

/// Alerts beyond the selected one that are kept in sight of a filter, while there are more to generate.
const AHEAD: usize = 20;

/// What a filter still waits for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeking {
    /// The first alert from here on that the filter admits is to be gone to.
    from: Option<usize>,
    /// Too few of those ahead are there.
    is_short: bool,
}

impl Queue {
    /// Whether alerts are still to be generated of those that a filter looks through.
    pub(in crate::ui) fn lacks_alerts(&self) -> bool {
        self.entries().len() < LOOKED_THROUGH
    }

    /// Whether the list in the queue's own order lacks some that its filter admits.
    pub(in crate::ui) fn is_short(&self) -> bool {
        self.seeking.is_short
    }

    /// Whether an alert that the filter admits is still looked for.
    #[must_use]
    pub fn is_seeking(&self) -> bool {
        self.seeking.from.is_some()
    }

    /// No alert is looked for any more; `round` are the others of the list, those after the selected one first.
    pub(super) fn settle_at(&mut self, round: &[usize]) {
        let here = self.selected();
        let ahead = round.iter().filter(|at| **at > here).count();
        self.seeking = Seeking {
            from: None,
            is_short: self.is_filtered() && ahead < AHEAD,
        };
    }

    /// Goes to the first alert from `from` on that the filter admits, once it is there: to the last of the list where all
    /// have been looked through and none is.
    pub(in crate::ui) fn seek(&mut self, from: usize) {
        let visible = self.visible();
        let found = visible.get(self.place_of(from, &visible)).copied();
        // In another order than the queue's, what comes may stand nearer.
        let is_sure = self.order == Order::Queue || found == Some(from);
        let nearest = match found.filter(|_| is_sure) {
            None if self.lacks_alerts() => {
                self.seeking = Seeking {
                    from: Some(from),
                    is_short: true,
                };
                return;
            }
            None => found.or(visible.last().copied()).unwrap_or(from),
            Some(at) => at,
        };
        match nearest {
            at if at == self.selected() => self.look_around(),
            at => self.select(at),
        }
    }

    fn look_further(&mut self) {
        self.generate((self.entries().len() + SLICE).min(LOOKED_THROUGH));
        match self.seeking.from {
            Some(from) => self.seek(from),
            None if self.is_looking => self.settle_at(&self.round()),
            None => self.look_around(),
        }
    }
}

impl App {
    /// Whether a list on screen still lacks alerts: one in another order than the queue's, or of groups, is made of all that
    /// a filter looks through, any other until enough are let through.
    #[must_use]
    pub fn is_looking_through(&self) -> bool {
        let is_of_groups = matches!(self.layers.last(), Some(Layer::Groups { .. }));
        let queue = &self.queue;
        (is_of_groups || queue.order() != Order::Queue || queue.is_short()) && queue.lacks_alerts()
            || self.labelling.lacks_alerts()
    }
}

/// Has some more generated, and says so where nothing was found among all of them.
pub(in crate::ui) fn look_further(app: &mut App) -> Vec<Effect> {
    let is_typing = matches!(app.layers.last(), Some(Layer::Search { .. }));
    if app.labelling.lacks_alerts() {
        app.labelling.look_further();
        if !app.labelling.lacks_alerts() && !is_typing {
            searching::landed_on_label(app);
        }
        return app.labelling.ask(&app.queue);
    }
    let was_seeking = app.queue.is_seeking();
    app.queue.look_further();
    if was_seeking && !app.queue.is_seeking() {
        match is_typing {
            true => searching::explain(app),
            false => searching::landed(app),
        }
    }
    app.queue.ask()
}
