//! The model behind the plain text: asked about one alert after the other, each answer waited for.

use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::env::schema::{Episode, Verdict};
use crate::link::{AdapterChoice, Command, Fact, InferRequest};
use crate::ui::gate::clean;

/// A model that is being loaded, or loaded.
pub struct Asked {
    commands: Sender<Command>,
    facts: UnboundedReceiver<Fact>,
    /// Which weights answer, once they are there.
    adapter: Option<AdapterChoice>,
    /// Why nothing is answered any more.
    gone: Option<String>,
    /// What to know of what was opened; said with the next answer.
    noted: Option<String>,
    count: u64,
}

impl Asked {
    /// Nothing asked yet.
    #[must_use]
    pub const fn new(commands: Sender<Command>, facts: UnboundedReceiver<Fact>) -> Self {
        Self {
            commands,
            facts,
            adapter: None,
            gone: None,
            noted: None,
            count: 0,
        }
    }

    /// What the model says of `episode`, in words; or why it says nothing.
    pub fn words(&mut self, episode: &Episode) -> String {
        let said = match self.answer(episode) {
            Ok((adapter, verdict)) => format!("{}: {}", clean(&adapter), words(&verdict)),
            Err(why) => format!("no answer: {}", clean(&why)),
        };
        match self.noted.take() {
            Some(note) => format!("{said}\nnote: {}", clean(&note)),
            None => said,
        }
    }

    fn answer(&mut self, episode: &Episode) -> Result<(String, Verdict), String> {
        let adapter = self.loaded()?;
        self.count += 1;
        let id = self.count;
        let episode = Box::new(episode.clone());
        let request = InferRequest {
            id,
            episode,
            adapter,
        };
        if self.commands.send(Command::Infer(request)).is_err() {
            return Err(self.ended());
        }
        loop {
            match self.facts.blocking_recv() {
                Some(Fact::Inference {
                    id: of,
                    adapter,
                    verdict,
                    ..
                }) if of == id => return Ok((adapter, *verdict)),
                Some(Fact::InferenceFailed { id: of, message }) if of == id => return Err(message),
                Some(Fact::ModelFailed { message }) => return Err(self.failed(message)),
                Some(Fact::Noted { message }) => self.noted = Some(message),
                Some(_) => {}
                None => return Err(self.ended()),
            }
        }
    }

    /// The weights, once they are in memory.
    fn loaded(&mut self) -> Result<AdapterChoice, String> {
        loop {
            if let Some(why) = &self.gone {
                return Err(why.clone());
            }
            if let Some(adapter) = &self.adapter {
                return Ok(adapter.clone());
            }
            match self.facts.blocking_recv() {
                Some(Fact::ModelReady {
                    default_adapter, ..
                }) => self.adapter = Some(default_adapter),
                Some(Fact::ModelFailed { message }) => return Err(self.failed(message)),
                Some(_) => {}
                None => return Err(self.ended()),
            }
        }
    }

    fn failed(&mut self, why: String) -> String {
        self.gone.insert(why).clone()
    }

    fn ended(&mut self) -> String {
        self.failed("the model thread has ended".to_owned())
    }
}

/// A judged answer: action, citation, what came of both, and why.
#[must_use]
pub fn words(verdict: &Verdict) -> String {
    let Some(action) = verdict.action else {
        let why = verdict.malformed_because.as_deref().unwrap_or("no answer");
        return format!("malformed ({}), reward {:+.2}", clean(why), verdict.reward);
    };
    let word = |is_right| if is_right { "right" } else { "wrong" };
    let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
    let because = verdict
        .rationale
        .as_deref()
        .map_or_else(String::new, |why| format!("; {}", clean(why)));
    format!(
        "{action} ({}), citing {} ({}), reward {:+.2}{because}",
        word(verdict.correct_action),
        clean(cited),
        word(verdict.correct_citation),
        verdict.reward + 0.0,
    )
}
