//! The events that a history shows about tasks and iterations.
//!
//! Main items: methods of [`Execution`]. Invariant: a task that is scheduled is started, and then succeeds,
//! fails or times out; a function by its ARN has events of its own names.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::execution::Execution;
use super::templates::Fault;

impl Execution {
    /// A task's call is on its way.
    pub(super) fn scheduled(
        &mut self,
        thread: u32,
        (kind, resource): (&str, String),
        input: &Value,
        now: Timestamp,
    ) {
        if is_function(&resource) {
            let details = json!({ "resource": resource, "input": input.to_string() });
            let details = ("lambdaFunctionScheduledEventDetails", details);
            self.log(now, Some(thread), "LambdaFunctionScheduled", Some(details));
            self.log(now, Some(thread), "LambdaFunctionStarted", None);
            return;
        }
        let region = self.arn.split(':').nth(3).unwrap_or_default().to_owned();
        let details = json!({
            "resourceType": kind, "resource": resource, "region": region,
            "parameters": input.to_string(),
        });
        let details = ("taskScheduledEventDetails", details);
        self.log(now, Some(thread), "TaskScheduled", Some(details));
        let details = json!({ "resourceType": kind, "resource": resource });
        self.log(now, Some(thread), "TaskStarted", Some(("taskStartedEventDetails", details)));
    }

    /// A task's call is over.
    pub(super) fn returned(
        &mut self,
        thread: u32,
        (kind, resource): (&str, String),
        result: Result<&Value, &Fault>,
        now: Timestamp,
    ) {
        let end = match result {
            Ok(_) => "Succeeded",
            Err(fault) if fault.error == "States.Timeout" => "TimedOut",
            Err(_) => "Failed",
        };
        let mut details = match result {
            Ok(output) => {
                json!({ "output": output.to_string(), "outputDetails": { "truncated": false } })
            }
            Err(fault) => json!({ "error": fault.error, "cause": fault.cause }),
        };
        let (event, member) = if is_function(&resource) {
            (format!("LambdaFunction{end}"), format!("lambdaFunction{end}EventDetails"))
        } else {
            details["resourceType"] = kind.into();
            details["resource"] = resource.into();
            (format!("Task{end}"), format!("task{end}EventDetails"))
        };
        self.log(now, Some(thread), &event, Some((&member, details)));
    }

    /// An item of a Map state begins or ends.
    pub(super) fn iteration(&mut self, thread: u32, index: usize, kind: &str, now: Timestamp) {
        let Some(own) = self.threads.get(&thread) else { return };
        let details = json!({ "name": own.state, "index": index });
        let mut letters = kind.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let member: String = first.into_iter().chain(letters).collect::<String>() + "EventDetails";
        self.log(now, Some(thread), kind, Some((&member, details)));
    }
}

fn is_function(resource: &str) -> bool {
    resource.starts_with("arn:")
}
