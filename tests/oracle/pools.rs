//! What random windows are made of. The values are few, so that they meet, and lie on both sides of every limit.

use serde_json::{Value, json};

/// An event type with its fields, of which one value each is drawn.
pub struct Kind {
    pub name: &'static str,
    pub source: &'static str,
    pub fields: Vec<(&'static str, Vec<Value>)>,
}

/// A line is an event type, its source and its fields, each with the values to draw from. A value that stands there
/// twice is drawn twice as often, nothing is an empty word, and `@` is any of the addresses. A name that is an address
/// is one value in both of its spellings.
const COUNTED: &str = "
file.rename sysmon process_id=1001|1001|1001|1002|-1|1001.0| extension=locked|locked|crypt|bak share=local_volume|shared_drive|scratch_disk|backup_vault|
net.connection zeek src_ip=10.0.0.1|10.0.0.1|10.0.0.1|::ffff:10.0.0.1|::ffff:10.0.0.1|8.8.4.4| dst_ip=10.1.0.1|::ffff:10.1.0.1|10.1.0.2|10.1.0.3|here| service=smb|smb|smb|smb|smb|rdp|ssh|dns dst_role=web_server|domain_ctl|print_host|honey_trap
auth.kerberos_failure identity src_ip=2600::a|2600::a|2600:0::A|2600:0::A|10.0.0.1|there| user=a|b|c|::1|0::1| failure_code=0x18|0x18|0x18|0x18|0x12 account_class=vpn_user|lan_user|old_user|lab_user
auth.login_failure identity user=a|a|b|::1| src_ip=@
auth.login_success identity user=a|a|b|0::1| src_ip=@ account_role=admin|staff|staff|
";

/// Pairs of lines: a lead and the event that it is tied to by an equal value.
const CHAINED: &str = "
mail.click mail user=a|a|b|::1| url_verdict=phish_kit|evil_host|spear_url|drill_url|safe|
script.block powershell script_class=encoded|obfuscated|signed user=a|a|b|0::1|
auth.mfa_deny mfa challenge=plain|repeat user=a|a|a|b|
auth.mfa_approve mfa factor=push|voice|totp origin=tor_exit|overseas|home_net|office| user=a|a|a|b|
badge.entry badge door=lobby|dock user=a|b|c|
vpn.login vpn status=connected|resumed|refused geo=hosted|abroad|nearby|moon| user=a|b|c|
share.access windows host=h|h|k| client_role=user_desk|vpn_guest|dc_mirror|patch_hub|unknown
service.start windows service_file=psexesvc|winexesvc|spooler host=h|h|k|
file.download sysmon file=x.exe|x.exe|y.exe|7| zone=mail_box|bare_url|peer_box|freeware|intranet|
task.create windows trigger=at_logon|at_boot|weekly command=x.exe|x.exe|y.exe|7|\"7\"|
shadow.delete sysmon host=h|h|k| initiator=user_shell|remote_cli|backup_job|unknown
file.mass_write fim write_count=499|500|500|501|9000|-1|500.0 host=h|h|k|
rdp.logon windows user=a|a|b| client_net=guest_lan|public_ip|vendor_ip|admin_lan|unknown
log.clear windows channel=Security|Sysmon|Setup user=a|a|b|
cloud.console_login cloudtrail user=a|a|b| client_class=kali_host|pacu_tool|terraform|browser
cloud.stop_trail cloudtrail trail_scope=all_regions|org_wide|sandbox user=a|a|b|
cloud.consent entra user=a|a|b| publisher=unsigned|imposter|verified|unknown
mail.forward_rule mail forward_to=webmail|external|internal user=a|a|b|
dns.answer zeek answer=8.8.8.8|::ffff:8.8.8.8|2600::a|2600:0::A|10.0.0.1|mail.example| domain_age=born_today|dga_styled|decade_old|week_old
net.session zeek duration_min=59|60|60|61|600|-1|60.0 dst_ip=8.8.8.8|::FFFF:808:808|2600::A|9.9.9.9|10.0.0.1|mail.example|
dhcp.lease dhcp ip=10.0.0.1|::ffff:10.0.0.1|fe80::b|10.0.0.2|phone| device_class=staff_pc|byod_tab|rogue_ap|scan_box|printer
ids.scan suricata signature=port_scan|host_sweep|arp_probe src_ip=10.0.0.1|::FFFF:a00:1|FE80:0::B|10.0.0.2|8.8.8.8|phone|
device.mount windows host=h|h|k| media_class=banned_usb|hidden_usb|vendor_usb|camera
file.copy dlp label=secret|restricted|public host=h|h|k|
";

const OTHERS: &str = "
process.create sysmon image=mshta.exe|rundll32.exe|regsvr32.exe|certutil.exe|chrome.exe parent_image=winword.exe|outlook.exe|tomcat9.exe|apache2.exe|conhost.exe|ccmexec.exe|explorer.exe command_line=/quiet user=a|b
process.access sysmon host=h signature_status=invalid|revoked|expired|trusted target_image=lsass.exe|lsass.exe|svchost.exe
registry.set sysmon image=cscript.exe|wscript.exe|xcmdsvc.exe|regedit.exe|msiexec.exe target_object=Run|RunOnce|Fonts user=a|b
service.install windows host=h account_name=LocalSystem|LocalSystem|LocalService image_path=Public|ADMIN$|Vendor|System
mail.attachment mail user=a|b delivery=extracted|forwarded|delivered|sandboxed extension=iso|js|hta|pdf
net.beacon zeek dst_ip=@ jitter_pct=0|8|9|9|10|-1|8.0 reputation=malicious|sinkholed|unlabeled|permitted
net.transfer zeek service=home_box|pastebin|partners|archives orig_bytes=99999999|100000000|100000000|100000001|-1|100000000.0 dst_ip=@
dns.query zeek query=x.com qtype_name=TXT|NULL|A domain_class=newly_created|machine_named|uncategorized|vendor_hosted
http.download proxy site_category=c2_panel|exploits|file_hub|software mime_type=application/x-dosexec|application/hta|text/html user=a|b
ids.alert suricata src_role=internet|endpoint|supplier|red_team signature_class=exploit|shellcode|info host=h
cloud.create_access_key cloudtrail target=root|admin|developer network=tor|isp|vpn|lan user=a|b
cloud.put_bucket_policy cloudtrail data_class=keys|card|plan|news principal=*|*|billing user=a|b
auth.role_grant identity user=a|b group_name=domain_admins|global_admin|helpdesk ticket=tampered|unlogged|awaiting|approved
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

pub struct Kinds {
    /// The types whose events rules count, in the order above.
    pub counted: Vec<Kind>,
    /// Each lead before its event.
    pub chained: Vec<Kind>,
    pub others: Vec<Kind>,
}

impl Kinds {
    pub fn all(&self) -> Vec<&Kind> {
        let tied = self.chained.iter();
        self.counted
            .iter()
            .chain(tied)
            .chain(&self.others)
            .collect()
    }
}

pub fn kinds() -> Kinds {
    let read = |table: &'static str| table.trim().lines().filter_map(kind).collect();
    Kinds {
        counted: read(COUNTED),
        chained: read(CHAINED),
        others: read(OTHERS),
    }
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
