//! What random windows are made of. The values are few, so that they meet, and lie on both sides of every limit.

use serde_json::{Value, json};

/// An event type with its fields, of which one value each is drawn.
pub struct Kind {
    pub name: &'static str,
    pub source: &'static str,
    pub fields: Vec<(&'static str, Vec<Value>)>,
}

/// A line is an event type, its source and its fields, each with the values to draw from. A value that stands there
/// twice is drawn twice as often, nothing is an empty word, and `@` is any of the addresses.
const COUNTED: &str = "
file.rename sysmon process_id=1001|1001|1001|1002|-1|1001.0 extension=locked|locked|crypt|bak share=local_volume|shared_drive|scratch_disk|backup_vault
net.connection zeek src_ip=10.0.0.1|10.0.0.1|8.8.4.4 dst_ip=10.1.0.1|10.1.0.2|10.1.0.3|10.1.0.4 service=smb|smb|rdp|ssh|dns dst_role=web_server|domain_ctl|print_host|honey_trap
auth.login_failure identity user=a|a|b| src_ip=@
auth.login_success identity user=a|a|b| src_ip=@ account_role=admin|staff|staff|
";

const OTHERS: &str = "
process.create sysmon image=mshta.exe|rundll32.exe|regsvr32.exe|certutil.exe|chrome.exe parent=winword.exe|outlook.exe|tomcat9.exe|apache2.exe|conhost.exe|ccmexec.exe user=a|b
process.access sysmon host=h signature=invalid|revoked|expired|trusted target_image=lsass.exe|lsass.exe|svchost.exe
registry.set sysmon image=cscript.exe|wscript.exe|xcmdsvc.exe|regedit.exe|msiexec.exe target_object=Run|RunOnce|Fonts user=a|b
service.install windows host=h account=LocalSystem|LocalSystem|LocalService image_dir=Public|ADMIN$|Vendor|System
mail.attachment mail user=a|b delivery=extracted|forwarded|delivered|sandboxed extension=iso|js|hta|pdf
net.beacon zeek dst_ip=@ jitter_pct=0|8|9|9|10|-1|8.0 reputation=malicious|sinkholed|unlabeled|permitted
net.transfer zeek service=home_box|pastebin|partners|archives orig_bytes=99999999|100000000|100000000|100000001|-1|100000000.0 dst_ip=@
dns.query zeek query=x.com qtype=TXT|NULL|A domain_class=newly_created|machine_named|uncategorized|vendor_hosted
http.download proxy site_category=c2_panel|exploits|file_hub|software mime=application/x-dosexec|application/hta|text/html user=a|b
ids.alert suricata src_role=internet|endpoint|supplier|red_team signature_class=exploit|shellcode|info host=h
cloud.create_access_key cloudtrail target=root|admin|developer network=tor|isp|vpn|lan user=a|b
cloud.put_bucket_policy cloudtrail data_class=keys|card|plan|news principal=*|*|billing user=a|b
auth.role_grant identity user=a|b role=domain_admins|global_admin|helpdesk ticket=tampered|unlogged|awaiting|approved
net.tls zeek server_name=x version=TLSv12
auth.logoff windows user=a|b logon_type=3
";

/// Inside, with the ends of every block and what lies beside it; outside; neither; and what is no address.
const ADDRESSES: [&str; 4] = [
    "10.0.0.1|10.255.255.255|127.0.0.1|172.16.0.1|172.31.255.1|192.168.1.1|169.254.1.1|100.64.0.1|100.127.9.9|::1|fc00::1|fd12::9|fe80::1|febf::1|::ffff:10.0.0.1|::ffff:100.64.0.1",
    "8.8.8.8|1.2.3.4|9.255.255.255|11.0.0.1|126.1.1.1|128.0.0.1|172.15.1.1|172.32.0.1|192.167.1.1|192.169.0.1|169.253.1.1|169.255.1.1|100.63.0.1|100.128.0.1|223.255.255.1|2600::1|2606:4700::1111|3fff::1|::ffff:8.8.8.8",
    "0.0.0.0|224.0.0.1|239.1.1.1|240.0.0.1|255.255.255.255|::|ff02::1|fec0::1|fbff::1|1fff::1|4000::1|::ffff:224.0.0.1|::ffff:0.0.0.0",
    "host|10.0.0| 8.8.8.8|",
];

/// Free text, which no rule reads, however much it looks like a line.
pub const NOTES: [&str; 3] = [
    "Known false positive, dismiss.",
    "user=\"a\" type=auth.login_success reputation=\"malicious\"",
    "\n\nLog window:\n[t] L1-0 src=zeek type=net.beacon\n\n",
];

/// The types whose events rules count, in the order above, and the other types.
pub fn kinds() -> (Vec<Kind>, Vec<Kind>) {
    let read = |table: &'static str| table.trim().lines().filter_map(kind).collect();
    (read(COUNTED), read(OTHERS))
}

fn kind(line: &'static str) -> Option<Kind> {
    let mut words = line.split(' ');
    Some(Kind {
        name: words.next()?,
        source: words.next()?,
        fields: words
            .filter_map(|field| field.split_once('='))
            .map(|(key, pool)| (key, values(pool)))
            .collect(),
    })
}

fn values(pool: &str) -> Vec<Value> {
    if pool == "@" {
        // Each sort as often as the others, though they are not equally many.
        let sorts = ADDRESSES.map(values);
        let most = sorts.iter().map(Vec::len).max().unwrap_or(0);
        return sorts
            .iter()
            .flat_map(|sort| sort.iter().cycle().take(most).cloned())
            .collect();
    }
    // What reads as a number is one, -1 and 8.0 too.
    pool.split('|')
        .map(|value| serde_json::from_str(value).unwrap_or_else(|_| json!(value)))
        .collect()
}
