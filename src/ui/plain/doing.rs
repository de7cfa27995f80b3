//! What each word does: mostly a verb of the screens, sometimes a question answered in lines.

use std::io;

use super::words::{self, WORDS, Word};
use super::{Plain, telling};
use crate::env::schema::{Split, Stage};
use crate::ui::app::ScreenName;
use crate::ui::keys::Verb;
use crate::ui::labelling::verbs;
use crate::ui::leaving::losses;
use crate::ui::msg::ExitReason;
use crate::ui::order::Order;
use crate::ui::perform::perform;
use crate::ui::queue::{Model, Queue, adapter_name};
use crate::ui::searching;
use crate::ui::starting::EXTRA;

impl Plain<'_> {
    /// Does what a word asks for.
    pub(super) fn perform(&mut self, word: Word, rest: &str) -> io::Result<()> {
        match word {
            Word::Decide(action) => self.decide(action, rest),
            Word::Cite => self.cite(rest),
            Word::Line => self.go_to_line(rest),
            Word::Submit => self.submit(),
            Word::Reveal => self.reveal(),
            Word::Answer => self.answer(),
            Word::Label => self.label(rest),
            Word::Guidelines => self.guidelines(),
            Word::Note if self.app.screen != ScreenName::Labelling => self.note_on_run(rest),
            Word::Rationale | Word::Note => self.write(word, rest),
            Word::Rule => self.put_all(&telling::rule(&self.app)),
            Word::Fields => self.fields(rest),
            Word::Show => self.tell_alert(),
            Word::Score => self.put_all(&telling::score(&self.app.queue)),
            Word::Mismatch => self.mismatch(),
            Word::Stage => self.stage(rest),
            Word::Split => self.split(rest),
            Word::Filter => self.filter(rest),
            Word::Model => self.model(rest),
            Word::Adapters => self.adapters(),
            Word::Compare => self.compare(rest),
            Word::WhatIf => self.what_if(rest),
            Word::Groups => self.groups(rest),
            Word::Copy => self.copy(rest),
            Word::Case => self.case(rest),
            Word::Agreement => self.agreement(rest),
            Word::Sort => self.sort(rest),
            Word::Export => self.export(rest),
            Word::Settings => self.settings(rest),
            Word::Set => self.set(rest),
            Word::Train => self.train(rest),
            Word::Pause | Word::Resume | Word::Save | Word::Stop => self.steer(word),
            Word::Rollouts => self.rollouts(rest),
            Word::Evaluations => self.evaluations(rest),
            Word::Attacks => self.attacks(),
            Word::Metrics => self.metrics(rest),
            Word::Log => self.log(rest),
            Word::Runs => self.runs(),
            Word::Open => self.open_run(rest),
            Word::Delete => self.delete_run(rest),
            Word::Help => self.help(rest),
            Word::Quit => self.quit(rest),
            _ => self.by_verb(word),
        }
    }

    /// Words that are a verb and nothing else.
    fn by_verb(&mut self, word: Word) -> io::Result<()> {
        let verb = match word {
            Word::Next => Verb::NextAlert,
            Word::Previous => Verb::PreviousAlert,
            Word::Undo => Verb::Undo,
            Word::Redo => Verb::Redo,
            Word::Accept => Verb::AcceptAnswer,
            Word::Skip => Verb::SkipAlert,
            Word::Discard => Verb::DiscardAlert,
            Word::Flag => Verb::FlagAlert,
            Word::Pending => Verb::NextPending,
            Word::Generated => Verb::ToggleGenerated,
            Word::Episodes => Verb::ShowEpisodes,
            Word::Again => Verb::AskAgain,
            Word::Blind => return self.toggle_blind(),
            _ => return self.show_labelling(),
        };
        if word == Word::Accept {
            self.wait_for_answer()?;
        }
        let before = telling::standing(&self.app);
        let edition = self.app.queue.edition();
        self.verb(verb)?;
        if word == Word::Again {
            return self.answer();
        }
        let is_here = telling::place(&self.app) == self.shown;
        if is_here && self.app.queue.edition() != edition {
            return self.tell_edits();
        }
        let has_changed = telling::standing(&self.app) != before;
        if has_changed && is_here {
            self.put_all(&telling::standing(&self.app))?;
        }
        self.wait_for_clerk()
    }

    fn toggle_blind(&mut self) -> io::Result<()> {
        self.verb(Verb::ToggleBlind)?;
        self.put(match self.app.queue.is_blind {
            true => "The model's answers wait for the reveal.",
            false => "The model's answers are told before the reveal.",
        })
    }

    fn show_labelling(&mut self) -> io::Result<()> {
        let effects = verbs::show(&mut self.app);
        self.act(effects)?;
        self.wait_for_clerk()?;
        self.put_all(&telling::counts(&self.app))
    }

    fn mismatch(&mut self) -> io::Result<()> {
        self.wait_for_model()?;
        let effects = perform(&mut self.app, Verb::NextMismatch);
        let said = self.act_quietly(effects)?;
        // That it looks is no news once it has looked.
        if !self.app.queue.is_looking || said.as_ref().is_some_and(|said| said.is_bad) {
            self.tell(said)?;
        }
        // One batch a word: no key could end it here.
        let batch = self.app.queue.ahead.clone();
        let is_ready = |queue: &Queue| matches!(queue.model, Model::Ready { .. });
        self.wait(|plain| {
            let queue = &plain.app.queue;
            !queue.is_looking || queue.ahead != batch || !is_ready(queue)
        })?;
        match self.app.queue.stop_looking() {
            Some(none) if is_ready(&self.app.queue) => {
                self.put(&format!("note: {}; mismatch looks on", none.said()))
            }
            _ => Ok(()),
        }
    }

    fn stage(&mut self, rest: &str) -> io::Result<()> {
        let queue = &self.app.queue;
        let at = |number: &str| Stage::ALL.get(number.parse::<usize>().ok()?.checked_sub(1)?);
        let wanted = match rest {
            "" | "next" => return self.verb(Verb::NextStage),
            "previous" => return self.verb(Verb::PreviousStage),
            named => Stage::ALL.iter().find(|stage| stage.as_str() == named),
        };
        let Some(stage) = wanted.or_else(|| at(rest)).copied() else {
            let stages = Stage::ALL.map(Stage::as_str).join(" ");
            return self.put(&format!("no stage {rest}: 1 to 4, or one of {stages}"));
        };
        if stage == queue.stage() {
            return self.put(&format!("{stage} is the stage already."));
        }
        self.app.queue.set_stage(stage);
        let effects = self.app.queue.ask();
        self.act(effects)
    }

    fn split(&mut self, rest: &str) -> io::Result<()> {
        let here = self.app.queue.split();
        let is_one = rest.is_empty() || Split::ALL.iter().any(|split| split.as_str() == rest);
        if !is_one {
            return self.put(&format!("no split {rest}: train or holdout"));
        }
        if here.as_str() == rest {
            return self.put(&format!("{here} is the split already."));
        }
        self.verb(Verb::ToggleSplit)
    }

    fn filter(&mut self, rest: &str) -> io::Result<()> {
        let effects = searching::search(&mut self.app, rest.to_owned());
        self.act(effects)?;
        let (text, visible) = match self.app.screen {
            ScreenName::Labelling => {
                let labelling = &self.app.labelling;
                (&labelling.filter_text, labelling.visible().len())
            }
            _ => (&self.app.queue.filter_text, self.app.queue.visible().len()),
        };
        if text != rest {
            // What is wrong with it has been said, and the one before stays.
            return Ok(());
        }
        let said = match text.as_str() {
            "" => "No filter: every alert is let through.".to_owned(),
            text => format!("Filter {text}: {visible} alerts so far"),
        };
        self.put(&said)
    }

    /// What alerts are listed by: told, or another.
    fn sort(&mut self, rest: &str) -> io::Result<()> {
        let here = self.app.queue.order();
        let wanted = Order::ALL.into_iter().find(|by| by.as_str() == rest);
        if wanted.is_none() && rest != "next" {
            let known = Order::ALL.map(Order::as_str).join(" ");
            let by = here.as_str();
            return self.put(&match rest {
                "" => format!("Alerts are listed by {by}: sort takes next, or one of {known}"),
                other => format!("no order {other}: next, or one of {known}"),
            });
        }
        let at = |order| Order::ALL.iter().position(|by| *by == order).unwrap_or(0);
        let count = Order::ALL.len();
        let steps = wanted.map_or(1, |wanted| (at(wanted) + count - at(here)) % count);
        (0..steps).for_each(|_| self.app.queue.step_order());
        let effects = self.app.ask();
        self.act(effects)?;
        let by = self.app.queue.order().as_str();
        self.put(&format!(
            "Alerts are listed by {by}: next and previous go by that."
        ))
    }

    /// The labels as examples, or the numbers of a run as files.
    fn export(&mut self, rest: &str) -> io::Result<()> {
        if !rest.is_empty() {
            return self.tend(rest, Verb::ExportRun);
        }
        if self.app.screen != ScreenName::Labelling {
            return self.put(
                "export works on labelling: labelling goes there; export RUN writes the numbers of a run",
            );
        }
        let before = self.app.sft_extra.take();
        self.verb(Verb::ExportLabels)?;
        self.wait_for_clerk()?;
        match self.app.sft_extra {
            // What was written last is what the next run learns from, as has been said.
            Some(_) => self.sets.retain(|(key, _)| key != EXTRA),
            None => self.app.sft_extra = before,
        }
        Ok(())
    }

    fn model(&mut self, rest: &str) -> io::Result<()> {
        self.wait_for_model()?;
        let queue = &mut self.app.queue;
        match rest {
            "" => {
                let lines = telling::adapters(queue);
                return self.put_all(&lines);
            }
            "next" => self.verb_on(ScreenName::Episodes, Verb::NextAdapter)?,
            "previous" => self.verb_on(ScreenName::Episodes, Verb::PreviousAdapter)?,
            name => {
                let mut known = queue.adapters.iter().map(adapter_name);
                if !known.any(|known| known == name) {
                    let lines = telling::adapters(queue);
                    self.put(&format!("no adapter {name}"))?;
                    return self.put_all(&lines);
                }
                let is_chosen = |queue: &crate::ui::queue::Queue| {
                    queue.adapter().map(adapter_name).as_deref() == Some(name)
                };
                while !is_chosen(&self.app.queue) {
                    self.app.queue.step_adapter(1);
                }
                let effects = self.app.ask();
                self.act(effects)?;
            }
        }
        let name = self.app.queue.adapter().map(adapter_name);
        self.put(&format!("{} answers now.", name.unwrap_or_default()))
    }

    fn help(&mut self, rest: &str) -> io::Result<()> {
        let line = |entry: &words::Entry| {
            let place = entry.place().map(|place| format!(" ({place})"));
            let takes = if entry.takes.is_empty() { "" } else { " " };
            let place = place.unwrap_or_default();
            format!(
                "{}{takes}{}: {}{place}",
                entry.name, entry.takes, entry.help
            )
        };
        if !rest.is_empty() {
            return match words::named(rest) {
                Ok(entry) => self.put(&line(entry)),
                Err(instead) => self.put(&instead),
            };
        }
        for entry in &WORDS {
            self.put(&line(entry))?;
        }
        self.put("A word may be cut short; keys of the screens work too: 1 to 5 decide, r reveals, / filters, ] is the next alert.")
    }

    fn quit(&mut self, rest: &str) -> io::Result<()> {
        let lost = losses(&self.app);
        if !lost.is_empty() && !self.is_warned {
            self.is_warned = true;
            for what in &lost {
                self.put(&format!("Not on disk: {what}"))?;
            }
            return self.put("quit again leaves it behind.");
        }
        let asks = self.app.training.is_in_progress() && !self.app.is_elsewhere;
        match rest {
            "stop" => self.leave(ExitReason::Quit, true),
            "" if asks => self.put(
                "A run is in progress: quit leave lets it go on in a process of its own, quit stop stops it after a checkpoint.",
            ),
            "" | "leave" => self.leave(ExitReason::Quit, false),
            other => self.put(&format!("quit takes leave or stop, not {other}")),
        }
    }

    /// Until the weights are there, or never will be.
    pub(super) fn wait_for_model(&mut self) -> io::Result<()> {
        if self.app.queue.model == Model::Loading {
            self.put("The model is being loaded.")?;
            self.out.flush()?;
        }
        self.wait(|plain| plain.app.queue.model != Model::Loading)
    }
}
