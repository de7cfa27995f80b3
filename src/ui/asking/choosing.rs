//! The list of adapters: how each has done on the alerts it has answered, and which one is asked, or stands beside.

use crate::ui::app::App;
use crate::ui::asking::AnswerKey;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::NO_MODEL;
use crate::ui::queue::groups::Tally;
use crate::ui::queue::{Answer, Queue, adapter_name};
use crate::ui::scroll::stride;

/// An adapter that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    /// Its answers are shown.
    pub is_asked: bool,
    /// Its answers stand beside those.
    pub is_beside: bool,
    /// Alerts of this split that it has answered, of any stage.
    pub answered: usize,
    /// Of those the revealed ones, as everywhere.
    pub tally: Tally,
}

impl Queue {
    /// All adapters, in the order in which they come round.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        let offers = self.adapters.iter().enumerate().map(|(at, choice)| {
            let name = adapter_name(choice);
            let mut offer = Offer {
                is_asked: at == self.chosen,
                is_beside: self.compared == Some(at),
                answered: 0,
                tally: Tally::default(),
                name,
            };
            for (key, answer) in &self.answers {
                if key.adapter == offer.name && key.edition == 0 && key.split == self.split() {
                    self.count(&mut offer, key, answer);
                }
            }
            offer
        });
        offers.collect()
    }

    fn count(&self, offer: &mut Offer, key: &AnswerKey, answer: &Answer) {
        let Answer::Given { verdict, .. } = answer else {
            return;
        };
        offer.answered += 1;
        let entry = self.entries.get(&key.stage).and_then(|all| all.get(key.at));
        if entry.is_some_and(|entry| entry.desk.is_revealed) {
            offer.tally.add(verdict);
        }
    }

    /// Asks the adapter at `at` of the list. What stood beside it stands there still, unless it is that one.
    fn ask_at(&mut self, at: usize) {
        let before = self.chosen;
        self.chosen = at;
        if self.compared == Some(at) {
            // The two change places.
            self.compared = Some(before);
        }
    }

    /// Sets the adapter at `at` beside the one asked, or takes it away again; false for the one asked.
    fn set_beside(&mut self, at: usize) -> bool {
        if at == self.chosen {
            return false;
        }
        self.compared = match self.compared {
            Some(beside) if beside == at => None,
            _ => Some(at),
        };
        true
    }
}

/// Opens the list, its cursor on the adapter that is asked.
pub fn open(app: &mut App) {
    if app.queue.adapters.is_empty() {
        app.say(NO_MODEL);
        return;
    }
    let chosen = app.queue.chosen;
    app.layers.push(Layer::Adapters { chosen });
}

/// Does what `verb` says in the list; `None` leaves it to others.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let &Layer::Adapters { chosen } = app.layers.last()? else {
        return None;
    };
    // One in training may have gone from under the cursor.
    let last = app.queue.adapters.len().saturating_sub(1);
    let at = chosen.min(last);
    let to = match verb {
        _ if verb.is_movement() => at.saturating_add_signed(stride(verb)).min(last),
        Verb::ToggleCompare => {
            if !app.queue.set_beside(at) {
                app.say("that one is asked already: another can stand beside it");
            }
            at
        }
        Verb::Confirm => {
            app.queue.ask_at(at);
            app.layers.pop();
            return Some(app.queue.ask());
        }
        Verb::ShowAdapters => {
            app.layers.pop();
            return Some(Vec::new());
        }
        _ => return None,
    };
    if let Some(layer) = app.layers.last_mut() {
        *layer = Layer::Adapters { chosen: to };
    }
    Some(app.queue.ask())
}
