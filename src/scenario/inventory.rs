//! What an environment holds, as far as the check needs to know it.
//!
//! Main type: [`Inventory`], plain data that the caller fills from wherever it knows it. Invariant: an
//! empty list means "there are none", so an inventory is given only where it is complete.

use std::time::Duration;

use indexmap::IndexMap;

/// The resources that stand in an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// What to call it in messages, such as `environments/vpn.yaml`.
    pub name: String,
    /// The account id that events carry.
    pub account: String,
    /// The region that events carry.
    pub region: String,
    /// The alarms, by name.
    pub alarms: IndexMap<String, Alarm>,
    /// The rules of all buses.
    pub rules: Vec<Rule>,
    /// The names of the event buses, `default` included.
    pub buses: Vec<String>,
    /// The names of the Automation documents.
    pub documents: Vec<String>,
    /// The names of the SNS topics.
    pub topics: Vec<String>,
    /// The deployment groups.
    pub deployment_groups: Vec<DeploymentGroup>,
    /// The FIS experiment templates.
    pub templates: Vec<ExperimentTemplate>,
    /// The names of the response plans of Incident Manager.
    pub response_plans: Vec<String>,
    /// The names of the rules of AWS Config.
    pub config_rules: Vec<String>,
    /// The names of the Step Functions state machines.
    pub state_machines: Vec<String>,
    /// The names of the Lambda functions.
    pub functions: Vec<String>,
    /// The names of the SQS queues.
    pub queues: Vec<String>,
    /// The names of the log groups.
    pub log_groups: Vec<String>,
}

/// An alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarm {
    /// How a metric alarm is evaluated; nothing for a composite alarm.
    pub evaluation: Option<Evaluation>,
    /// Whether its actions run at all.
    pub actions_enabled: bool,
    /// The actions (ARNs) by state: `OK`, `ALARM`, `INSUFFICIENT_DATA`. A state that is not here has
    /// actions that nobody knows of.
    pub actions: IndexMap<String, Vec<String>>,
}

/// How a metric alarm is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// The length of a period.
    pub period: Duration,
    /// How many breaching datapoints it needs (M of "M out of N").
    pub datapoints_to_alarm: u32,
    /// How long after the end of a period its datapoint can be read.
    pub publish_delay: Duration,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The name of its bus.
    pub bus: String,
    /// Its event pattern, as JSON text; nothing for a schedule.
    pub pattern: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// How many targets it has.
    pub targets: usize,
}

/// A `CodeDeploy` deployment group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentGroup {
    /// Its application.
    pub application: String,
    /// Its name.
    pub name: String,
}

/// A FIS experiment template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExperimentTemplate {
    /// Its id, when it has one already.
    pub id: Option<String>,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// Whether an alarm stops it.
    pub has_stop_condition: bool,
}

/// The name at the end of an ARN, or the text itself when it is not an ARN.
pub(crate) fn short_name(text: &str) -> &str {
    if !text.starts_with("arn:") {
        return text;
    }
    let Some(resource) = text.splitn(6, ':').nth(5) else { return text };
    resource.rsplit(['/', ':']).next().unwrap_or(resource)
}

impl Inventory {
    /// The experiment template with this id or `Name` tag.
    pub(crate) fn template(&self, wanted: &str) -> Option<&ExperimentTemplate> {
        self.templates.iter().find(|template| {
            template.id.as_deref() == Some(wanted) || template.name.as_deref() == Some(wanted)
        })
    }

    /// The rule with this name on this bus.
    pub(crate) fn rule(&self, name: &str, bus: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name && rule.bus == short_name(bus))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_taken_from_an_arn() {
        for (text, name) in [
            ("oncall", "oncall"),
            ("arn:aws:sns:eu-west-1:111122223333:oncall", "oncall"),
            ("arn:aws:events:eu-west-1:111122223333:event-bus/orders", "orders"),
            ("arn:aws:ssm:eu-west-1::document/AWS-Stop", "AWS-Stop"),
            ("arn:", "arn:"),
        ] {
            assert_eq!(short_name(text), name);
        }
    }
}
