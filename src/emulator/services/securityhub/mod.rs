//! Security Hub: findings that were imported, in the Security Finding Format, and their workflow.
//!
//! Main type: [`State`]. Invariants: a finding is one by its product and id; whoever imports it never
//! changes its workflow, and whoever updates it never changes its record state; each change is an event.
//! Sources: <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html>,
//! <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html>,
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html>.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation of the table takes its input by value and answers a Result"
)]

mod filters;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::services::events;
use crate::emulator::timing;
use crate::wakeup::Topic;

/// The most findings of one import or update.
const MOST: usize = 100;

/// The largest finding, in bytes.
const LARGEST: usize = 240 * 1024;

/// The hub.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    enabled: bool,
    /// By product and id, oldest first.
    findings: IndexMap<Identifier, Map<String, Value>>,
}

/// What tells findings apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Identifier {
    id: String,
    product_arn: String,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// An imported finding has been processed.
    Process(Box<Map<String, Value>>),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "EnableSecurityHub": Enable => enable,
    "DisableSecurityHub": Disable => disable,
    "BatchImportFindings": Import => import,
    "GetFindings": filters::Get => filters::get,
    "BatchUpdateFindings": Update => update,
];

/// Sets up what every account has: Security Hub is off until it is enabled.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Process(finding) => process(account, *finding),
    }
}

/// AWS's refusal where nobody has turned the hub on.
fn enabled(account: &Account) -> Result<(), ServiceError> {
    if account.services.securityhub.enabled {
        return Ok(());
    }
    let message =
        format!("Account {} is not subscribed to AWS Security Hub", account.identity().account);
    Err(ServiceError { status: 401, ..ServiceError::new("InvalidAccessException", message) })
}

/// The input of `EnableSecurityHub`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Enable {
    /// Standards check resources; the emulated account runs no checks.
    #[serde(default, rename = "EnableDefaultStandards")]
    _standards: Option<bool>,
    #[serde(default, rename = "ControlFindingGenerator")]
    _generator: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: IndexMap<String, String>,
}

/// `EnableSecurityHub`.
fn enable(account: &mut Account, _input: Enable) -> Answer {
    account.services.securityhub.enabled = true;
    Ok(json!({}))
}

/// The input of `DisableSecurityHub`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disable {}

/// `DisableSecurityHub`.
fn disable(account: &mut Account, _input: Disable) -> Answer {
    account.services.securityhub.enabled = false;
    Ok(json!({}))
}

/// The input of `BatchImportFindings`. A finding is kept as it is given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Import {
    findings: Vec<Map<String, Value>>,
}

/// `BatchImportFindings`: each finding is taken or refused by itself.
fn import(account: &mut Account, input: Import) -> Answer {
    enabled(account)?;
    if input.findings.is_empty() || input.findings.len() > MOST {
        return Err(ServiceError::new(
            "InvalidInputException",
            format!("Findings must have 1 to {MOST} items"),
        ));
    }
    let mut failed = Vec::new();
    let total = input.findings.len();
    for finding in input.findings {
        if let Some(message) = problem(account, &finding) {
            failed.push(json!({
                "Id": finding.get("Id").and_then(Value::as_str).unwrap_or_default(),
                "ErrorCode": "InvalidInput",
                "ErrorMessage": message,
            }));
        } else {
            let due = Due::Process(Box::new(finding));
            account.schedule_in(timing::SECURITY_HUB_IMPORT, due);
        }
    }
    Ok(json!({
        "FailedCount": failed.len(),
        "SuccessCount": total - failed.len(),
        "FailedFindings": failed,
    }))
}

/// What is wrong with a finding. The required members are those of
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html>.
fn problem(account: &Account, finding: &Map<String, Value>) -> Option<String> {
    const TEXTS: &[&str] = &[
        "SchemaVersion",
        "Id",
        "ProductArn",
        "GeneratorId",
        "AwsAccountId",
        "CreatedAt",
        "UpdatedAt",
        "Title",
        "Description",
    ];
    let text = |key: &str| finding.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    if let Some(missing) = TEXTS.iter().find(|key| text(key).is_none()) {
        return Some(format!("The required attribute {missing} is missing or empty"));
    }
    if !finding.get("Severity").is_some_and(Value::is_object) {
        return Some("The required attribute Severity is missing".to_owned());
    }
    if finding.get("Resources").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Some("The required attribute Resources is missing or empty".to_owned());
    }
    let identity = account.identity();
    if text("AwsAccountId") != Some(&identity.account) {
        return Some("AwsAccountId is not the account that makes the call".to_owned());
    }
    let own = identity.arn("securityhub", &format!("product/{}/default", identity.account));
    if text("ProductArn") != Some(&own) {
        return Some(format!("ProductArn is not a product of this account: {own}"));
    }
    if text("SchemaVersion") != Some("2018-10-08") {
        return Some("SchemaVersion is not 2018-10-08".to_owned());
    }
    let moment = |key: &str| text(key).and_then(|at| at.parse::<jiff::Timestamp>().ok());
    if moment("CreatedAt").is_none() || moment("UpdatedAt").is_none() {
        return Some("CreatedAt and UpdatedAt must be dates".to_owned());
    }
    let size = Value::Object(finding.clone()).to_string().len();
    (size > LARGEST).then(|| format!("the finding has {size} bytes; the limit is {LARGEST}"))
}

/// What an imported finding becomes: new, or the next state of the one that stands.
fn process(account: &mut Account, mut finding: Map<String, Value>) {
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let identifier = Identifier { id: text("Id"), product_arn: text("ProductArn") };
    let known = account.services.securityhub.findings.get(&identifier);
    let archived = |finding: &Map<String, Value>| {
        finding.get("RecordState").and_then(Value::as_str) == Some("ARCHIVED")
    };
    // An older state never replaces a newer one.
    if known.is_some_and(|known| known["UpdatedAt"].as_str() >= finding["UpdatedAt"].as_str()) {
        return;
    }
    let reopened = known.is_some_and(archived) && !archived(&finding);
    let workflow = known.and_then(|known| known.get("Workflow")).cloned();
    let workflow = workflow.filter(|workflow| !(reopened && workflow["Status"] == "RESOLVED"));
    finding.insert("Workflow".to_owned(), workflow.unwrap_or_else(|| json!({"Status": "NEW"})));
    finding.entry("RecordState").or_insert_with(|| json!("ACTIVE"));
    finding.insert("Region".to_owned(), json!(account.identity().region));
    finding.insert("ProductName".to_owned(), json!("Default"));
    finding.insert("CompanyName".to_owned(), json!("Personal"));
    finding.insert("ProcessedAt".to_owned(), json!(format!("{:.3}", account.now())));
    if let Some(severity) = finding.get_mut("Severity").and_then(Value::as_object_mut)
        && let Some(label) = severity.get("Label").and_then(Value::as_str)
    {
        let normalized = normalized(label);
        severity.insert("Normalized".to_owned(), json!(normalized));
    }
    account.services.securityhub.findings.insert(identifier, finding.clone());
    announce(account, finding);
}

/// <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Severity.html>.
fn normalized(label: &str) -> u8 {
    match label {
        "LOW" => 1,
        "MEDIUM" => 40,
        "HIGH" => 70,
        "CRITICAL" => 90,
        _ => 0,
    }
}

/// The event: one a finding, for each import and each update.
fn announce(account: &mut Account, finding: Map<String, Value>) {
    account.touch(Topic::Findings);
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    let resource = format!("{}/{}", text("ProductArn"), text("Id"));
    let detail = json!({"findings": [finding]});
    events::emit(
        account,
        "aws.securityhub",
        "Security Hub Findings - Imported",
        vec![resource],
        detail,
    );
}

/// The input of `BatchUpdateFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    finding_identifiers: Vec<Identifier>,
    #[serde(default)]
    workflow: Option<Workflow>,
    #[serde(default)]
    note: Option<Note>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Workflow {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Note {
    text: String,
    updated_by: String,
}

/// `BatchUpdateFindings`: what is not there is told by itself.
fn update(account: &mut Account, input: Update) -> Answer {
    enabled(account)?;
    if input.finding_identifiers.len() > MOST {
        return Err(ServiceError::new(
            "InvalidInputException",
            format!("FindingIdentifiers must have at most {MOST} items"),
        ));
    }
    let (mut processed, mut unprocessed) = (Vec::new(), Vec::new());
    let now = json!(format!("{:.3}", account.now()));
    for identifier in input.finding_identifiers {
        let Some(finding) = account.services.securityhub.findings.get_mut(&identifier) else {
            unprocessed.push(json!({
                "FindingIdentifier": identifier,
                "ErrorCode": "FindingNotFound",
                "ErrorMessage": "Finding Not Found",
            }));
            continue;
        };
        if let Some(workflow) = &input.workflow {
            finding.insert("Workflow".to_owned(), json!({"Status": workflow.status}));
        }
        if let Some(note) = &input.note {
            let note = json!({"Text": note.text, "UpdatedBy": note.updated_by, "UpdatedAt": now});
            finding.insert("Note".to_owned(), note);
        }
        let finding = finding.clone();
        announce(account, finding);
        processed.push(json!(identifier));
    }
    Ok(json!({"ProcessedFindings": processed, "UnprocessedFindings": unprocessed}))
}
