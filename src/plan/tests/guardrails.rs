//! The dry run of every guardrail, and the calls that they need.

use super::plan;
use crate::plan::text;

/// Every guardrail, and both kinds of experiment for them to guard.
pub(crate) const GUARDED: &str = r#"
version: 1
name: guarded
guardrails:
  accounts: ["111122223333"]
  regions: [eu-west-1]
  target_tags: {chaos: allowed}
  max_targets: 2
  window: {days: [mon, tue], from: 09:00, to: 17:00, time_zone: Europe/Berlin}
  change_calendar: freeze
faults:
  - {id: known, fis: {template: cut}}
  - {id: own, fis: {inline: {targets: {}, actions: {}, stopConditions: [], roleArn: "arn:aws:iam::111122223333:role/fis"}}}
expect:
  - {id: seen, alarm: {name: cpu}, within: 5m}
"#;

#[test]
fn the_dry_run_tells_every_guardrail() {
    let text = text::render(&plan(GUARDED));
    let before = text.split("\nInject").next().unwrap();
    let calls: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Calls"))
        .take_while(|line| !line.starts_with("  listen") && !line.starts_with("  inject"))
        .collect();
    insta::assert_snapshot!(format!("{before}\n{}", calls.join("\n")), @"
    guarded (x.yaml)

    Before anything is injected
      account   111122223333
      region    eu-west-1
      lock      no other drill in the account and region
      tags      every target is selected by chaos=allowed
      targets   at most 2, seen by an experiment that skips its actions
      window    mon, tue 09:00 to 17:00 Europe/Berlin; a rehearsal ignores it
      calendar  freeze is open until the limit
      lever     the safety lever of FIS is disengaged

    Calls and what they need, in order
      preflight  sts:GetCallerIdentity              guardrails
                 ssm:PutParameter                   lock
                 ssm:GetCalendarState               change calendar
                 fis:GetSafetyLever                 known, own
                 fis:GetExperimentTemplate          known
                 fis:StartExperiment                known, own
                 fis:ListExperimentResolvedTargets  known, own
                 fis:CreateExperimentTemplate       own
                 fis:ListExperimentTemplates        known
                 cloudwatch:DescribeAlarms          seen
                 cloudwatch:ListAlarmMuteRules      seen
    ");
}
