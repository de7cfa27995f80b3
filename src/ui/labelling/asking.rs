//! The model's side of the labelling screen: asked about the selected alert, shown after one's own choice.

use std::collections::HashMap;

use crate::label::ModelAnswer;
use crate::link::{AdapterChoice, Command, InferRequest};
use crate::ui::labelling::{Access, Labelling};
use crate::ui::msg::Effect;
use crate::ui::queue::{Answer, Model, Queue, adapter_name};

/// Ids of requests begin here: the episodes screen counts from 1.
const FIRST_ID: u64 = 1 << 40;

/// What was asked and answered, by episode.
#[derive(Debug, Default)]
pub struct Asked {
    answers: HashMap<String, (AdapterChoice, Answer)>,
    pending: HashMap<u64, String>,
    count: u64,
}

impl Asked {
    /// The answer to an episode as a label keeps it.
    pub(super) fn given(&self, episode_id: &str) -> Option<ModelAnswer> {
        match self.answers.get(episode_id)? {
            (
                _,
                Answer::Given {
                    adapter, response, ..
                },
            ) => Some(ModelAnswer {
                adapter: adapter.clone(),
                response: response.clone(),
            }),
            _ => None,
        }
    }
}

impl Labelling {
    /// Asks about the selected alert, unless that has been done with these weights.
    pub fn ask(&mut self, queue: &Queue) -> Vec<Effect> {
        let (Some(adapter), Model::Ready { .. }) = (queue.adapter(), &queue.model) else {
            return Vec::new();
        };
        let Some(item) = self.items.get(self.selected) else {
            return Vec::new();
        };
        let id = &item.entry.episode.episode_id;
        let is_asked = self
            .asked
            .answers
            .get(id)
            .is_some_and(|(of, _)| of == adapter);
        if self.access != Access::Open || is_asked || !self.asked.pending.is_empty() {
            return Vec::new();
        }
        let request = FIRST_ID + self.asked.count;
        self.asked.count += 1;
        self.asked.pending.insert(request, id.clone());
        let thinking = (adapter.clone(), Answer::Thinking);
        self.asked.answers.insert(id.clone(), thinking);
        vec![Effect::Send(Command::Infer(InferRequest {
            id: request,
            episode: Box::new(item.entry.episode.clone()),
            adapter: adapter.clone(),
        }))]
    }

    /// An answer came back; false where it was asked elsewhere.
    pub fn answered(&mut self, id: u64, answer: Answer) -> bool {
        let Some(episode_id) = self.asked.pending.remove(&id) else {
            return false;
        };
        if let Some((_, of_episode)) = self.asked.answers.get_mut(&episode_id) {
            *of_episode = answer;
        }
        true
    }

    /// Nothing asked will be answered any more.
    pub fn model_failed(&mut self, why: &str) {
        for (_, id) in self.asked.pending.drain() {
            if let Some((_, answer)) = self.asked.answers.get_mut(&id) {
                *answer = Answer::Failed(why.to_owned());
            }
        }
    }

    /// Forgets what the adapter in training has said: its weights are other ones by now.
    pub fn forget_live(&mut self) {
        let live = adapter_name(&AdapterChoice::Live);
        let answers = &mut self.asked.answers;
        answers.retain(|_, (adapter, answer)| {
            adapter_name(adapter) != live || *answer == Answer::Thinking
        });
    }

    /// What the model says of the alert at `at`, once one's own choice is made.
    #[must_use]
    pub fn answer(&self, at: usize) -> Option<&Answer> {
        let item = self.items.get(at).filter(|item| item.has_chosen())?;
        let id = &item.entry.episode.episode_id;
        self.asked.answers.get(id).map(|(_, answer)| answer)
    }
}
