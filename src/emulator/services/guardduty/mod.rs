//! GuardDuty: detectors and their sample findings. Nothing is detected here: an emulated account has no
//! traffic to look at, so samples are the only findings.
//!
//! Main type: [`Finding`]. Invariants: a finding keeps its id when the same thing is seen again; only its
//! first occurrence is an event soon, later ones wait for the detector's publishing frequency.
//! Sources: <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Operations.html>,
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod listing;
mod samples;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::services::events;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The detectors, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    detectors: IndexMap<String, Detector>,
}

/// A detector.
#[derive(Debug, Clone)]
struct Detector {
    enabled: bool,
    frequency: Frequency,
    created: Timestamp,
    /// By id, oldest first.
    findings: IndexMap<String, Finding>,
}

/// How often later occurrences of a finding are published.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Frequency {
    FifteenMinutes,
    OneHour,
    #[default]
    SixHours,
}

impl Frequency {
    fn as_str(self) -> &'static str {
        match self {
            Self::FifteenMinutes => "FIFTEEN_MINUTES",
            Self::OneHour => "ONE_HOUR",
            Self::SixHours => "SIX_HOURS",
        }
    }

    fn length(self) -> SignedDuration {
        match self {
            Self::FifteenMinutes => SignedDuration::from_mins(15),
            Self::OneHour => SignedDuration::from_hours(1),
            Self::SixHours => SignedDuration::from_hours(6),
        }
    }
}

/// A sample finding.
#[derive(Debug, Clone)]
struct Finding {
    sample: &'static samples::Sample,
    created: Timestamp,
    updated: Timestamp,
    count: u32,
    archived: bool,
    /// An event with later occurrences is on its way.
    announced: bool,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A sample of this type is there.
    Generate { detector: String, kind: &'static str },
    /// A finding is published.
    Publish { detector: String, finding: String },
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "CreateDetector": CreateDetector => create_detector,
    "GetDetector": DetectorId => get_detector,
    "ListDetectors": ListDetectors => list_detectors,
    "DeleteDetector": DetectorId => delete_detector,
    "CreateSampleFindings": CreateSamples => create_samples,
    "ListFindings": listing::ListFindings => listing::list,
    "GetFindings": listing::GetFindings => listing::get,
    "ArchiveFindings": Chosen => archive,
    "UnarchiveFindings": Chosen => unarchive,
];

/// Sets up what every account has: GuardDuty is off until a detector is made.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Generate { detector, kind } => generate(account, &detector, kind),
        Due::Publish { detector, finding } => publish(account, &detector, &finding),
    }
}

fn refused(message: impl Into<String>) -> ServiceError {
    ServiceError::new("BadRequestException", message)
}

/// AWS answers the same for a detector of somebody else and for none at all.
fn find<'a>(account: &'a mut Account, id: &str) -> Result<&'a mut Detector, ServiceError> {
    account.services.guardduty.detectors.get_mut(id).ok_or_else(|| {
        refused(
            "The request is rejected because the input detectorId is not owned by the current account.",
        )
    })
}

/// The input of `CreateDetector`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateDetector {
    enable: bool,
    #[serde(default)]
    finding_publishing_frequency: Frequency,
    #[serde(default, rename = "clientToken")]
    _client_token: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: IndexMap<String, String>,
}

/// `CreateDetector`: one in an account and region.
fn create_detector(account: &mut Account, input: CreateDetector) -> Answer {
    if !account.services.guardduty.detectors.is_empty() {
        return Err(refused(
            "The request is rejected because a detector already exists for the current account.",
        ));
    }
    let id = account.ids.hex(32);
    let detector = Detector {
        enabled: input.enable,
        frequency: input.finding_publishing_frequency,
        created: account.now(),
        findings: IndexMap::new(),
    };
    account.services.guardduty.detectors.insert(id.clone(), detector);
    Ok(json!({"detectorId": id}))
}

/// The input of the operations that take a detector and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DetectorId {
    detector_id: String,
}

/// `GetDetector`.
fn get_detector(account: &mut Account, input: DetectorId) -> Answer {
    let role = "role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty";
    let role = account.identity().global_arn("iam", role);
    let detector = find(account, &input.detector_id)?;
    Ok(json!({
        "createdAt": moment(detector.created),
        "findingPublishingFrequency": detector.frequency.as_str(),
        "serviceRole": role,
        "status": if detector.enabled { "ENABLED" } else { "DISABLED" },
        "updatedAt": moment(detector.created),
    }))
}

/// The input of `ListDetectors`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListDetectors {
    #[serde(default, rename = "maxResults")]
    _max_results: Option<usize>,
}

/// `ListDetectors`: there is one at the most, so there are no pages.
fn list_detectors(account: &mut Account, _input: ListDetectors) -> Answer {
    let ids: Vec<&String> = account.services.guardduty.detectors.keys().collect();
    Ok(json!({"detectorIds": ids}))
}

/// `DeleteDetector`.
fn delete_detector(account: &mut Account, input: DetectorId) -> Answer {
    find(account, &input.detector_id)?;
    account.services.guardduty.detectors.shift_remove(&input.detector_id);
    Ok(json!({}))
}

/// The input of `CreateSampleFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateSamples {
    detector_id: String,
    #[serde(default)]
    finding_types: Vec<String>,
}

/// `CreateSampleFindings`: the answer is empty; the findings are there a moment later.
fn create_samples(account: &mut Account, input: CreateSamples) -> Answer {
    if !find(account, &input.detector_id)?.enabled {
        return Err(refused("The request is rejected because the detector is disabled."));
    }
    if input.finding_types.len() > 50 {
        return Err(refused("The request is rejected because too many finding types are given."));
    }
    let mut kinds = Vec::new();
    for kind in &input.finding_types {
        match samples::find(kind) {
            Some(sample) => kinds.push(sample.kind),
            None => {
                return Err(ServiceError::unsupported(format_args!(
                    "a sample of the finding type {kind}"
                )));
            }
        }
    }
    if kinds.is_empty() {
        kinds.extend(samples::SAMPLES.iter().map(|sample| sample.kind));
    }
    for kind in kinds {
        let detector = input.detector_id.clone();
        account.schedule_in(timing::GUARDDUTY_SAMPLE, Due::Generate { detector, kind });
    }
    Ok(json!({}))
}

/// A sample is new, or one more occurrence of the one that stands.
///
/// <https://docs.aws.amazon.com/guardduty/latest/ug/finding-aggregation.html>.
fn generate(account: &mut Account, detector_id: &str, kind: &'static str) {
    let (now, new_id) = (account.now(), account.ids.hex(32));
    let Ok(detector) = find(account, detector_id) else { return };
    let frequency = detector.frequency;
    let known = detector.findings.iter_mut().find(|(_, finding)| finding.sample.kind == kind);
    let (finding, wait) = if let Some((id, finding)) = known {
        finding.count += 1;
        finding.updated = now;
        finding.archived = false;
        if std::mem::replace(&mut finding.announced, true) {
            account.touch(Topic::Findings);
            return;
        }
        (id.clone(), frequency.length())
    } else {
        let sample = samples::find(kind).expect("the type was looked up when it was asked for");
        let (created, updated) = (now, now);
        let finding =
            Finding { sample, created, updated, count: 1, archived: false, announced: true };
        detector.findings.insert(new_id.clone(), finding);
        (new_id, timing::GUARDDUTY_EVENT)
    };
    account.touch(Topic::Findings);
    let detector = detector_id.to_owned();
    account.schedule_in(wait, Due::Publish { detector, finding });
}

/// The finding as an event on the default bus.
fn publish(account: &mut Account, detector_id: &str, id: &str) {
    let Ok(detector) = find(account, detector_id) else { return };
    let Some(finding) = detector.findings.get_mut(id) else { return };
    finding.announced = false;
    let finding = finding.clone();
    let mut detail = listing::shape(account, detector_id, id, &finding);
    detail["service"]["additionalInfo"]["sample"] = json!(true);
    events::emit(account, "aws.guardduty", "GuardDuty Finding", Vec::new(), detail);
}

/// The input of `ArchiveFindings` and `UnarchiveFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Chosen {
    detector_id: String,
    finding_ids: Vec<String>,
}

/// `ArchiveFindings`.
fn archive(account: &mut Account, input: Chosen) -> Answer {
    set_archived(account, &input, true)
}

/// `UnarchiveFindings`.
fn unarchive(account: &mut Account, input: Chosen) -> Answer {
    set_archived(account, &input, false)
}

fn set_archived(account: &mut Account, input: &Chosen, archived: bool) -> Answer {
    if input.finding_ids.len() > listing::MOST_IDS {
        return Err(refused("The request is rejected because too many finding ids are given."));
    }
    let detector = find(account, &input.detector_id)?;
    for id in &input.finding_ids {
        if let Some(finding) = detector.findings.get_mut(id) {
            finding.archived = archived;
        }
    }
    account.touch(Topic::Findings);
    Ok(json!({}))
}

/// A moment as GuardDuty writes it.
fn moment(at: Timestamp) -> Value {
    json!(format!("{at:.3}"))
}
