//! What there is in an account: the names and the few facts that a check needs.
//!
//! Main type: [`Inventory`]. Plain data. Invariant: it is read off the account through its own API, so it
//! shows what a caller would see after the warm-up; a service that is not emulated has nothing to show.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::emulator::account::Account;
use crate::emulator::services::Service;
use crate::emulator::signals;

/// What there is in an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// Alarms, by name.
    pub alarms: IndexMap<String, Alarm>,
    /// Event buses, by name.
    pub buses: IndexMap<String, Bus>,
    /// SSM documents of the account, by name.
    pub documents: IndexMap<String, Document>,
    /// SNS topics: the name and the ARN.
    pub topics: IndexMap<String, String>,
    /// SQS queues: the name and the URL.
    pub queues: IndexMap<String, String>,
    /// The names of the log groups.
    pub log_groups: Vec<String>,
    /// CodeDeploy deployment groups.
    pub deployment_groups: Vec<DeploymentGroup>,
    /// FIS experiment templates.
    pub experiment_templates: Vec<ExperimentTemplate>,
    /// The names of Incident Manager's response plans.
    pub response_plans: Vec<String>,
    /// The names of the rules of AWS Config.
    pub config_rules: Vec<String>,
    /// Step Functions state machines: the name and the ARN.
    pub state_machines: IndexMap<String, String>,
    /// Lambda functions: the name and the ARN.
    pub functions: IndexMap<String, String>,
}

/// An alarm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarm {
    /// Whether it watches other alarms instead of a metric.
    pub composite: bool,
    /// Its state after the warm-up: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// The period in seconds; of a composite alarm 0.
    pub period: u32,
    /// How many breaching datapoints it takes.
    pub datapoints_to_alarm: u32,
    /// Out of how many.
    pub evaluation_periods: u32,
    /// Whether its actions are on.
    pub actions_enabled: bool,
    /// What it does on entering `OK`, `ALARM` and `INSUFFICIENT_DATA`: ARNs.
    pub actions: IndexMap<String, Vec<String>>,
    /// The metrics that it watches.
    pub metrics: Vec<Metric>,
    /// How long until a datapoint of the slowest of them can be read.
    pub publish_delay: SignedDuration,
}

/// A metric that an alarm watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metric {
    /// Such as `AWS/VPN`.
    pub namespace: String,
    /// Such as `TunnelState`.
    pub name: String,
    /// Names and values, as the alarm has them.
    pub dimensions: Vec<(String, String)>,
    /// Whether anything in the account publishes it: a signal, or a service by itself.
    pub published: bool,
}

/// An event bus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bus {
    /// Its rules, by name.
    pub rules: IndexMap<String, Rule>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// The event pattern's text; a rule on a schedule has none.
    pub pattern: Option<String>,
    /// The schedule's text.
    pub schedule: Option<String>,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// How many targets it has.
    pub targets: usize,
}

/// An SSM document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// `Automation`, `Command`, …
    pub kind: String,
}

/// A CodeDeploy deployment group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeploymentGroup {
    /// The application's name.
    pub application: String,
    /// The group's name.
    pub group: String,
}

/// A FIS experiment template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExperimentTemplate {
    /// Its id, such as `EXT123AbCdEfGhIjK`.
    pub id: String,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// Whether an alarm can stop it.
    pub has_stop_condition: bool,
}

impl Inventory {
    /// Reads what there is off an account; the account itself stays as it is.
    pub fn of(account: &Account) -> Self {
        let mut account = account.clone();
        Self {
            alarms: alarms(&mut account),
            buses: buses(&mut account),
            documents: documents(&mut account),
            topics: topics(&mut account),
            queues: queues(&mut account),
            log_groups: log_groups(&mut account),
            deployment_groups: deployment_groups(&mut account),
            experiment_templates: experiment_templates(&mut account),
            response_plans: response_plans(&mut account),
            config_rules: crate::emulator::services::config::names(&account),
            state_machines: state_machines(&mut account),
            functions: functions(&mut account),
        }
    }
}

/// All pages of a listing, joined; nothing where the service does not list.
fn all(
    account: &mut Account,
    service: Service,
    operation: &str,
    input: &Value,
    token: &str,
    members: &[&str],
) -> Vec<Value> {
    // Enough for every listing of an account of the size that a template can make.
    const MAX_PAGES: usize = 200;
    let mut input = input.as_object().cloned().unwrap_or_default();
    let mut items = Vec::new();
    for _ in 0..MAX_PAGES {
        let Ok(mut answer) = account.call(service, operation, Value::Object(input.clone())) else {
            break;
        };
        for member in members {
            if let Value::Array(page) = answer[*member].take() {
                items.extend(page);
            }
        }
        match answer[token].take() {
            next @ Value::String(_) => input.insert(token.to_owned(), next),
            _ => break,
        };
    }
    items
}

fn alarms(account: &mut Account) -> IndexMap<String, Alarm> {
    let input = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    let members = ["MetricAlarms", "CompositeAlarms"];
    let listed = all(account, Service::CloudWatch, "DescribeAlarms", &input, "NextToken", &members);
    listed.iter().map(|alarm| (text(alarm, "AlarmName"), read_alarm(account, alarm))).collect()
}

fn read_alarm(account: &Account, alarm: &Value) -> Alarm {
    let composite = alarm.get("AlarmRule").is_some();
    let periods = count(alarm, "EvaluationPeriods");
    let queries = alarm["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let watched = queries.iter().filter_map(|query| query["MetricStat"].get("Metric"));
    let metrics: Vec<Metric> =
        watched.chain([alarm]).filter_map(|watched| metric(account, watched)).collect();
    let delays = metrics.iter().filter_map(|metric| {
        signals::delay_of(account, &metric.namespace, &metric.name, &metric.dimensions)
    });
    let publish_delay = delays.max().unwrap_or_default();
    let of_queries = queries.iter().filter_map(|query| {
        query["Period"].as_u64().or_else(|| query["MetricStat"]["Period"].as_u64())
    });
    let longest = of_queries.max().and_then(|period| u32::try_from(period).ok());
    Alarm {
        composite,
        state: text(alarm, "StateValue"),
        period: count(alarm, "Period").max(longest.unwrap_or_default()),
        datapoints_to_alarm: match count(alarm, "DatapointsToAlarm") {
            0 => periods,
            datapoints => datapoints,
        },
        evaluation_periods: periods,
        actions_enabled: alarm["ActionsEnabled"].as_bool().unwrap_or(true),
        actions: [
            ("OK", "OKActions"),
            ("ALARM", "AlarmActions"),
            ("INSUFFICIENT_DATA", "InsufficientDataActions"),
        ]
        .into_iter()
        .map(|(state, member)| (state.to_owned(), texts(&alarm[member])))
        .collect(),
        metrics,
        publish_delay,
    }
}

/// Namespaces whose metrics the emulated services publish by themselves.
const PUBLISHED_BY_SERVICES: &[&str] =
    &["AWS/Events", "AWS/Lambda", "AWS/AutoScaling", "AWS/States"];

fn metric(account: &Account, of: &Value) -> Option<Metric> {
    let (namespace, name) = (of["Namespace"].as_str()?, of["MetricName"].as_str()?);
    let dimensions = of["Dimensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let dimensions: Vec<(String, String)> = dimensions
        .iter()
        .map(|dimension| (text(dimension, "Name"), text(dimension, "Value")))
        .collect();
    let published = PUBLISHED_BY_SERVICES.contains(&namespace)
        || signals::watches(account, namespace, name, &dimensions);
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Some(Metric { namespace, name, dimensions, published })
}

fn buses(account: &mut Account) -> IndexMap<String, Bus> {
    let nothing = json!({});
    let listed =
        all(account, Service::Events, "ListEventBuses", &nothing, "NextToken", &["EventBuses"]);
    let mut buses = IndexMap::new();
    for bus in listed {
        let name = text(&bus, "Name");
        let input = json!({ "EventBusName": name });
        let rules = all(account, Service::Events, "ListRules", &input, "NextToken", &["Rules"]);
        let rules = rules
            .iter()
            .map(|rule| (text(rule, "Name"), read_rule(account, &name, rule)))
            .collect();
        buses.insert(name, Bus { rules });
    }
    buses
}

fn read_rule(account: &mut Account, bus: &str, rule: &Value) -> Rule {
    let input = json!({ "EventBusName": bus, "Rule": rule["Name"] });
    let targets =
        all(account, Service::Events, "ListTargetsByRule", &input, "NextToken", &["Targets"]);
    let optional = |member: &str| rule[member].as_str().map(str::to_owned);
    Rule {
        pattern: optional("EventPattern"),
        schedule: optional("ScheduleExpression"),
        state: text(rule, "State"),
        targets: targets.len(),
    }
}

fn documents(account: &mut Account) -> IndexMap<String, Document> {
    let input = json!({ "Filters": [{ "Key": "Owner", "Values": ["Self"] }] });
    let members = ["DocumentIdentifiers"];
    let listed = all(account, Service::Ssm, "ListDocuments", &input, "NextToken", &members);
    let read = |document: &Value| Document { kind: text(document, "DocumentType") };
    listed.iter().map(|document| (text(document, "Name"), read(document))).collect()
}

fn topics(account: &mut Account) -> IndexMap<String, String> {
    let listed = all(account, Service::Sns, "ListTopics", &json!({}), "NextToken", &["Topics"]);
    listed.iter().map(|topic| last_part(&text(topic, "TopicArn"), ':')).collect()
}

fn queues(account: &mut Account) -> IndexMap<String, String> {
    let listed = all(account, Service::Sqs, "ListQueues", &json!({}), "NextToken", &["QueueUrls"]);
    listed.iter().filter_map(Value::as_str).map(|url| last_part(url, '/')).collect()
}

fn log_groups(account: &mut Account) -> Vec<String> {
    let (service, members) = (Service::Logs, ["logGroups"]);
    let listed = all(account, service, "DescribeLogGroups", &json!({}), "nextToken", &members);
    listed.iter().map(|group| text(group, "logGroupName")).collect()
}

/// The last part of a name, and the whole of it.
fn last_part(whole: &str, separator: char) -> (String, String) {
    let last = whole.rsplit(separator).next().unwrap_or(whole);
    (last.to_owned(), whole.to_owned())
}

fn deployment_groups(account: &mut Account) -> Vec<DeploymentGroup> {
    let (service, nothing) = (Service::CodeDeploy, json!({}));
    let applications =
        all(account, service, "ListApplications", &nothing, "nextToken", &["applications"]);
    let mut groups = Vec::new();
    for application in applications {
        let input = json!({ "applicationName": application });
        let listed = all(
            account,
            service,
            "ListDeploymentGroups",
            &input,
            "nextToken",
            &["deploymentGroups"],
        );
        let application = application.as_str().unwrap_or_default();
        groups.extend(listed.iter().filter_map(Value::as_str).map(|group| DeploymentGroup {
            application: application.to_owned(),
            group: group.to_owned(),
        }));
    }
    groups
}

fn experiment_templates(account: &mut Account) -> Vec<ExperimentTemplate> {
    let (service, members) = (Service::Fis, ["experimentTemplates"]);
    let listed =
        all(account, service, "ListExperimentTemplates", &json!({}), "nextToken", &members);
    let mut templates = Vec::new();
    for summary in listed {
        let input = json!({ "id": summary["id"] });
        let Ok(answer) = account.call(service, "GetExperimentTemplate", input) else { continue };
        let template = &answer["experimentTemplate"];
        let conditions = template["stopConditions"].as_array().map(Vec::as_slice);
        let none = Map::new();
        let tags = template["tags"].as_object().unwrap_or(&none);
        templates.push(ExperimentTemplate {
            id: text(template, "id"),
            name: tags.get("Name").and_then(Value::as_str).map(str::to_owned),
            has_stop_condition: conditions
                .unwrap_or_default()
                .iter()
                .any(|condition| condition["source"] == "aws:cloudwatch:alarm"),
        });
    }
    templates
}

fn response_plans(account: &mut Account) -> Vec<String> {
    let members = ["responsePlanSummaries"];
    let service = Service::Incidents;
    let listed = all(account, service, "ListResponsePlans", &json!({}), "nextToken", &members);
    listed.iter().map(|plan| text(plan, "name")).collect()
}

fn state_machines(account: &mut Account) -> IndexMap<String, String> {
    let (service, members) = (Service::StepFunctions, ["stateMachines"]);
    let listed = all(account, service, "ListStateMachines", &json!({}), "nextToken", &members);
    listed.iter().map(|one| (text(one, "name"), text(one, "stateMachineArn"))).collect()
}

fn functions(account: &mut Account) -> IndexMap<String, String> {
    let listed =
        all(account, Service::Lambda, "ListFunctions", &json!({}), "NextMarker", &["Functions"]);
    listed.iter().map(|one| (text(one, "FunctionName"), text(one, "FunctionArn"))).collect()
}

fn text(of: &Value, member: &str) -> String {
    of[member].as_str().unwrap_or_default().to_owned()
}

fn texts(of: &Value) -> Vec<String> {
    of.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn count(of: &Value, member: &str) -> u32 {
    of[member].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}
