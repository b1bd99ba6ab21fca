//! What a run may touch besides AWS: asked for on the command line, or refused before anything is touched.
//!
//! Main functions: [`allow`], [`flags_to_revert`] and [`way_out`]. Invariant: without `--allow-commands` no scenario with a local program begins;
//! without `--allow-http` no rehearsal begins that would send a request.

use std::path::Path;

use super::prepare::Prepared;
use super::run::{Refusal, RunArgs};
use crate::outside;
use crate::plan::{FaultAction, Plan};
use crate::scenario::names;
use crate::scenario::types::{Expectation, HttpExpectation, Scenario};

/// Lets the process do what the arguments allow, and refuses scenarios that need more.
pub(super) fn allow(
    arguments: &RunArgs,
    scenarios: &[Prepared],
    emulated: bool,
) -> Result<(), Refusal> {
    for one in scenarios {
        if !arguments.allow_commands
            && let Some((fault, program)) = first_command(&one.scenario)
        {
            return Err(Refusal(format!(
                "{}: the fault `{fault}` runs the local program `{program}`\n  add --allow-commands if that is \
                 meant; nothing was run and nothing was touched",
                one.file
            )));
        }
        if emulated
            && !arguments.allow_http
            && let Some((id, url)) = first_request(&one.scenario)
        {
            return Err(Refusal(format!(
                "{}: `{id}` sends requests to {url}, and a rehearsal reaches nothing outside of this process\n  add \
                 --allow-http if that is meant; nothing was run and nothing was touched",
                one.file
            )));
        }
    }
    if arguments.allow_commands {
        outside::allow_commands();
    }
    if arguments.allow_http {
        outside::allow_requests();
    }
    Ok(())
}

/// The flags with which `firedrill revert` may take back all that these plans do outside, a space before
/// each; nothing where `rehearsed` drills do nothing outside, so that there is nothing to take back.
pub(super) fn flags_to_revert<'a>(
    plans: impl Iterator<Item = &'a Plan>,
    rehearsed: bool,
) -> Option<String> {
    let (mut any, mut commands, mut requests) = (!rehearsed, false, false);
    for fault in plans.flat_map(|plan| &plan.faults) {
        if let FaultAction::Command { revert, .. } = &fault.action {
            any = true;
            commands |= revert.is_some();
        } else if let FaultAction::Http { revert: Some(_), .. } = &fault.action {
            any = true;
            requests |= rehearsed;
        }
    }
    let commands = if commands { " --allow-commands" } else { "" };
    let requests = if requests { " --allow-http" } else { "" };
    any.then(|| format!("{commands}{requests}"))
}

/// How to take back what drills of these plans leave behind in a run's folder. A rehearsal leaves nothing in
/// an account; what its requests and programs did is left outside.
pub(super) fn way_out<'a>(
    folder: &Path,
    plans: impl Iterator<Item = &'a Plan> + Clone,
    rehearsed: bool,
) -> Option<String> {
    let flags = flags_to_revert(plans.clone(), rehearsed)?;
    let words = format!("`firedrill revert {}{flags}` takes back what is left", folder.display());
    if rehearsed {
        return Some(words);
    }
    let asks = |plan: &Plan| plan.targets.values().any(|one| one.asks_external_id);
    let more = if plans.into_iter().any(asks) { ", and --target-external-id" } else { "" };
    Some(format!("{words}; give it the same --profile, --role-arn or --endpoint-url{more}"))
}

fn first_command(scenario: &Scenario) -> Option<(String, &str)> {
    let mut faults = scenario.faults.iter().enumerate();
    faults.find_map(|(index, fault)| {
        let command = fault.command.as_ref()?;
        Some((names::fault(fault, index), command.program.as_str()))
    })
}

fn first_request(scenario: &Scenario) -> Option<(String, &str)> {
    let mut faults = scenario.faults.iter().enumerate();
    let fault = faults.find_map(|(index, fault)| {
        let http = fault.http.as_ref()?;
        Some((names::fault(fault, index), http.url.as_str()))
    });
    let lists = [(false, &scenario.expect), (true, &scenario.recovery)];
    let mut expectations = lists.into_iter().flat_map(|(recovery, list)| {
        list.iter().enumerate().map(move |(index, one)| (recovery, index, one))
    });
    fault.or_else(|| {
        expectations.find_map(|(recovery, index, one)| {
            Some((names::expectation(one, recovery, index), watched(one)?.url.as_str()))
        })
    })
}

fn watched(one: &Expectation) -> Option<&HttpExpectation> {
    one.http.as_ref().or_else(|| one.never.as_ref()?.http.as_ref())
}
