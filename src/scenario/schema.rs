//! The JSON Schema of the language, for editors.
//!
//! Main function: [`schema`]. It is what the types say, with what types can't say added: exactly one
//! kind, and the keys that go with it. Invariant: what the check refuses for its shape, the schema
//! refuses too.

use serde_json::{Value, json};

use super::shape;

/// The kinds of a fault.
pub(crate) const FAULTS: &[&str] = &[
    "fis",
    "put_events",
    "set_alarm_state",
    "put_metric_data",
    "ssm_automation",
    "ssm_command",
    "start_execution",
    "invoke",
    "disable_rule",
    "publish",
    "send_message",
    "guardduty_sample_findings",
    "securityhub_findings",
    "log_line",
    "start_replay",
    "http",
    "command",
];

/// The kinds of an expectation that happens, which are also those of a never.
pub(crate) const HAPPENINGS: &[&str] = &[
    "alarm",
    "rule",
    "runbook",
    "rollback",
    "event",
    "notification",
    "experiment",
    "finding",
    "ops_item",
    "incident",
    "api_call",
    "queue",
    "deployment",
    "log",
    "execution",
    "http",
];

/// The services that deploy.
pub(crate) const DEPLOYERS: &[&str] = &["codedeploy", "cloudformation", "appconfig", "ecs"];

/// The JSON Schema (draft 2020-12) of a scenario file.
///
/// # Panics
/// Never: the schema is made from the types, and a test makes it.
pub fn schema() -> Value {
    let mut schema = shape::schema();
    schema["title"] = json!("firedrill scenario, version 1");
    schema["properties"]["version"]["const"] = json!(1);
    schema["properties"]["severity"]["minimum"] = json!(1);
    schema["properties"]["severity"]["maximum"] = json!(5);
    schema["properties"]["name"]["pattern"] = json!("^[a-z](-?[a-z0-9])*$");
    schema["properties"]["name"]["maxLength"] = json!(64);
    let required: Vec<&str> = vec!["version", "name", "faults"];
    schema["required"] = json!(required);
    let definitions = &mut schema["$defs"];
    definitions["Fault"]["oneOf"] = one_of(FAULTS, &[]);
    definitions["FisFault"]["oneOf"] = one_of(&["template", "inline"], &[]);
    definitions["RollbackExpectation"]["oneOf"] = one_of(DEPLOYERS, &[]);
    definitions["DeploymentExpectation"]["oneOf"] = one_of(DEPLOYERS, &[]);
    definitions["Never"]["oneOf"] = one_of(HAPPENINGS, &[]);
    let mut expectations = one_of(HAPPENINGS, &["within"]);
    let never = json!({"required": ["never", "for"], "not": {"required": ["within"]}});
    expectations.as_array_mut().expect("`one_of` makes a list").push(never);
    definitions["Expectation"]["oneOf"] = expectations;
    schema
}

/// Exactly one of some keys, each with the keys that it needs.
fn one_of(kinds: &[&str], with: &[&str]) -> Value {
    kinds
        .iter()
        .map(|kind| {
            let mut required = vec![*kind];
            required.extend(with);
            json!({"required": required})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_types_stands_in_exactly_one_alternative() {
        let schema = schema();
        let alternatives = schema["$defs"]["Expectation"]["oneOf"].as_array().unwrap();
        let properties = schema["$defs"]["Expectation"]["properties"].as_object().unwrap();
        for alternative in alternatives {
            let kind = alternative["required"][0].as_str().unwrap();
            assert!(properties.contains_key(kind), "{kind}");
        }
        // Whatever is neither a kind nor a modifier would be a kind that was forgotten here.
        let modifiers = [
            "id",
            "target",
            "within",
            "after",
            "sustain",
            "count",
            "for",
            "stage",
            "correlation",
            "never",
        ];
        let kinds: Vec<&String> =
            properties.keys().filter(|key| !modifiers.contains(&key.as_str())).collect();
        assert_eq!(kinds, HAPPENINGS.iter().collect::<Vec<_>>());
        let modifiers = ["id", "target", "at", "after", "effect"];
        let fault = schema["$defs"]["Fault"]["properties"].as_object().unwrap();
        let kinds: Vec<&String> =
            fault.keys().filter(|key| !modifiers.contains(&key.as_str())).collect();
        assert_eq!(kinds, FAULTS.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_checked_in_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/schema.json");
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert!(
            checked_in == current,
            "run `cargo run -- schema > scenarios/schema.json` to bring it up to date"
        );
    }
}
