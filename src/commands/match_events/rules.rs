//! The rules of an environment: one by its name, or every one of them with its answer to an event.
//!
//! Main functions: [`by_name`] and [`every`]. Invariant: every rule is listed, those on a schedule and the
//! disabled ones included; within a bus those that match stand first, then the nearest misses.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::input::Text;
use super::{Asked, MatchArgs, MatchFormat, Problem, Streams, words};
use crate::cli::Exit;
use crate::diagnostic::Severity;
use crate::pattern::Pattern;
use crate::scenario::inventory::{Inventory, Rule, short_name};
use crate::scenario::suggest::did_you_mean;

use super::super::prepare::{Stage, Workshop};

/// An environment's account, built and warmed up.
pub(super) type Environment = Arc<Stage>;

/// Builds an environment, or says what is wrong with it.
pub(super) fn environment(path: &Path) -> Result<Environment, String> {
    let mut workshop = Workshop::new(0);
    workshop.environment(path).ok_or_else(|| {
        let told: Vec<String> =
            workshop.told(Severity::Error).map(|found| workshop.render(found)).collect();
        let plain = anstream::adapter::strip_str(&told.join("\n")).to_string();
        format!("{}: the environment is not in order\n{plain}", path.display())
    })
}

/// The pattern of one rule.
pub(super) fn by_name(stage: &Stage, bus: &str, rule: &str) -> Result<Asked, String> {
    let inventory = &stage.inventory;
    let found = inventory.rule(rule, bus).ok_or_else(|| no_rule(inventory, bus, rule))?;
    let name = format!("rule `{rule}` on bus `{}`", found.bus);
    let text = found.pattern.clone().ok_or_else(|| no_pattern(&name))?;
    Ok(Asked { name, text, disabled: !found.enabled })
}

/// Says that a rule has nothing that an event could be held against.
pub(super) fn no_pattern(name: &str) -> String {
    format!("the {name} has no event pattern: it runs on a schedule")
}

fn no_rule(inventory: &Inventory, bus: &str, rule: &str) -> String {
    let bus = short_name(bus);
    let place = &inventory.name;
    if let Some(unknown) = no_bus(inventory, bus) {
        return unknown;
    }
    let elsewhere = inventory.rules.iter().find(|one| one.name == rule);
    let names = inventory.rules.iter().filter(|one| one.bus == bus).map(|one| one.name.as_str());
    let way_out = match (elsewhere, did_you_mean(rule, names)) {
        (Some(other), _) => format!("it is on the bus `{0}`: add `--bus {0}`", other.bus),
        (None, Some(meant)) => format!("did you mean `{meant}`?"),
        (None, None) => "leave out --pattern to see every rule of the environment; \
                         leave out --environment for a pattern in a file"
            .to_owned(),
    };
    format!("{place}: no rule `{rule}` is on the bus `{bus}`\n  {way_out}")
}

fn no_bus(inventory: &Inventory, bus: &str) -> Option<String> {
    let known: Vec<&str> = inventory.buses.iter().map(String::as_str).collect();
    (!known.contains(&bus)).then(|| {
        format!("{}: there is no bus `{bus}`\n  there are: {}", inventory.name, known.join(", "))
    })
}

/// One rule's answer.
struct Row<'i> {
    rule: &'i Rule,
    matched: bool,
    /// How many fields failed; the smaller the nearer.
    distance: usize,
    /// Why it does not match; empty on a match.
    why: String,
}

/// Prints each rule's answer to an event.
pub(super) fn every(
    stage: &Stage,
    arguments: &MatchArgs,
    event: &Text,
    streams: &mut Streams<'_>,
) -> Result<Exit, Problem> {
    let inventory = &stage.inventory;
    let only = arguments.bus.as_deref().map(short_name);
    if let Some(unknown) = only.and_then(|bus| no_bus(inventory, bus)) {
        return Err(unknown.into());
    }
    // An event that can't be read is told even where no rule has a pattern.
    let any = Pattern::parse("{\"source\":[{\"exists\":true}]}").expect("it is a pattern");
    any.matches(&event.text).map_err(|error| event.refused(&error))?;
    let mut rows = Vec::new();
    for rule in &inventory.rules {
        if only.is_none_or(|bus| bus == rule.bus) {
            rows.push(row(rule, event)?);
        }
    }
    let place = |row: &Row<'_>| inventory.buses.iter().position(|bus| *bus == row.rule.bus);
    rows.sort_by_cached_key(|row| (place(row), !row.matched, row.distance));
    if let Some(note) = event.envelope_note() {
        writeln!(streams.err, "{note}")?;
    }
    match arguments.format {
        MatchFormat::Text => streams.out.write_all(table(&rows).as_bytes())?,
        MatchFormat::Json => {
            for row in &rows {
                writeln!(streams.out, "{}", line(row))?;
            }
        }
    }
    if rows.is_empty() {
        writeln!(streams.err, "note: {}: there are no rules", inventory.name)?;
    }
    let routed = rows.iter().any(|row| row.matched && row.rule.enabled);
    Ok(if routed { Exit::Passed } else { Exit::Failed })
}

fn row<'i>(rule: &'i Rule, event: &Text) -> Result<Row<'i>, String> {
    let Some(text) = &rule.pattern else {
        let why = "it runs on a schedule and has no event pattern".to_owned();
        return Ok(Row { rule, matched: false, distance: usize::MAX, why });
    };
    let name = format!("rule `{}` on bus `{}`", rule.name, rule.bus);
    let asked = Asked { name, text: text.clone(), disabled: !rule.enabled };
    let pattern = Pattern::parse(text).map_err(|error| words::refused(&asked, &error))?;
    let explained = pattern.explain(&event.text).map_err(|error| event.refused(&error))?;
    Ok(Row {
        rule,
        matched: explained.matched(),
        distance: explained.mismatches().len(),
        why: words::why(&explained),
    })
}

/// The rows as one JSON object a line.
fn line(row: &Row<'_>) -> String {
    let Row { rule, matched, why, .. } = row;
    let mut line = json!({
        "bus": rule.bus, "rule": rule.name, "enabled": rule.enabled, "match": matched,
    });
    if !matched {
        line["why"] = why.as_str().into();
    }
    line.to_string()
}

fn table(rows: &[Row<'_>]) -> String {
    let head = ["BUS", "RULE", "STATE", "ANSWER"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let state = if row.rule.enabled { "enabled" } else { "disabled" };
        let answer = match (row.matched, row.rule.enabled) {
            (true, true) => "match".to_owned(),
            (true, false) => "would match, but is disabled".to_owned(),
            (false, _) => format!("no match: {}", row.why),
        };
        [row.rule.bus.clone(), row.rule.name.clone(), state.to_owned(), answer]
    });
    let all: Vec<[String; 4]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| {
        all.iter().map(|cells| cells[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [bus, rule, state, answer] in &all {
        let [first, second, third] = widths;
        writeln!(text, "{bus:first$}  {rule:second$}  {state:third$}  {answer}")
            .expect("a string takes any text");
    }
    text
}
