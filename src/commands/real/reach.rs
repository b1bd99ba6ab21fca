//! How an account is reached: profile, region, role and endpoint, turned into the SDK's configuration.
//!
//! Main function: [`configuration`]. Invariants: no call is made (credentials are asked for by the first
//! call); whatever credentials the chain gives are remembered as secrets before anybody can use them.

use std::fmt;
use std::str::FromStr;

use aws_config::profile::{ProfileFileCredentialsProvider, load};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;

use super::super::run::Refusal;
use crate::aws::{CALL_TIMEOUT, secrets};
use crate::plan::PlannedTarget;
use crate::scenario::suggest::did_you_mean;

/// The name of our session where a role is assumed; CloudTrail shows it with every call.
const SESSION_NAME: &str = "firedrill";

/// Text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one call that needs it.
    pub(in crate::commands) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(secrets::REDACTED)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        secrets::remember(&text);
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text.to_owned()))
    }
}

/// How an account is reached.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Reach {
    /// The profile of the AWS configuration files. Named here, it goes before credentials in the
    /// environment, as with AWS's own command line.
    pub(in crate::commands) profile: Option<String>,
    /// The region; default: that of the profile or of `AWS_REGION`.
    pub(in crate::commands) region: Option<String>,
    /// The role to assume with the chain's credentials.
    pub(in crate::commands) role_arn: Option<String>,
    /// What the role's trust policy asks for.
    pub(in crate::commands) external_id: Option<Secret>,
    /// The URL of an AWS-compatible server.
    pub(in crate::commands) endpoint_url: Option<String>,
}

/// Refuses a profile that the AWS configuration files do not have: the chain would only say that there are no
/// credentials. What is wrong with the files themselves is told by the chain.
async fn known(profile: &str) -> Result<(), Refusal> {
    #[expect(clippy::default_trait_access, reason = "the crate of that type is none of ours")]
    let read = load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    let Some(profiles) = read.ok().filter(|profiles| profiles.get_profile(profile).is_none())
    else {
        return Ok(());
    };
    let names: Vec<&str> = profiles.profiles().collect();
    let near = did_you_mean(profile, names.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Err(Refusal(format!(
        "there is no profile `{profile}` in the AWS configuration files\n  {near}look at ~/.aws/config and \
         ~/.aws/credentials, or at the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name; \
         nothing was touched"
    )))
}

/// The SDK's configuration for an account; it has a region. No call is made.
pub(in crate::commands) async fn configuration(reach: &Reach) -> Result<SdkConfig, Refusal> {
    if let Some(profile) = &reach.profile {
        known(profile).await?;
    }
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .sleep_impl(TokioSleep::new())
        .timeout_config(timeouts);
    if let Some(region) = &reach.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &reach.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &reach.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some(region) = config.region().cloned() else {
        let words = "no region is configured\n  \
                     give one with --region, AWS_REGION or the profile; nothing was touched";
        return Err(Refusal(words.to_owned()));
    };
    let provider = match &reach.profile {
        Some(profile) => Some(of_profile(profile, &region, http)),
        None => config.credentials_provider(),
    };
    let Some(provider) = provider else {
        return Err(Refusal("the credential chain is empty; nothing was touched".to_owned()));
    };
    let provider = Remembering(provider);
    let config = with_provider(&config, SharedCredentialsProvider::new(provider));
    Ok(match &reach.role_arn {
        Some(role) => assume(&config, role, reach.external_id.as_ref()).await,
        None => config,
    })
}

fn with_provider(config: &SdkConfig, provider: SharedCredentialsProvider) -> SdkConfig {
    config.clone().into_builder().credentials_provider(provider).build()
}

/// The SDK's configuration for another target of a scenario: by its profile, by its role, which the home
/// target's credentials assume, or by those credentials themselves. No call is made.
pub(in crate::commands) async fn elsewhere(
    home: &SdkConfig,
    target: &PlannedTarget,
    endpoint_url: Option<&String>,
) -> Result<SdkConfig, Refusal> {
    if let Some(profile) = &target.profile {
        let reach = Reach {
            profile: Some(profile.clone()),
            region: Some(target.region.clone()),
            endpoint_url: endpoint_url.cloned(),
            ..Reach::default()
        };
        return configuration(&reach).await;
    }
    let external_id = target.external_id.as_ref().map(|id| Secret::from(id.expose().to_owned()));
    let config = match &target.role {
        // STS is asked in the home region: that one is surely enabled for these credentials.
        Some(role) => assume(home, role, external_id.as_ref()).await,
        None => home.clone(),
    };
    Ok(config.into_builder().region(Region::new(target.region.clone())).build())
}

/// The credentials of a profile that was named: those in the environment are not even looked at, so that
/// what was asked for is what is used.
fn of_profile(profile: &str, region: &Region, http: SharedHttpClient) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_http_client(http)
        .with_sleep_impl(TokioSleep::new());
    let provider =
        ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
    SharedCredentialsProvider::new(provider)
}

/// The same account's calls, made with a role that is assumed with the credentials of `config`.
async fn assume(config: &SdkConfig, role: &str, external_id: Option<&Secret>) -> SdkConfig {
    let mut builder =
        AssumeRoleProvider::builder(role).configure(config).session_name(SESSION_NAME);
    if let Some(Secret(id)) = external_id {
        builder = builder.external_id(id);
    }
    let provider = Remembering(SharedCredentialsProvider::new(builder.build().await));
    with_provider(config, SharedCredentialsProvider::new(provider))
}

/// Credentials that are remembered as secrets as they come.
#[derive(Debug)]
struct Remembering(SharedCredentialsProvider);

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.0.provide_credentials().await?;
            secrets::remember(credentials.secret_access_key());
            if let Some(token) = credentials.session_token() {
                secrets::remember(token);
            }
            Ok(credentials)
        })
    }
}

/// Reads a role's ARN from the command line.
pub(in crate::commands) fn role_arn(text: &str) -> Result<String, String> {
    let mut parts = text.splitn(6, ':');
    let fits = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("iam")
        && parts.next() == Some("")
        && parts.next().is_some_and(|account| {
            account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
        })
        && parts.next().is_some_and(|name| name.len() > 5 && name.starts_with("role/"));
    if fits {
        return Ok(text.to_owned());
    }
    Err("write the role's whole ARN, such as arn:aws:iam::111122223333:role/drill".to_owned())
}

/// Reads the URL of a server from the command line.
pub(in crate::commands) fn endpoint_url(text: &str) -> Result<String, String> {
    let wrong = || "write it like http://127.0.0.1:4566".to_owned();
    let url: http::Uri = text.parse().map_err(|_| wrong())?;
    let scheme = url.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
    if !scheme || url.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        // It would stand in every error and report.
        return Err("leave user and password out of the URL".to_owned());
    }
    Ok(text.to_owned())
}

/// The domains of AWS's own endpoints, public and private, in all partitions.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/rande.html>.
const AWS_DOMAINS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "on.aws",
];

/// Whether this is the URL of an endpoint of AWS.
pub(in crate::commands) fn is_of_aws(url: &str) -> bool {
    let url: Option<http::Uri> = url.parse().ok();
    let host = url.as_ref().and_then(http::Uri::host).unwrap_or_default().to_lowercase();
    let host = host.trim_end_matches('.');
    AWS_DOMAINS.iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoints_of_aws_are_known_by_their_domain() {
        for (url, is) in [
            ("https://fis.eu-west-1.amazonaws.com", true),
            ("https://vpce-1-x.fis.eu-west-1.vpce.amazonaws.com/", true),
            ("https://FIS.eu-west-1.API.AWS.:443", true),
            ("https://fis.cn-north-1.amazonaws.com.cn", true),
            ("http://127.0.0.1:4566", false),
            ("http://notamazonaws.com", false),
            ("http://amazonaws.com.example.org", false),
        ] {
            assert_eq!(is_of_aws(url), is, "{url}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("stays-here".to_owned())), "[redacted]");
        assert_eq!(secrets::scrub("id stays-here!"), "id [redacted]!");
    }

    #[test]
    fn only_the_whole_arn_of_a_role_is_one() {
        assert!(role_arn("arn:aws:iam::111122223333:role/drill").is_ok());
        assert!(role_arn("arn:aws-us-gov:iam::111122223333:role/path/drill").is_ok());
        for wrong in [
            "",
            "drill",
            "arn:aws:iam::111122223333:user/me",
            "arn:aws:iam::1111:role/drill",
            "arn:aws:iam:eu-west-1:111122223333:role/drill",
            "arn:aws:iam::111122223333:role/",
        ] {
            assert!(role_arn(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_without_a_password() {
        assert!(endpoint_url("http://127.0.0.1:4566").is_ok());
        assert!(endpoint_url("https://localhost.localstack.cloud:4566/").is_ok());
        for wrong in ["", "localhost:4566", "ftp://host", "http://", "http://me:pw@host/"] {
            assert!(endpoint_url(wrong).is_err(), "{wrong}");
        }
    }
}
