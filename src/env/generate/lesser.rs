//! A second finding that weighs less than the one a window is about: of several the costliest counts, and that has to be seen.

use super::background::{Role, family_line};
use super::{Labels, Line, Scene, contexts, fields};
use crate::env::families::{self, Detection, Family};
use crate::env::schema::{Action, Stage};
use crate::stream::Stream;

/// Of so many windows that could have one, one has it.
const ONE_IN: u64 = 3;

/// Draws a line that a cheaper rule than either twin's finds something in, and makes a place of the background its own.
///
/// None in windows of which one twin is to be dismissed: nothing weighs less, and what is dismissed has one subject.
pub(super) fn line(
    scene: &Scene,
    besides: Option<&'static Family>,
    labels: Labels,
    roles: &mut [Role],
    stream: &mut Stream,
) -> Option<Line> {
    let least = labels.own.min(labels.twin);
    let is_drawn = stream.chance(1, ONE_IN);
    let is_late = matches!(scene.stage, Stage::Mixed | Stage::Adversarial);
    let places: Vec<usize> = (0..roles.len())
        .filter(|&i| roles.get(i) == Some(&Role::Background))
        .collect();
    let benign = roles.iter().filter(|role| **role != Role::Hot).count();
    let has_room = benign > scene.stage.decoys();
    if !is_drawn || !is_late || !has_room || least == Action::Dismiss {
        return None;
    }
    let found = findings(besides, least);
    let (family, detection) = *stream.pick(&found)?;
    let place = stream.pick(&places)?;
    let context = contexts::of(scene, family, detection, stream);
    let known = [
        (
            family.surface_field,
            fields::surface(family, true, scene.stage, stream),
        ),
        (family.context_field, context.into()),
    ];
    let who = scene.organisation.other(stream).clone();
    if let Some(role) = roles.get_mut(*place) {
        *role = Role::Lesser;
    }
    Some(family_line(scene, family, &known, &who, stream))
}

/// What one line alone can be that costs less than `least`.
fn findings(
    besides: Option<&'static Family>,
    least: Action,
) -> Vec<(&'static Family, &'static Detection)> {
    let is_besides = |family: &Family| besides.is_some_and(|b| b.event_type == family.event_type);
    let others = families::all().filter(|f| !f.is_relational() && !is_besides(f));
    let found = others.flat_map(|f| f.detections.iter().map(move |d| (f, d)));
    found
        .filter(|(_, d)| d.action.cost() < least.cost())
        .collect()
}
