//! Suricata's lines: each kind in the spellings of its versions, and those that are none.

use super::*;

fn line(kind: &str, of_kind: Value) -> Value {
    let mut line = json!({
        "timestamp": "2026-01-02T10:01:00.000000+0000", "flow_id": 78, "event_type": kind, "src_ip": "203.0.113.9",
        "src_port": 50211, "dest_ip": "10.0.0.7", "dest_port": 445, "proto": "TCP"
    });
    line[kind] = of_kind;
    line
}

#[test]
fn a_bad_line_is_refused_by_its_field() {
    let kinds = ["alert", "dns", "http", "tls", "flow"];
    for kind in kinds {
        let fault = |change: &dyn Fn(&mut Value)| {
            let mut bad = line(kind, json!({}));
            assert!(record(&bad.to_string()).is_ok(), "{kind}");
            change(&mut bad);
            let error = record(&bad.to_string()).expect_err("refused");
            error.field().unwrap_or_default().to_owned()
        };
        for time in [
            json!(1_767_348_060),
            json!(1.5),
            json!("noon"),
            json!({}),
            json!(true),
        ] {
            assert_eq!(fault(&|bad| bad["timestamp"] = time.clone()), "timestamp");
        }
        for missing in [Value::Null, json!("x"), json!([])] {
            assert_eq!(fault(&|bad| bad[kind] = missing.clone()), kind);
        }
    }
    let mut other = line("fileinfo", json!({}));
    assert!(refused(&other).contains("`fileinfo` is none of alert, flow, dns, http, tls"));
    other["event_type"] = json!(7);
    assert!(refused(&other).contains("`7` is none of"));
}

#[test]
fn an_exploit_from_outside_is_what_our_rules_judge() {
    let exploit = json!({"signature": "ET EXPLOIT SMB", "category": "Attempted Administrator Privilege Gain", "severity": 1});
    let (event, rule) = judged(&line("alert", exploit.clone()));
    assert_eq!(rule, "exploit_from_internet");
    assert_eq!(event.text("alert.category"), exploit["category"].as_str());
    assert_eq!(event.text("alert.category_full"), None);
    assert_eq!(
        (event.text("src_ip"), event.text("dest_ip")),
        (Some("203.0.113.9"), Some("10.0.0.7"))
    );
    assert_eq!(event.text("alert.signature"), Some("ET EXPLOIT SMB"));
    let mut inside = line("alert", exploit);
    inside["src_ip"] = json!("10.0.0.9");
    inside["src_role"] = json!("red_team");
    let (event, rule) = judged(&inside);
    assert_eq!(
        (event.text("src_role"), rule.as_str()),
        (None, "exploit_from_elsewhere"),
        "nobody says whose it is"
    );
    let other = json!({"signature": "x", "category": "Misc activity", "severity": 3});
    let (event, rule) = judged(&line("alert", other));
    assert_eq!(
        (event.text("alert.category"), rule.as_str()),
        (Some("Misc activity"), "no_finding")
    );
}

#[test]
fn flows_have_the_ends_of_a_connection_and_three_of_them_are_a_sweep() {
    let flow = |to: &str, from: &str| {
        let mut flow = line("flow", json!({"bytes_toserver": 9, "state": "closed"}));
        flow["app_proto"] = json!("smb");
        flow["src_ip"] = json!(from);
        flow["dest_ip"] = json!(to);
        judged(&flow).0
    };
    let sweep = |from: &str| {
        let ends = ["10.0.0.7", "10.0.0.8", "10.0.0.9"].into_iter().enumerate();
        let events = ends.map(|(n, to)| Event {
            log_id: format!("L1-{n}"),
            ..flow(to, from)
        });
        let events: Vec<_> = events.collect();
        verify::truth(&events).expect("sound").rule
    };
    let event = flow("10.0.0.7", "203.0.113.9");
    let ends = ["id.orig_h", "id.resp_h", "service", "orig_role"];
    assert_eq!(
        ends.map(|name| event.text(name)),
        ["203.0.113.9", "10.0.0.7", "smb", "internet"].map(Some)
    );
    assert_eq!(event.number("id.resp_p"), Some(445));
    assert_eq!(sweep("203.0.113.9"), "sweep_from_internet");
    assert_eq!(sweep("10.0.0.5"), "sweep_from_elsewhere");
}

#[test]
fn protocols_in_the_spellings_of_versions() {
    for dns in [
        json!({"type": "query", "rrname": "a.example", "rrtype": "TXT"}),
        json!({"version": 3, "type": "request", "queries": [{"rrname": "a.example", "rrtype": "TXT"}]}),
        json!({"query": [{"rrname": "a.example", "rrtype": "TXT"}]}),
    ] {
        let (event, _) = judged(&line("dns", dns));
        assert_eq!(
            (event.text("query"), event.text("qtype_name")),
            (Some("a.example"), Some("TXT"))
        );
    }
    let http = json!({"hostname": "h.example", "url": "/a", "http_user_agent": "curl", "http_content_type": "text/html", "status": 200});
    let (event, _) = judged(&line("http", http));
    assert_eq!(
        (event.text("host"), event.number("status_code")),
        (Some("h.example"), Some(200))
    );
    assert_eq!(
        event.text("resp_mime_types"),
        None,
        "what a server says its files are"
    );
    let (event, _) = judged(&line(
        "tls",
        json!({"sni": "s.example", "version": "TLS 1.3"}),
    ));
    assert_eq!(event.text("server_name"), Some("s.example"));
}
