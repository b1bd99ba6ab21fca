//! AWS Config: rules, what they found, and the events of changed compliance.
//!
//! Main type: [`Rule`]. Invariants: a rule whose check is not emulated is refused when it is made; a result
//! is replaced by the next evaluation of the same resource, and an event is sent only where the compliance
//! changed. Process checks hold what was told from outside. Sources:
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_Operations.html>,
//! <https://docs.aws.amazon.com/config/latest/developerguide/example-config-rule-compliance-notification.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the operation table hands every operation its input by value"
)]

mod checks;
mod results;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};
use crate::emulator::services::events;
use crate::emulator::timing;
use crate::wakeup::Topic;

pub(crate) use checks::group_changed;

/// The rules, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    rules: IndexMap<String, Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
struct Rule {
    id: String,
    arn: String,
    check: Check,
    description: Option<String>,
    /// By resource type and id.
    results: IndexMap<(String, String), Evaluation>,
    /// An evaluation was asked for and has not run.
    pending: bool,
    invoked: Option<Timestamp>,
    evaluated: Option<Timestamp>,
}

/// What a rule checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// No security group lets everybody in on port 22:
    /// <https://docs.aws.amazon.com/config/latest/developerguide/restricted-ssh.html>.
    RestrictedSsh,
    /// Somebody says how it is:
    /// <https://docs.aws.amazon.com/config/latest/developerguide/process-checks.html>.
    Process,
}

impl Check {
    fn identifier(self) -> &'static str {
        match self {
            Self::RestrictedSsh => "INCOMING_SSH_DISABLED",
            Self::Process => "AWS_CONFIG_PROCESS_CHECK",
        }
    }
}

/// What an evaluation found about one resource.
#[derive(Debug, Clone, PartialEq)]
struct Evaluation {
    compliance: String,
    annotation: Option<String>,
    ordered: Timestamp,
    invoked: Timestamp,
    recorded: Timestamp,
}

/// What the service has on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A rule is evaluated.
    Evaluate(String),
}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "PutConfigRule": PutRule => put_rule,
    "DescribeConfigRules": results::Named => results::describe_rules,
    "DeleteConfigRule": RuleName => delete_rule,
    "StartConfigRulesEvaluation": Start => start,
    "PutExternalEvaluation": PutExternal => put_external,
    "DescribeConfigRuleEvaluationStatus": results::Named => results::describe_status,
    "DescribeComplianceByConfigRule": results::Named => results::describe_compliance,
    "GetComplianceDetailsByConfigRule": results::Details => results::details,
];

/// Sets up what every account has: no rules.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Evaluate(rule) => checks::evaluate(account, &rule),
    }
}

/// The ARNs of the rules that a call names; a rule that is not there has an id that nobody knows.
pub(crate) fn arns(account: &Account, input: &Value) -> Vec<Option<String>> {
    let one = input.get("ConfigRuleName").and_then(Value::as_str);
    let many = input["ConfigRuleNames"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = one.into_iter().chain(many.iter().filter_map(Value::as_str)).collect();
    if names.is_empty() {
        return vec![None];
    }
    let arn = |name: &str| {
        let known = account.services.config.rules.get(name).map(|rule| rule.arn.clone());
        known.unwrap_or_else(|| account.identity().arn("config", "config-rule/unknown"))
    };
    names.into_iter().map(|name| Some(arn(name))).collect()
}

/// The names of the rules.
pub(crate) fn names(account: &Account) -> Vec<String> {
    account.services.config.rules.keys().cloned().collect()
}

fn no_such_rule(name: &str) -> ServiceError {
    let message = format!(
        "The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name."
    );
    ServiceError::new("NoSuchConfigRuleException", message)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message)
}

/// The input of `PutConfigRule`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRule {
    config_rule: WrittenRule,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WrittenRule {
    config_rule_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    scope: Option<Scope>,
    source: Source,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scope {
    #[serde(default)]
    compliance_resource_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Source {
    owner: String,
    #[serde(default)]
    source_identifier: Option<String>,
}

/// `PutConfigRule`: a new rule is evaluated soon.
fn put_rule(account: &mut Account, input: PutRule) -> Answer {
    let written = input.config_rule;
    let identifier = written.source.source_identifier.as_deref().unwrap_or_default();
    let check = match (written.source.owner.as_str(), identifier) {
        ("AWS", "INCOMING_SSH_DISABLED") => Check::RestrictedSsh,
        ("AWS", "AWS_CONFIG_PROCESS_CHECK") => Check::Process,
        (owner, identifier) => {
            return Err(ServiceError::unsupported(format_args!(
                "the Config rule {identifier} of {owner}"
            )));
        }
    };
    let types = written.scope.map(|scope| scope.compliance_resource_types).unwrap_or_default();
    if !types.is_empty() && types != [checks::GROUP] {
        return Err(ServiceError::unsupported(format_args!(
            "the Config rule {identifier} about {}",
            types.join(", ")
        )));
    }
    let name = written.config_rule_name;
    let known = account.services.config.rules.get(&name);
    let id = known.map_or_else(|| String::from("config-rule-"), |rule| rule.id.clone());
    let id = if known.is_some() { id } else { id + &account.ids.hex(6) };
    let arn = account.identity().arn("config", &format!("config-rule/{id}"));
    let results = known_results(account, &name);
    let rule = Rule {
        id,
        arn,
        check,
        description: written.description,
        results,
        pending: false,
        invoked: None,
        evaluated: None,
    };
    account.services.config.rules.insert(name.clone(), rule);
    ask(account, &name, timing::CONFIG_EVALUATES);
    Ok(json!({}))
}

fn known_results(account: &Account, name: &str) -> IndexMap<(String, String), Evaluation> {
    account.services.config.rules.get(name).map(|rule| rule.results.clone()).unwrap_or_default()
}

/// Puts an evaluation of a rule on the agenda, unless one is there. Process checks are never evaluated.
fn ask(account: &mut Account, name: &str, after: jiff::SignedDuration) {
    let Some(rule) = account.services.config.rules.get_mut(name) else { return };
    if rule.check == Check::Process || std::mem::replace(&mut rule.pending, true) {
        return;
    }
    account.schedule_in(after, Due::Evaluate(name.to_owned()));
}

/// The input of the operations that take a rule's name and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleName {
    config_rule_name: String,
}

/// `DeleteConfigRule`.
fn delete_rule(account: &mut Account, input: RuleName) -> Answer {
    match account.services.config.rules.shift_remove(&input.config_rule_name) {
        Some(_) => Ok(json!({})),
        None => Err(no_such_rule(&input.config_rule_name)),
    }
}

/// The input of `StartConfigRulesEvaluation`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Start {
    config_rule_names: Vec<String>,
}

/// `StartConfigRulesEvaluation`: at most 25 rules, none of which is being evaluated.
fn start(account: &mut Account, input: Start) -> Answer {
    if input.config_rule_names.is_empty() || input.config_rule_names.len() > 25 {
        return Err(invalid("1 to 25 rules can be evaluated at a time."));
    }
    for name in &input.config_rule_names {
        let rule = account.services.config.rules.get(name).ok_or_else(|| no_such_rule(name))?;
        if rule.check == Check::Process {
            return Err(invalid(format!(
                "The rule {name} is a process check: it is not evaluated."
            )));
        }
        if rule.pending {
            let message = format!("The rule {name} is currently being evaluated.");
            return Err(ServiceError::new("ResourceInUseException", message));
        }
    }
    for name in &input.config_rule_names {
        ask(account, name, timing::CONFIG_EVALUATES);
    }
    Ok(json!({}))
}

/// The input of `PutExternalEvaluation`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutExternal {
    config_rule_name: String,
    external_evaluation: External,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct External {
    compliance_resource_type: String,
    compliance_resource_id: String,
    compliance_type: String,
    #[serde(default)]
    annotation: Option<String>,
    ordering_timestamp: f64,
}

/// `PutExternalEvaluation`: for process checks alone, about the account.
fn put_external(account: &mut Account, input: PutExternal) -> Answer {
    let (name, now) = (input.config_rule_name, account.now());
    let rule = account.services.config.rules.get(&name).ok_or_else(|| no_such_rule(&name))?;
    if rule.check != Check::Process {
        return Err(invalid(format!("The rule {name} is not a process check.")));
    }
    let told = input.external_evaluation;
    if told.compliance_resource_type != "AWS::::Account" {
        return Err(invalid("The resource type of an external evaluation is AWS::::Account."));
    }
    if !["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"].contains(&told.compliance_type.as_str()) {
        return Err(invalid(format!("{} is no compliance type here.", told.compliance_type)));
    }
    let ordered = crate::emulator::account::from_epoch_seconds(told.ordering_timestamp);
    let evaluation = Evaluation {
        compliance: told.compliance_type,
        annotation: told.annotation,
        ordered: ordered.ok_or_else(|| invalid("The ordering timestamp is not a date."))?,
        invoked: now,
        recorded: now,
    };
    keep(account, &name, (told.compliance_resource_type, told.compliance_resource_id), evaluation);
    Ok(json!({}))
}

/// Keeps a result; a changed compliance is an event.
fn keep(account: &mut Account, name: &str, resource: (String, String), new: Evaluation) {
    let Some(rule) = account.services.config.rules.get_mut(name) else { return };
    let old = rule.results.insert(resource.clone(), new.clone());
    let arn = rule.arn.clone();
    account.touch(Topic::Compliance);
    if old.as_ref().map(|old| old.compliance.as_str()) == Some(new.compliance.as_str()) {
        return;
    }
    let identity = account.identity().clone();
    let shape = |evaluation: &Evaluation| evaluation.event_shape(name, &resource);
    let mut detail = json!({
        "resourceId": resource.1,
        "awsRegion": identity.region,
        "awsAccountId": identity.account,
        "configRuleName": name,
        "recordVersion": "1.0",
        "configRuleARN": arn,
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": shape(&new),
        "notificationCreationTime": format!("{:.3}", account.now()),
        "resourceType": resource.0,
    });
    if let Some(old) = &old {
        detail["oldEvaluationResult"] = shape(old);
    }
    events::emit(account, "aws.config", "Config Rules Compliance Change", Vec::new(), detail);
}

impl Evaluation {
    /// As events carry it: times are texts.
    fn event_shape(&self, rule: &str, resource: &(String, String)) -> Value {
        let mut shape = json!({
            "evaluationResultIdentifier": {
                "evaluationResultQualifier": {
                    "configRuleName": rule,
                    "resourceType": resource.0,
                    "resourceId": resource.1,
                },
                "orderingTimestamp": format!("{:.3}", self.ordered),
            },
            "complianceType": self.compliance,
            "resultRecordedTime": format!("{:.3}", self.recorded),
            "configRuleInvokedTime": format!("{:.3}", self.invoked),
        });
        if let Some(annotation) = &self.annotation {
            shape["annotation"] = json!(annotation);
        }
        shape
    }

    /// As the API answers it: times are numbers.
    fn shape(&self, rule: &str, resource: &(String, String)) -> Value {
        let mut shape = Map::new();
        shape.insert(
            "EvaluationResultIdentifier".to_owned(),
            json!({
                "EvaluationResultQualifier": {
                    "ConfigRuleName": rule,
                    "ResourceType": resource.0,
                    "ResourceId": resource.1,
                },
                "OrderingTimestamp": epoch_seconds(self.ordered),
            }),
        );
        shape.insert("ComplianceType".to_owned(), json!(self.compliance));
        shape.insert("ResultRecordedTime".to_owned(), epoch_seconds(self.recorded));
        shape.insert("ConfigRuleInvokedTime".to_owned(), epoch_seconds(self.invoked));
        if let Some(annotation) = &self.annotation {
            shape.insert("Annotation".to_owned(), json!(annotation));
        }
        Value::Object(shape)
    }
}
