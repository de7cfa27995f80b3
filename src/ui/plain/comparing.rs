//! Adapters by word: how each has done, and what two of them say of the same alert.

use std::io;

use super::deciding::{has_answered, shown_of};
use super::{Plain, telling};
use crate::label::agreement::alike_in_words;
use crate::ui::app::App;
use crate::ui::asking::choosing::Offer;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::perform::NO_MODEL;
use crate::ui::queue::{Answer, adapter_name};

impl Plain<'_> {
    /// Who can be asked, and how each has done.
    pub(super) fn adapters(&mut self) -> io::Result<()> {
        self.wait_for_model()?;
        let mut lines: Vec<String> = self.app.queue.offers().iter().map(offered).collect();
        if lines.is_empty() {
            lines = telling::adapters(&self.app.queue);
            lines.extend(lines.is_empty().then(|| NO_MODEL.to_owned()));
            return self.put_all(&lines);
        }
        lines.push("Right and wrong are counted where the truth is revealed.".to_owned());
        self.put_all(&lines)
    }

    /// Sets another adapter beside the one asked and tells what both say, or ends that.
    pub(super) fn compare(&mut self, rest: &str) -> io::Result<()> {
        self.wait_for_model()?;
        let is_comparing = self.app.queue.second_adapter().is_some();
        match rest {
            "off" if is_comparing => {
                self.verb(Verb::ToggleCompare)?;
                let name = self.app.queue.adapter().map(adapter_name);
                return self.put(&format!("{} answers alone now.", name.unwrap_or_default()));
            }
            "off" => return self.put("No adapters are compared."),
            "" if is_comparing => {}
            "" => self.verb(Verb::ToggleCompare)?,
            "next" => self.verb(Verb::NextCompared)?,
            name => {
                if !self.set_beside(name)? {
                    return Ok(());
                }
            }
        }
        if self.app.queue.second_adapter().is_none() {
            // Why not has been said.
            return Ok(());
        }
        self.answer()
    }

    /// Sets the adapter called `name` beside the one asked; false where there is none, or it is that one.
    fn set_beside(&mut self, name: &str) -> io::Result<bool> {
        let offers = self.app.queue.offers();
        let mut places = offers.iter().enumerate();
        let Some((chosen, offer)) = places.find(|(_, offer)| offer.name == name) else {
            self.put(&format!("no adapter {name}"))?;
            let lines = telling::adapters(&self.app.queue);
            self.put_all(&lines)?;
            return Ok(false);
        };
        if !offer.is_beside {
            // As in the list of the screens, where one that stands beside would be taken away.
            self.app.layers.push(Layer::Adapters { chosen });
            self.verb(Verb::ToggleCompare)?;
            self.app.layers.clear();
        }
        Ok(!offer.is_asked)
    }

    /// What both say of what is shown.
    pub(super) fn tell_both(&mut self) -> io::Result<()> {
        // Both at once: while the second answers, a run may make the first one's answer outdated.
        self.wait_for_answers(|app| {
            let queue = &app.queue;
            let is_alone = queue.second_adapter().is_none();
            let has_second = is_alone || has_answered(queue.second_answer());
            has_second && has_answered(queue.shown_answer())
        })?;
        let lines = both(&self.app);
        self.put_all(&lines)
    }
}

/// An adapter in one line.
fn offered(offer: &Offer) -> String {
    let role = match (offer.is_asked, offer.is_beside) {
        (true, _) => "answers now, ",
        (_, true) => "compared with it, ",
        _ => "",
    };
    let done = match offer.answered {
        0 => "nothing answered yet".to_owned(),
        answered => format!(
            "{answered} answered, {} right, {} wrong",
            offer.tally.right, offer.tally.wrong
        ),
    };
    format!("Adapter {}: {role}{done}", offer.name)
}

/// Whether both say the same, and then what each says.
fn both(app: &App) -> Vec<String> {
    let queue = &app.queue;
    let sides = [
        (queue.adapter(), queue.shown_answer()),
        (queue.second_adapter(), queue.second_answer()),
    ];
    let is_judged = shown_of(app).is_some_and(|entry| entry.desk.is_revealed);
    let mut lines: Vec<String> = alike(sides.map(|(_, answer)| answer)).into_iter().collect();
    for (choice, answer) in sides {
        let name = choice.map(adapter_name).unwrap_or_default();
        let who = format!("Model with {name}");
        lines.push(telling::answered(&who, answer, &queue.model, is_judged));
        let shares = answer.and_then(telling::shares);
        lines.extend(shares.map(|shares| format!("{who}, shares: {shares}")));
    }
    lines
}

/// Whether the two say the same, once both have answered.
fn alike(answers: [Option<&Answer>; 2]) -> Option<String> {
    let [
        Some(Answer::Given { verdict: one, .. }),
        Some(Answer::Given { verdict: two, .. }),
    ] = answers
    else {
        return None;
    };
    Some(format!("Both: {}", alike_in_words(one, two)))
}
