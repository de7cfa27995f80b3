//! Windows of events that something led up to: leads of several people, then the event of one of them.
//!
//! Both twins show the same words. Where contexts stand in the leads, the later event's user (machine, file, address) tells
//! which lead is its own; where nothing leads up to it, the tie is cut at one of its two ends.

use serde_json::Value;

use super::organisation::Person;
use super::{Labels, Line, Scene};
use super::{contexts, fields};
use crate::env::events::{self, EventType};
use crate::env::families::{Detection, Family, Lead};
use crate::env::rules::clears_alone;
use crate::stream::Stream;

/// Cold events beside one that holds its own context, where the window has room.
const LOOK_ALIKES: usize = 2;

/// Of so many pairs of which one twin is watched, one is so for a context that no detection names.
const UNKNOWN_ONE_IN: u64 = 3;

/// What the lines of a chain are made from.
struct Chain<'a> {
    scene: &'a Scene,
    family: &'static Family,
    lead: Lead,
    leading: &'static EventType,
    event_type: &'static EventType,
    people: Vec<Person>,
    /// What joins a lead to its event, one for each of the people.
    ties: Vec<Value>,
}

/// The lines that matter, in order: three, and more where there is `room`. Empty for a family without a lead.
pub(super) fn lines(
    scene: &Scene,
    family: &'static Family,
    labels: Labels,
    room: usize,
    stream: &mut Stream,
) -> Vec<Line> {
    let Some(chain) = Chain::draw(scene, family, stream) else {
        return Vec::new();
    };
    match chain.lead.holds_context {
        true => chain.told_by_leads(labels, room, stream),
        false => chain.told_by_event(labels, room, stream),
    }
    .unwrap_or_default()
}

impl<'a> Chain<'a> {
    fn draw(scene: &'a Scene, family: &'static Family, stream: &mut Stream) -> Option<Self> {
        let lead = family.lead?;
        let leading = events::find(lead.event_type)?;
        let event_type = events::find(family.event_type)?;
        let people = scene.organisation.staff(stream);
        let kind = leading.field(lead.join.0)?.kind;
        let ties = people.iter();
        let ties = ties.filter_map(|person| fields::draw(kind, scene, person, stream));
        let ties = ties.collect();
        Some(Self {
            scene,
            family,
            lead,
            leading,
            event_type,
            people,
            ties,
        })
    }

    /// Two leads with two contexts, and an event that follows one of them.
    fn told_by_leads(&self, labels: Labels, room: usize, stream: &mut Stream) -> Option<Vec<Line>> {
        let (first, second) = labels.pair();
        let pair = [
            self.family.detection(first)?,
            self.family.detection(second)?,
        ];
        let others = contexts::others(self.scene, self.family, labels, stream);
        let other = others.first().cloned().unwrap_or_default();
        let (cut_at_lead, alone) = (stream.chance(1, 2), self.alone(pair, stream));
        let is_led = alone.get(usize::from(!labels.is_first)) == Some(&false);
        let mut context = |d: &Detection| contexts::of(self.scene, self.family, d, stream);
        // Who led up to the event, and who did not; alone is the third.
        let (contexts, led_by, done_by) = match alone {
            [false, false] => (pair.map(&mut context), 0, usize::from(!labels.is_first)),
            [is_first_alone, _] => {
                let told = pair.get(usize::from(is_first_alone))?;
                let contexts = [context(told), other];
                match (is_led, cut_at_lead) {
                    (true, _) => (contexts, 0, 0),
                    (false, true) => (contexts, 2, 0),
                    (false, false) => (contexts, 0, 2),
                }
            }
        };
        let [own, strange] = contexts;
        let own = self.lead_line(led_by, Some(own), stream)?;
        let strange = self.lead_line(1, Some(strange), stream)?;
        let mut lines = vec![own, self.event_line(done_by, None, true, stream)?];
        // The other lead has to come first only where it is the twin's own.
        let places = if alone.contains(&true) { 3 } else { 2 };
        lines.insert(stream.index(places), strange);
        let (has_tied, is_after) = (stream.chance(1, 2), stream.chance(1, 2));
        // A cold event of whom the other lead is of: being tied to an earlier line decides nothing.
        let tied = self.event_line(usize::from(done_by != 1), None, false, stream)?;
        if room > lines.len() && (has_tied || room > lines.len() + 1) {
            let hot = lines
                .iter()
                .position(|l| l.event_type == self.family.event_type);
            let at = hot.filter(|_| !is_after).unwrap_or(lines.len());
            lines.insert(at, tied);
        }
        if room > lines.len() {
            let late = others.last().cloned().unwrap_or_default();
            // After the event it leads up to nothing, whoever it is of.
            let (is_late, who) = (stream.chance(1, 2), if stream.chance(1, 2) { 0 } else { 3 });
            let line = self.lead_line(if is_late { who } else { 3 }, Some(late), stream)?;
            lines.insert(if is_late { lines.len() } else { 0 }, line);
        }
        Some(lines)
    }

    /// Leads without context, and an event that holds it; cold events beside hold those of other labels.
    fn told_by_event(&self, labels: Labels, room: usize, stream: &mut Stream) -> Option<Vec<Line>> {
        let (first, second) = labels.pair();
        let pair = [
            self.family.detection(first)?,
            self.family.detection(second)?,
        ];
        let contexts = pair.map(|d| contexts::of(self.scene, self.family, d, stream));
        let alone = self.alone(pair, stream);
        let context = match alone {
            [false, false] => contexts.get(usize::from(!labels.is_first))?,
            [is_first_alone, _] => contexts.get(usize::from(is_first_alone))?,
        };
        let is_led = alone.get(usize::from(!labels.is_first)) == Some(&false);
        let (cut_at_lead, cut) = (stream.chance(1, 2), stream.index(self.lead.count));
        let mut lines = Vec::new();
        for i in 0..self.lead.count {
            let is_cut = !is_led && cut_at_lead && i == cut;
            lines.push(self.lead_line(if is_cut { 2 } else { 0 }, None, stream)?);
        }
        let done_by = if is_led || cut_at_lead { 0 } else { 2 };
        lines.push(self.event_line(done_by, Some(context.clone()), true, stream)?);
        if room > lines.len() {
            let at = stream.index(lines.len() + 1);
            lines.insert(at, self.lead_line(1, None, stream)?);
        }
        let others = contexts::others(self.scene, self.family, labels, stream);
        for (i, other) in others.into_iter().take(LOOK_ALIKES).enumerate() {
            let line = self.event_line(i, Some(other), false, stream)?;
            let at = stream.index(lines.len() + 1);
            if lines.len() < room {
                lines.insert(at, line);
            }
        }
        Some(lines)
    }

    /// Which twin, if any, is about an event that nothing leads up to. The fallback's other way is a context that no detection
    /// names; beside a twin that its own context clears, whatever led up to it, there is no way but that.
    fn alone(&self, pair: [&Detection; 2], stream: &mut Stream) -> [bool; 2] {
        let is_cut = !stream.chance(1, UNKNOWN_ONE_IN)
            && !pair.iter().any(|one| clears_alone(self.lead, one));
        pair.map(|detection| is_cut && detection.is_fallback())
    }

    /// A lead of the person at this place.
    fn lead_line(&self, who: usize, context: Option<String>, stream: &mut Stream) -> Option<Line> {
        let mut known = vec![(self.lead.join.0, self.ties.get(who)?.clone())];
        known.extend(context.map(|context| (self.family.context_field, context.into())));
        let person = self.people.get(who)?;
        Some(fields::line(
            self.scene,
            self.leading,
            &known,
            person,
            stream,
        ))
    }

    /// The event of the person at this place, tied to what that person did before.
    fn event_line(
        &self,
        who: usize,
        context: Option<String>,
        is_hot: bool,
        stream: &mut Stream,
    ) -> Option<Line> {
        let surface = fields::surface(self.family, is_hot, self.scene.stage, stream);
        let mut known = vec![
            (self.family.surface_field, surface),
            (self.lead.join.1, self.ties.get(who)?.clone()),
        ];
        known.extend(context.map(|context| (self.family.context_field, context.into())));
        let person = self.people.get(who)?;
        Some(fields::line(
            self.scene,
            self.event_type,
            &known,
            person,
            stream,
        ))
    }
}
