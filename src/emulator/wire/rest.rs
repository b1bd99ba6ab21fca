//! restJson1: the operation is the method and the path, whose labels and query
//! parameters join the JSON body as one input.
//!
//! Sources: <https://docs.aws.amazon.com/fis/latest/APIReference/API_Operations.html>,
//! <https://docs.aws.amazon.com/incident-manager/latest/APIReference/API_Operations.html>.

use serde_json::{Map, Value};

use super::{Operation, Request, json, percent_decode};
use crate::emulator::error::ServiceError;

/// Method, path template, operation. A label in braces becomes a member of the input.
pub(super) type Routes = &'static [(&'static str, &'static str, &'static str)];

/// Fault Injection Service.
pub(super) const FIS: Routes = &[
    ("POST", "/experimentTemplates", "CreateExperimentTemplate"),
    ("GET", "/experimentTemplates", "ListExperimentTemplates"),
    ("GET", "/experimentTemplates/{id}", "GetExperimentTemplate"),
    ("PATCH", "/experimentTemplates/{id}", "UpdateExperimentTemplate"),
    ("DELETE", "/experimentTemplates/{id}", "DeleteExperimentTemplate"),
    ("POST", "/experiments", "StartExperiment"),
    ("GET", "/experiments", "ListExperiments"),
    ("GET", "/experiments/{id}", "GetExperiment"),
    ("DELETE", "/experiments/{id}", "StopExperiment"),
    ("GET", "/experiments/{experimentId}/resolvedTargets", "ListExperimentResolvedTargets"),
    ("GET", "/actions", "ListActions"),
    ("GET", "/actions/{id}", "GetAction"),
    ("GET", "/safetyLevers/{id}", "GetSafetyLever"),
    ("PATCH", "/safetyLevers/{id}/state", "UpdateSafetyLeverState"),
    ("GET", "/tags/{resourceArn}", "ListTagsForResource"),
    ("POST", "/tags/{resourceArn}", "TagResource"),
    ("DELETE", "/tags/{resourceArn}", "UntagResource"),
];

/// Incident Manager.
pub(super) const INCIDENTS: Routes = &[
    ("POST", "/createResponsePlan", "CreateResponsePlan"),
    ("GET", "/getResponsePlan", "GetResponsePlan"),
    ("POST", "/listResponsePlans", "ListResponsePlans"),
    ("POST", "/deleteResponsePlan", "DeleteResponsePlan"),
    ("POST", "/startIncident", "StartIncident"),
    ("GET", "/getIncidentRecord", "GetIncidentRecord"),
    ("POST", "/listIncidentRecords", "ListIncidentRecords"),
    ("POST", "/updateIncidentRecord", "UpdateIncidentRecord"),
    ("POST", "/listRelatedItems", "ListRelatedItems"),
    ("POST", "/listTimelineEvents", "ListTimelineEvents"),
    ("GET", "/getTimelineEvent", "GetTimelineEvent"),
];

/// GuardDuty.
pub(super) const GUARDDUTY: Routes = &[
    ("POST", "/detector", "CreateDetector"),
    ("GET", "/detector", "ListDetectors"),
    ("GET", "/detector/{detectorId}", "GetDetector"),
    ("DELETE", "/detector/{detectorId}", "DeleteDetector"),
    ("POST", "/detector/{detectorId}/findings/create", "CreateSampleFindings"),
    ("POST", "/detector/{detectorId}/findings", "ListFindings"),
    ("POST", "/detector/{detectorId}/findings/get", "GetFindings"),
    ("POST", "/detector/{detectorId}/findings/archive", "ArchiveFindings"),
    ("POST", "/detector/{detectorId}/findings/unarchive", "UnarchiveFindings"),
];

/// Security Hub.
pub(super) const SECURITY_HUB: Routes = &[
    ("POST", "/accounts", "EnableSecurityHub"),
    ("DELETE", "/accounts", "DisableSecurityHub"),
    ("POST", "/findings/import", "BatchImportFindings"),
    ("POST", "/findings", "GetFindings"),
    ("PATCH", "/findings/batchupdate", "BatchUpdateFindings"),
];

/// AppConfig: <https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_Operations.html>.
pub(super) const APPCONFIG: Routes = &[
    ("POST", "/applications", "CreateApplication"),
    ("GET", "/applications", "ListApplications"),
    ("GET", "/applications/{ApplicationId}", "GetApplication"),
    ("DELETE", "/applications/{ApplicationId}", "DeleteApplication"),
    ("POST", "/applications/{ApplicationId}/environments", "CreateEnvironment"),
    ("GET", "/applications/{ApplicationId}/environments", "ListEnvironments"),
    ("GET", "/applications/{ApplicationId}/environments/{EnvironmentId}", "GetEnvironment"),
    ("DELETE", "/applications/{ApplicationId}/environments/{EnvironmentId}", "DeleteEnvironment"),
    ("POST", "/applications/{ApplicationId}/configurationprofiles", "CreateConfigurationProfile"),
    ("POST", "/deploymentstrategies", "CreateDeploymentStrategy"),
    ("GET", "/deploymentstrategies", "ListDeploymentStrategies"),
    (
        "POST",
        "/applications/{ApplicationId}/environments/{EnvironmentId}/deployments",
        "StartDeployment",
    ),
    (
        "GET",
        "/applications/{ApplicationId}/environments/{EnvironmentId}/deployments",
        "ListDeployments",
    ),
    (
        "GET",
        "/applications/{ApplicationId}/environments/{EnvironmentId}/deployments/{DeploymentNumber}",
        "GetDeployment",
    ),
    (
        "DELETE",
        "/applications/{ApplicationId}/environments/{EnvironmentId}/deployments/{DeploymentNumber}",
        "StopDeployment",
    ),
];

/// Query parameters that hold a number, and those that repeat.
const NUMBERS: &[&str] = &["maxResults"];
const LISTS: &[&str] = &["tagKeys"];

/// Reads operation and input.
pub(super) fn read(routes: Routes, request: &Request) -> Result<Operation, ServiceError> {
    for (method, template, name) in routes {
        if *method != request.method {
            continue;
        }
        if let Some(labels) = labels(template, &request.path) {
            let mut input = match json::body(request)? {
                Value::Object(members) => members,
                other => return Err(not_an_object(&other)),
            };
            for (label, value) in labels {
                input.insert(label.to_owned(), Value::String(value));
            }
            read_query(&request.query, &mut input);
            return Ok(Operation { name: (*name).to_owned(), input: Value::Object(input) });
        }
    }
    let service = request.scope().map_or("", |scope| scope.service);
    Err(ServiceError::unsupported(format_args!("{service}: {} {}", request.method, request.path)))
}

fn not_an_object(value: &Value) -> ServiceError {
    ServiceError::new("SerializationException", format!("the body is not an object: {value}"))
}

/// The values of a template's labels, when the path has its form.
fn labels<'a>(template: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    let mut labels = Vec::new();
    let mut actual = path.split('/');
    for expected in template.split('/') {
        let segment = actual.next()?;
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(label) if !segment.is_empty() => labels.push((label, percent_decode(segment))),
            None if expected == segment => {}
            Some(_) | None => return None,
        }
    }
    actual.next().is_none().then_some(labels)
}

fn read_query(query: &str, input: &mut Map<String, Value>) {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decode(name), percent_decode(value));
        if LISTS.contains(&name.as_str()) {
            let list = input.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(Value::String(value));
            }
        } else if NUMBERS.contains(&name.as_str()) {
            let number = value.parse::<i64>().map_or(Value::String(value), Value::from);
            input.insert(name, number);
        } else {
            input.insert(name, Value::String(value));
        }
    }
}
