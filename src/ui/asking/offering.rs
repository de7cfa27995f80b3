//! Adapters that runs have left: those of an opened or marked run can be asked like the shipped ones.

use std::path::Path;

use crate::gate;
use crate::link::{AdapterChoice, Command, OfferedAdapter};
use crate::ui::app::App;
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::queue::{Model, Queue, adapter_name};

impl Queue {
    /// Makes adapters that the model thread has taken choices, before the one in training. What one of them said before it
    /// was written again is forgotten.
    fn take_offered(&mut self, adapters: Vec<OfferedAdapter>) {
        for adapter in adapters {
            let choice = AdapterChoice::Named(adapter.name.clone());
            self.offered.retain(|known| known.name != adapter.name);
            self.offered.push(adapter);
            if self.adapters.contains(&choice) {
                self.forget_said(&choice);
                continue;
            }
            let live = self.adapters.iter().position(|c| *c == AdapterChoice::Live);
            self.insert_choice(live.unwrap_or(self.adapters.len()), choice);
        }
    }

    /// The chosen and the compared one stay those.
    fn insert_choice(&mut self, at: usize, choice: AdapterChoice) {
        let moved = |place: usize| place + usize::from(place >= at && !self.adapters.is_empty());
        (self.chosen, self.compared) = (moved(self.chosen), self.compared.map(moved));
        self.adapters.insert(at, choice);
    }

    /// The run in `dir` is gone, and its adapters with it. Where one of them was asked, what is asked instead.
    pub fn forget_run(&mut self, dir: &Path) -> Option<String> {
        let (gone, left) = (self.offered.drain(..)).partition(|o| o.dir.starts_with(dir));
        self.offered = left;
        let chosen = self.adapter().cloned();
        let beside = self.second_adapter().cloned();
        for adapter in gone {
            let choice = AdapterChoice::Named(adapter.name);
            self.forget_said(&choice);
            self.adapters.retain(|known| *known != choice);
        }
        let place = |wanted| self.adapters.iter().position(|choice| *choice == wanted);
        let was_asked = chosen.is_some();
        let (chosen, compared) = (chosen.and_then(place), beside.and_then(place));
        self.chosen = chosen.unwrap_or_else(|| self.default_place());
        self.compared = compared.filter(|at| *at != self.chosen);
        let is_gone = was_asked && chosen.is_none();
        self.adapter().filter(|_| is_gone).map(adapter_name)
    }

    fn forget_said(&mut self, choice: &AdapterChoice) {
        let name = adapter_name(choice);
        self.pending.retain(|_, key| key.adapter != name);
        self.answers.retain(|key, _| key.adapter != name);
    }
}

/// Has the model thread take adapters of a run that it does not have as they are.
pub fn offer(app: &App, adapters: Vec<OfferedAdapter>) -> Vec<Effect> {
    let is_new = |adapter: &OfferedAdapter| !app.queue.offered.contains(adapter);
    let new: Vec<_> = adapters.into_iter().filter(is_new).collect();
    let has_model = matches!(app.queue.model, Model::Ready { .. } | Model::Loading);
    if new.is_empty() || !has_model {
        return Vec::new();
    }
    vec![Effect::Send(Command::Offer(new))]
}

/// The model thread has looked at what it was offered.
pub fn offered(app: &mut App, adapters: Vec<OfferedAdapter>, refused: &[String]) -> Vec<Effect> {
    let is_first = |adapter: &OfferedAdapter| {
        let mut known = app.queue.offered.iter();
        !known.any(|known| known.name == adapter.name)
    };
    let new = adapters.iter().filter(|adapter| is_first(adapter)).count();
    let run = adapters
        .first()
        .and_then(|first| first.name.split('/').next());
    let told = run.filter(|_| new > 0).map(|run| {
        let are = if new == 1 { "adapter" } else { "adapters" };
        format!("{new} {are} of {run} can be asked on F1: a next adapter, c compare")
    });
    app.queue.take_offered(adapters);
    if let Some(why) = refused.first() {
        let more = match refused.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        app.complain(gate::clean(&format!("{why}{more}")));
    } else if let Some(told) = told {
        app.say(gate::clean(&told));
    }
    app.touch(Urgency::Data);
    app.ask()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Fact;
    use crate::run::summary::Standing;
    use crate::ui::app::update;
    use crate::ui::errand::{Errand, Report};
    use crate::ui::msg::Msg;
    use crate::ui::tests::fixtures::{
        app, dir, errands, press, ready, seen, summary, toast, with_runs,
    };
    use crate::ui::told::Watching;

    fn adapter(name: &str) -> OfferedAdapter {
        OfferedAdapter {
            name: format!("one/{name}"),
            dir: dir("one").adapter(name),
            written: None,
        }
    }

    fn asked(effects: &[Effect]) -> Vec<&OfferedAdapter> {
        let offers = effects.iter().filter_map(|effect| match effect {
            Effect::Send(Command::Offer(adapters)) => Some(adapters),
            _ => None,
        });
        offers.flatten().collect()
    }

    fn names(app: &App) -> Vec<String> {
        app.queue.adapters.iter().map(adapter_name).collect()
    }

    fn opened(app: &mut App) -> Vec<Effect> {
        let mut run = Watching::opened();
        run.run_dir = Some("/runs/one".into());
        run.adapters = vec![adapter("sft"), adapter("stage1_basic")];
        update(app, Msg::Report(Report::Opened(Box::new(run))))
    }

    fn take(app: &mut App, adapters: Vec<OfferedAdapter>, refused: &[&str]) {
        let refused = refused.iter().map(|why| (*why).to_owned()).collect();
        let fact = Fact::Offered { adapters, refused };
        update(app, Msg::Fact(fact));
    }

    #[test]
    fn the_adapters_of_an_opened_run_are_asked_and_compared_like_the_shipped_ones() {
        let mut app = app();
        update(&mut app, ready());
        let before = (names(&app), app.queue.adapter().cloned());
        let effects = opened(&mut app);
        assert_eq!(asked(&effects), [&adapter("sft"), &adapter("stage1_basic")]);
        assert_eq!(
            names(&app),
            before.0,
            "not before the model thread has them"
        );
        take(&mut app, vec![adapter("sft"), adapter("stage1_basic")], &[]);
        assert!(toast(&app).starts_with("2 adapters of one can be asked on F1"));
        let mut wanted = before.0;
        wanted.extend(["one/sft".to_owned(), "one/stage1_basic".to_owned()]);
        assert_eq!(names(&app), wanted);
        assert_eq!(app.queue.adapter().cloned(), before.1, "the choice stays");
        assert!(asked(&opened(&mut app)).is_empty(), "nothing is new");
        press(&mut app, "F1");
        for _ in 0..wanted.len() {
            if app.queue.adapter().map(adapter_name).as_deref() != Some("one/stage1_basic") {
                press(&mut app, "a");
            }
        }
        press(&mut app, "c");
        let beside = app.queue.second_adapter().map(adapter_name);
        assert_eq!(beside.as_deref(), Some("one/sft"));
        let shown = seen(&app, (160, 45));
        assert!(
            shown.contains("one/sft") && shown.contains("one/stage1_basic"),
            "{shown}"
        );
        // The adapter in training stays the last, and the choice the choice.
        app.queue.set_training(true);
        take(&mut app, vec![adapter("stage2_multi")], &[]);
        assert_eq!(names(&app).last().map(String::as_str), Some("live"));
        let chosen = app.queue.adapter().map(adapter_name);
        assert_eq!(chosen.as_deref(), Some("one/stage1_basic"));
        let other = app.queue.forget_run(dir("two").path());
        assert_eq!(other, None, "another run's are not asked");
        // The default, not whatever stands first.
        let instead = app.queue.forget_run(dir("one").path());
        assert_eq!(instead.as_deref(), Some("stage4_adversarial"));
        let asked = app.queue.adapter().map(adapter_name);
        assert_eq!(asked, instead);
        assert!(!names(&app).iter().any(|name| name.starts_with("one/")));
        assert!(app.queue.offered.is_empty() && app.queue.second_adapter().is_none());
    }

    #[test]
    fn what_is_refused_says_why_and_is_no_choice() {
        let mut app = app();
        let before = names(&app);
        let why = "adapter one/sft: it was trained on other weights\u{1b}";
        take(&mut app, Vec::new(), &[why, "another"]);
        assert_eq!(names(&app), before);
        assert!(app.toast.as_ref().is_some_and(|toast| toast.is_bad));
        assert!(toast(&app).contains("other weights") && toast(&app).contains("1 more"));
    }

    #[test]
    fn what_was_written_again_is_offered_again_and_its_answers_are_forgotten() {
        let mut app = app();
        take(&mut app, vec![adapter("sft")], &[]);
        let again = OfferedAdapter {
            written: Some(std::time::SystemTime::UNIX_EPOCH),
            ..adapter("sft")
        };
        let report = Msg::Report(Report::Adapters(vec![again.clone()]));
        let effects = update(&mut app, report);
        assert_eq!(asked(&effects), [&again]);
        let choices = names(&app).len();
        take(&mut app, vec![again], &[]);
        assert_eq!(names(&app).len(), choices, "no choice stands twice");
    }

    #[test]
    fn without_a_model_nothing_is_offered() {
        let mut app = app();
        app.queue.model = Model::Absent;
        assert!(asked(&opened(&mut app)).is_empty());
    }

    #[test]
    fn a_run_in_another_process_is_looked_through_for_adapters_too() {
        let mut app = app();
        with_runs(&mut app, vec![summary("one", Standing::Running)]);
        let effects = press(&mut app, "Enter");
        assert_eq!(errands(&effects), [Errand::Adapters(dir("one"))]);
    }
}
