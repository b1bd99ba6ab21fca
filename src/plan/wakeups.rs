//! What AWS tells by itself of the things that a plan watches: events on the default bus that say that it
//! is time to look.
//!
//! Main type: [`WakeUp`]. Invariant: a wake-up is only a hint, so an event that no service emits for a kind
//! (logs, metrics, queue depths, AppConfig, incidents, HTTP) leaves that kind to the cadence. Which
//! services emit what, and how surely: <https://docs.aws.amazon.com/eventbridge/latest/ref/events.html>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{FaultAction, Kind, Plan, Release};
use crate::scenario::inventory::short_name;
use crate::scenario::types::{FindingExpectation, FindingSource};

/// The most characters that the pattern of a rule may have.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
const LONGEST_PATTERN: usize = 2_048;

/// The most rules that wake a drill. What more names would take is left to the cadence.
const MOST_RULES: usize = 10;

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Alarm states.
    Alarms,
    /// What AWS Config finds.
    Compliance,
    /// SSM Automation executions.
    Automations,
    /// Deployments and stacks.
    Deployments,
    /// Step Functions executions.
    Executions,
    /// FIS experiments.
    Experiments,
    /// Findings.
    Findings,
    /// OpsItems.
    OpsItems,
}

/// Events that say that something of a plan may have changed.
#[derive(Debug, Clone, PartialEq)]
pub struct WakeUp {
    /// What to look at then.
    pub subject: Subject,
    /// The pattern that the events match.
    pub pattern: Value,
}

/// Wake-ups that one temporary rule brings.
#[derive(Debug, Clone, PartialEq)]
pub struct WakeUpRule {
    /// The rule's pattern, as JSON text.
    pub pattern: String,
    /// Whatever matches one of these matches the rule.
    pub wake_ups: Vec<WakeUp>,
}

impl Plan {
    /// The rules on the default bus that wake whoever watches a target; nothing where no service says
    /// anything of what is watched there.
    pub fn wake_up_rules(&self, target: Option<&str>) -> Vec<WakeUpRule> {
        let mut rules: Vec<WakeUpRule> = Vec::new();
        for wake_up in self.wake_ups(target) {
            let with = rules.last().map(|rule| rule.wake_ups.iter().chain([&wake_up]));
            let together = with.map(pattern).filter(|text| text.len() <= LONGEST_PATTERN);
            if let (Some(pattern), Some(rule)) = (together, rules.last_mut()) {
                rule.pattern = pattern;
                rule.wake_ups.push(wake_up);
                continue;
            }
            let pattern = pattern([&wake_up].into_iter());
            if pattern.len() <= LONGEST_PATTERN && rules.len() < MOST_RULES {
                rules.push(WakeUpRule { pattern, wake_ups: vec![wake_up] });
            }
        }
        rules
    }

    fn wake_ups(&self, target: Option<&str>) -> Vec<WakeUp> {
        let here = |of: &Option<String>| of.as_deref() == target;
        let stops = self.stop_conditions.iter().filter(|stop| here(&stop.target));
        let mut alarms: BTreeSet<&str> = stops.map(|stop| stop.alarm.as_str()).collect();
        let mut documents: BTreeSet<&str> = BTreeSet::new();
        let mut others: Vec<WakeUp> = Vec::new();
        let mut add = |wake_up: WakeUp| {
            if !others.contains(&wake_up) {
                others.push(wake_up);
            }
        };
        for one in self.expectations.iter().filter(|one| here(&one.target)) {
            match &one.kind {
                Kind::Alarm { name, .. } => {
                    alarms.insert(name);
                }
                Kind::Runbook { document, .. } => {
                    documents.insert(short_name(document));
                }
                Kind::CodeDeployRollback { application, group } => {
                    add(codedeploy(application, group));
                }
                Kind::Deployment { release, .. } => {
                    if let Some(wake_up) = deployment(release) {
                        add(wake_up);
                    }
                }
                Kind::Execution { state_machine, .. } => add(execution(state_machine)),
                Kind::Finding(wanted) => {
                    if let Some(wake_up) = finding(wanted) {
                        add(wake_up);
                    }
                }
                Kind::OpsItem(_) => add(ops_items()),
                Kind::Compliance { wanted, .. } => add(compliance(&wanted.rule)),
                // No service says anything of these, or the drill's queue brings them themselves.
                Kind::Rule { .. }
                | Kind::Event { .. }
                | Kind::Notification { .. }
                | Kind::Experiment { .. }
                | Kind::Incident(_)
                | Kind::Queue { .. }
                | Kind::Log { .. }
                | Kind::ApiCall(_)
                | Kind::Metric(_)
                | Kind::Http { .. } => {}
            }
        }
        let starts = |action: &FaultAction| action.is_experiment();
        if self.faults.iter().any(|fault| here(&fault.target) && starts(&fault.action)) {
            add(experiments());
        }
        let alarms = by_name(&alarms.into_iter().collect::<Vec<_>>(), Subject::Alarms, |names| {
            json!({
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"alarmName": names},
            })
        });
        let documents: Vec<&str> = documents.into_iter().collect();
        let documents = by_name(&documents, Subject::Automations, |names| {
            json!({
                "source": ["aws.ssm"],
                "detail-type": [
                    "EC2 Automation Execution Status-change Notification",
                    "EC2 Automation Step Status-change Notification",
                ],
                "detail": {"Definition": names},
            })
        });
        alarms.into_iter().chain(documents).chain(others).collect()
    }
}

/// One pattern for all of them. `$or` takes two alternatives at the least.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
fn pattern<'a>(wake_ups: impl Iterator<Item = &'a WakeUp>) -> String {
    let patterns: Vec<&Value> = wake_ups.map(|wake_up| &wake_up.pattern).collect();
    match patterns.as_slice() {
        [only] => only.to_string(),
        all => json!({"$or": all}).to_string(),
    }
}

/// Wake-ups for many things that are known by their names: as many names in each as a pattern holds.
fn by_name(names: &[&str], subject: Subject, pattern: impl Fn(&[&str]) -> Value) -> Vec<WakeUp> {
    let mut wake_ups = Vec::new();
    let mut rest = names;
    while !rest.is_empty() {
        let (mut count, mut length) = (0, pattern(&[]).to_string().len());
        while let Some(name) = rest.get(count) {
            length += json!(name).to_string().len() + 1;
            if count > 0 && length > LONGEST_PATTERN {
                break;
            }
            count += 1;
        }
        let (some, others) = rest.split_at(count);
        wake_ups.push(WakeUp { subject, pattern: pattern(some) });
        rest = others;
    }
    wake_ups
}

/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html>
fn codedeploy(application: &str, group: &str) -> WakeUp {
    let pattern = json!({
        "source": ["aws.codedeploy"],
        "detail-type": ["CodeDeploy Deployment State-change Notification"],
        "detail": {"application": [application], "deploymentGroup": [group]},
    });
    WakeUp { subject: Subject::Deployments, pattern }
}

/// AppConfig tells nobody unless an extension is made for it.
///
/// Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge-events.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html>.
fn deployment(release: &Release) -> Option<WakeUp> {
    let pattern = match release {
        Release::CodeDeploy { application, group } => return Some(codedeploy(application, group)),
        Release::CloudFormation { stack } => json!({
            "source": ["aws.cloudformation"],
            "detail-type": ["CloudFormation Stack Status Change"],
            "detail": {"stack-id": [{"wildcard": format!("arn:*:stack/{stack}/*")}]},
        }),
        Release::Ecs { cluster, service } => json!({
            "source": ["aws.ecs"],
            "detail-type": ["ECS Deployment State Change"],
            "resources": [{"suffix": format!(":service/{cluster}/{service}")}],
        }),
        Release::AppConfig { .. } => return None,
    };
    Some(WakeUp { subject: Subject::Deployments, pattern })
}

/// <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>
fn execution(state_machine: &str) -> WakeUp {
    let name = short_name(state_machine);
    let pattern = json!({
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"suffix": format!(":stateMachine:{name}")}]},
    });
    WakeUp { subject: Subject::Executions, pattern }
}

/// A busy account imports findings by the thousand, so only those that a scenario names wake anybody.
///
/// Sources: <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>,
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html>.
fn finding(wanted: &FindingExpectation) -> Option<WakeUp> {
    // What EventBridge would read otherwise than the scenario language does.
    let plain = |text: &&str| !text.contains('\\') && !text.contains("**");
    let text = |text: &Option<String>| {
        let text = text.as_deref().filter(plain)?;
        Some(if text.contains('*') { json!([{"wildcard": text}]) } else { json!([text]) })
    };
    let (kind, title) = (text(&wanted.kind), text(&wanted.title));
    if kind.is_none() && title.is_none() {
        return None;
    }
    let (type_is, title_is, source, detail_type) = match wanted.source {
        FindingSource::GuardDuty => ("type", "title", "aws.guardduty", "GuardDuty Finding"),
        FindingSource::SecurityHub => {
            ("Types", "Title", "aws.securityhub", "Security Hub Findings - Imported")
        }
    };
    let mut fields = serde_json::Map::new();
    fields.extend(kind.map(|kind| (type_is.to_owned(), kind)));
    fields.extend(title.map(|title| (title_is.to_owned(), title)));
    let detail = match wanted.source {
        FindingSource::GuardDuty => Value::Object(fields),
        FindingSource::SecurityHub => json!({ "findings": fields }),
    };
    let pattern = json!({"source": [source], "detail-type": [detail_type], "detail": detail});
    Some(WakeUp { subject: Subject::Findings, pattern })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>
fn ops_items() -> WakeUp {
    let pattern = json!({
        "source": ["aws.ssm"],
        "detail-type": ["OpsItem Create", "OpsItem Update"],
    });
    WakeUp { subject: Subject::OpsItems, pattern }
}

/// <https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html>
fn compliance(rule: &str) -> WakeUp {
    let pattern = json!({
        "source": ["aws.config"],
        "detail-type": ["Config Rules Compliance Change"],
        "detail": {"configRuleName": [rule]},
    });
    WakeUp { subject: Subject::Compliance, pattern }
}

/// Whose experiment it is shows only once it runs, and an account has few.
/// <https://docs.aws.amazon.com/fis/latest/userguide/monitoring-eventbridge.html>
fn experiments() -> WakeUp {
    let pattern = json!({"source": ["aws.fis"], "detail-type": ["FIS Experiment State Change"]});
    WakeUp { subject: Subject::Experiments, pattern }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::scenario::Values;

    fn plan(expect: &str) -> Plan {
        let text = format!(
            "version: 1\nname: x\nstop_conditions: [{{alarm: guard}}]\nfaults: [{{put_events: {{entries: \
             [{{source: a, detail-type: b}}]}}}}]\nexpect:\n{expect}"
        );
        let loaded = crate::scenario::load("x.yaml", text.as_bytes(), &Values::default());
        Plan::new(&loaded.scenario.expect("in order"), "x.yaml", "fd").expect("planned")
    }

    #[test]
    fn one_rule_tells_of_everything_that_a_service_tells_of() {
        let plan = plan(
            "  - {id: a, alarm: {name: errors}, within: 1m}\n  \
             - {id: b, runbook: {document: Repair}, within: 1m}\n  \
             - {id: c, execution: {state_machine: repair, status: SUCCEEDED}, within: 1m}\n  \
             - {id: d, queue: {name: dead, at_least: 1}, within: 1m}\n",
        );
        let rules = plan.wake_up_rules(None);
        let [rule] = rules.as_slice() else { panic!("{rules:?}") };
        let subjects: Vec<Subject> = rule.wake_ups.iter().map(|one| one.subject).collect();
        assert_eq!(subjects, [Subject::Alarms, Subject::Automations, Subject::Executions]);
        for part in ["$or", r#""alarmName":["errors","guard"]"#, "Repair", ":stateMachine:repair"] {
            assert!(rule.pattern.contains(part), "{part}: {}", rule.pattern);
        }
        assert!(plan.wake_up_rules(Some("elsewhere")).is_empty());
    }

    #[test]
    fn names_beyond_what_a_pattern_holds_take_further_rules_up_to_a_limit() {
        let expect = |count: usize| {
            let mut text = String::new();
            for number in 0..count {
                let name = format!("{number:03}-{}", "n".repeat(200));
                writeln!(text, "  - {{id: e{number}, alarm: {{name: {name}}}, within: 1m}}")
                    .unwrap();
            }
            text
        };
        let rules = plan(&expect(40)).wake_up_rules(None);
        assert!(rules.len() > 1 && rules.len() < MOST_RULES, "{}", rules.len());
        assert!(rules.iter().all(|rule| rule.pattern.len() <= LONGEST_PATTERN));
        let names: usize = rules.iter().map(|rule| rule.pattern.matches("-nnn").count()).sum();
        assert_eq!(names, 40);
        assert_eq!(plan(&expect(200)).wake_up_rules(None).len(), MOST_RULES);
    }

    #[test]
    fn a_finding_without_a_name_wakes_nobody() {
        let rules = |finding: &str| {
            plan(&format!("  - {{id: a, finding: {{{finding}}}, within: 1m}}\n"))
                .wake_up_rules(None)
        };
        let named = rules("source: securityhub, title: 'Open *'");
        assert!(named[0].pattern.contains(r#"{"wildcard":"Open *"}"#), "{named:?}");
        let unnamed = rules("source: securityhub");
        assert!(!unnamed[0].pattern.contains("securityhub"), "{unnamed:?}");
    }
}
