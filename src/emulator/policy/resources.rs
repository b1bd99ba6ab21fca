//! Which resources a call touches, and which of them have a policy of their own.
//!
//! Main type: [`Guard`]. Invariant: an ARN is only built from what the input names; where the input does
//! not name the resource, it stays unknown (`None`) and is never guessed.

use std::borrow::Cow;

use serde_json::Value;

use super::document::{self, Decision, Request};
use crate::emulator::account::Account;
use crate::emulator::services::{Service, config, events, lambda, logs, sns, sqs};

/// A resource that has a policy of its own.
pub(super) struct Guard<'a> {
    pub(super) arn: String,
    policies: Vec<Cow<'a, Value>>,
}

impl Guard<'_> {
    /// What the resource's policies say together.
    pub(super) fn ask(&self, request: &Request<'_>) -> Decision {
        self.policies
            .iter()
            .map(|policy| document::evaluate(policy, request))
            .reduce(Decision::and)
            .unwrap_or(Decision::Silent(Vec::new()))
    }
}

/// The IAM action of an operation: mostly its own name, with the documented exceptions
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
pub(super) fn action(service: Service, operation: &str) -> String {
    let name = match (service, operation) {
        (Service::Lambda, "Invoke") => "InvokeFunction",
        (Service::Sqs, batch) => batch.strip_suffix("Batch").unwrap_or(batch),
        (_, same) => same,
    };
    format!("{}:{name}", service.prefix())
}

/// The resource-based policy that decides about this call.
///
/// Nothing where the service has no such policies, or where the resource does not exist: then the
/// operation itself answers that it is not there.
pub(super) fn guard<'a>(
    account: &'a Account,
    service: Service,
    action: &str,
    input: &Value,
) -> Option<Guard<'a>> {
    match service {
        Service::Sqs => {
            let (arn, policy) = sqs::queue_policy(account, text(input, "QueueUrl")?)?;
            Some(Guard { arn: arn.to_owned(), policies: borrowed(policy) })
        }
        Service::Sns => {
            let arn = text(input, "TopicArn").or_else(|| text(input, "TargetArn"))?;
            let policy = sns::topic_policy(account, arn)?;
            Some(Guard { arn: arn.to_owned(), policies: vec![policy] })
        }
        Service::Lambda => {
            let (arn, policy) = lambda::function_policy(account, text(input, "FunctionName")?)?;
            Some(Guard { arn, policies: vec![Cow::Owned(policy)] })
        }
        Service::Events if action == "events:PutEvents" => {
            let bus = input["Entries"].get(0).and_then(|entry| text(entry, "EventBusName"));
            let (arn, policy) = events::bus_policy(account, bus.unwrap_or("default"))?;
            Some(Guard { arn: arn.to_owned(), policies: borrowed(policy) })
        }
        Service::Logs => {
            let group = text(input, "logGroupName")?;
            let policies = logs::resource_policies(account).map(Cow::Borrowed).collect();
            Some(Guard { arn: log_arn(account, group, input), policies })
        }
        Service::CloudWatch
        | Service::Events
        | Service::Ssm
        | Service::Fis
        | Service::CodeDeploy
        | Service::Ec2
        | Service::AutoScaling
        | Service::Incidents
        | Service::Iam
        | Service::Sts
        | Service::StepFunctions
        | Service::GuardDuty
        | Service::SecurityHub
        | Service::CloudTrail
        | Service::Quotas
        | Service::Config
        | Service::AppConfig
        | Service::CloudFormation
        | Service::Ecs => None,
    }
}

fn borrowed(policy: Option<&Value>) -> Vec<Cow<'_, Value>> {
    policy.map(Cow::Borrowed).into_iter().collect()
}

/// What an identity needs: permission on each of these, where one of the candidates is enough.
pub(super) fn needed(
    account: &Account,
    service: Service,
    action: &str,
    input: &Value,
) -> Vec<Vec<Option<String>>> {
    let operation = action.split(':').nth(1).unwrap_or(action);
    let one = |arn: Option<String>| vec![vec![arn]];
    let identity = &account.identity;
    match service {
        Service::Sqs => {
            let name = text(input, "QueueUrl").and_then(|url| url.rsplit(['/', ':']).next());
            one(name.map(|name| identity.arn("sqs", name)))
        }
        Service::Sns => {
            let arn = text(input, "TopicArn").or_else(|| text(input, "TargetArn"));
            one(arn.map(str::to_owned))
        }
        Service::Lambda => {
            one(text(input, "FunctionName").map(|name| lambda::arn_of(account, name)))
        }
        Service::Events => event_resources(account, operation, input),
        Service::Logs => log_resources(account, input),
        Service::Ssm => ssm_resources(account, operation, input),
        Service::Fis => one(fis_resource(account, operation, input)),
        Service::Ec2 => ec2_resources(account, input),
        Service::Incidents => one(text(input, "responsePlanArn").map(str::to_owned)),
        Service::Iam => {
            one(text(input, "RoleName")
                .map(|name| identity.global_arn("iam", &format!("role/{name}"))))
        }
        Service::CloudWatch => one(text(input, "AlarmName")
            .map(|name| identity.arn("cloudwatch", &format!("alarm:{name}")))),
        Service::CodeDeploy => one(code_deploy_resource(account, input)),
        Service::GuardDuty => one(text(input, "detectorId")
            .map(|id| identity.arn("guardduty", &format!("detector/{id}")))),
        Service::SecurityHub if operation == "BatchImportFindings" => {
            let own = format!("product/{}/default", identity.account);
            one(Some(identity.arn("securityhub", &own)))
        }
        Service::SecurityHub => one(Some(identity.arn("securityhub", "hub/default"))),
        Service::AutoScaling | Service::Sts | Service::CloudTrail => one(None),
        Service::Quotas => {
            let quota = text(input, "ServiceCode").zip(text(input, "QuotaCode"));
            one(quota
                .map(|(service, code)| identity.arn("servicequotas", &format!("{service}/{code}"))))
        }
        Service::StepFunctions => {
            let arn = text(input, "stateMachineArn").or_else(|| text(input, "executionArn"));
            one(arn.map(str::to_owned))
        }
        Service::AppConfig => one(appconfig_resource(account, input)),
        Service::Ecs => ecs_resources(account, operation, input),
        Service::Config => config::arns(account, input).into_iter().map(|arn| vec![arn]).collect(),
        Service::CloudFormation => one(text(input, "StackName").map(|name| {
            let known = account.stacks.by_name.get(name).map(|stack| stack.id.clone());
            known.unwrap_or_else(|| identity.arn("cloudformation", &format!("stack/{name}/*")))
        })),
    }
}

fn event_resources(account: &Account, operation: &str, input: &Value) -> Vec<Vec<Option<String>>> {
    if operation == "PutEvents" {
        let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let bus = |entry: &Value| {
            let name = text(entry, "EventBusName").unwrap_or("default");
            vec![Some(events::arn_of_bus(account, name))]
        };
        return entries.iter().map(bus).collect();
    }
    for (key, kind) in [("ReplayName", "replay"), ("ArchiveName", "archive")] {
        if let Some(name) = text(input, key) {
            let own = account.identity.arn("events", &format!("{kind}/{name}"));
            // A replay reads an archive: permission is needed on both.
            let archive = text(input, "EventSourceArn").filter(|_| operation == "StartReplay");
            let archive = archive.map(|archive| vec![Some(archive.to_owned())]);
            return std::iter::once(vec![Some(own)]).chain(archive).collect();
        }
    }
    let rule = text(input, "Rule").or_else(|| text(input, "Name"));
    let arn = rule.map(|rule| {
        let resource = match text(input, "EventBusName") {
            None | Some("default") => format!("rule/{rule}"),
            Some(bus) => format!("rule/{}/{rule}", bus.rsplit('/').next().unwrap_or(bus)),
        };
        account.identity.arn("events", &resource)
    });
    vec![vec![arn]]
}

fn ssm_resources(account: &Account, operation: &str, input: &Value) -> Vec<Vec<Option<String>>> {
    let arn = |resource: String| Some(account.identity.arn("ssm", &resource));
    match operation {
        "StartAutomationExecution" => {
            let version = text(input, "DocumentVersion").unwrap_or("$DEFAULT");
            vec![documents(account, input, |name| {
                vec![format!("automation-definition/{name}:{version}"), format!("document/{name}")]
            })]
        }
        "SendCommand" => {
            let mut all = vec![documents(account, input, |name| vec![format!("document/{name}")])];
            let ids = input["InstanceIds"].as_array().map(Vec::as_slice).unwrap_or_default();
            all.extend(
                ids.iter()
                    .filter_map(Value::as_str)
                    .map(|id| vec![Some(account.identity.arn("ec2", &format!("instance/{id}")))]),
            );
            all
        }
        _ if input.get("AutomationExecutionId").is_some() => {
            let id = text(input, "AutomationExecutionId").unwrap_or("*");
            vec![vec![arn(format!("automation-execution/{id}"))]]
        }
        "GetParameter" | "PutParameter" | "DeleteParameter" => {
            let name = text(input, "Name").unwrap_or("*").trim_start_matches('/');
            // `name:3` is the third version of a parameter; the permission is for the parameter.
            let name = name.split(':').next().unwrap_or(name);
            vec![vec![arn(format!("parameter/{name}"))]]
        }
        _ => vec![vec![None]],
    }
}

/// Documents of AWS have no account in their ARN, but policies are written both ways.
fn documents(
    account: &Account,
    input: &Value,
    resources: impl Fn(&str) -> Vec<String>,
) -> Vec<Option<String>> {
    let Some(named) = text(input, "DocumentName") else { return vec![None] };
    let name = named.rsplit('/').next().unwrap_or(named);
    let identity = &account.identity;
    let mut candidates = Vec::new();
    for resource in resources(name) {
        candidates.push(Some(identity.arn("ssm", &resource)));
        if name.starts_with("AWS") {
            let (partition, region) = (&identity.partition, &identity.region);
            candidates.push(Some(format!("arn:{partition}:ssm:{region}::{resource}")));
        }
    }
    candidates
}

fn fis_resource(account: &Account, operation: &str, input: &Value) -> Option<String> {
    let resource = match operation {
        "StartExperiment" => {
            format!("experiment-template/{}", text(input, "experimentTemplateId")?)
        }
        "StopExperiment" | "GetExperiment" => format!("experiment/{}", text(input, "id")?),
        _ => return None,
    };
    Some(account.identity.arn("fis", &resource))
}

fn ec2_resources(account: &Account, input: &Value) -> Vec<Vec<Option<String>>> {
    let key = ["InstanceIds", "InstanceId"].into_iter().find(|key| input.get(key).is_some());
    let ids: Vec<&str> = match key.map(|key| &input[key]) {
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(id)) => vec![id],
        Some(_) | None => Vec::new(),
    };
    if ids.is_empty() {
        return vec![vec![None]];
    }
    let arn = |id: &str| account.identity.arn("ec2", &format!("instance/{id}"));
    ids.into_iter().map(|id| vec![Some(arn(id))]).collect()
}

fn code_deploy_resource(account: &Account, input: &Value) -> Option<String> {
    let application = text(input, "applicationName")?;
    let resource = match text(input, "deploymentGroupName") {
        Some(group) => format!("deploymentgroup:{application}/{group}"),
        None => format!("application:{application}"),
    };
    Some(account.identity.arn("codedeploy", &resource))
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsappconfig.html>.
fn appconfig_resource(account: &Account, input: &Value) -> Option<String> {
    let mut resource = format!("application/{}", text(input, "ApplicationId")?);
    if let Some(environment) = text(input, "EnvironmentId") {
        resource.push_str("/environment/");
        resource.push_str(environment);
    }
    if let Some(number) = input.get("DeploymentNumber") {
        let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        resource.push_str("/deployment/");
        resource.push_str(&number);
    }
    Some(account.identity.arn("appconfig", &resource))
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>.
fn ecs_resources(account: &Account, operation: &str, input: &Value) -> Vec<Vec<Option<String>>> {
    let arn = |resource: String| vec![Some(account.identity.arn("ecs", &resource))];
    let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let cluster = || short(text(input, "cluster").unwrap_or("default"));
    let list = |key: &str| {
        let listed = input[key].as_array().map(Vec::as_slice).unwrap_or_default();
        listed.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let named = list("serviceDeploymentArns").into_iter().chain(list("serviceRevisionArns"));
    let one = ["serviceDeploymentArn"].into_iter().filter_map(|key| text(input, key));
    let arns: Vec<_> = named.chain(one.map(str::to_owned)).map(|arn| vec![Some(arn)]).collect();
    if !arns.is_empty() {
        return arns;
    }
    match operation {
        "CreateService" | "UpdateService" | "DeleteService" | "ListServiceDeployments" => {
            let name = text(input, "service").or_else(|| text(input, "serviceName"));
            vec![arn(format!("service/{}/{}", cluster(), short(name.unwrap_or("*"))))]
        }
        "DescribeServices" => {
            let services = list("services").into_iter();
            services.map(|name| arn(format!("service/{}/{}", cluster(), short(&name)))).collect()
        }
        "DescribeClusters" => {
            let clusters = list("clusters").into_iter();
            clusters.map(|name| arn(format!("cluster/{}", short(&name)))).collect()
        }
        "DeleteCluster" => vec![arn(format!("cluster/{}", cluster()))],
        "RegisterTaskDefinition" => {
            vec![arn(format!("task-definition/{}:*", text(input, "family").unwrap_or("*")))]
        }
        _ => vec![vec![None]],
    }
}

/// The roles that a call hands to a service, and that service's principal.
pub(super) fn passed_roles<'a>(
    service: Service,
    operation: &str,
    input: &'a Value,
) -> Vec<(&'a str, &'static str)> {
    if (service, operation) == (Service::Ecs, "RegisterTaskDefinition") {
        let roles = ["taskRoleArn", "executionRoleArn"].into_iter();
        return roles
            .filter_map(|key| Some((text(input, key)?, "ecs-tasks.amazonaws.com")))
            .collect();
    }
    passed_role(service, operation, input).into_iter().collect()
}

fn passed_role<'a>(
    service: Service,
    operation: &str,
    input: &'a Value,
) -> Option<(&'a str, &'static str)> {
    match (service, operation) {
        (Service::Ssm, "StartAutomationExecution") => {
            let role = &input["Parameters"]["AutomationAssumeRole"];
            let arn = role.as_str().or_else(|| role.get(0)?.as_str())?;
            // An optional role that is left empty is none.
            (!arn.is_empty()).then_some((arn, "ssm.amazonaws.com"))
        }
        (Service::StepFunctions, "CreateStateMachine" | "UpdateStateMachine") => {
            Some((text(input, "roleArn")?, "states.amazonaws.com"))
        }
        _ => None,
    }
}

/// The groups that a call names; a query may name several.
fn log_resources(account: &Account, input: &Value) -> Vec<Vec<Option<String>>> {
    let mut named = Vec::new();
    for key in ["logGroupName", "logGroupIdentifier"] {
        named.extend(text(input, key));
    }
    for key in ["logGroupNames", "logGroupIdentifiers"] {
        let list = input[key].as_array().map(Vec::as_slice).unwrap_or_default();
        named.extend(list.iter().filter_map(Value::as_str));
    }
    if named.is_empty() {
        return vec![vec![None]];
    }
    let name = |group: &str| {
        let name = group.split_once(":log-group:").map_or(group, |(_, name)| name);
        name.strip_suffix(":*").unwrap_or(name).to_owned()
    };
    named.into_iter().map(|group| vec![Some(log_arn(account, &name(group), input))]).collect()
}

fn log_arn(account: &Account, group: &str, input: &Value) -> String {
    let stream = text(input, "logStreamName").unwrap_or_default();
    account.identity.arn("logs", &format!("log-group:{group}:log-stream:{stream}"))
}

fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key)?.as_str()
}
