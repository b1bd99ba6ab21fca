//! The finding types that the emulated account has samples of.
//!
//! Main items: [`SAMPLES`] and [`find`]. The severities are those of
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-active.html>; the titles are
//! worded like AWS's, behind its prefix `[SAMPLE]`, and name its placeholders, such as `i-99999999`.

use serde_json::{Value, json};

/// A finding type.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) kind: &'static str,
    pub(super) severity: f64,
    pub(super) title: &'static str,
    pub(super) resource: Resource,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resource {
    Instance,
    AccessKey,
    Bucket,
}

impl Resource {
    /// AWS's placeholder, as a finding shows it.
    pub(super) fn shape(self) -> Value {
        match self {
            Self::Instance => json!({
                "resourceType": "Instance",
                "instanceDetails": {
                    "instanceId": "i-99999999",
                    "instanceType": "m3.xlarge",
                    "instanceState": "running",
                    "imageId": "ami-99999999",
                    "availabilityZone": "generated-az-1a",
                    "tags": [{"key": "GeneratedFindingInstanceTag1", "value": "GeneratedFindingInstanceValue1"}],
                },
            }),
            Self::AccessKey => json!({
                "resourceType": "AccessKey",
                "accessKeyDetails": {
                    "accessKeyId": "GeneratedFindingAccessKeyId",
                    "principalId": "GeneratedFindingPrincipalId",
                    "userType": "IAMUser",
                    "userName": "GeneratedFindingUserName",
                },
            }),
            Self::Bucket => json!({
                "resourceType": "S3Bucket",
                "s3BucketDetails": [{
                    "arn": "arn:aws:s3:::bucketName",
                    "name": "bucketName",
                    "type": "Destination",
                }],
            }),
        }
    }
}

const fn sample(
    kind: &'static str,
    severity: f64,
    title: &'static str,
    resource: Resource,
) -> Sample {
    Sample { kind, severity, title, resource }
}

/// Every type that there is a sample of.
pub(super) const SAMPLES: &[Sample] = &[
    sample(
        "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        8.0,
        "The EC2 instance i-99999999 is querying a domain name that is associated with Bitcoin-related activity.",
        Resource::Instance,
    ),
    sample(
        "CryptoCurrency:EC2/BitcoinTool.B",
        8.0,
        "The EC2 instance i-99999999 is communicating with an IP address that is associated with Bitcoin-related activity.",
        Resource::Instance,
    ),
    sample(
        "Backdoor:EC2/C&CActivity.B!DNS",
        8.0,
        "The EC2 instance i-99999999 is querying a domain name of a known command and control server.",
        Resource::Instance,
    ),
    sample(
        "Trojan:EC2/DNSDataExfiltration",
        8.0,
        "The EC2 instance i-99999999 is transferring data through DNS queries.",
        Resource::Instance,
    ),
    sample(
        "UnauthorizedAccess:EC2/SSHBruteForce",
        2.0,
        "198.51.100.0 is performing SSH brute force attacks against i-99999999.",
        Resource::Instance,
    ),
    sample(
        "Recon:EC2/PortProbeUnprotectedPort",
        2.0,
        "An unprotected port of the EC2 instance i-99999999 is being probed.",
        Resource::Instance,
    ),
    sample(
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        8.0,
        "Credentials of the instance role GeneratedFindingUserName were used from an external IP address.",
        Resource::AccessKey,
    ),
    sample(
        "Stealth:IAMUser/CloudTrailLoggingDisabled",
        2.0,
        "The CloudTrail trail GeneratedFindingTrail was disabled by GeneratedFindingUserName.",
        Resource::AccessKey,
    ),
    sample(
        "Policy:IAMUser/RootCredentialUsage",
        2.0,
        "An API was invoked using root credentials.",
        Resource::AccessKey,
    ),
    sample(
        "Policy:S3/BucketAnonymousAccessGranted",
        8.0,
        "Anonymous access was granted for the S3 bucket bucketName.",
        Resource::Bucket,
    ),
];

/// The sample of a finding type.
pub(super) fn find(kind: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.kind == kind)
}
