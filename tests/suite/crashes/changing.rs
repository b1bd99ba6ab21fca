//! Which requests change something, and whether every announced call was among them.
//!
//! Main functions: [`changing`] and [`missed`]. Invariant: what is not known to read counts as a change, so
//! that no call of a fault that is new here goes unseen.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the operations begin with that only read.
const READS: &[&str] =
    &["BatchGet", "Describe", "Filter", "Get", "List", "Lookup", "Receive", "Simulate", "Test"];

/// Operations that change nothing of anybody's: a session, queries, and what is taken from the drill's own
/// queue without an intent.
const HARMLESS: &[&str] = &["AssumeRole", "StartQuery", "StopQuery", "DeleteMessageBatch"];

/// The operation of a request that changes something.
pub(super) fn changing(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (method, path) = text.lines().next()?.split_once(' ')?;
    let path = path.split([' ', '?']).next()?;
    let header = |name: &str| {
        text.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let operation = if let Some(target) = header("x-amz-target") {
        target.rsplit('.').next()?.to_owned()
    } else if let Some((_, operation)) = path.rsplit_once("/operation/") {
        operation.to_owned()
    } else if let Some((_, rest)) = text.split_once("Action=").filter(|_| path == "/") {
        rest.split('&').next()?.to_owned()
    } else {
        by_path(method, path)
    };
    let reads = READS.iter().any(|verb| operation.starts_with(verb));
    (!reads && !HARMLESS.contains(&operation.as_str())).then_some(operation)
}

/// The operation of a service that speaks REST. One that is not known here is a change by its method.
fn by_path(method: &str, path: &str) -> String {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let known = match (method, segments.as_slice()) {
        ("GET" | "HEAD", _)
        | (
            "POST",
            ["detector", _, "findings"] | ["detector", _, "findings", "get"] | ["findings"],
        ) => "Get",
        ("POST", [one]) if one.starts_with("list") => "List",
        ("POST", ["experimentTemplates"]) => "CreateExperimentTemplate",
        ("DELETE", ["experimentTemplates", _]) => "DeleteExperimentTemplate",
        ("POST", ["experiments"]) => "StartExperiment",
        ("DELETE", ["experiments", _]) => "StopExperiment",
        ("POST", ["detector", _, "findings", "create"]) => "CreateSampleFindings",
        ("POST", ["detector", _, "findings", "archive"]) => "ArchiveFindings",
        ("POST", ["findings", "import"]) => "BatchImportFindings",
        ("PATCH", ["findings", "batchupdate"]) => "BatchUpdateFindings",
        ("POST", ["2015-03-31", "functions", _, "invocations"]) => "InvokeFunction",
        _ => return format!("{method} {path}"),
    };
    known.to_owned()
}

/// The announced and answered calls of a timeline that were made through no changing request: nobody could
/// be killed around them.
pub(super) fn missed(timeline: &str, requests: &[String]) -> Vec<String> {
    let entries: Vec<Value> = timeline
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is an entry"))
        .collect();
    let of_kind = |kind: &'static str| entries.iter().filter(move |entry| entry["entry"] == kind);
    let answered = |intent: &Value| {
        of_kind("receipt").any(|one| one["intent"] == intent["intent"] && one["error"].is_null())
    };
    let mut announced: BTreeMap<&str, usize> = BTreeMap::new();
    // What is gone already is taken back without a call.
    let is_made = |intent: &&Value| intent["purpose"] != "revert" && answered(intent);
    for intent in of_kind("intent").filter(is_made) {
        let call = intent["call"].as_str().expect("a call");
        let (_, operation) = call.split_once(':').expect("a service and an operation");
        *announced.entry(operation).or_default() += 1;
    }
    let made = |operation: &str| requests.iter().filter(|one| *one == operation).count();
    let missed = announced.into_iter().filter(|(operation, least)| made(operation) < *least);
    missed.map(|(operation, least)| format!("{operation}, {least} times")).collect()
}

#[test]
fn what_is_not_known_to_read_is_a_change() {
    let named = |head: &str| changing(format!("{head}\r\nhost: x\r\n\r\n").as_bytes());
    assert_eq!(named("POST /detector/d/findings/create HTTP/1.1").unwrap(), "CreateSampleFindings");
    assert_eq!(named("PATCH /findings/batchupdate HTTP/1.1").unwrap(), "BatchUpdateFindings");
    assert_eq!(
        named("POST /applications/a/environments/e/deployments HTTP/1.1").unwrap(),
        "POST /applications/a/environments/e/deployments"
    );
    assert_eq!(named("POST /detector/d/findings HTTP/1.1"), None);
    assert_eq!(named("GET /experiments?maxResults=5 HTTP/1.1"), None);
    assert_eq!(named("POST / HTTP/1.1\r\nx-amz-target: AmazonSSM.GetParameter"), None);
    assert_eq!(
        named("POST / HTTP/1.1\r\nx-amz-target: AmazonSSM.PutParameter").unwrap(),
        "PutParameter"
    );
    let timeline = "{\"entry\":\"intent\",\"intent\":1,\"purpose\":\"inject\",\"call\":\"sns:Publish\"}\n\
                    {\"entry\":\"receipt\",\"intent\":1,\"error\":null}\n";
    assert_eq!(missed(timeline, &[]), ["Publish, 1 times"]);
    assert_eq!(missed(timeline, &["Publish".to_owned()]), Vec::<String>::new());
}
