//! The calls over what AWS's other services write down: findings, incidents, deployments, replays, logs.
//!
//! Invariant: one function a kind; each call names the resource that the policy allows it on.

use super::{Calls, NO_LEVEL, Resource, Step, any, named, of_any_drill};
use crate::plan::{LogSearch, Release, Replay};
use crate::scenario::types::{FindingSource, IncidentExpectation};

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonguardduty.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecurityhub.html>
pub(super) fn finding_calls(calls: &mut Calls, id: &str, source: FindingSource) {
    match source {
        FindingSource::GuardDuty => {
            let detectors = Resource::Named { service: "guardduty", name: "detector/*".to_owned() };
            calls.add(Step::Preflight, "guardduty:ListDetectors", id, any(NO_LEVEL));
            calls.add(Step::Preflight, "guardduty:GetDetector", id, detectors.clone());
            calls.add(Step::Observe, "guardduty:ListDetectors", id, any(NO_LEVEL));
            calls.add(Step::Observe, "guardduty:ListFindings", id, detectors.clone());
            calls.add(Step::Observe, "guardduty:GetFindings", id, detectors);
        }
        FindingSource::SecurityHub => {
            let hub = Resource::Named { service: "securityhub", name: "hub/default".to_owned() };
            calls.add(Step::Preflight, "securityhub:GetFindings", id, hub.clone());
            calls.add(Step::Observe, "securityhub:GetFindings", id, hub);
        }
    }
}

/// Incidents and their plans have no region in their ARNs.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanagerincidentmanager.html>
pub(super) fn incident_calls(calls: &mut Calls, id: &str, incident: &IncidentExpectation) {
    let global = |name: String| Resource::Global { service: "ssm-incidents", name };
    let plan = incident.response_plan.as_deref();
    if let Some(plan) = plan {
        let resource = if plan.starts_with("arn:") {
            Resource::Arn(plan.to_owned())
        } else {
            global(format!("response-plan/{plan}"))
        };
        calls.add(Step::Preflight, "ssm-incidents:GetResponsePlan", id, resource);
    }
    calls.add(Step::Observe, "ssm-incidents:ListIncidentRecords", id, any(NO_LEVEL));
    let records = global("incident-record/*".to_owned());
    calls.add(Step::Observe, "ssm-incidents:GetIncidentRecord", id, records);
    if incident.runbook.is_some() {
        let execution = named("ssm", "automation-execution/", "*");
        calls.add(Step::Observe, "ssm:GetAutomationExecution", id, execution);
    }
}

/// What it takes to look at a deployment service. Ids that AWS makes up are not known before.
pub(super) fn deployment_calls(calls: &mut Calls, id: &str, release: &Release) {
    match release {
        Release::CodeDeploy { application, group } => {
            let name = format!("deploymentgroup:{application}/{group}");
            let group = Resource::Named { service: "codedeploy", name };
            calls.add(Step::Preflight, "codedeploy:GetDeploymentGroup", id, group.clone());
            calls.add(Step::Observe, "codedeploy:ListDeployments", id, group.clone());
            calls.add(Step::Observe, "codedeploy:GetDeployment", id, group);
        }
        Release::CloudFormation { stack } => {
            let name = format!("stack/{stack}/*");
            let stack = Resource::Named { service: "cloudformation", name };
            calls.add(Step::Preflight, "cloudformation:DescribeStacks", id, stack.clone());
            calls.add(Step::Observe, "cloudformation:DescribeStackEvents", id, stack);
        }
        Release::AppConfig { .. } => {
            let name = "application/*".to_owned();
            let all = Resource::Named { service: "appconfig", name };
            calls.add(Step::Preflight, "appconfig:ListApplications", id, any(NO_LEVEL));
            calls.add(Step::Preflight, "appconfig:ListEnvironments", id, all.clone());
            calls.add(Step::Observe, "appconfig:ListDeployments", id, all.clone());
            calls.add(Step::Observe, "appconfig:GetDeployment", id, all);
        }
        Release::Ecs { cluster, service } => {
            let named = |name: String| Resource::Named { service: "ecs", name };
            let own = named(format!("service/{cluster}/{service}"));
            let deployments = named(format!("service-deployment/{cluster}/{service}/*"));
            calls.add(Step::Preflight, "ecs:DescribeServices", id, own.clone());
            calls.add(Step::Observe, "ecs:ListServiceDeployments", id, own);
            calls.add(Step::Observe, "ecs:DescribeServiceDeployments", id, deployments);
        }
    }
}

/// A replay has a name of its own, and reads one archive.
pub(super) fn replay_calls(calls: &mut Calls, id: &str, replay: &Replay) {
    let archive = named("events", "archive/", &replay.archive);
    let own = named("events", "replay/", &of_any_drill());
    calls.add(Step::Preflight, "events:DescribeArchive", id, archive.clone());
    calls.add(Step::Inject, "events:StartReplay", id, archive);
    calls.add(Step::Inject, "events:StartReplay", id, own.clone());
    calls.add(Step::Observe, "events:DescribeReplay", id, own.clone());
    calls.add(Step::Revert, "events:CancelReplay", id, own);
}

/// A log group, or something in it.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
pub(super) fn log_group(group: &str, inside: &str) -> Resource {
    if group.starts_with("arn:") {
        let group = group.strip_suffix(":*").unwrap_or(group);
        return Resource::Arn(format!("{group}:{inside}"));
    }
    Resource::Named { service: "logs", name: format!("log-group:{group}:{inside}") }
}

pub(super) fn log_calls(calls: &mut Calls, id: &str, groups: &[String], search: &LogSearch) {
    for group in groups {
        let group = log_group(group, "*");
        calls.add(Step::Preflight, "logs:DescribeLogStreams", id, group.clone());
        let search = match search {
            LogSearch::Pattern(_) => "logs:FilterLogEvents",
            LogSearch::Query(_) => "logs:StartQuery",
        };
        calls.add(Step::Observe, search, id, group);
    }
    if matches!(search, LogSearch::Query(_)) {
        calls.add(Step::Observe, "logs:GetQueryResults", id, any(NO_LEVEL));
    }
}

/// The rules of AWS Config: their ARNs have ids that no plan knows. Actions that describe rules have no
/// resource-level permission at all.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsconfig.html>
fn config_rules() -> Resource {
    Resource::Named { service: "config", name: "config-rule/*".to_owned() }
}

/// A rule is evaluated, or a process check is told how it is.
pub(super) fn evaluation_calls(calls: &mut Calls, id: &str, told: bool) {
    calls.add(Step::Preflight, "config:DescribeConfigRules", id, any(NO_LEVEL));
    if told {
        let read = "config:GetComplianceDetailsByConfigRule";
        calls.add(Step::Inject, read, id, config_rules());
        calls.add(Step::Inject, "config:PutExternalEvaluation", id, config_rules());
        calls.add(Step::Revert, read, id, config_rules());
        calls.add(Step::Revert, "config:PutExternalEvaluation", id, config_rules());
    } else {
        let status = "config:DescribeConfigRuleEvaluationStatus";
        calls.add(Step::Inject, status, id, any(NO_LEVEL));
        calls.add(Step::Inject, "config:StartConfigRulesEvaluation", id, config_rules());
    }
}

/// What a rule says.
pub(super) fn compliance_calls(calls: &mut Calls, id: &str) {
    calls.add(Step::Preflight, "config:DescribeConfigRules", id, any(NO_LEVEL));
    calls.add(Step::Observe, "config:GetComplianceDetailsByConfigRule", id, config_rules());
}
