//! One module per AWS service of the emulated account, and the tables that join them.
//!
//! Main types: [`Service`] (which), `Services` (the state of all), `Due` (what is on the agenda).
//! Every service module has the same face: a state struct that is `Clone + Debug + Default`, a `Due`
//! enum, `OPERATIONS` (its API), `happen` (its agenda), and where others need it a few functions that
//! stand for what AWS does behind the scenes. Invariant: a service reads and changes only its own
//! state; for anything else it asks the owner.

use super::account::Account;
use super::operation::Operation;

pub(crate) mod appconfig;
pub(crate) mod autoscaling;
pub(crate) mod cloudtrail;
pub(crate) mod cloudwatch;
pub(crate) mod codedeploy;
pub(crate) mod config;
pub(crate) mod ec2;
pub(crate) mod ecs;
pub(crate) mod events;
pub(crate) mod fis;
pub(crate) mod guardduty;
pub(crate) mod iam;
pub(crate) mod incidents;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod quotas;
pub(crate) mod securityhub;
pub(crate) mod sns;
pub(crate) mod sqs;
pub(crate) mod ssm;
pub(crate) mod stacks;
pub(crate) mod stepfunctions;
pub(crate) mod sts;

/// Generates [`Service`], `Services`, `Due` and the dispatch from one list.
macro_rules! services {
    ($($variant:ident, $module:ident, $prefix:literal, $title:literal;)*) => {
        /// An AWS service of the emulated account.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Service {
            $(#[doc = $title] $variant,)*
        }

        impl Service {
            /// Every service, in the order of the coverage table.
            pub const ALL: &'static [Service] = &[$(Service::$variant),*];

            /// The IAM action prefix, such as `events`; also the name that `aws:executeAwsApi` uses.
            pub fn prefix(self) -> &'static str {
                match self { $(Service::$variant => $prefix),* }
            }

            /// The service's name for people.
            pub fn title(self) -> &'static str {
                match self { $(Service::$variant => $title),* }
            }

            /// The service that has this IAM action prefix.
            pub fn from_prefix(prefix: &str) -> Option<Self> {
                Service::ALL.iter().copied().find(|service| service.prefix() == prefix)
            }
        }

        /// The state of every service.
        #[expect(dead_code, reason = "a service that keeps nothing has its place all the same")]
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Services {
            $(pub(crate) $module: $module::State,)*
        }

        /// Something that one of the services has on the agenda.
        #[derive(Debug, Clone)]
        pub(crate) enum Due {
            $($variant($module::Due),)*
            /// The environment's signals publish their next datapoints.
            Signals(super::signals::Due),
        }

        $(impl From<$module::Due> for Due {
            fn from(due: $module::Due) -> Self { Due::$variant(due) }
        })*

        /// The operations of one service.
        pub(crate) fn operations(service: Service) -> &'static [Operation] {
            match service { $(Service::$variant => $module::OPERATIONS),* }
        }

        /// Lets one thing happen.
        pub(crate) fn happen(account: &mut Account, due: Due) {
            match due {
                $(Due::$variant(due) => $module::happen(account, due),)*
                Due::Signals(due) => super::signals::happen(account, due),
            }
        }

        /// Lets each service set up what every account has (the default event bus, …).
        pub(crate) fn open(account: &mut Account) {
            $($module::open(account);)*
        }
    };
}

services! {
    CloudWatch, cloudwatch, "cloudwatch", "CloudWatch";
    Events, events, "events", "EventBridge";
    Ssm, ssm, "ssm", "Systems Manager";
    Fis, fis, "fis", "Fault Injection Service";
    CodeDeploy, codedeploy, "codedeploy", "CodeDeploy";
    Sns, sns, "sns", "Simple Notification Service";
    Sqs, sqs, "sqs", "Simple Queue Service";
    Lambda, lambda, "lambda", "Lambda";
    Ec2, ec2, "ec2", "EC2";
    AutoScaling, autoscaling, "autoscaling", "EC2 Auto Scaling";
    Incidents, incidents, "ssm-incidents", "Incident Manager";
    Logs, logs, "logs", "CloudWatch Logs";
    Iam, iam, "iam", "Identity and Access Management";
    Sts, sts, "sts", "Security Token Service";
    GuardDuty, guardduty, "guardduty", "GuardDuty";
    SecurityHub, securityhub, "securityhub", "Security Hub";
    CloudTrail, cloudtrail, "cloudtrail", "CloudTrail";
    Quotas, quotas, "servicequotas", "Service Quotas";
    Config, config, "config", "Config";
    StepFunctions, stepfunctions, "states", "Step Functions";
    AppConfig, appconfig, "appconfig", "AppConfig";
    CloudFormation, stacks, "cloudformation", "CloudFormation";
    Ecs, ecs, "ecs", "Elastic Container Service";
}

/// The AWS-owned Automation documents that every account can start, by name.
pub fn aws_owned_documents() -> impl Iterator<Item = &'static str> {
    ssm::owned::automation_names()
}
