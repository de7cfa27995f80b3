//! Families seen in cloud and directory: access keys, bucket policies, role grants.

use super::{Detection, Family, Surface, detection, family};
use crate::env::schema::Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

const ACCESS_KEY: &[Detection] = &[
    detection(
        "access_key_tor",
        BlockIp,
        &["tor_exit"],
        "Privileged access key created from a Tor exit.",
        &["T1098.001", "T1090.003"],
    ),
    detection(
        "access_key_provider",
        Escalate,
        &["far_isp"],
        "Privileged access key created from a foreign provider.",
        &["T1098.001"],
    ),
    detection(
        "access_key_other",
        Monitor,
        &[],
        "Privileged access key created from another address.",
        &["T1098.001"],
    ),
    detection(
        "access_key_vault",
        Dismiss,
        &["key_vault"],
        "Privileged access key created from our key vault.",
        &[],
    ),
];

const BUCKET: &[Detection] = &[
    detection(
        "bucket_host_keys",
        BlockIp,
        &["keys"],
        "Bucket with host keys opened to everyone.",
        &["T1530", "T1552.004"],
    ),
    detection(
        "bucket_payment_cards",
        Escalate,
        &["card"],
        "Bucket with payment cards opened to everyone.",
        &["T1530"],
    ),
    detection(
        "bucket_other_data",
        Monitor,
        &[],
        "Bucket with other data opened to everyone.",
        &["T1530"],
    ),
    detection(
        "bucket_newsletter",
        Dismiss,
        &["news"],
        "Bucket with newsletters opened to everyone.",
        &[],
    ),
];

const GRANT: &[Detection] = &[
    detection(
        "grant_tampered_ticket",
        QuarantineHost,
        &["tampered"],
        "Powerful role granted on a tampered ticket.",
        &["T1098", "T1036"],
    ),
    detection(
        "grant_unlogged_ticket",
        Escalate,
        &["unlogged"],
        "Powerful role granted on an unlogged ticket.",
        &["T1098"],
    ),
    detection(
        "grant_other_ticket",
        Monitor,
        &[],
        "Powerful role granted without a settled ticket.",
        &["T1098"],
    ),
    detection(
        "grant_approved_ticket",
        Dismiss,
        &["approved"],
        "Powerful role granted on an approved ticket.",
        &[],
    ),
];

/// Families of cloud and directory.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "cloud.create_access_key",
        "medium",
        "requestParameters.userName",
        Surface::Words {
            hot: &["owner", "admin"],
            cold: &["developer", "service"],
        },
        "address_class",
        ACCESS_KEY,
        &["home_isp", "roaming", "airport", "hotel_ap"],
    ),
    family(
        "cloud.put_bucket_policy",
        "low",
        "Principal",
        Surface::Words {
            hot: &["*"],
            cold: &["analytics", "billing", "logging"],
        },
        "data_class",
        BUCKET,
        &["plan", "logs", "maps", "menu"],
    ),
    family(
        "auth.role_grant",
        "high",
        "TargetUserName",
        Surface::Words {
            hot: &["domain_admins", "schema_admins"],
            cold: &["printer_ops", "helpdesk"],
        },
        "ticket",
        GRANT,
        &["awaiting", "on_hold", "recalled", "lapsed"],
    ),
];
