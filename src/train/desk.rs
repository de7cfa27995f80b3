//! Answers of the model thread: which weights are asked, where they come from, what they say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::evaluate;
use crate::link::{AdapterChoice, Fact, InferRequest, OfferedAdapter};
use crate::model::decoder::Decoder;
use crate::model::lora::{Adapter, AdapterInfo};
use crate::model::source::LoadedModel;

/// Answers questions with whichever weights are asked for.
pub(super) struct Desk<'a> {
    model: &'a LoadedModel,
    adapters: Vec<(String, Adapter)>,
    /// Folders of adapters that runs have left, by name; read when they are first asked.
    offered: BTreeMap<String, PathBuf>,
    merged: BTreeMap<String, Decoder>,
    /// The adapter of the run that ended last.
    last_live: Option<Decoder>,
}

impl<'a> Desk<'a> {
    /// A desk on `model`, with these adapters at hand.
    pub(super) fn new(model: &'a LoadedModel, adapters: Vec<(String, Adapter)>) -> Self {
        Self {
            model,
            adapters,
            offered: BTreeMap::new(),
            merged: BTreeMap::new(),
            last_live: None,
        }
    }

    /// Takes adapters of runs that were made for this model, and says of the others why not.
    pub(super) fn offer(&mut self, offered: Vec<OfferedAdapter>) -> Fact {
        let (mut adapters, mut refused) = (Vec::new(), Vec::new());
        for adapter in offered {
            self.merged.remove(&adapter.name);
            self.offered.remove(&adapter.name);
            match self.is_ours(&adapter.dir) {
                Ok(()) => {
                    let dir = adapter.dir.clone();
                    self.offered.insert(adapter.name.clone(), dir);
                    adapters.push(adapter);
                }
                Err(why) => refused.push(format!("adapter {}: {why}", adapter.name)),
            }
        }
        Fact::Offered { adapters, refused }
    }

    /// Else why not: it cannot be read, or it is of another base model.
    fn is_ours(&self, dir: &Path) -> Result<(), String> {
        let info = AdapterInfo::open(dir).map_err(|e| e.to_string())?;
        self.model.stranger_to(&info).map_or(Ok(()), Err)
    }

    /// The adapter in training as it stands now: it can be asked after its run has ended too.
    pub(super) fn remember(&mut self, live: &Decoder) {
        self.last_live = Some(live.clone());
    }

    /// The answer to a question, or why there is none.
    pub(super) fn answer(&mut self, request: &InferRequest, live: Option<&Decoder>) -> Fact {
        match self.try_answer(request, live) {
            Ok(fact) => fact,
            Err(message) => Fact::InferenceFailed {
                id: request.id,
                message,
            },
        }
    }

    fn try_answer(
        &mut self,
        request: &InferRequest,
        live: Option<&Decoder>,
    ) -> Result<Fact, String> {
        let started = Instant::now();
        let (adapter, decoder) = self.chosen(&request.adapter, live)?;
        let tokenizer = &self.model.tokenizer;
        let episodes = std::slice::from_ref(&*request.episode);
        let answers = evaluate::answer(&decoder, tokenizer, episodes, || true);
        let answer = answers.map_err(|e| e.to_string())?.pop();
        let (response, verdict) = answer.ok_or("the model gave no answer")?;
        // The probabilities are asked for afterwards: they are no part of the answer's time, nor is it lost without them.
        let millis = started.elapsed().as_millis() as u64;
        let log_probs = evaluate::action_log_probs(&decoder, tokenizer, &request.episode);
        Ok(Fact::Inference {
            id: request.id,
            adapter,
            response,
            verdict: Box::new(verdict),
            probabilities: log_probs.ok().and_then(evaluate::normalised),
            millis,
        })
    }

    /// The name and weights that are asked for.
    fn chosen(
        &mut self,
        adapter: &AdapterChoice,
        live: Option<&Decoder>,
    ) -> Result<(String, Decoder), String> {
        match adapter {
            AdapterChoice::Base => Ok(("base".to_string(), self.model.decoder.clone())),
            AdapterChoice::Named(name) => Ok((name.clone(), self.named(name)?)),
            AdapterChoice::Live => {
                let live = live.or(self.last_live.as_ref()).cloned();
                let live = live.ok_or("no adapter is in training; press t to start a run")?;
                Ok(("live".to_string(), live))
            }
        }
    }

    fn named(&mut self, name: &str) -> Result<Decoder, String> {
        if let Some(decoder) = self.merged.get(name) {
            return Ok(decoder.clone());
        }
        let adapter = self.adapter(name)?;
        let decoder = self.model.decoder.with_adapter(Some(adapter));
        let decoder = decoder.map_err(|e| e.to_string())?;
        self.merged.insert(name.to_string(), decoder.clone());
        Ok(decoder)
    }

    fn adapter(&self, name: &str) -> Result<Adapter, String> {
        if let Some((_, adapter)) = self.adapters.iter().find(|(known, _)| known == name) {
            return Ok(adapter.clone());
        }
        let dir = self.offered.get(name);
        let dir = dir.ok_or_else(|| format!("no adapter is called {name}"))?;
        let base = &self.model.decoder;
        Adapter::load(dir, &base.config, base.device()).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate::episode;
    use crate::env::schema::{Split, Stage};
    use crate::model::lora::BaseId;
    use crate::model::nano;
    use crate::model::placement::Placement;
    use candle_core::{DType, Device};

    fn asked(desk: &mut Desk<'_>, adapter: AdapterChoice) -> Result<String, String> {
        let request = InferRequest {
            id: 1,
            episode: Box::new(episode(Stage::Basic, Split::Holdout, 5, 3)),
            adapter,
        };
        match desk.answer(&request, None) {
            Fact::Inference { response, .. } => Ok(response),
            Fact::InferenceFailed { message, .. } => Err(message),
            other => Err(format!("{other:?}")),
        }
    }

    fn offered(name: &str, dir: PathBuf) -> OfferedAdapter {
        OfferedAdapter {
            name: name.into(),
            dir,
            written: None,
        }
    }

    #[test]
    fn an_adapter_of_a_run_answers_by_its_name_and_one_of_another_base_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let placement = Placement::of(Device::Cpu, crate::model::placement::DtypeChoice::Auto);
        let model = LoadedModel::open(nano::NAME, &placement).expect("embedded");
        let shipped = nano::adapters(&model.decoder.config, &Device::Cpu).expect("embedded");
        let mut desk = Desk::new(&model, shipped);
        let last = desk.adapters.last().cloned().expect("shipped");
        let own = folder.path().join("own");
        last.1.save(&own, &model.id(), DType::F32).expect("saved");
        let strange = folder.path().join("strange");
        let other = BaseId::of_files("other", ["0123456789abcdef"]);
        last.1.save(&strange, &other, DType::F32).expect("saved");

        let name = || AdapterChoice::Named("run/own".into());
        let told = asked(&mut desk, name()).expect_err("not offered yet");
        assert!(told.contains("run/own"), "{told}");
        let all = vec![
            offered("run/own", own.clone()),
            offered("run/strange", strange),
            offered("run/gone", folder.path().join("gone")),
        ];
        let Fact::Offered { adapters, refused } = desk.offer(all) else {
            panic!("no answer");
        };
        assert_eq!(adapters, [offered("run/own", own.clone())]);
        assert!(
            refused[0].contains("run/strange: it was trained on other weights"),
            "{refused:?}"
        );
        assert!(
            refused[1].contains("run/gone") && refused.len() == 2,
            "{refused:?}"
        );
        let own_answer = asked(&mut desk, name()).expect("an answer");
        let same = asked(&mut desk, AdapterChoice::Named(last.0)).expect("an answer");
        assert_eq!(own_answer, same);
        assert_ne!(asked(&mut desk, AdapterChoice::Base), Ok(own_answer));
        // Written again: the weights are read anew, and what has gone meanwhile says so.
        std::fs::remove_dir_all(&own).expect("removed");
        asked(&mut desk, name()).expect("in memory");
        desk.offer(vec![offered("run/own", own)]);
        asked(&mut desk, name()).expect_err("gone");
    }
}
