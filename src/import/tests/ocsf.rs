//! Classes of OCSF and their activities as our event types, and what is none.

use super::*;

fn of_class(uid: u64, activity: u64, more: Value) -> Value {
    let mut record = more;
    record["class_uid"] = json!(uid);
    record["activity_id"] = json!(activity);
    record["time"] = json!(1_767_323_045_000_u64);
    record["metadata"] = json!({"product": {"name": "EDR"}, "uid": "m-1"});
    record["device"] = json!({"hostname": "WS-2.corp.example"});
    record
}

#[test]
fn processes_by_their_activity() {
    let launch = json!({
        "process": {"file": {"path": "C:\\Windows\\System32\\regsvr32.exe"}, "cmd_line": "regsvr32 x", "user": {"name": "CORP\\kim"}},
        "actor": {"process": {"file": {"path": "C:\\Tools\\Shell.EXE"}, "name": "outlook.exe"}, "user": {"name": "SYSTEM"}}
    });
    let (event, rule) = judged(&of_class(1007, 1, launch.clone()));
    assert_eq!(
        (event.event_type.as_str(), rule.as_str()),
        ("process.create", "lolbin_other_parent")
    );
    assert_eq!(
        event.text("ParentImage"),
        Some("C:\\Tools\\Shell.EXE"),
        "the path before the name"
    );
    assert_eq!(
        (event.text("User"), event.text("Computer")),
        (Some("kim"), Some("ws-2"))
    );
    let mut office = launch.clone();
    office["actor"]["process"] = json!({"name": "OUTLOOK.EXE"});
    assert_eq!(judged(&of_class(1007, 1, office)).1, "lolbin_office_parent");
    let (event, _) = judged(&of_class(1007, 2, launch.clone()));
    assert_eq!(event.event_type, "process.terminate");
    let (event, _) = judged(&of_class(1007, 3, launch.clone()));
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("TargetImage"),
            event.text("SourceImage")
        ),
        (
            "process.access",
            Some("C:\\Windows\\System32\\regsvr32.exe"),
            Some("C:\\Tools\\Shell.EXE")
        )
    );
    let inject = refused(&of_class(1007, 4, launch));
    assert!(
        inject.contains("`activity_id`: `4` of Process Activity is none of 1 (launch), 2 "),
        "{inject}"
    );
}

#[test]
fn sign_ins_by_their_status() {
    let logon = |activity: u64, status: Value, kind: u64| {
        let user = json!({"name": "kim", "type_id": kind});
        let more = json!({"user": user, "src_endpoint": {"ip": "203.0.113.9"}, "status_id": status, "status_code": "0x18"});
        of_class(3002, activity, more)
    };
    let kind = |value: &Value| judged(value).0.event_type;
    assert_eq!(kind(&logon(1, json!(1), 1)), "auth.login_success");
    assert_eq!(kind(&logon(1, json!(2), 1)), "auth.login_failure");
    assert_eq!(kind(&logon(2, json!(1), 1)), "auth.logoff");
    let (ticket, _) = judged(&logon(3, json!(2), 1));
    assert_eq!(
        (ticket.event_type.as_str(), ticket.text("Status")),
        ("auth.kerberos_failure", Some("0x18"))
    );
    assert_eq!(
        judged(&logon(1, json!(1), 2)).0.text("account_role"),
        Some("admin")
    );
    assert_eq!(judged(&logon(1, json!(1), 1)).0.text("account_role"), None);
    assert!(refused(&logon(1, json!(0), 1)).contains("`status_id`"));
    assert!(refused(&logon(3, json!(1), 1)).contains("`status_id`"));
}

#[test]
fn the_wire_and_files() {
    let ends = json!({
        "src_endpoint": {"ip": "203.0.113.9"}, "dst_endpoint": {"ip": "10.0.0.7", "port": 445, "svc_name": "smb"},
        "traffic": {"bytes_out": 9}
    });
    let (event, _) = judged(&of_class(4001, 6, ends.clone()));
    assert_eq!(
        (event.event_type.as_str(), event.text("service")),
        ("net.connection", Some("smb"))
    );
    assert_eq!(
        (event.number("orig_bytes"), event.number("id.resp_p")),
        (Some(9), Some(445))
    );
    assert!(refused(&of_class(4001, 7, ends.clone())).contains("`activity_id`"));
    let query = json!({"query": {"hostname": "a.example", "type": "TXT"}, "answers": [{"rdata": "198.51.100.3"}]});
    let (event, _) = judged(&of_class(4003, 2, query));
    assert_eq!(
        (event.text("qtype_name"), event.text("answers")),
        (Some("TXT"), Some("198.51.100.3"))
    );
    let request = json!({
        "http_request": {"http_method": "GET", "url": {"hostname": "h.example"}, "user_agent": "urlcategory=software"},
        "http_response": {"code": 200, "content_type": "text/html"}
    });
    let (event, _) = judged(&of_class(4002, 3, request));
    assert_eq!(
        (event.event_type.as_str(), event.text("host")),
        ("http.request", Some("h.example"))
    );
    assert_eq!(
        (event.text("urlcategory"), event.text("contenttype")),
        (None, None)
    );
    let locked = json!({
        "file": {"path": "C:\\a\\plan.xlsx"}, "file_result": {"name": "plan.xlsx.LOCKED"}, "actor": {"process": {"pid": 4711}}
    });
    let (event, _) = judged(&of_class(1001, 5, locked.clone()));
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("extension"),
            event.number("ProcessId")
        ),
        ("file.rewrite", Some("locked"), Some(4711))
    );
    let (event, _) = judged(&of_class(1001, 1, locked));
    assert_eq!(
        (event.event_type.as_str(), event.text("TargetFilename")),
        ("file.create", Some("plan.xlsx"))
    );
}

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    for uid in [json!(6003), json!("x"), json!(-1), json!({})] {
        let mut record = of_class(1, 1, json!({}));
        record["class_uid"] = uid;
        let told = refused(&record);
        for wanted in [
            "`class_uid`",
            "1001 (File System Activity)",
            "3002 (Auth",
            "4003 (DNS",
            "2004 (Det",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
    }
    let mut late = of_class(1007, 1, json!({}));
    late["time"] = json!("noon");
    assert!(refused(&late).contains("`time`: is no time"));
}

#[test]
fn evidences_of_a_finding_are_of_our_types_where_they_say_enough() {
    let process = json!({"file": {"path": "C:\\Windows\\System32\\mshta.exe"}, "parent_process": {"name": "winword.exe"}});
    let finding = json!({
        "finding_info": {"uid": "f-1"}, "evidences": [
            {"process": process}, {"query": {"hostname": "a.example"}},
            {"src_endpoint": {"ip": "10.0.0.1"}, "dst_endpoint": {"ip": "10.0.0.2"}}, {"process": {"name": "a.exe"}}
        ]
    });
    let found = imported(&of_class(2004, 1, finding));
    let kinds: Vec<_> = found
        .log_window
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "process.create",
            "dns.query",
            "net.connection",
            "finding.evidence"
        ]
    );
    let truth = verify::truth(&found.log_window).expect("sound");
    assert_eq!(
        (truth.rule.as_str(), truth.triggering_log_id.as_str()),
        ("lolbin_office_parent", "L1-0")
    );
}
