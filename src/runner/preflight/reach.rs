//! What faults and expectations reach for that is no resource with a name: GuardDuty and Security Hub, which
//! may be off, the instances of a command, a local program.
//!
//! Main type: [`Subject`]. Invariant: every look only reads; what is off, matches nobody or can't be started is
//! told before anything is injected.

use aws_sdk_guardduty::types::DetectorStatus;
use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter, PingStatus};

use super::{Finding, failed, wrong};
use crate::aws::{Aws, CallError, findings};
use crate::faults::command;
use crate::plan::{CommandSend, FaultAction, Kind};
use crate::scenario::types::FindingSource;

/// The most pages of instances that are looked at; a command to more instances than these hold is one that has
/// somebody to go to.
const MOST_PAGES: usize = 40;

/// The key of a target that is a list of instances; `*` stands for all of them.
const INSTANCE_IDS: &str = "InstanceIds";

/// A key of a command's target, with its values.
type Filter = (String, Vec<String>);

/// What is reached for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// GuardDuty: this detector, or the only one.
    Detector(Option<String>),
    /// Security Hub.
    Hub,
    /// Instances that a command goes to, each of them.
    Instances(Vec<String>),
    /// All instances that a command's targets match.
    Matching(Vec<Filter>),
    /// A local program, and the search path that it is given.
    Program { name: String, path: Option<String> },
}

impl Subject {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Detector(Some(detector)) => format!("GuardDuty, detector {detector}"),
            Self::Detector(None) => "GuardDuty".to_owned(),
            Self::Hub => "Security Hub".to_owned(),
            Self::Instances(ids) => format!("instances {}", ids.join(", ")),
            Self::Matching(filters) => match told(filters).as_str() {
                "" => "managed instances".to_owned(),
                words => format!("instances with {words}"),
            },
            Self::Program { name, .. } => format!("program {name}"),
        }
    }
}

fn told(filters: &[Filter]) -> String {
    let one = |(key, values): &Filter| format!("{key}={}", values.join("|"));
    filters.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What a fault reaches for.
pub(super) fn of_fault(action: &FaultAction) -> Vec<super::Subject> {
    let mut all = Vec::new();
    if let FaultAction::SampleFindings { detector, .. } = action {
        all.push(Subject::Detector(detector.clone()));
    }
    if let FaultAction::SecurityHubFindings { .. } = action {
        all.push(Subject::Hub);
    }
    if let FaultAction::SsmCommand(send) = action {
        all.extend(instances(send));
    }
    if let FaultAction::Command { run, revert, .. } = action {
        all.extend(std::iter::once(run).chain(revert).map(|run| Subject::Program {
            name: run.program.clone(),
            path: run.env.get("PATH").cloned(),
        }));
    }
    all.into_iter().map(super::Subject::Reach).collect()
}

/// The instances of a command. What a resource group holds is not looked at.
fn instances(send: &CommandSend) -> Option<Subject> {
    if !send.looks_up_instances() {
        return None;
    }
    if !send.instances.is_empty() {
        return Some(Subject::Instances(send.instances.clone()));
    }
    let named = |key: &str| key.eq_ignore_ascii_case(INSTANCE_IDS);
    let narrowing = send
        .targets
        .iter()
        .filter(|target| !(named(&target.key) && target.values.iter().any(|id| id == "*")));
    let filters = narrowing.map(|target| {
        let key = if named(&target.key) { INSTANCE_IDS } else { &target.key };
        (key.to_owned(), target.values.clone())
    });
    Some(Subject::Matching(filters.collect()))
}

/// What an observation reaches for.
pub(super) fn of_kind(kind: &Kind) -> Option<super::Subject> {
    let Kind::Finding(finding) = kind else { return None };
    Some(super::Subject::Reach(match finding.source {
        FindingSource::GuardDuty => Subject::Detector(None),
        FindingSource::SecurityHub => Subject::Hub,
    }))
}

pub(super) async fn look(aws: &Aws, subject: &Subject) -> Finding {
    match subject {
        Subject::Detector(detector) => detects(aws, detector.as_deref()).await,
        Subject::Hub => hub_is_on(aws).await,
        Subject::Instances(ids) => are_online(aws, ids).await,
        Subject::Matching(filters) => match_somebody(aws, filters, &subject.words()).await,
        Subject::Program { name, path } => {
            let hint = "check the path; a name without a slash is looked for in PATH, one with a \
                        slash from the folder that firedrill runs in";
            command::can_start(name, path.as_deref()).or_else(|why| wrong(why, hint))
        }
    }
}

/// Whether GuardDuty is on. A suspended detector finds nothing and makes no samples:
/// <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html>.
async fn detects(aws: &Aws, named: Option<&str>) -> Finding {
    let mut id = named.map(str::to_owned);
    if id.is_none() {
        let found = findings::detectors(aws).await;
        id = found.map_err(|error| failed("GuardDuty", &error))?.into_iter().next();
    }
    let Some(id) = id else {
        return wrong(
            "GuardDuty is off in this account and region: it has no detector".to_owned(),
            "turn it on (aws guardduty create-detector --enable), or drill without its findings",
        );
    };
    let sent = aws.guardduty.get_detector().detector_id(&id).send().await;
    let answer = match sent.map_err(|error| CallError::of("guardduty:GetDetector", &error)) {
        Ok(answer) => answer,
        // GuardDuty has no code of its own for a detector that is not there.
        Err(error) if error.code.as_deref() == Some("BadRequestException") => {
            return wrong(
                format!("the detector `{id}` is not one of this account and region: {error}"),
                "check it (aws guardduty list-detectors), or leave `detector` out for the only one",
            );
        }
        Err(error) => return Err(failed(&format!("the detector `{id}`"), &error)),
    };
    if answer.status() == Some(&DetectorStatus::Disabled) {
        return wrong(
            format!("GuardDuty is suspended: its detector {id} is disabled"),
            "turn it on (aws guardduty update-detector --enable), or drill without its findings",
        );
    }
    Ok(())
}

/// Whether Security Hub is on: it lists no findings where it is not. What a drill of findings may do anyway
/// is asked, so that no permission is needed for the question alone.
/// <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html>
async fn hub_is_on(aws: &Aws) -> Finding {
    let sent = aws.securityhub.get_findings().max_results(1).send().await;
    let Err(error) = sent.map_err(|error| CallError::of("securityhub:GetFindings", &error)) else {
        return Ok(());
    };
    if error.code.as_deref() == Some("InvalidAccessException") {
        return wrong(
            format!("Security Hub is off in this account and region: {error}"),
            "turn it on (aws securityhub enable-security-hub), or drill without its findings",
        );
    }
    Err(failed("Security Hub", &error))
}

const NOT_ONLINE: &str = "check the ids and tags, that the SSM agent runs and that the instance's profile \
                          allows it (aws ssm describe-instance-information)";

/// Whether the agent of each of these instances would take a command.
async fn are_online(aws: &Aws, ids: &[String]) -> Finding {
    let filters = [(INSTANCE_IDS.to_owned(), ids.to_vec())];
    let found = managed(aws, &filters, false).await.map_err(|error| failed("instances", &error))?;
    let state = |id: &str| {
        let one = found.iter().find(|one| one.instance_id() == Some(id))?;
        one.ping_status().map(PingStatus::as_str)
    };
    let lost: Vec<String> = ids
        .iter()
        .filter_map(|id| match state(id) {
            Some("Online") => None,
            Some(other) => Some(format!("{id} is {other}")),
            None => Some(format!("{id} is not managed by Systems Manager")),
        })
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    wrong(format!("the command would not be taken: {}", lost.join(", ")), NOT_ONLINE)
}

/// Whether any instance that fits would take a command.
async fn match_somebody(aws: &Aws, filters: &[Filter], words: &str) -> Finding {
    let found = managed(aws, filters, true).await.map_err(|error| failed(words, &error))?;
    if found.is_empty() {
        let message =
            format!("there are no {words} in Systems Manager: the command goes to nobody");
        return wrong(message, NOT_ONLINE);
    }
    if found.iter().any(is_online) {
        return Ok(());
    }
    wrong(format!("none of the {words} is online: nobody takes the command"), NOT_ONLINE)
}

fn is_online(instance: &InstanceInformation) -> bool {
    instance.ping_status() == Some(&PingStatus::Online)
}

/// The managed instances that fit, or as many as it takes to find one that is online.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html>
async fn managed(
    aws: &Aws,
    filters: &[Filter],
    one_is_enough: bool,
) -> Result<Vec<InstanceInformation>, CallError> {
    const CALL: &str = "ssm:DescribeInstanceInformation";
    let mut request = aws.ssm.describe_instance_information().max_results(50);
    for (key, values) in filters {
        let filter = InstanceInformationStringFilter::builder().key(key);
        let filter = filter.set_values(Some(values.clone())).build();
        let filter = filter.map_err(|error| CallError::unusable(CALL, &error.to_string()))?;
        request = request.filters(filter);
    }
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { break };
        let page = match page.map_err(|error| CallError::of(CALL, &error)) {
            Ok(page) => page,
            // Systems Manager itself may say that an id is none of its instances.
            Err(error) if error.code.as_deref() == Some("InvalidInstanceId") => break,
            Err(error) => return Err(error),
        };
        found.extend(page.instance_information_list.unwrap_or_default());
        if one_is_enough && found.iter().any(is_online) {
            break;
        }
    }
    Ok(found)
}
