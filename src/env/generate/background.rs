//! Single lines that decide nothing, and which of a window they are: cold lines, what leads up to nothing, everyday records.

use serde_json::Value;

use super::organisation::Person;
use super::{Line, Scene, contexts, fields};
use crate::env::events::{self, EventType};
use crate::env::families::{self, Family, Lead};
use crate::stream::Stream;

/// Of eight background lines, so many are cold events of other families, and so many what leads up to one.
const COLD_EIGHTHS: u64 = 3;
const LEAD_EIGHTHS: u64 = 2;

/// Fields of a line that are known before it is drawn.
pub(super) type Known = Vec<(&'static str, Value)>;

/// What a line is to its window.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Hot,
    LookAlike,
    /// What decides too, and weighs less.
    Lesser,
    Background,
}

/// Which lines are decoys: as many as the stage has, never one that a rule finds something in.
pub(super) fn decoys(scene: &Scene, roles: &[Role], stream: &mut Stream) -> Vec<bool> {
    let mut benign: Vec<usize> = (0..roles.len())
        .filter(|&i| !matches!(roles.get(i), Some(Role::Hot | Role::Lesser)))
        .collect();
    stream.shuffle(&mut benign);
    benign.truncate(scene.stage.decoys());
    (0..roles.len()).map(|i| benign.contains(&i)).collect()
}

/// Which lines are somebody else's than who does most: as many as there are decoys, but any, so that the one who does most is
/// no more often the one to look at than his lines are many.
pub(super) fn strangers(decoys: &[bool], stream: &mut Stream) -> Vec<bool> {
    let mut strangers = decoys.to_vec();
    stream.shuffle(&mut strangers);
    strangers
}

pub(super) fn actor(scene: &Scene, is_stranger: bool, stream: &mut Stream) -> Person {
    let other = scene.organisation.other(stream);
    let subject = scene.organisation.subject();
    (if is_stranger { other } else { subject }).clone()
}

/// A line of the family that raises no alert, with what is `known` of it.
pub(super) fn cold_line(
    scene: &Scene,
    family: &'static Family,
    mut known: Known,
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let surface = fields::surface(family, false, scene.stage, stream);
    known.retain(|(name, _)| *name != family.surface_field);
    known.push((family.surface_field, surface));
    family_line(scene, family, &known, actor, stream)
}

/// A line of the family's type.
pub(super) fn family_line(
    scene: &Scene,
    family: &'static Family,
    known: &[(&'static str, Value)],
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let event_type = events::find(family.event_type).unwrap_or(&events::DETECTED[0]);
    fields::line(scene, event_type, known, actor, stream)
}

/// A line that has nothing to do with the subject and fires nothing.
pub(super) fn background(
    scene: &Scene,
    besides: Option<&Family>,
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let is_other = |family: &&'static Family| {
        besides.is_none_or(|besides| besides.event_type != family.event_type)
    };
    let drawn = stream.below(8);
    if drawn < COLD_EIGHTHS {
        let others: Vec<&'static Family> = families::all().filter(is_other).collect();
        if let Some(family) = stream.pick(&others) {
            let context = contexts::any(scene, family, stream);
            let known = vec![(family.context_field, context.into())];
            return cold_line(scene, family, known, actor, stream);
        }
    } else if drawn < COLD_EIGHTHS + LEAD_EIGHTHS {
        let led = families::all().filter(is_other);
        let led: Vec<(&'static Family, Lead)> = led.filter_map(|f| Some((f, f.lead?))).collect();
        if let Some((family, lead)) = stream.pick(&led) {
            return lead_alone(scene, family, *lead, actor, stream);
        }
    }
    fields::line(scene, quiet_type(scene, stream), &[], actor, stream)
}

/// What would lead up to an event of the family, which does not come.
fn lead_alone(
    scene: &Scene,
    family: &'static Family,
    lead: Lead,
    actor: &Person,
    stream: &mut Stream,
) -> Line {
    let context = contexts::any(scene, family, stream);
    let known = [(family.context_field, context.into())];
    let known = if lead.holds_context { &known[..] } else { &[] };
    let leading = events::find(lead.event_type).unwrap_or(&events::LEADS[0]);
    fields::line(scene, leading, known, actor, stream)
}

/// A background type; the last of them are kept for the hold-out's new templates.
fn quiet_type(scene: &Scene, stream: &mut Stream) -> &'static EventType {
    let new = if scene.is_new_template {
        0
    } else {
        events::NEW
    };
    let known = events::BACKGROUND.len() - new;
    let types = events::BACKGROUND.get(..known).unwrap_or_default();
    stream.pick(types).unwrap_or(&events::BACKGROUND[0])
}
