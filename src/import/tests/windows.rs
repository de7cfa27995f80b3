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
    assert_eq!(event.text("Image"), data["Image"].as_str());
    assert_eq!(event.text("ParentImage"), data["ParentImage"].as_str());
    assert_eq!(event.text("Computer_full"), Some("PC-07.corp.example"));
    assert_eq!(
        (event.text("User"), event.text("User_full")),
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
        (event.text("User"), rule.as_str()),
        (Some("kim"), "lolbin_office_parent")
    );
}

#[test]
fn each_id_is_of_the_type_that_is_named_after_it() {
    let lsass = json!({"SourceImage": "C:\\x\\Dump.exe", "TargetImage": "C:\\Windows\\System32\\lsass.exe"});
    let (event, rule) = judged(&sysmon(10, &lsass));
    assert_eq!(
        (event.event_type.as_str(), rule.as_str()),
        ("process.access", "lsass_other_signer")
    );
    for (field, wanted) in [
        ("TargetImage", "C:\\Windows\\System32\\lsass.exe"),
        ("SourceImage", "C:\\x\\Dump.exe"),
        ("Computer", "pc-07"),
    ] {
        assert_eq!(event.text(field), Some(wanted), "{field}");
    }
    let member = json!({"TargetUserName": "Domain Admins", "SubjectUserName": "Kim", "MemberName": "CN=Lee"});
    let (event, rule) = judged(&security(4728, &member));
    assert_eq!(rule, "grant_other_ticket", "no ticket stands in a record");
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("TargetUserName"),
            event.text("SubjectUserName")
        ),
        ("auth.role_grant", Some("domain_admins"), Some("kim"))
    );
    let kerberos =
        json!({"TargetUserName": "kim", "IpAddress": "::ffff:10.0.0.5", "Status": "0x18"});
    let (event, _) = judged(&security(4771, &kerberos));
    assert_eq!(event.text("Status"), Some("0x18"));
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
fn a_service_is_judged_by_where_its_program_lies_and_what_it_is_told() {
    let service = |path: &str| {
        let data = json!({"ServiceName": "x", "ImagePath": path, "AccountName": "LocalSystem"});
        judged(&security(7045, &data)).1
    };
    assert_eq!(service("C:\\Users\\Public\\x.exe"), "service_public_dir");
    assert_eq!(
        service("\\\\10.0.0.9\\ADMIN$\\x.exe"),
        "service_admin_share"
    );
    assert_eq!(service("%public%\\x.exe -k"), "service_public_dir");
    let system = "\"%SystemRoot%\\System32\\x.exe\"";
    assert_eq!(service(system), "service_system_dir");
    for other in [
        "C:\\Windows\\System32\\cmd.exe /c x",
        "C:\\Windows\\System32\\..\\Temp\\x.exe",
        "System",
        "x.exe",
    ] {
        assert_eq!(service(other), "service_other_dir", "{other}");
    }
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
        (event.text("Channel"), event.text("SubjectUserName")),
        (Some("Security"), Some("kim"))
    );
    assert_eq!(rule, "log_cleared_unexplained");
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
        (event.text("User"), rule.as_str()),
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

#[test]
fn ids_that_tell_of_more_are_of_our_types_where_they_tell_of_them() {
    let mut cleared = security(104, &json!({}));
    assert_eq!(judged(&cleared).0.event_type, "windows.104");
    let of = json!({"LogFileCleared": {"SubjectUserName": "Kim", "Channel": "System"}});
    let record = cleared["Event"].as_object_mut().expect("an object");
    record.remove("EventData");
    record.insert("UserData".to_owned(), of);
    let (event, rule) = judged(&cleared);
    assert_eq!(
        (event.text("Channel"), rule.as_str()),
        (Some("System"), "log_cleared_unexplained")
    );

    let service = |state: &str| json!({"param1": "PSEXESVC", "param2": state});
    let (event, rule) = judged(&security(7036, &service("running")));
    assert_eq!(
        (event.event_type.as_str(), rule.as_str()),
        ("service.start", "remote_service_unexplained")
    );
    let (event, _) = judged(&security(7036, &service("stopped")));
    assert_eq!(event.event_type, "windows.7036");
}

#[test]
fn a_task_is_started_and_runs_what_its_definition_says() {
    let task = |triggers: &str| {
        let xml = format!(
            "<Task><Triggers>{triggers}</Triggers><Actions><Exec><Command>C:\\Temp\\Up.exe</Command></Exec></Actions></Task>"
        );
        judged(&security(
            4698,
            &json!({"TaskName": "\\x", "TaskContent": xml}),
        ))
    };
    let (event, rule) = task("<CalendarTrigger/><LogonTrigger/>");
    let fields = ["Trigger", "Command", "Command_full", "Computer"];
    assert_eq!(
        fields.map(|name| event.text(name)),
        ["LogonTrigger", "up.exe", "C:\\Temp\\Up.exe", "pc-07"].map(Some)
    );
    assert_eq!(rule, "task_of_unknown_file");
    let (event, rule) = task("<TimeTrigger/>");
    assert_eq!(
        (event.text("Trigger"), rule.as_str()),
        (Some("TimeTrigger"), "no_finding")
    );
}

#[test]
fn three_files_that_one_program_locks_are_what_our_rules_judge() {
    let rule = |image: &str| {
        let file = |n: usize| {
            let name = format!("C:\\a\\{n}.xlsx.locked");
            let data = json!({"TargetFilename": name, "Image": image, "ProcessId": "4711", "User": "CORP\\kim"});
            let event = judged(&sysmon(11, &data)).0;
            assert_eq!(event.event_type, "file.rewrite");
            Event {
                log_id: format!("L1-{n}"),
                ..event
            }
        };
        let events: Vec<_> = (0..3).map(file).collect();
        verify::truth(&events).expect("sound").rule
    };
    for (image, wanted) in [
        ("C:\\Users\\Public\\x.exe", "locked_files_public_dir"),
        ("C:\\Program Files\\Zip\\zip.exe", "locked_files_installed"),
        (
            "C:\\Program Files/..\\Temp\\x.exe",
            "locked_files_other_dir",
        ),
        ("C:\\Temp\\zip.exe", "locked_files_other_dir"),
    ] {
        assert_eq!(rule(image), wanted, "{image}");
    }
    let plain = json!({"TargetFilename": "C:\\a.txt", "ProcessId": 7});
    let (event, _) = judged(&sysmon(11, &plain));
    assert_eq!(event.event_type, "file.create");
}

#[test]
fn shadow_copies_that_shrink_or_go_are_seen_and_nobody_says_who_asked() {
    let data = json!({
        "Image": "C:\\Windows\\System32\\vssadmin.exe", "CommandLine": "vssadmin delete shadows /all",
        "ParentImage": "C:\\x\\backup_job", "User": "backup_job"
    });
    let (event, _) = judged(&sysmon(1, &data));
    assert_eq!(
        (
            event.event_type.as_str(),
            event.text("Computer"),
            event.text("initiator")
        ),
        ("shadow.resize", Some("pc-07"), None)
    );
}

#[test]
fn whoever_ran_a_script_stands_beside_the_data() {
    let mut record = security(4104, &json!({"ScriptBlockText": "iex x"}));
    record["Event"]["System"]["Security"] = json!({"#attributes": {"UserID": "S-1-5-21-7"}});
    let (event, _) = judged(&record);
    assert_eq!(event.text("UserId"), Some("S-1-5-21-7"));
    assert_eq!(imported(&record).alert.user, "S-1-5-21-7");
}
