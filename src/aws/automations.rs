//! SSM Automation executions since a moment, read once for everybody who watches runbooks.
//!
//! Main functions: [`list`] and [`get`]. Few documents are asked for by their names; for many, one list of
//! whatever was started since is read, so that a hundred runbooks cost what one costs. Invariant: what is
//! answered is everything since then, or an error. Sources:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeAutomationExecutions.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ssm::types::{
    AutomationExecution, AutomationExecutionFilter, AutomationExecutionFilterKey,
    AutomationExecutionMetadata,
};
use jiff::{SignedDuration, Timestamp};

use super::asked_for::automation_execution;
use super::shared::{Shared, Since};
use super::{Aws, CallError, CallErrorKind, timestamp};

/// Up to so many documents are asked for one by one.
const BY_NAME: usize = 3;

/// The most that one page lists.
const PAGE: i32 = 50;

/// The most executions of one list that are read.
const MOST: usize = 5_000;

/// The executions of each document, or why they are not known.
type Listed = BTreeMap<String, Result<Vec<AutomationExecutionMetadata>, CallError>>;

/// The reader that everybody shares who looks for executions.
pub(super) type Reader = Shared<(String, Timestamp), Arc<Listed>>;

/// The reader that everybody shares who reads executions whole.
pub(super) type WholeReader = Since<Arc<AutomationExecution>>;

/// The executions of a document that were started since then, oldest first.
pub(crate) async fn list(
    aws: &Aws,
    document: &str,
    since: Timestamp,
) -> Result<Vec<AutomationExecutionMetadata>, CallError> {
    let client = aws.ssm.clone();
    let ask = (document.to_owned(), since);
    let read =
        |asks: Vec<(String, Timestamp)>| async move { Arc::new(list_all(&client, asks).await) };
    let listed = aws.readers.automations.ask(ask, aws.readers.moment, read).await;
    let mut found = listed.get(document).cloned().expect("each document is answered")?;
    // Whoever asked along with us may have asked from an earlier moment on; AWS's filter has whole seconds.
    let first = since - SignedDuration::from_nanos(since.subsec_nanosecond().into());
    found.retain(|one| {
        let started = one.execution_start_time().and_then(timestamp);
        started.is_none_or(|started| started >= first)
    });
    Ok(found)
}

async fn list_all(client: &aws_sdk_ssm::Client, asks: Vec<(String, Timestamp)>) -> Listed {
    let mut wanted: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (document, since) in asks {
        let first = wanted.entry(document).or_insert(since);
        *first = since.min(*first);
    }
    let mut listed = Listed::new();
    if wanted.len() <= BY_NAME {
        for (document, since) in wanted {
            let found = list_one(client, Some(&document), since).await;
            listed.insert(document.clone(), found.map(|found| of_document(&document, &found)));
        }
        return listed;
    }
    let since = wanted.values().min().copied().unwrap_or(Timestamp::UNIX_EPOCH);
    let found = list_one(client, None, since).await;
    for document in wanted.into_keys() {
        let of_it = found.as_ref().map(|found| of_document(&document, found));
        listed.insert(document.clone(), of_it.map_err(Clone::clone));
    }
    listed
}

/// The filter of AWS is one by prefix. AWS lists the newest first; the record is in the order of events.
fn of_document(
    document: &str,
    found: &[AutomationExecutionMetadata],
) -> Vec<AutomationExecutionMetadata> {
    let of_it = found.iter().rev().filter(|one| one.document_name() == Some(document));
    of_it.cloned().collect()
}

/// One list: of what a document's name begins with, or of everything.
async fn list_one(
    client: &aws_sdk_ssm::Client,
    document: Option<&str>,
    since: Timestamp,
) -> Result<Vec<AutomationExecutionMetadata>, CallError> {
    let refused = |message: String| CallError {
        kind: CallErrorKind::Refused,
        operation: "ssm:DescribeAutomationExecutions",
        code: None,
        message,
    };
    let filter = |key: AutomationExecutionFilterKey, value: String| {
        let built = AutomationExecutionFilter::builder().key(key).values(value).build();
        built.map_err(|error| refused(error.to_string()))
    };
    let after = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut filters = Vec::new();
    if let Some(document) = document {
        filters
            .push(filter(AutomationExecutionFilterKey::DocumentNamePrefix, document.to_owned())?);
    }
    filters.push(filter(AutomationExecutionFilterKey::StartTimeAfter, after)?);
    let listing = client.describe_automation_executions().set_filters(Some(filters));
    let mut pages = listing.max_results(PAGE).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(execution) = pages.next().await {
        found.push(
            execution.map_err(|error| CallError::of("ssm:DescribeAutomationExecutions", &error))?,
        );
        if found.len() > MOST {
            let message = format!("more than {MOST} executions were started since {since}");
            return Err(CallError { kind: CallErrorKind::Unreachable, ..refused(message) });
        }
    }
    Ok(found)
}

/// An execution with its steps.
pub(crate) async fn get(aws: &Aws, id: &str) -> Result<Arc<AutomationExecution>, CallError> {
    let (ours, wanted) = (aws.clone(), id.to_owned());
    let read = move |_since| {
        let (ours, wanted) = (ours.clone(), wanted.clone());
        async move { automation_execution(&ours, &wanted).await.map(Arc::new) }
    };
    let (executions, moment) = (&aws.readers.executions, aws.readers.moment);
    executions.read(id.to_owned(), Timestamp::UNIX_EPOCH, moment, read).await
}
