//! The least IAM policy with which a plan can run.
//!
//! Main function: [`policy`]. Invariant: every action of [`Plan::calls`] is allowed on exactly the
//! resources that the calls name; `*` stands only where AWS offers nothing narrower, and the statement's
//! id says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Plan;
use super::calls::{Call, Resource};

/// The policy document for the home target. Accounts and regions come from the guardrails; where those
/// name none, `*`.
pub fn policy(plan: &Plan) -> Value {
    policy_at(plan, None)
}

/// The policy document for a target: its account and region are known.
pub fn policy_at(plan: &Plan, target: Option<&str>) -> Value {
    let mut statements: Vec<Statement> = Vec::new();
    for (action, by_condition) in grants(plan, target) {
        for (condition, resources) in by_condition {
            let same = |statement: &&mut Statement| {
                statement.condition == condition && statement.resources == resources
            };
            match statements.iter_mut().find(same) {
                Some(statement) => statement.actions.push(action),
                None => {
                    statements.push(Statement { actions: vec![action], resources, condition });
                }
            }
        }
    }
    let mut ids = BTreeMap::new();
    let statements: Vec<Value> =
        statements.into_iter().map(|statement| statement.into_json(&mut ids)).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Why some statements of the policy are for every resource: the action and the reason, for people.
pub fn wide(plan: &Plan) -> Vec<(&'static str, &'static str)> {
    let wide: BTreeMap<&str, &str> = plan
        .calls()
        .iter()
        .filter(|call| !FREE.contains(&call.action))
        .filter_map(|call| match call.resource {
            Resource::Any(why) => Some((call.action, why)),
            Resource::Named { .. }
            | Resource::Shared { .. }
            | Resource::Global { .. }
            | Resource::Arn(_) => None,
        })
        .collect();
    wide.into_iter().collect()
}

/// Calls that everybody may make: AWS asks for no permission.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
const FREE: &[&str] = &["sts:GetCallerIdentity"];

type Condition = Option<(String, String, String)>;

/// What each action is allowed on, by condition.
fn grants(
    plan: &Plan,
    target: Option<&str>,
) -> BTreeMap<&'static str, BTreeMap<Condition, BTreeSet<String>>> {
    let mut grants: BTreeMap<&str, BTreeMap<Condition, BTreeSet<String>>> = BTreeMap::new();
    let calls = plan.calls();
    let here = calls.iter().filter(|call| call.target.as_deref() == target);
    for call in here.filter(|call| !FREE.contains(&call.action)) {
        let condition = call
            .condition
            .as_ref()
            .map(|one| (one.operator.to_owned(), one.key.clone(), one.value.clone()));
        let resources = grants.entry(call.action).or_default().entry(condition).or_default();
        resources.extend(arns(plan, call));
    }
    for by_condition in grants.values_mut() {
        for resources in by_condition.values_mut() {
            if resources.contains("*") {
                *resources = BTreeSet::from(["*".to_owned()]);
            }
        }
    }
    grants
}

fn arns(plan: &Plan, call: &Call) -> Vec<String> {
    let reach = reach(plan, call.target.as_deref());
    let (service, name, shared) = match &call.resource {
        Resource::Any(_) => return vec!["*".to_owned()],
        Resource::Arn(arn) => return vec![arn.clone()],
        Resource::Named { service, name } => (service, name, false),
        Resource::Shared { service, name } => (service, name, true),
        Resource::Global { service, name } => {
            let global = |(account, region): &(String, String)| {
                format!("arn:{}:{service}::{account}:{name}", partition(region))
            };
            return reach.iter().map(global).collect();
        }
    };
    let arn = |(account, region): &(String, String)| {
        let account = if shared { "*" } else { account.as_str() };
        format!("arn:{}:{service}:{region}:{account}:{name}", partition(region))
    };
    reach.iter().map(arn).collect()
}

/// The accounts and regions that a target may be, in pairs; `*` where nobody says.
fn reach(plan: &Plan, target: Option<&str>) -> Vec<(String, String)> {
    if let Some(target) = target.and_then(|name| plan.targets.get(name)) {
        return vec![(target.account.clone(), target.region.clone())];
    }
    let or_any = |list: &[String]| {
        if list.is_empty() { vec!["*".to_owned()] } else { list.to_vec() }
    };
    // The guardrails name the other targets too, and home is none of those.
    let elsewhere = |account: &str, region: &str| {
        plan.targets.values().any(|one| one.account == account && one.region == region)
    };
    let mut pairs = Vec::new();
    for region in or_any(&plan.guardrails.regions) {
        for account in or_any(&plan.guardrails.accounts) {
            if !elsewhere(&account, &region) {
                pairs.push((account, region.clone()));
            }
        }
    }
    pairs
}

/// The partition of a region: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

struct Statement {
    actions: Vec<&'static str>,
    resources: BTreeSet<String>,
    condition: Condition,
}

impl Statement {
    fn into_json(self, ids: &mut BTreeMap<String, usize>) -> Value {
        let mut value = json!({
            "Sid": self.id(ids),
            "Effect": "Allow",
            "Action": self.actions,
            "Resource": self.resources,
        });
        if let Some((operator, key, expected)) = self.condition {
            value["Condition"] = json!({operator: {key: expected}});
        }
        value
    }

    /// A name of letters and digits, unique in the policy, such as `Events` or `CloudwatchAnyResource`.
    fn id(&self, ids: &mut BTreeMap<String, usize>) -> String {
        let services: BTreeSet<&str> =
            self.actions.iter().filter_map(|action| action.split(':').next()).collect();
        // AWS takes letters and digits only; `ssm-incidents` has a dash.
        let words = services.into_iter().flat_map(|service| service.split('-'));
        let mut id: String = words.map(capitalised).collect();
        if self.resources.contains("*") {
            id.push_str("AnyResource");
        }
        let count = ids.entry(id.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            id.push_str(&count.to_string());
        }
        id
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + characters.as_str()
    })
}
