//! The states of a machine as they are written, by type.
//!
//! Main types: [`Definition`] and [`Kind`]. Invariant: a field that a type of state does not have, or that
//! the emulator does not understand, is refused with its name and its state.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html>.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::choice::Rule;
use super::definition::{Machine, invalid, positive, query_language, unsupported};
use super::paths::Path;
use super::tasks::Resource;
use super::templates::Template;
use crate::emulator::error::ServiceError;

/// A state.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) kind: Kind,
    pub(super) input_path: Selection,
    pub(super) output_path: Selection,
    /// Where it goes on; nothing where the state itself ends or decides.
    pub(super) next: Option<String>,
}

/// What a path field selects.
#[derive(Debug, Clone)]
pub(super) enum Selection {
    /// All of it: the field is not there.
    All,
    /// An empty object: the field is null.
    Nothing,
    At(Path),
}

/// Where a result goes.
#[derive(Debug, Clone)]
pub(super) enum Placement {
    /// It replaces the input.
    Replace,
    /// It is discarded: the field is null.
    Discard,
    At(Path),
}

/// The types of states.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Pass { result: Option<Value>, parameters: Option<Template>, place: Placement },
    Wait(Until),
    Choice { rules: Vec<(Rule, String)>, default: Option<String> },
    Succeed,
    Fail { error: Words, cause: Words },
    Task { resource: Resource, timeout: Option<Seconds>, work: Work },
    Parallel { branches: Vec<Arc<Machine>>, work: Work },
    Map { items: Option<Path>, processor: Arc<Machine>, most: usize, work: Work },
}

/// What a Wait state waits for.
#[derive(Debug, Clone)]
pub(super) enum Until {
    Seconds(Seconds),
    Timestamp(Value),
    TimestampAt(Path),
}

/// A number of seconds, written or found.
#[derive(Debug, Clone)]
pub(super) enum Seconds {
    Fixed(u32),
    At(Path),
}

/// Text that is written, found, or not there.
#[derive(Debug, Clone)]
pub(super) enum Words {
    None,
    Fixed(String),
    At(Path),
}

/// What Task, Parallel and Map have in common.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) parameters: Option<Template>,
    pub(super) selector: Option<Template>,
    pub(super) place: Placement,
    pub(super) retry: Vec<Retrier>,
    pub(super) catch: Vec<Catcher>,
}

/// One entry of `Retry`.
#[derive(Debug, Clone)]
pub(super) struct Retrier {
    pub(super) errors: Vec<String>,
    pub(super) interval: u32,
    pub(super) most: u32,
    pub(super) rate: f64,
    pub(super) longest: Option<u32>,
    pub(super) jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug, Clone)]
pub(super) struct Catcher {
    pub(super) errors: Vec<String>,
    pub(super) next: String,
    pub(super) place: Placement,
}

impl Definition {
    /// Every state that it may go to.
    pub(super) fn targets(&self) -> Vec<&str> {
        let mut targets: Vec<&str> = self.next.as_deref().into_iter().collect();
        if let Kind::Choice { rules, default } = &self.kind {
            targets.extend(rules.iter().map(|(_, next)| next.as_str()));
            targets.extend(default.as_deref());
        }
        if let Some(work) = self.work() {
            targets.extend(work.catch.iter().map(|catcher| catcher.next.as_str()));
        }
        targets
    }

    /// What it has in common with the other states that do work.
    pub(super) fn work(&self) -> Option<&Work> {
        match &self.kind {
            Kind::Task { work, .. } | Kind::Parallel { work, .. } | Kind::Map { work, .. } => {
                Some(work)
            }
            Kind::Pass { .. }
            | Kind::Wait(_)
            | Kind::Choice { .. }
            | Kind::Succeed
            | Kind::Fail { .. } => None,
        }
    }

    /// The type's name in a history: `Task` of `TaskStateEntered`.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Pass { .. } => "Pass",
            Kind::Wait(_) => "Wait",
            Kind::Choice { .. } => "Choice",
            Kind::Succeed => "Succeed",
            Kind::Fail { .. } => "Fail",
            Kind::Task { .. } => "Task",
            Kind::Parallel { .. } => "Parallel",
            Kind::Map { .. } => "Map",
        }
    }
}

const PATHS: &[&str] = &["InputPath", "OutputPath"];
const GOING_ON: &[&str] = &["Next", "End"];
const WORK: &[&str] = &["Parameters", "ResultSelector", "ResultPath", "Retry", "Catch"];

/// The fields of a branch.
const BRANCH: &[&str] = &["Comment", "QueryLanguage", "StartAt", "States"];
const PROCESSOR: &[&str] = &["Comment", "ProcessorConfig", "QueryLanguage", "StartAt", "States"];

/// Reads one state; `place` is where it stands.
pub(super) fn read(written: &Value, place: &str) -> Result<Definition, ServiceError> {
    let members = written.as_object().ok_or_else(|| invalid(place, "a state is an object"))?;
    query_language(members, place)?;
    let state = Written { members, place };
    let (kind, goes_on) = match state.text("Type")?.as_deref() {
        Some("Pass") => (state.pass()?, true),
        Some("Wait") => (state.wait()?, true),
        Some("Choice") => (state.choice()?, false),
        Some("Succeed") => {
            state.only(&[PATHS])?;
            (Kind::Succeed, false)
        }
        Some("Fail") => (state.fail()?, false),
        Some("Task") => (state.task()?, true),
        Some("Parallel") => (state.parallel()?, true),
        Some("Map") => (state.map()?, true),
        Some(other) => return Err(invalid(place, &format!("`{other}` is no type of state"))),
        None => return Err(invalid(place, "Type is missing")),
    };
    let next = state.text("Next")?;
    let ends = members.get("End") == Some(&Value::Bool(true));
    if goes_on && next.is_some() == ends {
        return Err(invalid(place, "exactly one of Next and End must be there"));
    }
    Ok(Definition {
        kind,
        input_path: state.selection("InputPath")?,
        output_path: state.selection("OutputPath")?,
        next,
    })
}

/// A state's fields and where it stands.
struct Written<'a> {
    members: &'a Map<String, Value>,
    place: &'a str,
}

impl Written<'_> {
    /// Refuses every field that is in none of the lists.
    fn only(&self, lists: &[&[&str]]) -> Result<(), ServiceError> {
        let always = ["Type", "Comment", "QueryLanguage"];
        let known =
            |name: &str| always.contains(&name) || lists.iter().any(|list| list.contains(&name));
        match self.members.keys().find(|name| !known(name)) {
            Some(name) => Err(unsupported(&format!("the field `{name}`"), self.place)),
            None => Ok(()),
        }
    }

    fn text(&self, field: &str) -> Result<Option<String>, ServiceError> {
        match self.members.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid(self.place, &format!("{field} must be text"))),
        }
    }

    fn path(&self, field: &str) -> Result<Option<Path>, ServiceError> {
        let text = self.text(field)?;
        text.map(|text| Path::parse(&text)).transpose().map_err(|why| self.wrong(field, &why))
    }

    fn wrong(&self, field: &str, why: &str) -> ServiceError {
        if why.contains("does not support") {
            return ServiceError {
                code: "NotImplemented".to_owned(),
                status: 501,
                message: format!("{why} ({field} at {})", self.place),
                details: None,
            };
        }
        invalid(self.place, &format!("{field}: {why}"))
    }

    fn selection(&self, field: &str) -> Result<Selection, ServiceError> {
        if self.members.get(field).is_some_and(Value::is_null) {
            return Ok(Selection::Nothing);
        }
        Ok(self.path(field)?.map_or(Selection::All, Selection::At))
    }

    fn template(&self, field: &str) -> Result<Option<Template>, ServiceError> {
        let written = self.members.get(field);
        written.map(Template::parse).transpose().map_err(|why| self.wrong(field, &why))
    }

    fn pass(&self) -> Result<Kind, ServiceError> {
        self.only(&[PATHS, GOING_ON, &["Result", "ResultPath", "Parameters"]])?;
        Ok(Kind::Pass {
            result: self.members.get("Result").cloned(),
            parameters: self.template("Parameters")?,
            place: placement(self.members, self.place)?,
        })
    }

    fn seconds(&self, field: &str) -> Result<Option<Seconds>, ServiceError> {
        if let Some(path) = self.path(&format!("{field}Path"))? {
            return Ok(Some(Seconds::At(path)));
        }
        match self.members.get(field) {
            None => Ok(None),
            // A wait of no time at all is one, too.
            Some(zero) if zero == 0 && field == "Seconds" => Ok(Some(Seconds::Fixed(0))),
            Some(value) => Ok(Some(Seconds::Fixed(positive(value, self.place, field)?))),
        }
    }

    fn wait(&self) -> Result<Kind, ServiceError> {
        let own = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        self.only(&[PATHS, GOING_ON, &own])?;
        if own.iter().filter(|field| self.members.contains_key(**field)).count() != 1 {
            return Err(invalid(self.place, "a Wait state waits for exactly one thing"));
        }
        if let Some(seconds) = self.seconds("Seconds")? {
            return Ok(Kind::Wait(Until::Seconds(seconds)));
        }
        if let Some(path) = self.path("TimestampPath")? {
            return Ok(Kind::Wait(Until::TimestampAt(path)));
        }
        let at = self.text("Timestamp")?.unwrap_or_default();
        if at.parse::<jiff::Timestamp>().is_err() {
            return Err(invalid(self.place, "Timestamp is not a timestamp"));
        }
        Ok(Kind::Wait(Until::Timestamp(at.into())))
    }

    fn choice(&self) -> Result<Kind, ServiceError> {
        self.only(&[PATHS, &["Choices", "Default"]])?;
        let written = self.members.get("Choices").and_then(Value::as_array);
        let written = written.filter(|rules| !rules.is_empty());
        let written = written.ok_or_else(|| invalid(self.place, "Choices is missing or empty"))?;
        let mut rules = Vec::with_capacity(written.len());
        for rule in written {
            let next = rule["Next"].as_str();
            let next = next.ok_or_else(|| invalid(self.place, "a choice has no Next"))?;
            let read = Rule::parse(rule).map_err(|why| self.wrong("Choices", &why))?;
            rules.push((read, next.to_owned()));
        }
        Ok(Kind::Choice { rules, default: self.text("Default")? })
    }

    fn fail(&self) -> Result<Kind, ServiceError> {
        self.only(&[&["Error", "ErrorPath", "Cause", "CausePath"]])?;
        Ok(Kind::Fail { error: self.words("Error")?, cause: self.words("Cause")? })
    }

    fn words(&self, field: &str) -> Result<Words, ServiceError> {
        if let Some(path) = self.path(&format!("{field}Path"))? {
            return Ok(Words::At(path));
        }
        Ok(self.text(field)?.map_or(Words::None, Words::Fixed))
    }

    fn task(&self) -> Result<Kind, ServiceError> {
        self.only(&[PATHS, GOING_ON, WORK, &["Resource", "TimeoutSeconds", "TimeoutSecondsPath"]])?;
        let resource = self.text("Resource")?;
        let resource = resource.ok_or_else(|| invalid(self.place, "Resource is missing"))?;
        Ok(Kind::Task {
            resource: Resource::parse(&resource, self.place)?,
            timeout: self.seconds("TimeoutSeconds")?,
            work: self.work("Parameters")?,
        })
    }

    fn work(&self, parameters: &str) -> Result<Work, ServiceError> {
        Ok(Work {
            parameters: self.template(parameters)?,
            selector: self.template("ResultSelector")?,
            place: placement(self.members, self.place)?,
            retry: self.entries("Retry", retrier)?,
            catch: self.entries("Catch", catcher)?,
        })
    }

    fn entries<T>(
        &self,
        field: &str,
        read: impl Fn(&Map<String, Value>, &str) -> Result<T, ServiceError>,
    ) -> Result<Vec<T>, ServiceError> {
        let Some(written) = self.members.get(field) else { return Ok(Vec::new()) };
        let place = format!("{}/{field}", self.place);
        let items = written.as_array().ok_or_else(|| invalid(&place, "a list is needed"))?;
        let entry = |item: &Value| {
            let members = item.as_object().ok_or_else(|| invalid(&place, "an object is needed"))?;
            read(members, &place)
        };
        items.iter().map(entry).collect()
    }

    fn parallel(&self) -> Result<Kind, ServiceError> {
        self.only(&[PATHS, GOING_ON, WORK, &["Branches"]])?;
        let written = self.members.get("Branches").and_then(Value::as_array);
        let written = written.filter(|branches| !branches.is_empty());
        let written = written.ok_or_else(|| invalid(self.place, "Branches is missing or empty"))?;
        let mut branches = Vec::with_capacity(written.len());
        for (index, branch) in written.iter().enumerate() {
            let place = format!("{}/Branches/{index}", self.place);
            branches.push(Arc::new(Machine::read(branch, &place, BRANCH)?));
        }
        Ok(Kind::Parallel { branches, work: self.work("Parameters")? })
    }

    fn map(&self) -> Result<Kind, ServiceError> {
        let own = ["ItemsPath", "ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency"];
        self.only(&[PATHS, GOING_ON, WORK, &own])?;
        let (field, written) = ["ItemProcessor", "Iterator"]
            .into_iter()
            .find_map(|field| Some((field, self.members.get(field)?)))
            .ok_or_else(|| invalid(self.place, "ItemProcessor is missing"))?;
        let mode = written["ProcessorConfig"]["Mode"].as_str().unwrap_or("INLINE");
        if mode != "INLINE" {
            return Err(unsupported(&format!("the Map mode {mode}"), self.place));
        }
        let most = match self.members.get("MaxConcurrency") {
            None => 0,
            Some(most) => most
                .as_u64()
                .and_then(|most| usize::try_from(most).ok())
                .ok_or_else(|| invalid(self.place, "MaxConcurrency must be a whole number"))?,
        };
        let has_selector = self.members.contains_key("ItemSelector");
        let processor = Machine::read(written, &format!("{}/{field}", self.place), PROCESSOR)?;
        Ok(Kind::Map {
            items: self.path("ItemsPath")?,
            processor: Arc::new(processor),
            // None given: as many at once as the service lets run, which is 40 for an inline Map
            // (<https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html>).
            most: if most == 0 { 40 } else { most },
            work: self.work(if has_selector { "ItemSelector" } else { "Parameters" })?,
        })
    }
}

fn placement(members: &Map<String, Value>, place: &str) -> Result<Placement, ServiceError> {
    match members.get("ResultPath") {
        None => Ok(Placement::Replace),
        Some(Value::Null) => Ok(Placement::Discard),
        Some(Value::String(text)) => Path::parse_reference(text)
            .map(Placement::At)
            .map_err(|why| invalid(place, &format!("ResultPath: {why}"))),
        Some(_) => Err(invalid(place, "ResultPath must be text or null")),
    }
}

/// `States.ALL` stands alone, and only in the last entry; the entry's order is checked by its list.
fn errors(members: &Map<String, Value>, place: &str) -> Result<Vec<String>, ServiceError> {
    let written = members.get("ErrorEquals").and_then(Value::as_array);
    let written = written.filter(|names| !names.is_empty());
    let written = written.ok_or_else(|| invalid(place, "ErrorEquals is missing or empty"))?;
    let names: Vec<String> = written.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if names.len() != written.len() {
        return Err(invalid(place, "ErrorEquals holds names"));
    }
    if names.len() > 1 && names.iter().any(|name| name == "States.ALL") {
        return Err(invalid(place, "States.ALL must stand alone in ErrorEquals"));
    }
    Ok(names)
}

fn fields(members: &Map<String, Value>, known: &[&str], place: &str) -> Result<(), ServiceError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unsupported(&format!("the field `{name}`"), place)),
        None => Ok(()),
    }
}

fn retrier(members: &Map<String, Value>, place: &str) -> Result<Retrier, ServiceError> {
    let known = [
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    ];
    fields(members, &known, place)?;
    let number = |field: &str| match members.get(field) {
        None => Ok(None),
        Some(value) => positive(value, place, field).map(Some),
    };
    let most = match members.get("MaxAttempts") {
        Some(zero) if zero == 0 => 0,
        _ => number("MaxAttempts")?.unwrap_or(3),
    };
    let rate = match members.get("BackoffRate") {
        None => 2.0,
        Some(rate) => rate
            .as_f64()
            .filter(|rate| *rate >= 1.0)
            .ok_or_else(|| invalid(place, "BackoffRate must be a number of at least 1"))?,
    };
    let jitter = match members.get("JitterStrategy").and_then(Value::as_str) {
        None | Some("NONE") => false,
        Some("FULL") => true,
        Some(other) => {
            return Err(invalid(place, &format!("the JitterStrategy {other} is not known")));
        }
    };
    Ok(Retrier {
        errors: errors(members, place)?,
        interval: number("IntervalSeconds")?.unwrap_or(1),
        most,
        rate,
        longest: number("MaxDelaySeconds")?,
        jitter,
    })
}

fn catcher(members: &Map<String, Value>, place: &str) -> Result<Catcher, ServiceError> {
    fields(members, &["ErrorEquals", "Next", "ResultPath", "Comment"], place)?;
    let next = members.get("Next").and_then(Value::as_str);
    Ok(Catcher {
        errors: errors(members, place)?,
        next: next.ok_or_else(|| invalid(place, "Next is missing"))?.to_owned(),
        place: placement(members, place)?,
    })
}
