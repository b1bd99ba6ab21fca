//! Rules and their results, as they are asked for.
//!
//! Main functions: one an operation. Invariant: what is asked for by a name that nothing has is refused.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Rule, no_such_rule};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ssm;

/// The input of the operations that take names of rules, or none for all.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    #[serde(default)]
    config_rule_names: Vec<String>,
    #[serde(default)]
    next_token: Option<String>,
}

/// One page of what each named rule gives.
fn listed(
    account: &Account,
    input: &Named,
    member: &str,
    shape: impl Fn(&str, &Rule) -> Value,
) -> Answer {
    let rules = &account.services.config.rules;
    let mut items = Vec::new();
    if input.config_rule_names.is_empty() {
        items.extend(rules.iter().map(|(name, rule)| shape(name, rule)));
    }
    for name in &input.config_rule_names {
        let rule = rules.get(name).ok_or_else(|| no_such_rule(name))?;
        items.push(shape(name, rule));
    }
    page(member, items, None, input.next_token.as_deref())
}

fn page(member: &str, items: Vec<Value>, max: Option<usize>, token: Option<&str>) -> Answer {
    let (items, next) = ssm::page(items, max, token, 100)?;
    let mut answer = json!({member: items});
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// `DescribeConfigRules`.
pub(super) fn describe_rules(account: &mut Account, input: Named) -> Answer {
    listed(account, &input, "ConfigRules", |name, rule| {
        let mut shape = json!({
            "ConfigRuleName": name,
            "ConfigRuleArn": rule.arn,
            "ConfigRuleId": rule.id,
            "Source": {"Owner": "AWS", "SourceIdentifier": rule.check.identifier()},
            "ConfigRuleState": "ACTIVE",
        });
        if let Some(description) = &rule.description {
            shape["Description"] = json!(description);
        }
        shape
    })
}

/// `DescribeConfigRuleEvaluationStatus`.
pub(super) fn describe_status(account: &mut Account, input: Named) -> Answer {
    listed(account, &input, "ConfigRulesEvaluationStatus", |name, rule| {
        let mut shape = json!({
            "ConfigRuleName": name,
            "ConfigRuleArn": rule.arn,
            "ConfigRuleId": rule.id,
            "FirstEvaluationStarted": rule.invoked.is_some(),
        });
        if let Some(at) = rule.invoked {
            shape["LastSuccessfulInvocationTime"] = epoch_seconds(at);
        }
        if let Some(at) = rule.evaluated {
            shape["LastSuccessfulEvaluationTime"] = epoch_seconds(at);
        }
        shape
    })
}

/// `DescribeComplianceByConfigRule`.
pub(super) fn describe_compliance(account: &mut Account, input: Named) -> Answer {
    listed(
        account,
        &input,
        "ComplianceByConfigRules",
        |name, rule| json!({"ConfigRuleName": name, "Compliance": {"ComplianceType": rule.compliance()}}),
    )
}

impl Rule {
    /// One resource that does not comply is enough; without a result nothing is known.
    fn compliance(&self) -> &'static str {
        let any = |wanted: &str| self.results.values().any(|one| one.compliance == wanted);
        if any("NON_COMPLIANT") {
            "NON_COMPLIANT"
        } else if any("COMPLIANT") {
            "COMPLIANT"
        } else {
            "INSUFFICIENT_DATA"
        }
    }
}

/// The input of `GetComplianceDetailsByConfigRule`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Details {
    config_rule_name: String,
    #[serde(default)]
    compliance_types: Vec<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `GetComplianceDetailsByConfigRule`: one result a resource.
pub(super) fn details(account: &mut Account, input: Details) -> Answer {
    let name = &input.config_rule_name;
    let rule: &Rule = account
        .services
        .config
        .rules
        .get(name)
        .ok_or_else(|| -> ServiceError { no_such_rule(name) })?;
    let wanted = |compliance: &String| {
        input.compliance_types.is_empty() || input.compliance_types.contains(compliance)
    };
    let results = rule.results.iter().filter(|(_, one)| wanted(&one.compliance));
    let items = results.map(|(resource, one)| one.shape(name, resource)).collect();
    page("EvaluationResults", items, input.limit, input.next_token.as_deref())
}
