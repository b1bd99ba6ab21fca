//! Rules about targets: accounts and regions that are told apart, reached in one way, named and used.

use super::Check;
use super::expectations::all;
use super::guardrails::{is_account, is_region};
use crate::diagnostic::Diagnostic;
use crate::scenario::names;
use crate::scenario::rules::code;
use crate::scenario::suggest::{did_you_mean, list, shortened};
use crate::scenario::tree::Content;
use crate::scenario::types::TargetAccount;

/// The most targets of a scenario: each has pollers of its own.
const MOST_TARGETS: usize = 10;

pub(super) fn check(check: &mut Check<'_>) {
    let targets = &check.scenario().targets;
    if targets.len() > MOST_TARGETS {
        let message = format!("there are {} targets; at most {MOST_TARGETS} fit", targets.len());
        check.error(code::BAD_TARGET, "targets", message, "split the scenario".to_owned());
    }
    for (name, target) in targets {
        let path = format!("targets/{name}");
        reached(check, name, target, &path);
        guarded(check, target, &path);
    }
    told_apart(check);
    let used = references(check);
    experiments(check);
    for name in targets.keys().filter(|name| !used.contains(*name)) {
        let message = format!("the target `{}` is never used", shortened(name));
        let hint = format!("let something happen there, `target: {name}`, or remove it");
        let path = format!("targets/{name}");
        let span = check.partial.tree.locate_key(&path);
        let found = Diagnostic::warning(code::UNUSED_TARGET, check.file, span, message);
        check.push(found, &path, Some(hint));
    }
}

/// The name, the ids, and the one way in.
fn reached(check: &mut Check<'_>, name: &str, target: &TargetAccount, path: &str) {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || name == "home" || !name.chars().all(known) {
        let message = format!("`{}` is not a name for a target", shortened(name));
        let hint = "letters, digits, dashes, dots and underscores, at most 64; `home` is the target \
                    of the command line, which nothing has to name";
        check.error_at_key(code::BAD_TARGET, path, message, hint.to_owned());
    }
    if !is_account(&target.account) {
        let message = format!("`{}` is not an account id", shortened(&target.account));
        let hint = "twelve digits, quoted".to_owned();
        check.error(code::BAD_ACCOUNT, &format!("{path}/account"), message, hint);
    }
    if !is_region(&target.region) {
        let message = format!("`{}` is not a region", shortened(&target.region));
        let hint = "such as `eu-west-1`".to_owned();
        check.error(code::BAD_REGION, &format!("{path}/region"), message, hint);
    }
    if let Some(role) = &target.role {
        role_of(check, role, target, &format!("{path}/role"));
    }
    if target.role.is_some() && target.profile.is_some() {
        let message = "a target is reached by a role or by a profile, not by both".to_owned();
        let hint = "with `role`, the home target's credentials assume it".to_owned();
        check.error_at_key(code::BAD_TARGET, &format!("{path}/profile"), message, hint);
    }
    if target.external_id.is_some() {
        external_id(check, name, target, path);
    }
}

fn role_of(check: &mut Check<'_>, role: &str, target: &TargetAccount, path: &str) {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let (account, name) = match parts.as_slice() {
        ["arn", partition, "iam", "", account, name] if partition.starts_with("aws") => {
            (*account, *name)
        }
        _ => ("", ""),
    };
    let hint = format!("such as `arn:aws:iam::{}:role/firedrill`", target.account);
    if name.strip_prefix("role/").is_none_or(str::is_empty) {
        let message = format!("`{}` is not the ARN of a role", shortened(role));
        check.error(code::BAD_TARGET, path, message, hint);
    } else if account != target.account {
        let message = format!("this role is in account {account} and the target is not");
        check.error(code::BAD_TARGET, path, message, hint);
    }
}

/// An external id belongs to a role, and is better not written down.
fn external_id(check: &mut Check<'_>, name: &str, target: &TargetAccount, path: &str) {
    let path = format!("{path}/external_id");
    if target.role.is_none() {
        let message = "an external id is for assuming a role, and there is none".to_owned();
        check.error_at_key(code::BAD_TARGET, &path, message, "add `role:`".to_owned());
    }
    let node = check.partial.tree.descend(&path);
    let written = node.is_some_and(|node| match &node.content {
        Content::Scalar(scalar) => !scalar.substituted,
        Content::Sequence(_) | Content::Mapping(_) => false,
    });
    if written {
        let name = shortened(name);
        let message =
            format!("the external id of `{name}` stands in the file for everybody to read");
        let hint = "take it from the environment: `external_id: ${env.NAME}`".to_owned();
        // Without its place: the snippet would show it once more.
        let found = Diagnostic::warning(code::SECRET_IN_FILE, check.file, None, message);
        check.push(found, &path, Some(hint));
    }
}

/// A real run refuses an account or a region that the guardrails do not name.
fn guarded(check: &mut Check<'_>, target: &TargetAccount, path: &str) {
    let guardrails = &check.scenario().guardrails;
    let missing = [
        ("accounts", &guardrails.accounts, &target.account, "account"),
        ("regions", &guardrails.regions, &target.region, "region"),
    ];
    for (key, named, wanted, own) in missing {
        // That there are no guardrails at all is told once.
        if !named.is_empty() && !named.contains(wanted) {
            let message = format!("`guardrails.{key}` does not name `{}`", shortened(wanted));
            let hint = "a real run refuses it: add it there if a drill in it is meant".to_owned();
            check.warning(code::UNGUARDED_TARGET, &format!("{path}/{own}"), message, hint);
        }
    }
}

/// Two targets in one account and region would be one place with two names.
fn told_apart(check: &mut Check<'_>) {
    let home = check.homes.home.map(|home| (home.account.as_str(), home.region.as_str()));
    let mut known: Vec<(&str, &str, &str)> =
        home.into_iter().map(|(account, region)| ("", account, region)).collect();
    for (name, target) in &check.scenario().targets {
        let same = known
            .iter()
            .find(|(_, account, region)| *account == target.account && *region == target.region);
        if let Some((first, ..)) = same {
            let whose = match *first {
                "" => "is that of the home target".to_owned(),
                first => format!("is that of `{first}`"),
            };
            let message = format!("the account and region of `{}` {whose}", shortened(name));
            let hint = "give each account and region one target; the home target needs none";
            let path = format!("targets/{name}");
            check.error_at_key(code::BAD_TARGET, &path, message, hint.to_owned());
        }
        known.push((name, &target.account, &target.region));
    }
}

/// Every `target:` of the file by its path; reports those that there are not.
fn references(check: &mut Check<'_>) -> Vec<String> {
    let scenario = check.scenario();
    let list_of = |list: &str, targets: Vec<&Option<String>>| -> Vec<(String, String)> {
        let placed = targets.into_iter().enumerate();
        placed
            .filter_map(|(index, target)| Some((format!("{list}/{index}/target"), target.clone()?)))
            .collect()
    };
    let mut all = list_of("faults", scenario.faults.iter().map(|one| &one.target).collect());
    all.extend(list_of("expect", scenario.expect.iter().map(|one| &one.target).collect()));
    all.extend(list_of("recovery", scenario.recovery.iter().map(|one| &one.target).collect()));
    let steady = scenario.steady_state.iter().map(|one| &one.target).collect();
    all.extend(list_of("steady_state", steady));
    let stops = scenario.stop_conditions.iter().map(|one| &one.target).collect();
    all.extend(list_of("stop_conditions", stops));
    let names: Vec<&str> = scenario.targets.keys().map(String::as_str).collect();
    for (path, target) in &all {
        if !names.contains(&target.as_str()) {
            let message = format!("there is no target `{}`", shortened(target));
            let hint = match did_you_mean(target, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => {
                    format!("add `targets: {{{target}: {{account: …, region: …}}}}`")
                }
                None => format!("there are {}", list(&names)),
            };
            check.error(code::UNKNOWN_TARGET, path, message, hint);
        }
    }
    all.into_iter().map(|(_, target)| target).collect()
}

/// An experiment runs where its fault starts it.
fn experiments(check: &mut Check<'_>) {
    let scenario = check.scenario();
    for placed in all(scenario) {
        let Some(experiment) = placed.kinds().experiment else { continue };
        let Some(target) = &placed.one.target else { continue };
        let mut faults = scenario.faults.iter().enumerate();
        let fault = faults.find(|(index, fault)| match &experiment.fault {
            Some(wanted) => names::fault(fault, *index) == *wanted,
            None => fault.fis.is_some(),
        });
        if fault.is_some_and(|(_, fault)| fault.target.as_ref() != Some(target)) {
            let message = format!("the experiment does not run at `{}`", shortened(target));
            let hint = "it runs where its fault is: remove `target` here".to_owned();
            let path = format!("{}/target", placed.path);
            check.error(code::UNKNOWN_TARGET, &path, message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Diagnostic;
    use crate::scenario::{Values, load};

    const BASE: &str = "\
version: 1
name: spans-two
guardrails: {accounts: [\"111122223333\", \"444455556666\"], regions: [eu-west-1]}
targets:
  security:
    account: \"444455556666\"
    region: eu-west-1
    role: arn:aws:iam::444455556666:role/firedrill
faults:
  - put_events: {entries: [{source: drill.x, detail-type: X}]}
expect:
  - {id: started, target: security, runbook: {document: Answer}, within: 2m}
";

    fn found(text: &str) -> Vec<Diagnostic> {
        load("x.yaml", text.as_bytes(), &Values::default()).check(None)
    }

    fn told(text: &str) -> Vec<(String, String, Option<String>)> {
        let told = |one: Diagnostic| (one.code.clone(), one.message, one.hint);
        found(text).into_iter().map(told).collect()
    }

    #[track_caller]
    fn tells(text: &str, code: &str, words: &str) {
        let all = told(text);
        let fits = |(known, message, hint): &(String, String, Option<String>)| {
            known == code && format!("{message} {}", hint.as_deref().unwrap_or("")).contains(words)
        };
        assert!(all.iter().any(fits), "{code}, {words}: {all:?}");
    }

    #[test]
    fn a_drill_that_spans_two_accounts_is_in_order() {
        assert_eq!(told(BASE), []);
    }

    #[test]
    fn a_target_that_is_not_there_is_an_error_with_the_one_that_was_meant() {
        let wrong = BASE.replace("target: security", "target: securty");
        tells(&wrong, "unknown-target", "did you mean `security`?");
        // Whoever misspells the only use would otherwise be told of one slip alone.
        tells(&wrong, "unused-target", "`security` is never used");
        for place in [
            "stop_conditions: [{alarm: a, target: x}]",
            "steady_state: [{alarm: {name: a}, target: x}]",
        ] {
            tells(&format!("{BASE}{place}\n"), "unknown-target", "there is no target `x`");
        }
    }

    #[test]
    fn a_target_has_one_way_in_and_a_place_of_its_own() {
        let role = "role: arn:aws:iam::444455556666:role/firedrill";
        let other = BASE.replace(role, "role: arn:aws:iam::777788889999:role/firedrill");
        tells(&other, "bad-target", "in account 777788889999");
        tells(&BASE.replace(role, "role: firedrill"), "bad-target", "not the ARN of a role");
        let both = BASE.replace(role, &format!("{role}\n    profile: security"));
        tells(&both, "bad-target", "not by both");
        let none = BASE.replace(role, "external_id: abc");
        tells(&none, "bad-target", "there is none");
        let twice = BASE
            .replace("faults:", "  again: {account: \"444455556666\", region: eu-west-1}\nfaults:");
        tells(&twice, "bad-target", "is that of `security`");
        tells(&BASE.replace("  security:", "  home:"), "bad-target", "the command line");
    }

    #[test]
    fn an_external_id_is_better_not_written_down_and_never_shown() {
        let role = "role/firedrill";
        let written = BASE.replace(role, "role/firedrill\n    external_id: very-secret-id");
        tells(&written, "secret-in-file", "external_id: ${env.NAME}");
        let shown = format!("{:?}", found(&written));
        assert!(!shown.contains("very-secret-id"), "{shown}");
        let taken = BASE.replace(role, "role/firedrill\n    external_id: ${env.EXTERNAL}");
        let env = [("EXTERNAL".to_owned(), "very-secret-id".to_owned())];
        let values = Values { env: env.into_iter().collect(), ..Values::default() };
        let loaded = load("x.yaml", taken.as_bytes(), &values);
        assert_eq!(loaded.check(None), []);
        let scenario = loaded.scenario.unwrap();
        let id = scenario.targets["security"].external_id.as_ref().unwrap();
        assert_eq!(id.expose(), "very-secret-id");
        let json = serde_json::to_string(&scenario).unwrap();
        assert!(!format!("{scenario:?}{json}").contains("very-secret-id"));
        let plan = crate::plan::Plan::new(&scenario, "x.yaml", "fd-1").unwrap();
        let json = serde_json::to_string(&plan).unwrap();
        assert!(!format!("{plan:?}{json}").contains("very-secret-id"));
    }

    #[test]
    fn guardrails_that_do_not_name_a_target_are_a_warning() {
        let wrong = BASE.replace(", \"444455556666\"]", "]");
        tells(&wrong, "unguarded-target", "does not name `444455556666`");
    }

    #[test]
    fn an_experiment_is_where_its_fault_is() {
        let text = BASE.replace(
            "  - put_events: {entries: [{source: drill.x, detail-type: X}]}",
            "  - fis: {template: t}",
        );
        let text =
            format!("{text}  - {{target: security, experiment: {{state: running}}, within: 2m}}\n");
        tells(&text, "unknown-target", "does not run at `security`");
    }
}
