//! Whether calls go to AWS or to a server that answers like it.
//!
//! Main function: [`is_aws`]. An endpoint may be named on the command line, in the environment and in a
//! profile, for all services or for one. Invariant: what is called AWS's is reached under a name of AWS's.
//! Sources: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>,
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html>.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use http::Uri;

/// The services that are called, as the SDK names them where it looks for their endpoints.
const SERVICES: &[&str] = &[
    "AppConfig",
    "CloudFormation",
    "CloudTrail",
    "CloudWatch",
    "CloudWatch Logs",
    "CodeDeploy",
    "Config Service",
    "ECS",
    "EventBridge",
    "GuardDuty",
    "IAM",
    "Lambda",
    "SFN",
    "SNS",
    "SQS",
    "SSM",
    "SSM Incidents",
    "STS",
    "SecurityHub",
    "Service Quotas",
    "fis",
];

/// The names that AWS's own servers have, those of private links among them.
const NAMES: &[&str] =
    &["amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn"];

/// Whether every call goes to AWS.
pub(crate) fn is_aws(config: &SdkConfig) -> bool {
    let of_services = SERVICES.iter().filter_map(|service| of_service(config, service));
    let mut named = config.endpoint_url().map(str::to_owned).into_iter().chain(of_services);
    named.all(|url| is_named_as_aws(&url))
}

fn of_service(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .expect("a key has these three");
    config.service_config()?.load_config(key)
}

fn is_named_as_aws(url: &str) -> bool {
    let url: Option<Uri> = url.parse().ok();
    let host = url.as_ref().and_then(Uri::host);
    let is_below = |host: &str, name: &str| {
        host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    host.is_some_and(|host| NAMES.iter().any(|name| is_below(host, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_aws_if_it_has_a_name_of_aws() {
        for aws in [
            "https://vpce-0a1b-2c3d.monitoring.eu-west-1.vpce.amazonaws.com",
            "https://fis.eu-west-1.api.aws",
            "https://sqs.cn-north-1.amazonaws.com.cn/",
        ] {
            assert!(is_named_as_aws(aws), "{aws}");
        }
        for other in [
            "http://127.0.0.1:4566",
            "https://amazonaws.com.example.org",
            "https://notamazonaws.com",
            "nonsense",
        ] {
            assert!(!is_named_as_aws(other), "{other}");
        }
        let with = |url: &str| SdkConfig::builder().endpoint_url(url).build();
        assert!(is_aws(&SdkConfig::builder().build()));
        assert!(!is_aws(&with("http://localhost:5000")));
    }
}
