//! Contexts: words that detections of a family name, and words that none of them does.

use super::{Labels, Scene};
use crate::env::families::{Detection, Family};
use crate::env::names;
use crate::env::pools::word;
use crate::env::schema::Split;
use crate::stream::Stream;

/// A context that gives `detection` its truth: one of its words; where it is the fallback, one that no detection names.
pub(super) fn of(
    scene: &Scene,
    family: &Family,
    detection: &Detection,
    stream: &mut Stream,
) -> String {
    match detection.is_fallback() {
        true => unknown(scene, family, stream),
        false => word(detection.values, stream),
    }
}

/// One that no detection names. Half of those of training are made up: what is not known is told by no list.
fn unknown(scene: &Scene, family: &Family, stream: &mut Stream) -> String {
    let listed = word(family.unknown(scene.split), stream);
    if scene.split == Split::Holdout || stream.chance(1, 2) {
        return listed;
    }
    let made = names::word(stream);
    if listed.ends_with('\\') {
        format!("C:\\{made}\\")
    } else if listed.ends_with(".exe") {
        format!("{made}.exe")
    } else {
        made
    }
}

/// Any word of the family, whatever it says.
pub(super) fn any(scene: &Scene, family: &Family, stream: &mut Stream) -> String {
    let named = family.detections.iter().flat_map(|d| d.values);
    let named: Vec<&str> = named.copied().collect();
    match stream.index(named.len() + 1) {
        0 => unknown(scene, family, stream),
        at => named.get(at - 1).copied().unwrap_or_default().to_owned(),
    }
}

/// Those of the labels that neither twin has, in random order.
pub(super) fn others(
    scene: &Scene,
    family: &Family,
    labels: Labels,
    stream: &mut Stream,
) -> Vec<String> {
    let (first, second) = labels.pair();
    let mut contexts: Vec<String> = family
        .detections
        .iter()
        .filter(|d| d.action != first && d.action != second)
        .map(|d| of(scene, family, d, stream))
        .collect();
    stream.shuffle(&mut contexts);
    contexts
}

/// That of this episode's label; the twin's is drawn too, so that both go on with the same draws.
pub(super) fn of_label(
    scene: &Scene,
    family: &Family,
    labels: Labels,
    stream: &mut Stream,
) -> String {
    let mut draw = |action| {
        let detection = family.detection(action);
        detection.map_or_else(String::new, |d| of(scene, family, d, stream))
    };
    let (first, second) = labels.pair();
    let (of_first, of_second) = (draw(first), draw(second));
    if labels.is_first { of_first } else { of_second }
}
