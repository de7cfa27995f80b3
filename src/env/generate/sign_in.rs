//! Sign-in windows: three failures, then a success, whatever the label. Who fails and who gets in makes the difference.

use serde_json::Value;

use super::fields;
use super::organisation::Person;
use super::{Labels, Line, Scene};
use crate::env::events;
use crate::env::login::{ADMIN, FAILURE, GUESSES, SUCCESS};
use crate::env::pools;
use crate::env::schema::Action;
use crate::stream::Stream;

/// The static severity of sign-in alerts.
pub(super) const SEVERITY: &str = "low";

/// What differs between labels. Both twins are made from the same draws, so they differ in one of these.
struct Plan {
    /// Which failure, if any, is the other user's.
    other_failure: Option<usize>,
    is_success_by_other: bool,
    is_external: bool,
    is_admin: bool,
}

fn plan(labels: Labels, stream: &mut Stream) -> Plan {
    use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
    let Labels { own, twin, .. } = labels;
    let failure = stream.index(GUESSES);
    let (coin_external, coin_admin) = (stream.chance(1, 2), stream.chance(1, 2));
    let is_either = |label| own == label || twin == label;
    let is_external = match own {
        BlockIp => true,
        QuarantineHost => false,
        _ if twin == BlockIp => true,
        _ if twin == QuarantineHost => false,
        _ => coin_external,
    };
    let is_admin = match own {
        Escalate => true,
        BlockIp | QuarantineHost => false,
        _ if twin == Escalate => true,
        _ if twin == BlockIp || twin == QuarantineHost => false,
        _ => coin_admin,
    };
    Plan {
        other_failure: (own == Dismiss).then_some(failure),
        is_success_by_other: own == Monitor || (own == Dismiss && is_either(Monitor)),
        is_external,
        is_admin,
    }
}

/// Three failures and a success, in order, and who is neither of the two people in them.
pub(super) fn lines(
    scene: &Scene,
    labels: Labels,
    stream: &mut Stream,
) -> (Vec<Line>, Option<Person>) {
    let plan = plan(labels, stream);
    let mut staff = scene.organisation.staff(stream).into_iter();
    let (Some(subject), Some(other)) = (staff.next(), staff.next()) else {
        return (Vec::new(), None);
    };
    let person = |is_other: bool| if is_other { &other } else { &subject };
    // Whoever guesses from outside does so from one address.
    let outside = pools::of(scene.split).external_ip(stream);
    let mut lines = Vec::new();
    for i in 0..GUESSES {
        let is_external = stream.chance(1, 2);
        let who = person(plan.other_failure == Some(i));
        // The machine is the subject's: whose account is tried there is what differs.
        let address = if is_external { &outside } else { &subject.ip };
        lines.extend(sign_in(scene, FAILURE, who, address, None, stream));
    }
    let who = person(plan.is_success_by_other);
    let address = if plan.is_external {
        &outside
    } else {
        &subject.ip
    };
    let role = Some(role(plan.is_admin));
    lines.extend(sign_in(scene, SUCCESS, who, address, role, stream));
    (lines, staff.next())
}

/// A success of somebody who never failed.
pub(super) fn bystander(scene: &Scene, who: &Person, stream: &mut Stream) -> Option<Line> {
    let outside = pools::of(scene.split).external_ip(stream);
    let (is_external, is_admin) = (stream.chance(1, 2), stream.chance(1, 2));
    let address = if is_external { &outside } else { &who.ip };
    sign_in(scene, SUCCESS, who, address, Some(role(is_admin)), stream)
}

/// So many failures of one user, then the success: what people do every day, and nothing else in the window.
pub(super) fn plain(scene: &Scene, failures: usize, stream: &mut Stream) -> Vec<Line> {
    let who = scene.organisation.subject().clone();
    let role = role(stream.chance(1, 2));
    let failed = (0..failures).filter_map(|_| sign_in(scene, FAILURE, &who, &who.ip, None, stream));
    let mut lines: Vec<Line> = failed.collect();
    lines.extend(sign_in(scene, SUCCESS, &who, &who.ip, Some(role), stream));
    lines
}

const fn role(is_admin: bool) -> &'static str {
    if is_admin { ADMIN } else { "staff" }
}

fn sign_in(
    scene: &Scene,
    event_type: &str,
    who: &Person,
    address: &str,
    role: Option<&str>,
    stream: &mut Stream,
) -> Option<Line> {
    let mut known: Vec<(&'static str, Value)> = vec![("IpAddress", address.into())];
    known.extend(role.map(|role| ("account_role", role.into())));
    let found = events::find(event_type)?;
    Some(fields::line(scene, found, &known, who, stream))
}
