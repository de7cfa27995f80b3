//! Runs whose parts are tested.

use super::{Host, Run};
use crate::config::TrainConfig;
use crate::link::{Control, RunFact, TrainRequest};
use crate::model::decoder::Decoder;
use crate::model::source::LoadedModel;

/// Keeps what it is told, and asks for nothing.
#[derive(Default)]
pub(super) struct Listener {
    /// How often it might have answered.
    pub(super) asked: usize,
    pub(super) told: Vec<RunFact>,
}

impl Host for Listener {
    fn tell(&mut self, fact: RunFact) {
        self.told.push(fact);
    }

    fn between(&mut self, _: &Decoder) -> Vec<Control> {
        self.asked += 1;
        Vec::new()
    }
}

/// What `work` makes of a new run in a folder of its own, and what its host heard.
pub(super) fn in_run<T>(
    model: &LoadedModel,
    config: TrainConfig,
    work: impl FnOnce(&mut Run<'_>) -> T,
) -> (T, Listener) {
    let folder = tempfile::tempdir().expect("a folder");
    let request = TrainRequest {
        config,
        run_dir: folder.path().join("run"),
        resume: false,
        sft_extra: None,
    };
    let mut host = Listener::default();
    let mut run = Run::open(model, &request, &mut host).expect("a run");
    let made = work(&mut run);
    drop(run);
    (made, host)
}

/// The values of what is trained.
pub(super) fn trained(run: &Run<'_>) -> Vec<Vec<f32>> {
    let vars = run.learner.vars().iter().map(|(_, var)| {
        let values = var.flatten_all().and_then(|values| values.to_vec1());
        values.expect("values")
    });
    vars.collect()
}
