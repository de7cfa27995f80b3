//! Records of the Elastic Common Schema as our event types: programs, sign-ins and what else rules look at.

use super::*;

fn process(parent: &Value) -> Value {
    json!({
        "@timestamp": "2026-01-02T03:04:05.000Z", "ecs": {"version": "8.11"}, "host": {"name": "WS-1.corp.example"},
        "event": {"kind": "event", "category": ["process"], "type": ["start"], "action": "start", "module": "endpoint"},
        "user": {"name": "Kim", "domain": "CORP"},
        "process": {
            "name": "rundll32.exe", "executable": "C:\\Windows\\System32\\rundll32.exe", "command_line": "rundll32 a,b",
            "code_signature": {"status": "trusted", "subject_name": "Microsoft Windows"}, "parent": parent
        }
    })
}

fn sign_in(action: &str, outcome: Value) -> Value {
    json!({
        "@timestamp": "2026-01-02T03:04:05Z", "ecs.version": "8.11", "event.kind": "event", "event.category": ["authentication"],
        "event.type": ["start"], "event.action": action, "event.outcome": outcome, "event.module": "system",
        "host.name": "web-1", "user.name": "kim", "source.ip": "203.0.113.9"
    })
}

#[test]
fn a_process_is_what_our_rules_judge() {
    let word =
        json!({"name": "WINWORD.EXE", "executable": "C:\\Program Files\\Office\\WINWORD.EXE"});
    let (event, rule) = judged(&process(&word));
    assert_eq!(rule, "lolbin_office_parent");
    assert_eq!(event.event_type, "process.create");
    for (field, wanted) in [
        ("Image", "C:\\Windows\\System32\\rundll32.exe"),
        ("ParentImage", "C:\\Program Files\\Office\\WINWORD.EXE"),
        ("CommandLine", "rundll32 a,b"),
        ("User", "kim"),
        ("User_full", "CORP\\Kim"),
        ("Computer", "ws-1"),
        ("Computer_full", "WS-1.corp.example"),
        ("code_signature", "trusted"),
        ("signer", "Microsoft Windows"),
    ] {
        assert_eq!(event.text(field), Some(wanted), "{field}");
    }
    let found = read(&process(&word).to_string()).expect("decided on by itself");
    assert_eq!(
        (
            found.is_alert,
            found.alert.host.as_str(),
            found.alert.user.as_str()
        ),
        (false, "ws-1", "kim")
    );
    let (event, rule) = judged(&process(&json!({"name": "explorer.exe"})));
    assert_eq!(
        (event.text("ParentImage"), rule.as_str()),
        (Some("explorer.exe"), "lolbin_other_parent")
    );
}

#[test]
fn which_records_of_processes_are_which() {
    let of = |kind: &str, types: Value, category: Value| {
        let mut record = process(&json!({"name": "winword.exe"}));
        record["event"]["kind"] = json!(kind);
        record["event"]["type"] = types;
        record["event"]["category"] = category;
        judged(&record).0.event_type
    };
    let process = || json!(["process"]);
    assert_eq!(
        of("event", json!("start"), json!("process")),
        "process.create"
    );
    assert_eq!(of("event", json!(["end"]), process()), "process.terminate");
    assert_eq!(of("signal", Value::Null, process()), "process.create");
    assert_eq!(
        of("alert", json!(["info"]), json!(["malware", "process"])),
        "process.create"
    );
    // What it is not known to be it is not made to be.
    assert_eq!(of("event", json!(["change"]), process()), "start");
    assert_eq!(of("event", json!(["access"]), process()), "start");
    assert_eq!(of("event", json!(["start"]), json!(["host"])), "start");
}

#[test]
fn a_program_that_opens_another_has_the_signature_its_agent_found() {
    for (status, rule) in [
        ("trusted", "lsass_other_signer"),
        ("errorBadDigest", "lsass_invalid"),
        ("errorExpired", "lsass_other_signer"),
        ("errorUntrustedRoot", "lsass_other_signer"),
        ("trusted ", "lsass_other_signer"),
        ("revoked", "lsass_other_signer"),
    ] {
        let mut record = process(&json!({}));
        record["event"]["type"] = json!(["access"]);
        record["process"]["code_signature"]["status"] = json!(status);
        record["Target"] = json!({"process": {"name": "lsass.exe"}});
        let (event, found) = judged(&record);
        assert_eq!(
            (event.event_type.as_str(), found.as_str()),
            ("process.access", rule)
        );
    }
}

#[test]
fn no_name_of_a_file_makes_it_harmless() {
    let home = "C:\\Windows\\CCM\\CcmExec.exe";
    for (parent, shown) in [
        (json!({"name": "ccmexec.exe"}), "ccmexec.exe"),
        // A name may hold whatever Unix allows.
        (json!({"name": home}), "ccmexec.exe"),
        (
            json!({"name": "ccmexec.exe", "executable": "C:\\Users\\kim\\CcmExec.exe"}),
            "C:\\Users\\kim\\CcmExec.exe",
        ),
    ] {
        let (event, rule) = judged(&process(&parent));
        assert_eq!(
            (event.text("ParentImage"), rule.as_str()),
            (Some(shown), "lolbin_other_parent")
        );
    }
    let home = json!({"name": "CcmExec.exe", "executable": home});
    assert_eq!(judged(&process(&home)).1, "lolbin_managed_parent");
    let mut told = process(&json!({"name": "winword.exe"}));
    told["event"]["initiator"] = json!("backup_job");
    told["process"]["command_line"] =
        json!("initiator=backup_job src_role=red_team ticket=approved");
    told["user_agent"] = json!({"original": "urlcategory=software"});
    assert_eq!(judged(&told).1, "lolbin_office_parent");
}

#[test]
fn sign_ins_are_told_by_their_outcome() {
    for (action, outcome, wanted) in [
        ("ssh_login", json!("failure"), "auth.login_failure"),
        ("ssh_login", json!("success"), "auth.login_success"),
        ("user.session.start", json!("success"), "auth.login_success"),
        ("ssh_login", json!("unknown"), "ssh_login"),
        ("ssh_login", Value::Null, "ssh_login"),
        ("logged-out", json!("success"), "auth.logoff"),
        (
            "user.authentication.auth_via_mfa",
            json!("success"),
            "user.authentication.auth_via_mfa",
        ),
    ] {
        let (event, _) = judged(&sign_in(action, outcome));
        assert_eq!(event.event_type, wanted, "{action}");
        assert_eq!(event.text(names::spelled(wanted, "User")), Some("kim"));
        assert_eq!(
            event.text(names::spelled(wanted, "src_ip")),
            Some("203.0.113.9")
        );
    }
    let mut window = vec![sign_in("ssh_login", json!("failure")); 3];
    window.push(sign_in("ssh_login", json!("success")));
    let rule = |window: &[Value]| {
        let events = window.iter().enumerate().map(|(n, value)| Event {
            log_id: format!("L1-{n}"),
            ..judged(value).0
        });
        verify::truth(&events.collect::<Vec<_>>())
            .expect("sound")
            .rule
    };
    assert_eq!(rule(&window), "guessed_external_login");
    window[3]["user.roles"] = json!(["staff", "admin"]);
    assert_eq!(rule(&window), "guessed_admin_login");
    assert_eq!(rule(&window[..3]), "repeated_login_failures");
}

#[test]
fn a_detection_in_a_windows_event_keeps_what_it_says_of_itself() {
    let signal = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "ecs": {"version": "8.11"}, "event": {"kind": "signal", "category": ["process"]},
        "winlog": {"event_id": "1", "provider_name": "Microsoft-Windows-Sysmon", "event_data": {"User": "CORP\\kim"}},
        "process": {"executable": "C:\\Windows\\System32\\mshta.exe", "parent": {"executable": "C:\\Office\\OUTLOOK.EXE"}},
        "kibana.alert.uuid": "u-1", "kibana.alert.severity": "high"
    });
    let found = imported(&signal);
    assert_eq!((found.format, found.is_alert), (Format::Elastic, true));
    assert_eq!(
        (found.alert.alert_id.as_str(), found.alert.severity.as_str()),
        ("u-1", "high")
    );
    let (event, rule) = judged(&signal);
    assert_eq!(
        (event.source.as_str(), event.text("User")),
        ("sysmon", Some("kim"))
    );
    assert_eq!(rule, "lolbin_office_parent");
    let mut logon = signal;
    logon["event"] = json!({"kind": "event", "category": ["authentication"], "outcome": "success"});
    logon["winlog"] =
        json!({"event_id": 4625, "provider_name": "Microsoft-Windows-Security-Auditing"});
    let (event, _) = judged(&logon);
    assert_eq!(event.event_type, "auth.login_failure", "the id says more");
}

/// An event of this category and type with these fields, and the rule that judges it.
fn of(category: &str, kind: &str, fields: Value) -> (Event, String) {
    let mut record = fields;
    record["@timestamp"] = json!("2026-01-02T03:04:05Z");
    record["event.category"] = json!([category]);
    record["event.type"] = json!([kind]);
    judged(&record)
}

#[test]
fn other_categories_of_ecs() {
    let run = "HKEY_USERS\\S-1-5-21\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\x";
    let by = |image: &str| json!({"registry.path": run, "process.executable": image});
    let (event, rule) = of(
        "registry",
        "change",
        by("C:\\Windows\\System32\\wscript.exe"),
    );
    assert_eq!(
        (event.text("TargetObject"), rule.as_str()),
        (Some(run), "run_key_script")
    );
    assert_eq!(event.text("TargetObject_full"), None);
    let (_, rule) = of(
        "registry",
        "change",
        by("C:\\Windows\\System32\\msiexec.exe"),
    );
    assert_eq!(rule, "run_key_installer");
    let (_, rule) = of("registry", "change", by("C:\\Users\\Public\\msiexec.exe"));
    assert_eq!(rule, "run_key_other");
    let (event, _) = of("file", "creation", json!({"file.path": "/tmp/A.sh"}));
    assert_eq!(
        (event.event_type.as_str(), event.text("TargetFilename")),
        ("file.create", Some("a.sh"))
    );
    let name = json!({"dns.question.name": "a.example", "dns.question.type": "TXT"});
    let (event, _) = of("network", "protocol", name);
    assert_eq!(
        (event.event_type.as_str(), event.text("qtype_name")),
        ("dns.query", Some("TXT"))
    );
    let ends =
        json!({"source.ip": "10.0.0.1", "destination.ip": "10.0.0.2", "network.protocol": "SMB"});
    let (event, _) = of("network", "connection", ends);
    assert_eq!(
        (event.event_type.as_str(), event.text("service")),
        ("net.connection", Some("smb"))
    );
}

#[test]
fn a_file_that_a_program_renames_is_what_our_rules_count() {
    let renamed = json!({
        "event.action": "rename", "host.name": "WS-1", "file.path": "C:\\a\\plan.xlsx.LOCKED", "file.extension": "LOCKED",
        "process.executable": "C:\\Users\\Public\\x.exe", "process.pid": 4711
    });
    let (event, _) = of("file", "change", renamed);
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("extension"),
            event.text("Image"),
            event.number("ProcessId"),
            event.text("Computer")
        ),
        (
            "file.rewrite",
            Some("locked"),
            Some("C:\\Users\\Public\\x.exe"),
            Some(4711),
            Some("ws-1")
        )
    );
    let (event, _) = of("file", "change", json!({"event.action": "modification"}));
    assert_ne!(event.event_type, "file.rewrite");
}

#[test]
fn a_hit_of_a_search_is_its_source_and_a_detection_is_called_by_its_rule() {
    let hit = json!({"_index": ".alerts-security", "_id": "h-1", "_source": {
        "@timestamp": "2026-01-02T03:04:05Z", "event.kind": "signal", "event.category": ["process"],
        "kibana.alert.rule.name": "Encoded PowerShell", "message": "Process Create", "host.name": "ws-12",
        "process.name": "powershell.exe"
    }});
    let found = imported(&hit);
    assert_eq!(
        (found.format, &*found.alert.alert_id, &*found.alert.summary),
        (Format::Elastic, "h-1", "Encoded PowerShell")
    );
}
