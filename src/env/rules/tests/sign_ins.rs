//! Failures and successes of one user, case by case.

use serde_json::json;

use super::super::*;
use super::{event, rule_of};
use crate::env::verify;

fn failure(n: usize, user: &str) -> Event {
    event(
        n,
        "auth.login_failure",
        json!({"TargetUserName": user, "IpAddress": "10.0.0.5"}),
    )
}

fn success(n: usize, user: &str, address: &str, role: &str) -> Event {
    event(
        n,
        "auth.login_success",
        json!({"TargetUserName": user, "IpAddress": address, "account_role": role}),
    )
}

#[test]
fn sign_ins_by_case_and_near_miss() {
    let three = || vec![failure(0, "a"), failure(1, "a"), failure(2, "a")];
    let with = |last: Event| {
        let mut events = three();
        events.push(last);
        rule_of(&events)
    };
    let expect = |rule: &str, id: &str| (rule.to_string(), id.to_string());
    let outside = "8.8.8.8";
    assert_eq!(
        with(success(3, "a", outside, "admin")),
        expect("guessed_admin_login", "L1-3")
    );
    assert_eq!(
        with(success(3, "a", outside, "staff")),
        expect("guessed_external_login", "L1-3")
    );
    assert_eq!(
        with(success(3, "a", "10.0.0.5", "staff")),
        expect("guessed_internal_login", "L1-3")
    );
    assert_eq!(
        with(success(3, "b", outside, "admin")),
        expect("repeated_login_failures", "L1-2")
    );
    assert_eq!(rule_of(&three()), expect("repeated_login_failures", "L1-2"));
    for nowhere in ["", "asdf", "0.0.0.0"] {
        let told = with(success(3, "a", nowhere, "staff"));
        assert_eq!(told, expect("guessed_external_login", "L1-3"));
    }
    assert_eq!(rule_of(&three()[..2]).0, "no_finding");
    let early = [
        success(0, "a", outside, "staff"),
        failure(1, "a"),
        failure(2, "a"),
        failure(3, "a"),
    ];
    assert_eq!(rule_of(&early), expect("repeated_login_failures", "L1-3"));
    let outsider = [success(0, "a", outside, "staff")];
    assert_eq!(rule_of(&outsider).0, "no_finding");
}

#[test]
fn pinned_sign_ins_are_dismissed() {
    let login = |n, user: &str| {
        event(
            n,
            "auth.login_success",
            json!({"TargetUserName": user, "IpAddress": "10.0.0.5"}),
        )
    };
    let single = verify::truth(&[login(0, "a")]).unwrap();
    assert_eq!(
        (single.action, single.rule.as_str()),
        (Action::Dismiss, "internal_login")
    );
    let mistyped = verify::truth(&[failure(0, "a"), failure(1, "a"), login(2, "a")]).unwrap();
    assert_eq!(mistyped.action, Action::Dismiss);
    assert_eq!(mistyped.rule, "mistyped_password");
    assert_eq!(mistyped.triggering_log_id, "L1-2");
    assert_eq!(mistyped.evidence, ["L1-0", "L1-1", "L1-2"]);
}
