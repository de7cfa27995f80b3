//! Windows and Sysmon events with whole paths and domains, as rules know them.

use super::*;

fn sysmon(id: u64, data: &Value) -> Value {
    json!({"Event": {
        "System": {"EventID": id, "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "Computer": "PC-07.corp.example", "EventRecordID": 9, "TimeCreated": {"#attributes": {"SystemTime": "2026-01-02T03:04:05.1Z"}}},
        "EventData": data}})
}

fn security(id: u64, data: &Value) -> Value {
    let mut record = sysmon(id, data);
    let name = json!("Microsoft-Windows-Security-Auditing");
    record["Event"]["System"]["Provider"]["#attributes"]["Name"] = name;
    record
}

#[test]
fn paths_and_domains_do_not_keep_rules_from_firing() {
    let data = json!({
        "Image": "C:\\Windows\\System32\\rundll32.exe", "CommandLine": "rundll32.exe a,b", "User": "CORP\\Kim",
        "ParentImage": "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE"
    });
    let (event, rule) = judged(&sysmon(1, &data));
    assert_eq!(rule, "lolbin_office_parent");
    assert_eq!(event.text("image_full"), data["Image"].as_str());
    assert_eq!(
        event.text("parent_image_full"),
        data["ParentImage"].as_str()
    );
    assert_eq!(event.text("host_full"), Some("PC-07.corp.example"));
    assert_eq!(
        (event.text("user"), event.text("user_full")),
        (Some("kim"), Some("CORP\\Kim"))
    );
    let found = imported(&sysmon(1, &data));
    assert_eq!(
        (found.alert.host.as_str(), found.alert.user.as_str()),
        ("pc-07", "kim")
    );

    let created = json!({
        "NewProcessName": "C:\\Windows\\System32\\mshta.exe", "ParentProcessName": "D:\\Office\\OUTLOOK.EXE",
        "SubjectUserName": "Kim", "SubjectDomainName": "CORP", "TargetUserName": "-", "TargetDomainName": "-"
    });
    let (event, rule) = judged(&security(4688, &created));
    assert_eq!(
        (event.text("user"), rule.as_str()),
        (Some("kim"), "lolbin_office_parent")
    );
}

#[test]
fn each_id_is_of_the_type_that_is_named_after_it() {
    let lsass = json!({"SourceImage": "C:\\x\\Dump.exe", "TargetImage": "C:\\Windows\\System32\\lsass.exe"});
    let (event, _) = judged(&sysmon(10, &lsass));
    assert_eq!(event.event_type, "process.access");
    assert_eq!(
        (
            event.text("target_image"),
            event.text("image"),
            event.text("host")
        ),
        (Some("lsass.exe"), Some("dump.exe"), Some("pc-07"))
    );
    let service = |path: &str| {
        let data = json!({"ServiceName": "x", "ImagePath": path, "AccountName": "LocalSystem"});
        judged(&security(7045, &data)).1
    };
    assert_eq!(service("C:\\Users\\Public\\x.exe"), "service_public_dir");
    assert_eq!(
        service("\\\\127.0.0.1\\ADMIN$\\x.exe"),
        "service_admin_share"
    );
    assert_eq!(service("C:\\Windows\\System32\\x.exe"), "no_finding");
    assert_eq!(
        service("System"),
        "no_finding",
        "a name of a file clears nothing"
    );
    let member = json!({"TargetUserName": "Domain Admins", "SubjectUserName": "Kim", "MemberName": "CN=Lee"});
    let (event, _) = judged(&security(4728, &member));
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("group_name"),
            event.text("user")
        ),
        ("auth.role_grant", Some("domain_admins"), Some("kim"))
    );
    let kerberos =
        json!({"TargetUserName": "kim", "IpAddress": "::ffff:10.0.0.5", "Status": "0x18"});
    let (event, _) = judged(&security(4771, &kerberos));
    assert_eq!(event.text("failure_code"), Some("0x18"));
    let script = json!({"ScriptBlockText": "iex x"});
    assert_eq!(
        judged(&security(4104, &script)).0.event_type,
        "script.block"
    );
    // Of Sysmon, or of Security, and not of the other.
    assert_eq!(judged(&security(1, &json!({}))).0.event_type, "windows.1");
    assert_eq!(
        judged(&sysmon(4624, &json!({}))).0.event_type,
        "windows.4624"
    );
}

#[test]
fn a_cleared_log_is_the_security_log_and_its_user_stands_elsewhere() {
    let mut record = security(1102, &json!({}));
    let event = record["Event"].as_object_mut().expect("an object");
    event.remove("EventData");
    let cleared =
        json!({"LogFileCleared": {"SubjectUserName": "Kim", "SubjectDomainName": "CORP"}});
    event.insert("UserData".to_owned(), cleared);
    let (event, rule) = judged(&record);
    assert_eq!(
        (event.text("channel"), event.text("user")),
        (Some("Security"), Some("kim"))
    );
    assert_eq!(rule, "log_cleared_locally");
}

#[test]
fn sign_ins_of_one_account_count_however_it_is_spelled() {
    let logon = |id: u64, name: &str| {
        let data = json!({
            "TargetUserName": name, "TargetDomainName": "CORP", "IpAddress": "203.0.113.9", "LogonType": "3",
            "SubjectUserName": "-"
        });
        judged(&security(id, &data)).0
    };
    let names = [
        (4625, "kim"),
        (4625, "KIM"),
        (4625, "Kim@corp.example"),
        (4624, "Kim"),
    ];
    let events = names.map(|(id, name)| logon(id, name));
    assert!(events.iter().all(|event| event.source == "identity"));
    let events = events.into_iter().enumerate().map(|(n, event)| Event {
        log_id: format!("L1-{n}"),
        ..event
    });
    let truth = verify::truth(&events.collect::<Vec<_>>()).expect("sound");
    assert_eq!(truth.rule, "guessed_external_login");
}

#[test]
fn what_winlogbeat_took_out_of_the_data_is_found_where_it_put_it() {
    let record = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "host": {"name": "pc-07"}, "user": {"name": "kim", "domain": "CORP"},
        "winlog": {"event_id": 1, "provider_name": "Microsoft-Windows-Sysmon", "event_data": {"LogonId": "0x3e7"}},
        "process": {"executable": "C:\\Windows\\System32\\certutil.exe", "parent": {"executable": "C:\\tomcat\\bin\\tomcat9.exe"}}
    });
    let (event, rule) = judged(&record);
    assert_eq!(
        (event.text("user"), rule.as_str()),
        (Some("kim"), "lolbin_server_parent")
    );
    assert_eq!(imported(&record).format, Format::Windows);
}

#[test]
fn a_time_may_stand_right_under_its_element() {
    let bare = json!({"Event": {
        "System": {"EventID": 4625, "Computer": "WS-3.corp.example", "EventRecordID": 9,
            "TimeCreated": {"SystemTime": "2026-01-02T03:04:05.1Z"}},
        "EventData": {"TargetUserName": "ann", "IpAddress": "10.0.0.9"}
    }});
    assert_eq!(imported(&bare).alert.timestamp, "2026-01-02T03:04:05Z");
}
