//! The rules about sign-ins and the failures before them.

use crate::addresses::inside;
use crate::prompt::Event;

/// Whether the line is a sign-in of an account that failed a number of times before it that is `enough`.
pub fn sign_in_after(window: &[Event], at: usize, enough: impl Fn(usize) -> bool) -> bool {
    window[at].is_a("auth.login_success") && enough(failures_before(window, at))
}

/// Whether the line is the third failure of an account that does not succeed afterwards.
pub fn third_failure(window: &[Event], at: usize) -> bool {
    let (event, after) = (&window[at], &window[at + 1..]);
    let succeeds = after
        .iter()
        .any(|other| other.is_a("auth.login_success") && other.shares(event, "TargetUserName"));
    event.is_a("auth.login_failure") && failures_before(window, at) == 2 && !succeeds
}

/// Whether the line is a sign-in from inside, and nothing else in the window.
pub fn only_sign_in(window: &[Event], at: usize) -> bool {
    let event = &window[at];
    window.len() == 1 && event.is_a("auth.login_success") && inside(event, "IpAddress")
}

/// How often the account of the event at `at` failed before it, counted back to that account's last success.
fn failures_before(window: &[Event], at: usize) -> usize {
    let of_account = window[..at]
        .iter()
        .rev()
        .filter(|other| other.shares(&window[at], "TargetUserName"));
    let since_success = of_account.take_while(|other| !other.is_a("auth.login_success"));
    since_success
        .filter(|other| other.is_a("auth.login_failure"))
        .count()
}

/// A role that is missing is none, so it is not admin either.
pub fn admin(event: &Event) -> bool {
    event.has("account_role", &["admin"])
}
