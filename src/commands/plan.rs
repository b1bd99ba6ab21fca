//! `firedrill plan`: what a run of a scenario would do, and the least IAM policy that it needs.
//!
//! Main function: [`plan`]. Invariant: no call is made; what is printed is made from the very plan that a
//! run would execute.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::prepare::Workshop;
use super::values::{parse_var, values};
use crate::cli::Exit;
use crate::diagnostic::Severity;
use crate::plan::{Plan, iam, text};

/// The run id that stands in a plan that is only printed.
const RUN_ID: &str = "dry-run";

/// Says what a run would do: the calls in order, offsets and deadlines, the blast radius, and the least
/// IAM policy.
///
/// Nothing is called. The scenario is checked first, so a plan that is printed can be run.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A value for `${var.NAME}`, as NAME=VALUE; may be given more than once.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub vars: Vec<(String, String)>,
    /// Prints the least IAM policy that a run of this scenario needs, as a JSON document.
    ///
    /// Accounts and regions come from the guardrails. Where a statement is for every resource, the reason
    /// is printed on standard error.
    #[arg(long)]
    pub iam: bool,
    /// How to print the plan: for people, or as JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "iam")]
    pub format: PlanFormat,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// The plan itself.
    Json,
}

/// Plans, and prints to the standard streams.
pub fn run(arguments: &PlanArgs) -> Exit {
    let mut out = anstream::stdout().lock();
    let mut err = anstream::stderr().lock();
    super::ended(plan(arguments, &mut out, &mut err))
}

/// Prints the plan to `out`; problems of the scenario go to `err`.
pub fn plan(arguments: &PlanArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut workshop = Workshop::new(0);
    let values = values(&arguments.vars, RUN_ID);
    let Some(prepared) = workshop.prepare_alone(&arguments.file, &values, true) else {
        for found in workshop.told(Severity::Error) {
            err.write_all(workshop.render(found).as_bytes())?;
        }
        return Ok(Exit::Usage);
    };
    let plan = match Plan::new(&prepared.scenario, &prepared.file, RUN_ID) {
        Ok(plan) => plan,
        Err(problem) => {
            writeln!(err, "error: {problem}")?;
            return Ok(Exit::Usage);
        }
    };
    if arguments.iam {
        for (action, why) in iam::wide(&plan) {
            writeln!(err, "{action} is for every resource: {why}")?;
        }
        let policy = serde_json::to_string_pretty(&policies(&plan)).map_err(io::Error::from)?;
        writeln!(out, "{policy}")?;
        return Ok(Exit::Passed);
    }
    match arguments.format {
        PlanFormat::Text => out.write_all(text::render(&plan).as_bytes())?,
        PlanFormat::Json => {
            let json = serde_json::to_string_pretty(&plan).map_err(io::Error::from)?;
            writeln!(out, "{json}")?;
        }
    }
    Ok(Exit::Passed)
}

/// The policy; where the drill spans several targets, one for each by its name.
fn policies(plan: &Plan) -> serde_json::Value {
    let home = iam::policy(plan);
    if plan.targets.is_empty() {
        return home;
    }
    let others = plan.targets.keys().map(|name| (name.clone(), iam::policy_at(plan, Some(name))));
    std::iter::once(("home".to_owned(), home)).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::deployments::DEPLOYMENTS;
    use crate::plan::tests::guardrails::GUARDED;
    use crate::plan::tests::messages::MESSAGES;
    use crate::plan::tests::readings::READINGS;
    use crate::plan::tests::{EVERYTHING, RECORDS};

    fn planned(source: &str, iam: bool, format: PlanFormat) -> (Exit, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, source).unwrap();
        let arguments = PlanArgs { file, vars: Vec::new(), iam, format };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = plan(&arguments, &mut out, &mut err).unwrap();
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    const SOUND: &str = "version: 1\nname: sound\nfaults:\n  - set_alarm_state: {alarm: a}\n\
        expect:\n  - notification: {topic: t}\n    within: 1m\n";

    #[test]
    fn the_plan_is_printed_in_each_of_its_forms() {
        let (exit, out, err) = planned(SOUND, false, PlanFormat::Text);
        assert_eq!((exit, err.as_str()), (Exit::Passed, ""));
        assert!(out.starts_with("sound ("), "{out}");
        let (_, out, _) = planned(SOUND, false, PlanFormat::Json);
        let plan: Plan = serde_json::from_str(&out).unwrap();
        assert_eq!(plan.run_id, RUN_ID);
        let (_, out, err) = planned(SOUND, true, PlanFormat::Text);
        let policy: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        assert!(err.contains("cloudwatch:DescribeAlarms is for every resource"), "{err}");
    }

    #[test]
    fn a_broken_scenario_has_no_plan() {
        let (exit, out, err) = planned(&SOUND.replace("within", "withn"), false, PlanFormat::Text);
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        assert!(err.contains("did you mean `within`?"), "{err}");
    }

    /// Whether a text is an action as IAM spells it, such as `events:PutEvents`.
    fn is_action(text: &str) -> bool {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
        text.split_once(':').is_some_and(|(service, operation)| {
            service != "aws"
                && service.starts_with(|c: char| c.is_ascii_lowercase())
                && plain(&service.replace('-', ""))
                && operation.starts_with(|c: char| c.is_ascii_uppercase())
                && plain(operation)
        })
    }

    /// Whatever starts or runs something.
    const MACHINES: &str = r"
version: 1
name: machines
faults:
  - ssm_automation: {document: Break}
  - ssm_command: {document: Break, instances: [i-1]}
  - start_execution: {state_machine: Break}
  - invoke: {function: breaker}
expect:
  - {execution: {state_machine: Mend}, within: 1m}
";

    #[test]
    fn every_call_that_the_runner_can_make_is_in_the_policy() {
        let mut allowed = std::collections::BTreeSet::new();
        let faults = include_str!("../../tests/data/every-fault/scenario.yaml");
        let kinds =
            [EVERYTHING, GUARDED, RECORDS, MESSAGES, READINGS, DEPLOYMENTS, MACHINES, faults];
        for text in kinds {
            let loaded = crate::scenario::load("x.yaml", text.as_bytes(), &values(&[], RUN_ID));
            let plan = Plan::new(&loaded.scenario.unwrap(), "x.yaml", RUN_ID).unwrap();
            allowed.extend(plan.calls().iter().map(|call| call.action));
        }
        let mut made = std::collections::BTreeSet::new();
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut waiting: Vec<_> =
            ["faults", "observe", "runner"].iter().map(|folder| source.join(folder)).collect();
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            made.extend(text.split('"').filter(|piece| is_action(piece)).map(str::to_owned));
        }
        assert!(made.len() > 20, "the calls of the runner were not found: {made:?}");
        // Stands in the policy of the run's own queue, for EventBridge and SNS: no call of ours.
        made.remove("sqs:SendMessage");
        // A sweep is no part of a run: whoever makes it may look through the whole account.
        let swept = [
            "events:ListEventBuses",
            "events:ListReplays",
            "events:ListRules",
            "sns:ListSubscriptions",
            "sqs:ListQueues",
            "states:ListStateMachines",
        ];
        made.retain(|action| !swept.contains(&action.as_str()));
        for action in made {
            assert!(allowed.contains(action.as_str()), "{action} is called, and not in the policy");
        }
    }
}
