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
        "access_key_foreign",
        Escalate,
        &["foreign_asn"],
        "Privileged access key created from a foreign network.",
        &["T1098.001"],
    ),
    detection(
        "access_key_vpn",
        Monitor,
        &["vpn"],
        "Privileged access key created over the VPN.",
        &["T1098.001"],
    ),
    detection(
        "access_key_corporate",
        Dismiss,
        &["corporate"],
        "Privileged access key created from the corporate network.",
        &[],
    ),
];

const BUCKET: &[Detection] = &[
    detection(
        "bucket_host_keys",
        QuarantineHost,
        &["host_keys"],
        "Bucket with host keys opened to everyone.",
        &["T1530", "T1552.004"],
    ),
    detection(
        "bucket_restricted",
        Escalate,
        &["restricted"],
        "Bucket with restricted data opened to everyone.",
        &["T1530"],
    ),
    detection(
        "bucket_internal",
        Monitor,
        &["internal"],
        "Bucket with internal data opened to everyone.",
        &["T1530"],
    ),
    detection(
        "bucket_public",
        Dismiss,
        &["public"],
        "Bucket with public data opened to everyone.",
        &[],
    ),
];

const GRANT: &[Detection] = &[
    detection(
        "grant_forged_ticket",
        QuarantineHost,
        &["forged"],
        "Powerful role granted on a forged ticket.",
        &["T1098", "T1036"],
    ),
    detection(
        "grant_no_ticket",
        Escalate,
        &["missing"],
        "Powerful role granted without a ticket.",
        &["T1098"],
    ),
    detection(
        "grant_pending_ticket",
        Monitor,
        &["pending"],
        "Powerful role granted before its ticket was approved.",
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
        "target",
        Surface::Words {
            hot: &["root", "admin"],
            cold: &["developer", "service"],
        },
        "network",
        ACCESS_KEY,
    ),
    family(
        "cloud.put_bucket_policy",
        "low",
        "principal",
        Surface::Words {
            hot: &["*"],
            cold: &["analytics", "billing", "logging"],
        },
        "data_class",
        BUCKET,
    ),
    family(
        "auth.role_grant",
        "high",
        "role",
        Surface::Words {
            hot: &["domain_admins", "global_admin"],
            cold: &["printer_ops", "helpdesk"],
        },
        "ticket",
        GRANT,
    ),
];
