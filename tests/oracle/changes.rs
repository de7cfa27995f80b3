//! Small changes to generated prompts, and whether the answer of the oracle changes with them as the sentences say: it
//! would prove little if the oracle agreed with the binary, but not for the reasons of the table.

use crate::binary::Case;
use crate::chains::{CHAINS, Chain, Told};
use crate::corrupt::{self, Place};
use crate::lines::FAMILIES;
use crate::{answer, sample};

/// Of each event type that rules are about: the fields of its context and of what all its rules ask for, with a value
/// that they do not. The context of a chain may stand in its leads, and numbers are no words.
pub const FIELDS: [(&str, &str, &str, &str); 28] = [
    ("process.create", "ParentImage", "Image", "chrome.exe"),
    ("process.access", "source_signer", "TargetImage", "x.exe"),
    (
        "registry.set",
        "Image",
        "TargetObject",
        r"HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Fonts\\Run",
    ),
    ("service.install", "ImagePath", "AccountName", "Guest"),
    ("mail.attachment", "delivery", "FileType", "pdf"),
    ("file.rewrite", "Image", "extension", "bak"),
    ("net.beacon", "resp_class", "id.resp_h", "10.0.0.1"),
    ("net.transfer", "resp_class", "id.resp_h", "10.0.0.1"),
    ("dns.query", "domain_class", "qtype_name", "A"),
    ("http.download", "urlcategory", "contenttype", "text/html"),
    ("ids.alert", "src_role", "alert.category", "Misc activity"),
    ("net.connection", "orig_role", "service", "dns"),
    ("auth.kerberos_failure", "client_class", "Status", "0x12"),
    (
        "cloud.create_access_key",
        "address_class",
        "requestParameters.userName",
        "developer",
    ),
    (
        "cloud.put_bucket_policy",
        "data_class",
        "Principal",
        "billing",
    ),
    ("auth.role_grant", "ticket", "TargetUserName", "helpdesk"),
    ("script.block", "", "script_class", "signed"),
    ("auth.mfa_approve", "client_class", "factor", "totp"),
    ("vpn.login", "srcregion", "status", "failure"),
    ("service.start", "", "param1", "spooler"),
    ("task.create", "", "Trigger", "TimeTrigger"),
    ("file.mass_write", "", "write_count", "few"),
    ("log.clear", "", "Channel", "Setup"),
    ("cloud.stop_trail", "", "trail_scope", "sandbox"),
    ("mail.forward_rule", "", "ForwardTo", "internal"),
    ("net.session", "", "id.resp_h", "10.0.0.1"),
    ("ids.scan", "", "alert.signature", "arp_probe"),
    ("file.copy", "", "SensitivityLabel", "public"),
];

/// The ids of the rules about an event type.
fn ids(event: &str) -> Vec<&'static str> {
    let families = FAMILIES.iter().filter(|family| family.event == event);
    let chains = CHAINS.iter().filter(|chain| chain.event == event);
    let of_families = families.flat_map(|family| [family.ids(false), family.ids(true)].concat());
    let of_chains = chains.flat_map(|chain| [chain.ids(false), chain.ids(true)].concat());
    of_families.chain(of_chains).collect()
}

/// Changes the cases decided by these rules: how many, and how many answers change.
fn changed(decided_by: &[&str], corrupt: impl Fn(&Case) -> Option<String>) -> (usize, usize) {
    let concerned = sample()
        .iter()
        .filter(|case| decided_by.contains(&case.truth.rule.as_str()));
    let corrupted = concerned.filter_map(|case| {
        let message = corrupt(case)?;
        Some(answer(&message) != answer(&case.message))
    });
    corrupted.fold((0, 0), |(all, changed), differs| {
        (all + 1, changed + usize::from(differs))
    })
}

/// Edits one value in the deciding line.
fn editing<'a>(
    key: &'a str,
    change: impl Fn(&str) -> String + 'a,
) -> impl Fn(&Case) -> Option<String> + 'a {
    move |case| corrupt::edit(&case.message, &case.truth.log_id, key, &change)
}

fn replacing<'a>(key: &'a str, value: &'a str) -> impl Fn(&Case) -> Option<String> + 'a {
    editing(key, |_| value.to_owned())
}

fn assert_mostly(what: &str, (all, changed): (usize, usize)) {
    assert!(all >= 10, "{what}: only {all} cases");
    assert!(
        changed * 10 >= all * 9,
        "{what}: {changed} of {all} answers changed"
    );
}

fn assert_none(what: &str, (all, changed): (usize, usize)) {
    assert!(all > 0, "{what}: no cases");
    assert_eq!(changed, 0, "{what}: of {all} answers");
}

fn assert_mostly_changed(decided_by: &[&str], key: &str, value: &str) {
    let counts = changed(decided_by, replacing(key, value));
    assert_mostly(&format!("{decided_by:?} {key}={value}"), counts);
}

fn assert_unchanged(decided_by: &[&str], key: &str, value: &str) {
    let counts = changed(decided_by, replacing(key, value));
    assert_none(&format!("{decided_by:?} {key}={value}"), counts);
}

#[test]
fn every_event_type_of_the_table_has_its_fields_here() {
    let families = FAMILIES.iter().map(|family| family.event);
    let events: Vec<_> = families
        .chain(CHAINS.iter().map(|chain| chain.event))
        .collect();
    let ours: Vec<_> = FIELDS.iter().map(|(event, ..)| *event).collect();
    assert_eq!(ours, events);
}

/// A context that no rule knows, or none, leaves the event to the rule for what is left.
#[test]
fn an_unknown_context_is_left_over() {
    for (family, (_, key, ..)) in FAMILIES.iter().zip(FIELDS) {
        for unknown in ["\"novel\"", "\"\\\\..\\\\\"", "7", ""] {
            assert_mostly_changed(&family.ids(false), key, unknown);
            assert_unchanged(&family.ids(true), key, unknown);
        }
    }
}

#[test]
fn another_word_on_the_surface_changes_the_answer() {
    for (event, _, key, value) in FIELDS {
        assert_mostly_changed(&ids(event), key, &format!("\"{value}\""));
        assert_mostly_changed(&ids(event), key, "");
    }
}

#[test]
fn the_case_of_a_word_or_path_changes_nothing() {
    let upper = |value: &str| value.to_uppercase();
    for (event, context, surface, _) in FIELDS {
        let mut fields = vec![(event, context), (event, surface)];
        let chain = CHAINS.iter().filter(|chain| chain.event == event);
        fields.extend(chain.map(Chain::context));
        for (kind, key) in fields {
            // Numbers and addresses have no case, and a lead that is missing has no field.
            let in_upper = |case: &Case| corrupt::edit_in_all(&case.message, kind, key, upper);
            let (_, differing) = changed(&ids(event), in_upper);
            assert_eq!(differing, 0, "{event} {key}");
        }
    }
    let in_upper =
        |case: &Case| corrupt::edit_in_all(&case.message, "mail.attachment", "delivery", upper);
    assert!(changed(&ids("mail.attachment"), in_upper).0 >= 10);
}

/// The last part of a path, as quoted JSON.
fn last_part(path: &str) -> String {
    let last = path.trim_matches('"').rsplit(r"\\").next();
    format!("\"{}\"", last.unwrap_or_default())
}

#[test]
fn a_program_is_known_without_its_folder_unless_the_table_names_that() {
    let loose = [
        "lolbin_office_parent",
        "lolbin_server_parent",
        "lolbin_other_parent",
    ];
    for (rules, key) in [
        (ids("process.create").as_slice(), "Image"),
        (&loose, "ParentImage"),
        (&ids("process.access"), "TargetImage"),
        (&["run_key_script", "run_key_remote_tool"], "Image"),
    ] {
        assert_none(key, changed(rules, editing(key, last_part)));
    }
    for (rule, key) in [
        ("lolbin_managed_parent", "ParentImage"),
        ("run_key_installer", "Image"),
    ] {
        let (all, differing) = changed(&[rule], editing(key, last_part));
        assert!(all > 0, "{rule}");
        assert_eq!(differing, all, "{rule}");
    }
}

/// The path with a step up to a folder above, and nothing else that is new.
fn going_up(path: &str) -> String {
    let (folder, last) = path.rsplit_once(r"\\").unwrap_or(("", path));
    format!(r"{folder}\\..\\{last}")
}

/// The path without its last part, as quoted JSON.
fn folder_only(path: &str) -> String {
    let folder = path.trim_matches('"').rsplit_once(r"\\");
    format!("\"{}\"", folder.map_or(path, |(folder, _)| folder))
}

/// The path with one more folder before its last part, as quoted JSON.
fn longer(path: &str) -> String {
    let (folder, last) = path.rsplit_once(r"\\").unwrap_or(("", path));
    format!(r"{folder}\\novel\\{last}")
}

#[test]
fn a_start_up_key_is_known_by_the_folders_that_its_path_goes_through() {
    let rules = ids("registry.set");
    for change in [last_part, folder_only, going_up] {
        assert_mostly(
            "registry.set",
            changed(&rules, editing("TargetObject", change)),
        );
    }
    assert_none(
        "registry.set",
        changed(&rules, editing("TargetObject", longer)),
    );
}

#[test]
fn a_path_that_goes_up_is_in_no_folder() {
    for (family, (event, key, ..)) in FAMILIES.iter().zip(FIELDS) {
        if matches!(event, "service.install" | "file.rewrite") {
            let counts = changed(&family.ids(false), editing(key, going_up));
            assert_mostly(event, counts);
            assert_none(event, changed(&family.ids(true), editing(key, going_up)));
        }
    }
}

#[test]
fn a_number_beyond_the_threshold_changes_the_answer() {
    for (event, key, beyond, on) in [
        ("net.beacon", "jitter_pct", "21", "20"),
        ("net.transfer", "orig_bytes", "299999999", "300000000"),
        ("file.mass_write", "write_count", "1999", "2000"),
        ("net.session", "duration", "3599", "3600"),
    ] {
        assert_mostly_changed(&ids(event), key, beyond);
        assert_mostly_changed(&ids(event), key, &format!("{on}.0"));
        assert_mostly_changed(&ids(event), key, &format!("\"{on}\""));
        assert_unchanged(&ids(event), key, on);
    }
}

#[test]
fn an_address_inside_or_of_no_machine_changes_the_answer_about_those_outside() {
    for event in ["net.beacon", "net.transfer", "dns.query"] {
        for address in ["100.64.0.1", "::ffff:10.0.0.1", "224.0.0.1", "::", "host"] {
            assert_mostly_changed(&ids(event), "id.resp_h", &format!("\"{address}\""));
        }
        assert_unchanged(&ids(event), "id.resp_h", "\"::ffff:8.8.8.8\"");
    }
}

/// However many lines there are, one value in all of them is not three.
#[test]
fn one_value_in_all_lines_changes_the_answer_about_different_ones() {
    for (kind, key) in [
        ("net.connection", "id.resp_h"),
        ("auth.kerberos_failure", "TargetUserName"),
    ] {
        let counts = changed(&ids(kind), |case| {
            corrupt::edit_in_all(&case.message, kind, key, |_| "\"9.9.9.9\"".to_owned())
        });
        assert_mostly(kind, counts);
    }
}

#[test]
fn a_line_of_another_group_is_not_the_third() {
    for (kind, key) in [
        ("file.rewrite", "Computer"),
        ("file.rewrite", "ProcessId"),
        ("net.connection", "id.orig_h"),
        ("auth.kerberos_failure", "IpAddress"),
    ] {
        assert_mostly_changed(&ids(kind), key, "\"9.9.9.9\"");
        assert_mostly_changed(&ids(kind), key, "");
    }
}

/// The line that completes a group is judged by its own context.
#[test]
fn the_contexts_of_the_lines_before_the_third_change_nothing() {
    for (event, key, ..) in FIELDS {
        if matches!(
            event,
            "file.rewrite" | "net.connection" | "auth.kerberos_failure"
        ) {
            let counts = changed(&ids(event), |case| {
                let novel = |_: &str| "\"novel\"".to_owned();
                corrupt::edit_before(&case.message, &case.truth.log_id, key, novel)
            });
            assert_none(event, counts);
        }
    }
}

#[test]
fn another_context_word_in_all_leads_changes_the_answer() {
    for chain in CHAINS {
        let (kind, key) = chain.context();
        for unknown in ["\"novel\"", ""] {
            let counts = changed(&chain.ids(true), |case| {
                corrupt::edit_in_all(&case.message, kind, key, |_| unknown.to_owned())
            });
            assert_mostly(chain.event, counts);
        }
    }
}

/// Whether a rule of the chain clears the event, which every lead has to do then.
fn clearing(chain: &Chain, clears: bool) -> Vec<&'static str> {
    let rules = chain.rules.iter();
    rules
        .filter(|(_, _, told)| match told {
            Told::AllSay(_) => clears,
            Told::Says(_) => !clears,
            Told::EventSays(_) | Told::Otherwise => false,
        })
        .map(|&(id, _, _)| id)
        .collect()
}

#[test]
fn one_more_lead_that_says_something_else_or_nothing_only_takes_a_clearance_away() {
    for chain in CHAINS.iter().filter(|chain| chain.is_told_by_leads()) {
        for other in ["\"novel\"", "7", ""] {
            let copied = |place| {
                move |case: &Case| {
                    let (message, log_id) = (&case.message, &case.truth.log_id);
                    let change = |_: &str| other.to_owned();
                    corrupt::copy_lead(message, log_id, chain.context(), chain.same, place, change)
                }
            };
            let (all, differing) = changed(&clearing(chain, true), copied(Place::Before));
            assert!(all > 0, "{}", chain.event);
            assert_eq!(differing, all, "{}", chain.event);
            let counts = changed(&clearing(chain, false), copied(Place::Before));
            assert_none(chain.event, counts);
            assert_none(
                chain.event,
                changed(&chain.ids(true), copied(Place::Behind)),
            );
        }
    }
}

/// No user, host or file has the name of this address, so no line is tied by it.
#[test]
fn a_value_of_its_own_takes_the_leads_away_from_an_event() {
    for chain in CHAINS {
        let (key, _) = chain.same;
        for own in ["\"9.9.9.9\"", ""] {
            // Without an address there is no session with one outside.
            if chain.event != "net.session" || !own.is_empty() {
                let all = [chain.ids(true), chain.ids(false)].concat();
                let (led, others): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|id| chain.is_led(id));
                assert_mostly_changed(&led, key, own);
                assert_unchanged(&others, key, own);
            }
        }
    }
}

#[test]
fn another_account_changes_the_answer_about_sign_ins() {
    let guessed = ["guessed_external_login", "guessed_internal_login"];
    let rules = [
        "guessed_admin_login",
        "repeated_login_failures",
        "mistyped_password",
    ];
    let all = [rules.as_slice(), &guessed].concat();
    assert_mostly_changed(&all, "TargetUserName", "\"somebody.else\"");
    assert_mostly_changed(&all, "TargetUserName", "");
    assert_mostly_changed(&guessed, "account_role", "\"Admin\"");
    assert_unchanged(&guessed, "account_role", "");
    // What is no address is not inside.
    assert_unchanged(&["guessed_external_login"], "IpAddress", "");
    assert_mostly_changed(&["guessed_internal_login"], "IpAddress", "");
}

#[test]
fn free_text_changes_nothing() {
    for case in sample() {
        let message = corrupt::replace_free_text(&case.message).expect("the prompt has a window");
        assert_eq!(answer(&message), answer(&case.message), "{message}");
    }
}
