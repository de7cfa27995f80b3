//! What a run measures of itself on held-out episodes.

use super::{LOSS_EPISODES, Run};
use crate::env::schema::{Episode, Stage};
use crate::link::{EvalRow, RunFact};
use crate::train::error::Result;
use crate::train::evaluate;
use crate::train::learner::{Learner, Sequence};
use crate::train::task;

impl Run<'_> {
    /// Greedy answers on hold-out episodes of all stages, and the loss on their gold completions.
    pub(super) fn evaluate(&mut self, count: u64) -> Result<Option<EvalRow>> {
        if count == 0 {
            return Ok(None);
        }
        let seed = task::derived_seed(self.config.seed, "evaluation");
        let episodes = task::holdout_episodes(seed, &Stage::ALL, count);
        let (decoder, tokenizer) = (&self.learner.decoder, &self.model.tokenizer);
        let mut controls = Vec::new();
        let answers = evaluate::answer(decoder, tokenizer, &episodes, || {
            controls.extend(self.host.between(decoder));
            true
        })?;
        self.wants.take_in(&controls);
        let mut values = evaluate::shares(
            episodes
                .iter()
                .zip(answers.iter().map(|(_, verdict)| verdict)),
        );
        for stage in Stage::ALL {
            let of_stage = episodes
                .iter()
                .zip(&answers)
                .filter(|(episode, _)| episode.stage == stage);
            let shares =
                evaluate::shares(of_stage.map(|(episode, (_, verdict))| (episode, verdict)));
            for name in ["accuracy", "citation_accuracy"] {
                values.extend(
                    shares
                        .get(name)
                        .map(|&share| (format!("{stage}/{name}"), share)),
                );
            }
        }
        values.insert("eval_loss".into(), self.gold_loss(&episodes)?);
        let stage = self.phase_name();
        let row = EvalRow {
            step: self.position.step,
            stage,
            episodes: answers.len() as u64,
            values,
        };
        self.writer.eval(&row)?;
        self.host.tell(RunFact::Evaluation(row.clone()));
        Ok(Some(row))
    }

    fn gold_loss(&self, episodes: &[Episode]) -> Result<f64> {
        let tokenizer = &self.model.tokenizer;
        let examples: Vec<Sequence> = episodes
            .iter()
            .take(LOSS_EPISODES as usize)
            .map(|e| task::gold_sequence(tokenizer, e))
            .collect();
        let (mut sum, mut tokens) = (0f64, 0usize);
        for batch in examples.chunks(16) {
            let scores = Learner::score(&self.learner.decoder, batch, 1.0)?;
            sum -= scores.iter().map(|&s| f64::from(s)).sum::<f64>();
            tokens += scores.len();
        }
        Ok(sum / tokens.max(1) as f64)
    }
}
