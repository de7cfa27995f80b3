//! To the next alert that the model got wrong, in the order the queue is listed; and what the model is asked on the way there.

use crate::ui::queue::seeking::LOOKED_THROUGH;
use crate::ui::queue::{Answer, Model, Queue};

/// How many alerts the model is asked about at a time when looking for a mismatch.
const LOOK_FOR: usize = 24;

/// Where looking for a mismatch has led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// To one; how far it is wrong, once that is revealed.
    Found(Option<Wrong>),
    /// To none among so many others answered; so many more are asked about.
    Asked { answered: usize, asked: usize },
    /// To none among so many others answered, and nothing more is asked about.
    None { answered: usize },
    /// To none among so many others revealed: what is hidden is not gone through while the model's answers are.
    Blind { revealed: usize },
}

/// What of an answer is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub action: bool,
    pub citation: bool,
}

impl Mismatch {
    /// What is said of it.
    #[must_use]
    pub fn said(self) -> String {
        match self {
            Mismatch::Found(None) => {
                "the model is wrong here, in action or citation: the reveal tells which".to_owned()
            }
            Mismatch::Found(Some(wrong)) => match (wrong.action, wrong.citation) {
                (true, true) => "the model's action and citation are wrong here",
                (true, false) => "the model's action is wrong here",
                _ => "the model's citation is wrong here, its action is right",
            }
            .to_owned(),
            // Whether the alert in front is one itself is not told.
            Mismatch::Asked { answered, asked } => format!(
                "no mismatch among {answered} others: {asked} more are asked about (any key stays here)"
            ),
            Mismatch::None { answered } => {
                format!("no mismatch among {answered} answered alerts besides this one")
            }
            Mismatch::Blind { revealed } => format!(
                "no mismatch among {revealed} revealed alerts besides this one; blind, m goes to no hidden one: that would tell (v ends it)"
            ),
        }
    }
}

impl Queue {
    /// The listed alerts after the selected one, and on from the top to it.
    pub(in crate::ui) fn round(&self) -> Vec<usize> {
        let (mut listed, here) = (self.visible(), self.selected());
        let place = self.place_in(&listed).min(listed.len());
        listed.rotate_left(place);
        listed.retain(|at| *at != here);
        listed
    }

    /// What of the answer to the alert at `at` is wrong; none where nothing is, it is not answered, or to know it would tell
    /// of an answer that is hidden.
    pub(in crate::ui) fn wrong_at(&self, at: usize) -> Option<Wrong> {
        let verdict = self.model_verdict(at)?;
        if self.is_blind && !self.is_revealed(at) {
            return None;
        }
        let wrong = Wrong {
            action: !verdict.correct_action,
            citation: !verdict.correct_citation,
        };
        Some(wrong).filter(|wrong| wrong.action || wrong.citation)
    }

    fn is_revealed(&self, at: usize) -> bool {
        let entry = self.entries().get(at);
        entry.is_some_and(|entry| entry.desk.is_revealed)
    }

    fn is_open(&self, at: usize) -> bool {
        matches!(self.answer(at), None | Some(Answer::Thinking))
    }

    /// How many alerts of the list are answered besides the selected one.
    fn known(&self) -> usize {
        let others = self.round().into_iter();
        others.filter(|at| !self.is_open(*at)).count()
    }

    /// To the first mismatch of `places`.
    fn go_to_mismatch(&mut self, places: &[usize]) -> Option<Mismatch> {
        let mut places = places.iter().copied();
        let at = places.find(|at| self.wrong_at(*at).is_some())?;
        self.select(at);
        let is_revealed = self.is_revealed(at);
        Some(Mismatch::Found(self.wrong_at(at).filter(|_| is_revealed)))
    }

    /// To the next alert of the list that the model got wrong (action or citation), of those it has answered; asks about
    /// more where there is none.
    pub fn next_mismatch(&mut self) -> Mismatch {
        let others = self.round();
        if let Some(found) = self.go_to_mismatch(&others) {
            return found;
        }
        if self.is_blind {
            let others = others.into_iter();
            let revealed = others.filter(|at| self.is_revealed(*at)).count();
            return Mismatch::Blind { revealed };
        }
        self.look_on()
    }

    /// Asks about the next alerts of the list that are not answered, where there are any and the model is free.
    fn look_on(&mut self) -> Mismatch {
        // Weights that are still loading answer what was asked for when they are there.
        let is_free =
            !self.is_training && matches!(self.model, Model::Ready { .. } | Model::Loading);
        let open = if is_free {
            self.more_open()
        } else {
            Vec::new()
        };
        let (answered, asked) = (self.known(), open.len());
        self.is_looking = asked > 0;
        if asked == 0 {
            return Mismatch::None { answered };
        }
        self.ahead = open;
        Mismatch::Asked { answered, asked }
    }

    /// The next alerts of the list that are not answered, generated where all there are have been.
    fn more_open(&mut self) -> Vec<usize> {
        let mut open = self.open_ahead();
        while open.is_empty() && self.lacks_alerts() {
            self.generate((self.entries().len() + 2 * LOOK_FOR).min(LOOKED_THROUGH));
            open = self.open_ahead();
        }
        open
    }

    /// The next alerts of the list that are not answered yet.
    fn open_ahead(&self) -> Vec<usize> {
        let round = self.round().into_iter();
        let open = round.filter(|at| self.is_open(*at));
        open.take(LOOK_FOR).collect()
    }

    /// After an answer: to the mismatch that was looked for, or on to the next alerts where all that were asked about are
    /// right; none while neither is known.
    pub fn go_on_looking(&mut self) -> Option<Mismatch> {
        if !self.is_looking {
            return None;
        }
        let asked = self.ahead.clone();
        if let Some(found) = self.go_to_mismatch(&asked) {
            return Some(found);
        }
        // A run in progress leaves the model no time for them.
        let is_under_way = !self.is_training && asked.iter().any(|at| self.is_open(*at));
        (!is_under_way).then(|| self.look_on())
    }

    /// Ends looking where nobody waits for it any longer: what is known of it, none where nothing was looked for.
    pub fn stop_looking(&mut self) -> Option<Mismatch> {
        if !self.is_looking {
            return None;
        }
        self.look_around();
        let answered = self.known();
        Some(Mismatch::None { answered })
    }
}
