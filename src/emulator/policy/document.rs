//! The policy language: does a document allow this principal to do this action on this resource?
//!
//! Main types: [`Request`], [`Decision`]. Invariant: what is not understood (an operator, a condition
//! key that the request does not carry) never allows anything, and is named in the decision.
//! The rules are those of
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Who asks, as resource policies and trust policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Principal<'a> {
    /// An AWS service, such as `events.amazonaws.com`.
    Service(&'a str),
    /// A role's ARN, or an account's twelve digits.
    Aws(&'a str),
}

/// What the request carries besides: condition keys (kept in lower case) and their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    keys: BTreeMap<String, String>,
    source_prefix: Option<String>,
}

impl Context {
    /// Adds a key; IAM compares keys without regard to case.
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.keys.insert(key.to_ascii_lowercase(), value.into());
        self
    }

    /// Says where `aws:SourceArn` lies without saying which resource it is.
    ///
    /// Who assumes a role is known by service, region and account (`arn:aws:ssm:REGION:ACCOUNT`), not by
    /// resource, so only these five parts of a condition's ARN are compared.
    pub(crate) fn with_source_in(mut self, prefix: String) -> Self {
        self.source_prefix = Some(prefix);
        self
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(&key.to_ascii_lowercase()).map(String::as_str)
    }
}

/// One question to a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Any of these identities; empty for identity policies, which name no principal.
    pub(crate) principals: &'a [Principal<'a>],
    /// The action, such as `sqs:SendMessage`.
    pub(crate) action: &'a str,
    /// The resource's ARN; `None` where the emulator does not know which it is.
    pub(crate) resource: Option<&'a str>,
    /// The condition keys of the request.
    pub(crate) context: &'a Context,
}

/// What one or several policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it explicitly.
    Denied,
    /// No statement applies. Condition keys and operators that the emulator could not evaluate are named.
    Silent(Vec<String>),
}

impl Decision {
    /// What two policies say together: an explicit deny wins, then any allow.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Allowed, _) | (_, Self::Allowed) => Self::Allowed,
            (Self::Silent(mut left), Self::Silent(right)) => {
                for name in right {
                    if !left.contains(&name) {
                        left.push(name);
                    }
                }
                Self::Silent(left)
            }
        }
    }
}

/// Asks one policy document.
pub(crate) fn evaluate(policy: &Value, request: &Request<'_>) -> Decision {
    let mut decision = Decision::Silent(Vec::new());
    for statement in one_or_many(policy.get("Statement")) {
        decision = decision.and(ask(statement, request));
        if decision == Decision::Denied {
            break;
        }
    }
    decision
}

/// Reads a policy that came as JSON text or as a JSON object, and checks its shape.
///
/// The error says what is wrong, for the service's own malformed-policy error.
pub(crate) fn read(policy: &Value) -> Result<Value, String> {
    let document = match policy {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("the policy is not valid JSON: {error}"))?,
        other => other.clone(),
    };
    let Some(body) = document.as_object() else {
        return Err("the policy is not a JSON object".to_owned());
    };
    if !body.contains_key("Statement") {
        return Err("the policy has no Statement".to_owned());
    }
    for statement in one_or_many(body.get("Statement")) {
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err("a statement's Effect is neither Allow nor Deny".to_owned());
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err("a statement has neither Action nor NotAction".to_owned());
        }
    }
    Ok(document)
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn ask(statement: &Value, request: &Request<'_>) -> Decision {
    let Some(statement) = statement.as_object() else {
        return Decision::Silent(Vec::new());
    };
    let applies = action_matches(statement, request.action)
        && resource_matches(statement, request.resource)
        && principal_matches(statement, request.principals);
    if !applies {
        return Decision::Silent(Vec::new());
    }
    let mut unknown = Vec::new();
    if !conditions_hold(statement.get("Condition"), request.context, &mut unknown) {
        return Decision::Silent(unknown);
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Decision::Allowed,
        Some("Deny") => Decision::Denied,
        Some(_) | None => Decision::Silent(Vec::new()),
    }
}

fn action_matches(statement: &Map<String, Value>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let names = |key: &str| {
        one_or_many(statement.get(key))
            .filter_map(Value::as_str)
            .any(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
    };
    if statement.contains_key("NotAction") { !names("NotAction") } else { names("Action") }
}

/// A resource that the emulator does not know is taken to be one that an Allow means, and never one
/// that a Deny means unless it denies everything.
fn resource_matches(statement: &Map<String, Value>, resource: Option<&str>) -> bool {
    let names = |key: &str| {
        one_or_many(statement.get(key))
            .filter_map(Value::as_str)
            .any(|pattern| resource.map_or(pattern == "*", |resource| wildcard(pattern, resource)))
    };
    if resource.is_none() && statement.get("Effect").and_then(Value::as_str) == Some("Allow") {
        return true;
    }
    if statement.contains_key("NotResource") {
        return resource.is_some() && !names("NotResource");
    }
    !statement.contains_key("Resource") || names("Resource")
}

fn principal_matches(statement: &Map<String, Value>, principals: &[Principal<'_>]) -> bool {
    if principals.is_empty() {
        return true;
    }
    match statement.get("Principal") {
        Some(Value::String(all)) => all == "*",
        Some(Value::Object(kinds)) => principals.iter().any(|principal| match principal {
            Principal::Service(name) => {
                let named = one_or_many(kinds.get("Service"))
                    .filter_map(Value::as_str)
                    .any(|service| service == *name);
                // `{"AWS": "*"}` means everybody, as `"*"` does.
                named || one_or_many(kinds.get("AWS")).any(|value| value == "*")
            }
            Principal::Aws(arn) => one_or_many(kinds.get("AWS"))
                .filter_map(Value::as_str)
                .any(|named| aws_principal_matches(named, arn)),
        }),
        Some(_) | None => false,
    }
}

/// A policy names a principal by its ARN, or its whole account by `:root` or by the bare digits.
fn aws_principal_matches(named: &str, principal: &str) -> bool {
    if named == "*" || named == principal {
        return true;
    }
    let account_of = |arn: &str| arn.split(':').nth(4).unwrap_or(arn).to_owned();
    let whole_account = named.ends_with(":root") || !named.contains(':');
    whole_account && account_of(named) == account_of(principal)
}

/// Condition keys that a request of the emulated account may carry; an absent one is just absent.
const KNOWN_KEYS: &[&str] = &[
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:principalorgid",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:securetransport",
    "iam:passedtoservice",
    "cloudwatch:namespace",
];

/// Whether a request may carry this key. A resource without the tag just does not have it.
fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KNOWN_KEYS.contains(&key.as_str()) || key.starts_with("aws:resourcetag/")
}

fn conditions_hold(
    conditions: Option<&Value>,
    context: &Context,
    unknown: &mut Vec<String>,
) -> bool {
    let Some(Value::Object(operators)) = conditions else {
        return conditions.is_none();
    };
    let mut all = true;
    for (operator, keys) in operators {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            all &= condition_holds(operator, key, wanted, context, unknown);
        }
    }
    all
}

fn condition_holds(
    operator: &str,
    key: &str,
    wanted: &Value,
    context: &Context,
    unknown: &mut Vec<String>,
) -> bool {
    let (operator, if_exists) =
        operator.strip_suffix("IfExists").map_or((operator, false), |plain| (plain, true));
    let known_key = is_known(key);
    let actual = context.get(key);
    if let (None, Some(prefix)) = (actual, &context.source_prefix)
        && key.eq_ignore_ascii_case("aws:SourceArn")
    {
        let any = one_or_many(Some(wanted)).any(|value| lies_in(&text_of(value), prefix));
        return any && !negated_operator(operator);
    }
    if operator == "Null" && known_key {
        let absent = actual.is_none().to_string();
        return one_or_many(Some(wanted)).any(|value| text_of(value) == absent);
    }
    let Some((negated, compare)) = comparison(operator) else {
        unknown.push(format!("{operator} on {key}"));
        return false;
    };
    let Some(actual) = actual else {
        if !known_key {
            unknown.push(key.to_owned());
            return false;
        }
        return if_exists || negated;
    };
    let any = one_or_many(Some(wanted)).any(|value| compare(&text_of(value), actual));
    any != negated
}

fn lies_in(pattern: &str, prefix: &str) -> bool {
    let parts: Vec<&str> = pattern.splitn(6, ':').take(5).collect();
    arn_like(&parts.join(":"), prefix)
}

fn negated_operator(operator: &str) -> bool {
    comparison(operator).is_none_or(|(negated, _)| negated)
}

type Comparison = fn(&str, &str) -> bool;

/// The operator's comparison, and whether it is negated.
fn comparison(operator: &str) -> Option<(bool, Comparison)> {
    let found: (bool, Comparison) = match operator {
        "StringEquals" => (false, |wanted, actual| wanted == actual),
        "StringNotEquals" => (true, |wanted, actual| wanted == actual),
        "StringEqualsIgnoreCase" | "Bool" => (false, str::eq_ignore_ascii_case),
        "StringNotEqualsIgnoreCase" => (true, str::eq_ignore_ascii_case),
        "StringLike" => (false, wildcard),
        "StringNotLike" => (true, wildcard),
        // AWS treats ArnEquals and ArnLike alike.
        "ArnEquals" | "ArnLike" => (false, arn_like),
        "ArnNotEquals" | "ArnNotLike" => (true, arn_like),
        _ => return None,
    };
    Some(found)
}

/// Each of the six parts of an ARN is compared by itself, so a `*` does not reach over a colon.
pub(crate) fn arn_like(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut patterns = pattern.splitn(6, ':');
    let mut parts = arn.splitn(6, ':');
    loop {
        match (patterns.next(), parts.next()) {
            (Some(pattern), Some(part)) if wildcard(pattern, part) => {}
            (None, None) => return true,
            (_, _) => return false,
        }
    }
}

/// A JSON value as policies allow it: one item, or a list of them.
fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items: &[Value] = match value {
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/page";
    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:oncall";

    fn decide(statement: &Value, principal: Principal<'_>) -> Decision {
        let context = Context::default()
            .with("aws:SourceArn", RULE)
            .with("aws:SourceAccount", "111122223333")
            .with("aws:SecureTransport", "true");
        let request = Request {
            principals: &[principal],
            action: "sqs:SendMessage",
            resource: Some(QUEUE),
            context: &context,
        };
        evaluate(&json!({ "Statement": statement }), &request)
    }

    #[test]
    fn statements_are_decided_as_the_table_says() {
        let events = Principal::Service("events.amazonaws.com");
        let silent = || Decision::Silent(Vec::new());
        let allow = |extra: Value| {
            let mut statement = json!({"Effect": "Allow", "Action": "sqs:SendMessage",
                "Principal": {"Service": "events.amazonaws.com"}, "Resource": QUEUE});
            for (key, value) in extra.as_object().expect("an object") {
                statement[key] = value.clone();
            }
            statement
        };
        let table: Vec<(&str, Value, Decision)> = vec![
            ("plain", allow(json!({})), Decision::Allowed),
            (
                "action in other case",
                allow(json!({"Action": "SQS:sendmessage"})),
                Decision::Allowed,
            ),
            ("action list", allow(json!({"Action": ["a:b", "sqs:Send*"]})), Decision::Allowed),
            ("other action", allow(json!({"Action": "sqs:Receive*"})), silent()),
            (
                "other principal",
                allow(json!({"Principal": {"Service": "sns.amazonaws.com"}})),
                silent(),
            ),
            ("everybody", allow(json!({"Principal": "*"})), Decision::Allowed),
            ("everybody in AWS", allow(json!({"Principal": {"AWS": "*"}})), Decision::Allowed),
            ("other resource", allow(json!({"Resource": "arn:aws:sqs:*:*:billing"})), silent()),
            (
                "question mark",
                allow(json!({"Resource": "arn:aws:sqs:eu-west-?:*:on*"})),
                Decision::Allowed,
            ),
            (
                "this rule",
                allow(json!({"Condition": {"ArnEquals": {"aws:SourceArn": RULE}}})),
                Decision::Allowed,
            ),
            (
                "key in other case",
                allow(
                    json!({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:*:rule/*"}}}),
                ),
                Decision::Allowed,
            ),
            (
                "another rule",
                allow(
                    json!({"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:111122223333:rule/other"}}}),
                ),
                silent(),
            ),
            (
                "not over plain text",
                allow(json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}})),
                silent(),
            ),
            (
                "two keys, one fails",
                allow(
                    json!({"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333", "aws:PrincipalOrgID": "o-1"}}}),
                ),
                silent(),
            ),
            (
                "unknown key",
                allow(json!({"Condition": {"StringEquals": {"aws:VpcSourceIp": "10.0.0.1"}}})),
                Decision::Silent(vec!["aws:VpcSourceIp".to_owned()]),
            ),
            (
                "unknown operator",
                allow(json!({"Condition": {"IpAddress": {"aws:SourceArn": "x"}}})),
                Decision::Silent(vec!["IpAddress on aws:SourceArn".to_owned()]),
            ),
            (
                "absent key may be absent",
                allow(
                    json!({"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}),
                ),
                Decision::Allowed,
            ),
            (
                "everything but",
                json!({"Effect": "Allow", "Principal": "*", "NotAction": "sqs:Delete*", "Resource": "*"}),
                Decision::Allowed,
            ),
            (
                "deny wins",
                json!([allow(json!({})), {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]),
                Decision::Denied,
            ),
        ];
        for (name, statement, expected) in table {
            assert_eq!(decide(&statement, events), expected, "{name}");
        }
    }

    #[test]
    fn an_account_is_named_by_root_or_by_its_digits() {
        let role = Principal::Aws("arn:aws:iam::444455556666:role/sender");
        for named in ["444455556666", "arn:aws:iam::444455556666:root"] {
            let statement =
                json!({"Effect": "Allow", "Action": "sqs:*", "Principal": {"AWS": named}});
            assert_eq!(decide(&statement, role), Decision::Allowed, "{named}");
        }
        let other =
            json!({"Effect": "Allow", "Action": "sqs:*", "Principal": {"AWS": "777788889999"}});
        assert_eq!(decide(&other, role), Decision::Silent(Vec::new()));
    }

    #[test]
    fn an_unknown_resource_is_allowed_by_name_and_denied_only_by_a_star() {
        let context = Context::default();
        let ask = |statement: Value| {
            let request = Request {
                principals: &[],
                action: "autoscaling:DetachInstances",
                resource: None,
                context: &context,
            };
            evaluate(&json!({ "Statement": statement }), &request)
        };
        let named = "arn:aws:autoscaling:*:*:autoScalingGroup:*";
        let allow = json!({"Effect": "Allow", "Action": "autoscaling:*", "Resource": named});
        let deny = json!({"Effect": "Deny", "Action": "autoscaling:*", "Resource": named});
        let deny_all = json!({"Effect": "Deny", "Action": "autoscaling:*", "Resource": "*"});
        assert_eq!(ask(allow.clone()), Decision::Allowed);
        assert_eq!(ask(json!([allow.clone(), deny])), Decision::Allowed);
        assert_eq!(ask(json!([allow, deny_all])), Decision::Denied);
    }

    #[test]
    fn an_arn_star_stays_inside_its_part() {
        assert!(arn_like("arn:aws:events:*:*:rule/*", RULE));
        assert!(!arn_like("arn:aws:*:rule/page", RULE));
    }

    #[test]
    fn a_policy_without_statements_is_refused() {
        assert!(read(&json!("{\"Version\": \"2012-10-17\"}")).is_err());
        assert!(read(&json!({"Statement": {"Effect": "Maybe", "Action": "*"}})).is_err());
        assert!(read(&json!({"Statement": {"Effect": "Allow"}})).is_err());
        assert!(
            read(&json!("{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}]}")).is_ok()
        );
    }
}
