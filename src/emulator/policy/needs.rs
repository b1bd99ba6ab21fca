//! What a call from outside needs to be allowed: every action, each on its resources, with what the
//! request carries.
//!
//! Main function: [`of`]. One call may need several actions (a queue that is created with tags needs
//! `sqs:TagQueue` too), as the service authorization reference says:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
//! Invariant: an action without resource-level permission is asked for on `*`, which no narrower resource
//! of a policy matches; a call that this page does not know is asked for as inside the account.

use serde_json::Value;

use super::resources;
use crate::emulator::account::Account;
use crate::emulator::services::{Service, codedeploy, fis};

/// One action that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// The action, such as `sqs:TagQueue`.
    pub(super) action: String,
    /// Permission on one of these is enough; `None` is a resource that nobody can name.
    pub(super) any_of: Vec<Option<String>>,
    /// Condition keys that the request carries.
    pub(super) keys: Vec<(String, String)>,
}

impl Need {
    fn on(action: &str, resource: String) -> Self {
        Self { action: action.to_owned(), any_of: vec![Some(resource)], keys: Vec::new() }
    }

    fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.push((key.into(), value.into()));
        self
    }
}

/// Everything that a call needs.
pub(super) fn of(account: &Account, service: Service, operation: &str, input: &Value) -> Vec<Need> {
    let action = resources::action(service, operation);
    if has_no_level(&action) {
        return vec![without_level(&action, input)];
    }
    match (service, operation) {
        // "No permissions are required to perform this operation":
        // <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
        (Service::Sts, "GetCallerIdentity") => Vec::new(),
        (Service::Sts, "AssumeRole") => named(&action, text(input, "RoleArn")),
        (Service::Events, _) => of_events(account, &action, operation, input),
        (Service::Fis, _) => of_fis(account, &action, operation, input),
        (Service::Sqs, "CreateQueue" | "GetQueueUrl") => {
            let name = text(input, "QueueName").unwrap_or_default();
            tagged(Need::on(&action, account.identity.arn("sqs", name)), "sqs:TagQueue", input)
        }
        (Service::Ssm, "DescribeDocument" | "GetDocument") => document(account, &action, input),
        (Service::Ssm, "GetCalendarState") => {
            let names = input["CalendarNames"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names = names.iter().filter_map(Value::as_str);
            names.flat_map(|name| document_named(account, &action, name)).collect()
        }
        (Service::CodeDeploy, "GetDeployment") => {
            let id = text(input, "deploymentId").unwrap_or_default();
            let (application, group) = codedeploy::group_of(account, id).unwrap_or(("*", "*"));
            let resource = format!("deploymentgroup:{application}/{group}");
            vec![Need::on(&action, account.identity.arn("codedeploy", &resource))]
        }
        (Service::Ssm, "StartAutomationExecution" | "SendCommand") => {
            of_started(account, &action, service, operation, input)
        }
        (Service::Iam, "SimulatePrincipalPolicy") => named(&action, text(input, "PolicySourceArn")),
        (Service::Ssm, "GetOpsItem") => {
            let id = text(input, "OpsItemId").unwrap_or("*");
            vec![Need::on(&action, account.identity.arn("ssm", &format!("opsitem/{id}")))]
        }
        (Service::Incidents, "GetIncidentRecord" | "GetResponsePlan") => {
            named(&action, text(input, "arn"))
        }
        _ => resources::needed(account, service, &action, input)
            .into_iter()
            .map(|any_of| Need { action: action.clone(), any_of, keys: Vec::new() })
            .collect(),
    }
}

/// Whether an action can only be allowed on every resource.
///
/// `DescribeAlarms` and `DescribeAlarmHistory` have a resource level that hides composite alarms, so a
/// caller who must see all has the permission on everything:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>.
fn has_no_level(action: &str) -> bool {
    const NONE: &[&str] = &[
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:ListAlarmMuteRules",
        "cloudwatch:GetMetricData",
        "cloudwatch:PutMetricData",
        "fis:ListExperimentTemplates",
        "fis:ListExperiments",
        "sns:Unsubscribe",
        "ssm:DescribeAutomationExecutions",
        "cloudtrail:LookupEvents",
        "guardduty:ListDetectors",
        "logs:DescribeDeliveries",
        "logs:DescribeDeliveryDestinations",
        "logs:DescribeDeliverySources",
        "ssm:DescribeOpsItems",
        "ssm:DescribeInstanceInformation",
        "cloudwatch:ListMetrics",
        "ssm-incidents:ListIncidentRecords",
        "ssm:ListCommands",
        "ssm:ListCommandInvocations",
        "ssm:CancelCommand",
        "appconfig:ListApplications",
        "events:ListRules",
        "config:DescribeConfigRules",
        "config:DescribeConfigRuleEvaluationStatus",
        "config:DescribeComplianceByConfigRule",
        "servicequotas:GetAWSDefaultServiceQuota",
    ];
    NONE.contains(&action)
}

fn without_level(action: &str, input: &Value) -> Need {
    let need = Need::on(action, "*".to_owned());
    match text(input, "Namespace") {
        Some(namespace) if action == "cloudwatch:PutMetricData" => {
            need.with("cloudwatch:namespace", namespace)
        }
        Some(_) | None => need,
    }
}

/// Runbooks that are started with tags, and commands whose instances are found by targets.
fn of_started(
    account: &Account,
    action: &str,
    service: Service,
    operation: &str,
    input: &Value,
) -> Vec<Need> {
    let needed = resources::needed(account, service, action, input);
    let own = |any_of| Need { action: action.to_owned(), any_of, keys: Vec::new() };
    let mut needs: Vec<Need> = needed.into_iter().map(own).collect();
    if operation == "SendCommand" && input.get("Targets").is_some() {
        needs.push(Need::on(action, account.identity.arn("ec2", "instance/*")));
    }
    if operation == "StartAutomationExecution" && input.get("Tags").is_some() {
        let execution = account.identity.arn("ssm", "automation-execution/*");
        needs.push(Need::on("ssm:AddTagsToResource", execution));
    }
    needs
}

fn named(action: &str, arn: Option<&str>) -> Vec<Need> {
    vec![Need::on(action, arn.unwrap_or("*").to_owned())]
}

/// The need, and that of tagging the same resource where the call brings tags.
fn tagged(need: Need, tag_action: &str, input: &Value) -> Vec<Need> {
    let tags = ["Tags", "tags"].into_iter().filter_map(|key| input.get(key));
    let brings_tags = tags.into_iter().any(|tags| match tags {
        Value::Array(tags) => !tags.is_empty(),
        Value::Object(tags) => !tags.is_empty(),
        _ => false,
    });
    let tagging = brings_tags.then(|| Need { action: tag_action.to_owned(), ..need.clone() });
    std::iter::once(need).chain(tagging).collect()
}

fn of_events(account: &Account, action: &str, operation: &str, input: &Value) -> Vec<Need> {
    if operation == "DescribeEventBus" {
        let bus = text(input, "Name").unwrap_or("default");
        let bus = bus.rsplit('/').next().unwrap_or(bus);
        return vec![Need::on(action, account.identity.arn("events", &format!("event-bus/{bus}")))];
    }
    let needed = resources::needed(account, Service::Events, action, input);
    let needs = needed.into_iter().map(|any_of| Need {
        action: action.to_owned(),
        any_of,
        keys: Vec::new(),
    });
    needs.flat_map(|need| tagged(need, "events:TagResource", input)).collect()
}

fn of_fis(account: &Account, action: &str, operation: &str, input: &Value) -> Vec<Need> {
    let arn = |resource: String| account.identity.arn("fis", &resource);
    let id = text(input, "id").unwrap_or("*");
    match operation {
        "StartExperiment" => {
            let template = text(input, "experimentTemplateId").unwrap_or("*");
            let template = Need::on(action, arn(format!("experiment-template/{template}")));
            let experiment = Need::on(action, arn("experiment/*".to_owned()));
            let mut needs = tagged(experiment, "fis:TagResource", input);
            needs.push(template);
            needs
        }
        "CreateExperimentTemplate" => create_template(account, action, input),
        "GetExperiment" | "StopExperiment" => {
            vec![Need::on(action, arn(format!("experiment/{id}")))]
        }
        "ListExperimentResolvedTargets" => {
            let id = text(input, "experimentId").unwrap_or("*");
            vec![Need::on(action, arn(format!("experiment/{id}")))]
        }
        "GetExperimentTemplate" | "UpdateExperimentTemplate" | "DeleteExperimentTemplate" => {
            let mut need = Need::on(action, arn(format!("experiment-template/{id}")));
            for (key, value) in fis::template_tags(account, id).into_iter().flatten() {
                need = need.with(format!("aws:ResourceTag/{key}"), value);
            }
            vec![need]
        }
        "GetSafetyLever" | "UpdateSafetyLeverState" => {
            vec![Need::on(action, arn(format!("safety-lever/{id}")))]
        }
        _ => vec![Need { action: action.to_owned(), any_of: vec![None], keys: Vec::new() }],
    }
}

/// A template needs permission on itself, on each action in it, and on handing its role to FIS.
fn create_template(account: &Account, action: &str, input: &Value) -> Vec<Need> {
    let arn = |resource: &str| account.identity.arn("fis", resource);
    let mut needs =
        tagged(Need::on(action, arn("experiment-template/*")), "fis:TagResource", input);
    let actions = input["actions"].as_object();
    for used in actions.into_iter().flat_map(serde_json::Map::values) {
        let id = text(used, "actionId").unwrap_or("*");
        needs.push(Need::on(action, arn(&format!("action/{id}"))));
    }
    if let Some(role) = text(input, "roleArn") {
        let pass = Need::on("iam:PassRole", role.to_owned());
        needs.push(pass.with("iam:PassedToService", "fis.amazonaws.com"));
    }
    needs
}

/// Documents of AWS have no account in their ARN.
fn document(account: &Account, action: &str, input: &Value) -> Vec<Need> {
    document_named(account, action, text(input, "Name").unwrap_or("*"))
}

fn document_named(account: &Account, action: &str, name: &str) -> Vec<Need> {
    let resource = if name.starts_with("arn:") {
        name.to_owned()
    } else if name.starts_with("AWS") {
        let identity = &account.identity;
        format!("arn:{}:ssm:{}::document/{name}", identity.partition, identity.region)
    } else {
        account.identity.arn("ssm", &format!("document/{name}"))
    };
    vec![Need::on(action, resource)]
}

fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key)?.as_str()
}
