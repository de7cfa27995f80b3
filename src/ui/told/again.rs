//! What is told again: a resumed run cuts its files back, and whoever reads them begins anew.

use crate::link::{FactKind, RunFact};
use crate::ui::signs::Chronicle;

use super::Watching;

impl Watching {
    /// What came of a file so far is told again from its beginning.
    pub(super) fn forget(&mut self, kind: FactKind) {
        match kind {
            FactKind::Metrics => {
                self.curves.forget(FactKind::Metrics);
                self.last_step = 0;
                self.by_curves.clear();
                self.chronicle = Chronicle::default();
            }
            FactKind::System => self.curves.forget(kind),
            FactKind::Rollouts => {
                self.groups.clear();
                self.repetition = None;
            }
            FactKind::Attacks => self.attacks.clear(),
            FactKind::Evaluations => {
                self.evaluations.clear();
                self.standstill = None;
                self.curves.forget(kind);
            }
            FactKind::Warnings => self.warnings.clear(),
        }
    }

    /// Whether a fact, told while the folder was being read, is not among what was read.
    #[must_use]
    pub fn lacks(&self, fact: &RunFact) -> bool {
        match fact {
            RunFact::Metrics(row) => row.step > self.last_step,
            RunFact::System(row) => row.step > self.curves.last_system_step(),
            RunFact::Rollouts(group) => {
                let mut groups = self.groups.iter();
                !groups.any(|old| (old.step, old.group_id) == (group.step, group.group_id))
            }
            RunFact::Attack(row) => !self.attacks.contains(row),
            RunFact::Evaluation(row) => {
                let mut rows = self.evaluations.iter();
                !rows.any(|old| old.step == row.step && old.stage == row.stage)
            }
            RunFact::Warning { step, message } => {
                let mut told = self.warnings.iter();
                !told.any(|(at, text)| (at, text) == (step, message))
            }
            RunFact::Started { .. }
            | RunFact::Planned(_)
            | RunFact::Status(_)
            | RunFact::Silent { .. }
            | RunFact::Crashed { .. }
            | RunFact::Forget(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::EvalRow;
    use crate::ui::tests::fixtures::{group, row, system_row};

    /// What a run tells of its first steps.
    fn told() -> Vec<RunFact> {
        let evaluation = EvalRow {
            step: 2,
            stage: "sft".into(),
            episodes: 8,
            ..EvalRow::default()
        };
        let message = "8 equal rewards".to_owned();
        let mut facts: Vec<RunFact> = (1..=3).map(|step| RunFact::Metrics(row(step))).collect();
        facts.extend((1..=3).map(|step| RunFact::System(system_row(step))));
        facts.extend((1..=3).map(|step| RunFact::Rollouts(Box::new(group(step)))));
        facts.push(RunFact::Evaluation(evaluation));
        facts.push(RunFact::Warning { step: 2, message });
        facts
    }

    fn counts(run: &Watching) -> [usize; 4] {
        let points = |name| run.curves.get(name).map_or(0, |s| s.points().len());
        assert_eq!(points("loss"), points("system/step_time"));
        [
            points("loss"),
            run.groups.len(),
            run.evaluations.len(),
            run.warnings.len(),
        ]
    }

    #[test]
    fn files_that_are_cut_back_are_told_once() {
        let mut run = Watching::opened();
        told().into_iter().for_each(|fact| run.apply(fact));
        assert_eq!(counts(&run), [3, 3, 1, 1]);
        for kind in FactKind::ALL {
            run.apply(RunFact::Forget(kind));
        }
        assert_eq!(counts(&run), [0; 4]);
        told().into_iter().for_each(|fact| run.apply(fact));
        assert_eq!(counts(&run), [3, 3, 1, 1]);
    }

    #[test]
    fn what_was_read_already_is_not_lacked() {
        let mut run = Watching::opened();
        assert!(told().iter().all(|fact| run.lacks(fact)));
        told().into_iter().for_each(|fact| run.apply(fact));
        assert!(!told().iter().any(|fact| run.lacks(fact)));
        assert!(run.lacks(&RunFact::Metrics(row(4))));
    }
}
