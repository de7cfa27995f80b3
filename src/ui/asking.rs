//! The model's side of the queue: which weights are asked, about which alerts, and what came back.

pub mod choosing;
pub mod offering;

use crate::env::schema::{Split, Stage, Verdict};
use crate::link::{AdapterChoice, Command, InferRequest};
use crate::ui::msg::Effect;
use crate::ui::queue::{Answer, Model, Queue, adapter_name, wrap};

/// Requests under way at once: the thread answers one at a time, so a newly selected alert never waits long.
const IN_FLIGHT: usize = 2;

/// What an answer answers, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    split: Split,
    stage: Stage,
    at: usize,
    /// Zero for the alert itself, else which edited copy of it.
    pub edition: u64,
    adapter: String,
}

impl Queue {
    fn key(&self, at: usize, edition: u64, adapter: &AdapterChoice) -> AnswerKey {
        AnswerKey {
            split: self.split(),
            stage: self.stage,
            at,
            edition,
            adapter: adapter_name(adapter),
        }
    }

    /// What the chosen weights say of the alert at `at`, whatever was edited in a copy of it.
    #[must_use]
    pub fn answer(&self, at: usize) -> Option<&Answer> {
        self.answers.get(&self.key(at, 0, self.adapter()?))
    }

    /// The verdict on the model's answer to the alert at `at`.
    #[must_use]
    pub fn model_verdict(&self, at: usize) -> Option<&Verdict> {
        self.verdict_at(self.stage, at)
    }

    /// The verdict on the model's answer to an alert of any stage.
    #[must_use]
    pub fn verdict_at(&self, stage: Stage, at: usize) -> Option<&Verdict> {
        let key = AnswerKey {
            stage,
            ..self.key(at, 0, self.adapter()?)
        };
        match self.answers.get(&key)? {
            Answer::Given { verdict, .. } => Some(verdict),
            _ => None,
        }
    }

    /// What the chosen weights say of what is shown: the selected alert, or its edited copy.
    #[must_use]
    pub fn shown_answer(&self) -> Option<&Answer> {
        let key = self.key(self.selected(), self.edition(), self.adapter()?);
        self.answers.get(&key)
    }

    /// What the second weights say of what is shown.
    #[must_use]
    pub fn second_answer(&self) -> Option<&Answer> {
        let key = self.key(self.selected(), self.edition(), self.second_adapter()?);
        self.answers.get(&key)
    }

    /// Whether the model's answer waits for the reveal.
    #[must_use]
    pub fn hides_answer(&self) -> bool {
        self.is_blind && self.current().is_some_and(|e| !e.desk.is_revealed)
    }

    /// The weights are in memory.
    pub fn model_ready(
        &mut self,
        name: String,
        parameters: u64,
        adapters: Vec<String>,
        default: &AdapterChoice,
    ) {
        let before = self.adapter().cloned();
        let beside = self.second_adapter().cloned();
        self.model = Model::Ready { name, parameters };
        self.adapters = vec![AdapterChoice::Base];
        self.adapters
            .extend(adapters.into_iter().map(AdapterChoice::Named));
        let offered = self.offered.iter().map(|adapter| adapter.name.clone());
        self.adapters.extend(offered.map(AdapterChoice::Named));
        if self.is_training {
            self.adapters.push(AdapterChoice::Live);
        }
        // Said again when a run leaves new adapters: what the user chose stays chosen.
        self.default_adapter = Some(default.clone());
        let wanted = before.as_ref().unwrap_or(default);
        let at = self.adapters.iter().position(|choice| choice == wanted);
        self.chosen = at.unwrap_or_else(|| self.default_place());
        let place = |wanted| self.adapters.iter().position(|choice| *choice == wanted);
        self.compared = beside.and_then(place);
    }

    /// Where what is asked first stands among what can be asked; the base model where it is not there.
    pub(super) fn default_place(&self) -> usize {
        let default = self.default_adapter.as_ref();
        let place = |wanted| self.adapters.iter().position(|choice| choice == wanted);
        default.and_then(place).unwrap_or(0)
    }

    /// The weights whose answers stand beside the chosen ones'.
    #[must_use]
    pub fn second_adapter(&self) -> Option<&AdapterChoice> {
        self.adapters.get(self.compared?)
    }

    /// Sets the adapter before the chosen one beside it, or ends comparing; false where there is only one.
    pub fn toggle_compare(&mut self) -> bool {
        if self.compared.take().is_none() && self.adapters.len() > 1 {
            self.compared = Some(wrap(self.chosen, -1, self.adapters.len()));
            return true;
        }
        self.adapters.len() > 1
    }

    /// Compares with the next adapter that is not the chosen one; false where nothing is compared.
    pub fn step_compared(&mut self) -> bool {
        let Some(at) = self.compared else {
            return false;
        };
        let len = self.adapters.len();
        let next = wrap(at, 1, len);
        let is_free = next != self.chosen;
        self.compared = Some(if is_free { next } else { wrap(next, 1, len) });
        true
    }

    /// Nothing asked will be answered any more.
    pub fn model_failed(&mut self, message: &str) {
        self.model = Model::Failed(message.to_owned());
        for (_, key) in self.pending.drain() {
            self.answers.insert(key, Answer::Failed(message.to_owned()));
        }
    }

    /// A run began or ended: the adapter in training can be asked, or no longer.
    pub fn set_training(&mut self, is_training: bool) {
        self.is_training = is_training;
        let has_live = self.adapters.last() == Some(&AdapterChoice::Live);
        if is_training && !has_live && !self.adapters.is_empty() {
            self.adapters.push(AdapterChoice::Live);
        }
    }

    /// An answer (or the reason there is none) came back.
    pub fn answered(&mut self, id: u64, answer: Answer) -> bool {
        let Some(key) = self.pending.remove(&id) else {
            return false;
        };
        self.answers.insert(key, answer);
        true
    }

    /// Forgets what the chosen weights said of what is shown.
    pub fn forget_answer(&mut self) {
        if let Some(adapter) = self.adapter() {
            let key = self.key(self.selected(), self.edition(), adapter);
            self.pending.retain(|_, pending| *pending != key);
            self.answers.remove(&key);
        }
    }

    /// Forgets what the adapter in training has said: its weights are other ones by now.
    pub fn forget_live(&mut self) {
        let live = adapter_name(&AdapterChoice::Live);
        self.pending.retain(|_, key| key.adapter != live);
        self.answers.retain(|key, _| key.adapter != live);
    }

    /// Asks about what is shown first, then a few ahead, never more than two at once.
    pub fn ask(&mut self) -> Vec<Effect> {
        let (Some(adapter), Model::Ready { .. }) = (self.adapter().cloned(), &self.model) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        let here = self.selected();
        let beside = self.second_adapter().cloned().map(|second| (here, second));
        let ahead = self.ahead.iter().filter(|_| !self.is_training);
        let ahead = ahead.map(|at| (*at, adapter.clone()));
        let wanted = std::iter::once((here, adapter.clone()))
            .chain(beside)
            .chain(ahead);
        for (at, adapter) in wanted.collect::<Vec<_>>() {
            let is_here = at == here;
            let edition = if is_here { self.edition() } else { 0 };
            let key = self.key(at, edition, &adapter);
            if self.pending.len() >= IN_FLIGHT || self.answers.contains_key(&key) {
                continue;
            }
            let entry = match is_here {
                true => self.shown(),
                false => self.entries().get(at),
            };
            let Some(entry) = entry else {
                break;
            };
            let episode = Box::new(entry.episode.clone());
            self.next_id += 1;
            self.pending.insert(self.next_id, key.clone());
            self.answers.insert(key, Answer::Thinking);
            effects.push(Effect::Send(Command::Infer(InferRequest {
                id: self.next_id,
                episode,
                adapter,
            })));
        }
        effects
    }
}
