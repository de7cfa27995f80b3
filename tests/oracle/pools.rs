//! What random windows are made of. The values are few, so that they meet, and lie on both sides of every limit.

use serde_json::{Value, json};

/// An event type with its fields, of which one value each is drawn.
pub struct Kind {
    pub name: &'static str,
    pub source: &'static str,
    pub fields: Vec<(&'static str, Vec<Value>)>,
}

/// A line is an event type, its source and its fields, each with the values to draw from. A value that stands there
/// twice is drawn twice as often, nothing is an empty word, `~` is a blank, and `@` is any of the addresses. A name that
/// is an address is one value in both of its spellings; words and paths stand there in more than one case.
const COUNTED: &str = r#"
file.rewrite sysmon Computer=h|h|h|h|h|h|H|k| ProcessId=1001|1001|1001|1001|1001|1001|1002|-1|1001.0|"1001"| Image=C:\Users\Public\a.exe|c:\users\PUBLIC\b\c.exe|\\10.0.0.1\ADMIN$\a.exe|\\h\admin$\b.exe|C:\Program~Files\x\y.exe|C:\Program~Files\x\y.exe|C:\PROGRAM~FILES\z.exe|C:\ProgramData\q.exe|C:\Program~Files\..\x.exe|C:\Users\Public\ADMIN$\d.exe|C:\Program~Files|x.exe| extension=locked|locked|LOCKED|crypt|Crypt|bak
net.connection zeek id.orig_h=10.0.0.1|10.0.0.1|10.0.0.1|::ffff:10.0.0.1|::ffff:10.0.0.1|8.8.4.4| orig_role=internet|Internet|our_host|partner|scan_box|scan_box|SCAN_BOX| id.resp_h=10.1.0.1|::ffff:10.1.0.1|10.1.0.2|10.1.0.3|here|Here| service=smb|smb|smb|smb|smb|smb|SMB|rdp|ssh|dns
auth.kerberos_failure identity IpAddress=2600::a|2600::a|2600:0::A|2600:0::A|10.0.0.1|there|There| client_class=partner_ip|our_laptop|Our_Laptop|home_isp|pen_tester|pen_tester| TargetUserName=a|b|c|A|::1|0::1| Status=0x18|0x18|0x18|0X18|0x12
auth.login_failure identity TargetUserName=a|a|b|A|::1| IpAddress=@
auth.login_success identity TargetUserName=a|a|b|A|0::1| IpAddress=@ account_role=admin|Admin|staff|staff|
"#;

/// Pairs of lines: a lead and the event that it is tied to by an equal value.
const CHAINED: &str = r#"
mail.click mail recipient=a|a|b|A|::1|~| url_class=lookalike|bare_host|spear_url|drill_url|drill_url|Drill_Url|safe|~|
script.block powershell script_class=encoded|Obfuscated|signed UserId=a|a|b|A|0::1|~|
auth.mfa_deny mfa outcome.reason=user_denied actor.alternateId=a|a|a|b|B|
auth.mfa_approve mfa factor=push|Voice|totp client_class=tor_exit|overseas|our_desk|OUR_DESK|home_net| actor.alternateId=a|a|a|b|B|
badge.entry badge reader=lobby|dock cardholder=a|b|B|c|
vpn.login vpn status=success|success|SUCCESS|failure srcregion=hosted|abroad|onsite|Onsite|nearby| srcuser=a|b|B|c|
share.access windows client_role=user_desk|public_ip|dc_mirror|patch_hub|patch_hub|Patch_Hub|unknown| Computer=h|h|k|H|
service.start windows param1=PSEXESVC|psexesvc|winexesvc|spooler Computer=h|h|k|H|
file.download sysmon host_ip=10.0.0.1|8.8.8.8| TargetFilename=x.exe|x.exe|C:\y\x.exe|c:\Y\x.exe|7| origin=mail_box|bare_url|peer_box|our_repo|our_repo|OUR_REPO|intranet|
task.create windows Trigger=LogonTrigger|boottrigger|TimeTrigger Command=x.exe|x.exe|C:\y\x.exe|C:\Y\X.exe|7|"7"|
shadow.resize sysmon Computer=h|h|k|H| initiator=user_shell|remote_cli|backup_job|backup_job|Backup_Job|unknown|
file.mass_write fim write_count=500|1999|2000|2000|2001|9000|-1|2000.0|"2000"| agent.name=h|h|k|H|
rdp.logon windows TargetUserName=a|a|b|A| client_net=guest_lan|public_ip|vendor_ip|admin_lan|admin_lan|ADMIN_LAN|unknown|
log.clear windows Channel=Security|system|Setup SubjectUserName=a|a|b|A|
cloud.console_login cloudtrail userIdentity.userName=a|a|b|A| address_class=rented_vps|mobile_net|admin_host|admin_host|Admin_Host|home_isp|
cloud.stop_trail cloudtrail trail_scope=all_regions|ORG_WIDE|sandbox userIdentity.userName=a|a|b|A|
cloud.consent entra userPrincipalName=a|a|b|A| publisher=unsigned|namesake|in_house|in_house|IN_HOUSE|unknown|
mail.forward_rule mail ForwardTo=webmail|External|internal UserId=a|a|b|A|
dns.answer zeek answers=8.8.8.8|::ffff:8.8.8.8|2600::a|2600:0::A|10.0.0.1|mail.example| domain_class=born_today|dga_styled|contracted|contracted|Contracted|week_old||
net.session zeek duration=3599|3600|3600|3601|90000|-1|3600.0|"3600"| id.resp_h=8.8.8.8|::FFFF:808:808|2600::A|9.9.9.9|10.0.0.1|mail.example|
dhcp.lease dhcp IP=10.0.0.1|::ffff:10.0.0.1|fe80::b|10.0.0.2|phone|Phone| device_class=staff_pc|byod_tab|our_host|scan_box|scan_box|Scan_Box|printer|
ids.scan suricata alert.signature=port_scan|HOST_SWEEP|arp_probe src_ip=10.0.0.1|::FFFF:a00:1|FE80:0::B|10.0.0.2|8.8.8.8|phone|
device.mount windows Computer=h|h|k|H| media_class=own_stick|rival_usb|our_stick|our_stick|OUR_STICK|camera|
file.copy dlp SensitivityLabel=secret|Restricted|public DeviceName=h|h|k|H|
"#;

/// Paths with and without folders, those that only look like the ones asked for, and those that go up again.
const OTHERS: &str = r#"
process.create sysmon Image=C:\Windows\System32\mshta.exe|C:\x\RUNDLL32.EXE|regsvr32.exe|CertUtil.exe|\\h\s\powershell.exe|C:\a\..\wmic.exe|C:\mshta.exe\chrome.exe|C:\Windows\System32\mshta.exe\|C:/x/mshta.exe|"C:\x\mshta.exe" ParentImage=C:\Office\winword.exe|OUTLOOK.EXE|C:\x\Excel.exe|C:\Tomcat\tomcat9.exe|w3wp.exe|C:\Windows\CCM\CcmExec.exe|c:\windows\ccm\CCMEXEC.EXE|C:\Temp\CcmExec.exe|C:/Windows/CCM/CcmExec.exe|CcmExec.exe|C:\Windows\x\..\CCM\CcmExec.exe|C:\Windows\explorer.exe|C:\winword.exe\x.exe|7| CommandLine=/quiet Computer=h
process.access sysmon Computer=h source_signer=invalid|Invalid|revoked|expired|our_edr|OUR_EDR| TargetImage=C:\Windows\System32\lsass.exe|LSASS.exe|C:\lsass.exe\x|C:\Windows\System32\svchost.exe
registry.set sysmon Image=C:\Windows\System32\cscript.exe|WScript.exe|C:\Windows\PSEXESVC.exe|C:\Windows\System32\msiexec.exe|C:\WINDOWS\System32\MsiExec.exe|C:\Temp\msiexec.exe|msiexec.exe|C:\Windows\regedit.exe| TargetObject=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\tray|HKU\.DEFAULT\CurrentVersion\Run\a\b|HKLM\SOFTWARE\currentversion\RUN\tray|HKLM/SOFTWARE/CurrentVersion/RunOnce/x|"HKCU\CurrentVersion\runonce\x"|HKLM\Policies\Explorer\Run\viewer|HKLM\CurrentVersion\Policies\Explorer\Run\|\CurrentVersion\Run\|CurrentVersion\Run\x|HKLM\CurrentVersion\Run|HKLM\CurrentVersion\Run\..\Run\x|HKLM\CurrentVersion\Run\a..b|HKLM\CurrentVersion\RunOnceEx\x|HKLM\MyCurrentVersion\Run\x|HKLM\Explorer\Run\x|HKLM\CurrentVersion\Fonts\Run|HKLM\CurrentVersion\Run~\x|Run| Computer=h
service.install windows Computer=h AccountName=LocalSystem|localsystem|LocalService ImagePath=C:\Users\Public\a.exe|C:/Users/Public/a.exe|"C:\Windows\System32\a.exe"|C:\Windows\System32\a/../b.exe|c:\users\public\a.exe|C:\Users\Public|C:\Users\Public\..\a.exe|\\127.0.0.1\ADMIN$\a.exe|\\127.0.0.1\admin$\b\a.exe|C:\ADMIN$|ADMIN$\a.exe|\\h\ADMIN$\..\a.exe|C:\Windows\System32\a.exe|C:\WINDOWS\system32\b\a.exe|C:\Windows\System32\..\a.exe|D:\C:\Windows\System32\a.exe|C:\Users\Public\ADMIN$\a.exe|C:\Windows\System32\ADMIN$\a.exe|C:\Windows\System32\..|C:\ProgramData\a.exe|a.exe|
mail.attachment mail RecipientEmailAddress=a|b delivery=extracted|Extracted|forwarded|delivered|sandboxed|SANDBOXED| FileType=iso|JS|hta|pdf recipient_host=h|k
net.beacon zeek id.resp_h=@ jitter_pct=0|9|10|19|20|20|21|-1|20.0|"20" resp_class=rented_vps|shared_cdn|Shared_Cdn|office_isp|our_vendor|OUR_VENDOR|
net.transfer zeek resp_class=home_box|Home_Box|pastebin|partners|archives|ARCHIVES| orig_bytes=100000000|299999999|300000000|300000000|300000001|-1|300000000.0|"300000000" id.resp_h=@
dns.query zeek id.resp_h=@ query=x.com qtype_name=TXT|Txt|NULL|A domain_class=newly_created|machine_named|Machine_Named|uncategorized|vendor_hosted|VENDOR_HOSTED|
http.download proxy urlcategory=no_name|No_Name|file_hub|uncommon|software|SOFTWARE| contenttype=application/x-dosexec|Application/HTA|text/html devicehostname=h
ids.alert suricata src_role=internet|endpoint|Endpoint|supplier|red_team|RED_TEAM| alert.category=Attempted~Administrator~Privilege~Gain|Executable~Code~Was~Detected|attempted-admin|Executable~code|Misc~activity dest_ip=@
cloud.create_access_key cloudtrail requestParameters.userName=owner|Admin|developer address_class=tor_exit|far_isp|Far_Isp|home_isp|key_vault|KEY_VAULT| userIdentity.userName=a|b
cloud.put_bucket_policy cloudtrail data_class=keys|card|Card|plan|news|NEWS| Principal=*|*|billing userIdentity.userName=a|b
auth.role_grant identity SubjectUserName=a|b TargetUserName=domain_admins|Schema_Admins|helpdesk ticket=tampered|Tampered|unlogged|awaiting|approved|APPROVED|
net.tls zeek server_name=x version=TLSv12
auth.logoff identity TargetUserName=a|b LogonType=3
file.create sysmon TargetFilename=x.exe|C:\y\x.exe User=a|b
"#;

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
    "UserId=\"a\" type=auth.login_success resp_class=\"rented_vps\"",
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
    let spaced = pool.replace('~', " ");
    let values = spaced.split('|');
    values
        .map(|value| serde_json::from_str(value).unwrap_or_else(|_| json!(value)))
        .collect()
}
