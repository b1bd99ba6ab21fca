//! Automation documents (schema version 0.3) as data: parsed, validated, never executed here.
//!
//! Main type: [`Document`]. Invariant: whatever a [`Document`] refers to (steps, parameters, selectors,
//! branch operators) exists and can be read, because [`Document::parse`] refuses the rest with the words
//! that `CreateDocument` puts into `InvalidDocumentContent`.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html>
//! and <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html>.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::condition::Condition;
use super::selector::{OutputType, Selector};
use super::{parameters, references};

/// AWS's quota for the steps of one runbook is 100; inner steps of loops count here too.
const MAX_STEPS: usize = 100;
/// How deep loops may nest; AWS states no figure, ours.
const MAX_LOOP_DEPTH: usize = 3;

/// A runbook.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) description: String,
    pub(crate) assume_role: Option<String>,
    pub(crate) parameters: IndexMap<String, parameters::Declaration>,
    pub(crate) variables: IndexMap<String, Value>,
    pub(crate) steps: Steps,
    /// The top-level outputs, each `step.Output`.
    pub(crate) outputs: Vec<String>,
}

/// The steps of a runbook or of a loop, in the order in which they are written.
pub(crate) type Steps = Arc<[Arc<Step>]>;

/// One step of a runbook.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) action: String,
    pub(crate) max_attempts: u32,
    /// Seconds, or a reference to a parameter that says how many.
    pub(crate) timeout: Option<Value>,
    pub(crate) on_failure: OnFailure,
    /// The step that a cancelled execution still runs.
    pub(crate) on_cancel: Option<String>,
    pub(crate) is_end: bool,
    pub(crate) is_critical: bool,
    pub(crate) next: Option<String>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) kind: Kind,
}

impl Step {
    /// Whether an input is taken as it is: a loop's steps resolve their own references when they run, and
    /// double braces in a script belong to its language.
    pub(crate) fn is_verbatim(&self, input: &str) -> bool {
        match &self.kind {
            Kind::Loop { .. } => input == "Steps",
            Kind::Plain => self.action == "aws:executeScript" && input == "Script",
            Kind::Branch { .. } => false,
        }
    }
}

/// What the engine itself must understand of a step's inputs.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// The action reads its own inputs.
    Plain,
    /// `aws:branch`: where to go, first match wins.
    Branch { choices: Vec<(Condition, String)>, default: Option<String> },
    /// `aws:loop`: steps to run again, and while what holds.
    Loop { steps: Steps, condition: Option<Condition> },
}

/// What happens when a step has failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The execution ends.
    Abort,
    /// The execution goes on with the next step.
    Continue,
    /// The execution goes on with this step.
    Step(String),
}

impl OnFailure {
    /// The API's spelling.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Abort => "Abort".to_owned(),
            Self::Continue => "Continue".to_owned(),
            Self::Step(name) => format!("step:{name}"),
        }
    }
}

/// One output that a step declares.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) selector: Selector,
    pub(crate) kind: OutputType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDocument {
    #[serde(default)]
    description: String,
    #[expect(dead_code, reason = "checked before the rest is read")]
    schema_version: Value,
    #[serde(default)]
    assume_role: Option<String>,
    #[serde(default)]
    parameters: IndexMap<String, parameters::Raw>,
    #[serde(default)]
    variables: IndexMap<String, RawVariable>,
    main_steps: Vec<RawStep>,
    #[serde(default)]
    outputs: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "attachments belong to scripts, which the emulator does not run")]
    files: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariable {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the document only")]
    description: Option<String>,
    #[serde(default)]
    default: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawStep {
    name: String,
    action: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the document only")]
    description: Option<String>,
    #[serde(default)]
    max_attempts: Option<Value>,
    #[serde(default)]
    timeout_seconds: Option<Value>,
    #[serde(default)]
    on_failure: Option<String>,
    #[serde(default)]
    on_cancel: Option<String>,
    #[serde(default)]
    is_end: Option<Value>,
    #[serde(default)]
    is_critical: Option<Value>,
    #[serde(default)]
    next_step: Option<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    outputs: Vec<RawOutput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawOutput {
    name: String,
    selector: String,
    #[serde(default)]
    r#type: Option<String>,
}

impl Document {
    /// Reads the text of a document, JSON or YAML.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::from_value(read(text)?)
    }

    /// Reads a document that is already a tree (as CloudFormation templates carry it).
    pub(crate) fn from_value(content: Value) -> Result<Self, String> {
        let version = schema_version(&content);
        if version.as_deref() != Some("0.3") {
            let version = version.unwrap_or_else(|| "none".to_owned());
            return Err(format!(
                "the schema version of an Automation document must be 0.3, not {version}"
            ));
        }
        let raw: RawDocument =
            serde_json::from_value(content).map_err(|error| error.to_string())?;
        let mut declarations = IndexMap::new();
        for (name, parameter) in raw.parameters {
            let declaration = parameters::Declaration::new(&name, parameter)?;
            declarations.insert(name, declaration);
        }
        let mut variables = IndexMap::new();
        for (name, variable) in raw.variables {
            let kind = OutputType::parse(&variable.kind)
                .map_err(|error| format!("variable {name}: {error}"))?;
            variables.insert(name, kind.default_value(variable.default));
        }
        let steps = steps(raw.main_steps, 0)?;
        let document = Self {
            description: raw.description,
            assume_role: raw.assume_role,
            parameters: declarations,
            variables,
            steps,
            outputs: raw.outputs,
        };
        document.check()?;
        Ok(document)
    }

    /// Every step, inner steps of loops right after their loop.
    pub(crate) fn all_steps(&self) -> Vec<&Step> {
        let mut all = Vec::new();
        collect(&self.steps, &mut all);
        all
    }

    fn check(&self) -> Result<(), String> {
        let all = self.all_steps();
        if all.len() > MAX_STEPS {
            return Err(format!("the document has {} steps; the limit is {MAX_STEPS}", all.len()));
        }
        let mut names = IndexMap::new();
        for step in &all {
            if names.insert(step.name.as_str(), ()).is_some() {
                return Err(format!("the step name {} is not unique", step.name));
            }
        }
        check_targets(&self.steps)?;
        for step in &all {
            for (input, value) in &step.inputs {
                if !step.is_verbatim(input) {
                    references::check(value, self, &names)
                        .map_err(|error| format!("step {}: {error}", step.name))?;
                }
            }
        }
        for output in &self.outputs {
            let step = output.split('.').next().unwrap_or(output);
            if !names.contains_key(step) {
                return Err(format!("the output {output} refers to a step that does not exist"));
            }
        }
        Ok(())
    }
}

/// Reads the text of any SSM document into a tree.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let trimmed = text.trim_start();
    if trimmed.starts_with('{') {
        serde_json::from_str(trimmed).map_err(|error| format!("JSON not well-formed: {error}"))
    } else {
        serde_yaml::from_str(text).map_err(|error| format!("YAML not well-formed: {error}"))
    }
}

/// The schema version as text; YAML authors often leave the quotes out.
pub(crate) fn schema_version(content: &Value) -> Option<String> {
    match content.get("schemaVersion")? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn collect<'a>(steps: &'a Steps, all: &mut Vec<&'a Step>) {
    for step in steps.iter() {
        all.push(step);
        if let Kind::Loop { steps, .. } = &step.kind {
            collect(steps, all);
        }
    }
}

fn steps(raw: Vec<RawStep>, depth: usize) -> Result<Steps, String> {
    if raw.is_empty() {
        return Err("a document needs at least one step".to_owned());
    }
    raw.into_iter()
        .map(|step| {
            let name = step.name.clone();
            read_step(step, depth).map(Arc::new).map_err(|error| format!("step {name}: {error}"))
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Into::into)
}

fn read_step(raw: RawStep, depth: usize) -> Result<Step, String> {
    if raw.name.is_empty() {
        return Err("a step needs a name".to_owned());
    }
    if !raw.action.starts_with("aws:") {
        return Err(format!("{} is not an Automation action", raw.action));
    }
    let on_failure = match raw.on_failure.as_deref() {
        None => OnFailure::Abort,
        Some(text) if text.eq_ignore_ascii_case("abort") => OnFailure::Abort,
        Some(text) if text.eq_ignore_ascii_case("continue") => OnFailure::Continue,
        Some(text) => match text.strip_prefix("step:") {
            Some(name) => OnFailure::Step(name.trim().to_owned()),
            None => return Err(format!("onFailure can't be {text}")),
        },
    };
    let on_cancel = match raw.on_cancel.as_deref() {
        None => None,
        Some(text) if text.eq_ignore_ascii_case("abort") => None,
        Some(text) => match text.strip_prefix("step:") {
            Some(name) => Some(name.trim().to_owned()),
            None => return Err(format!("onCancel can't be {text}")),
        },
    };
    let kind = kind(&raw.action, &raw.inputs, depth)?;
    let outputs = raw.outputs.into_iter().map(output).collect::<Result<Vec<_>, _>>()?;
    // "If the onFailure property is set to Continue in a step, the value defaults to false."
    let is_critical =
        flag(raw.is_critical.as_ref(), "isCritical")?.unwrap_or(on_failure != OnFailure::Continue);
    Ok(Step {
        name: raw.name,
        action: raw.action,
        max_attempts: attempts(raw.max_attempts.as_ref())?,
        timeout: raw.timeout_seconds,
        on_failure,
        on_cancel,
        is_end: flag(raw.is_end.as_ref(), "isEnd")?.unwrap_or(false),
        is_critical,
        next: raw.next_step,
        inputs: raw.inputs,
        outputs,
        kind,
    })
}

fn output(raw: RawOutput) -> Result<Output, String> {
    let name = raw.name;
    let selector =
        Selector::parse(&raw.selector).map_err(|error| format!("output {name}: {error}"))?;
    let kind = OutputType::parse(raw.r#type.as_deref().unwrap_or("String"))
        .map_err(|error| format!("output {name}: {error}"))?;
    Ok(Output { name, selector, kind })
}

fn kind(action: &str, inputs: &Map<String, Value>, depth: usize) -> Result<Kind, String> {
    match action {
        "aws:branch" => {
            let choices = inputs
                .get("Choices")
                .and_then(Value::as_array)
                .ok_or("aws:branch needs a list of Choices")?;
            let choices = choices.iter().map(choice).collect::<Result<Vec<_>, _>>()?;
            let default = inputs.get("Default").and_then(Value::as_str).map(str::to_owned);
            Ok(Kind::Branch { choices, default })
        }
        "aws:loop" => {
            if depth >= MAX_LOOP_DEPTH {
                return Err(format!("loops can't be nested deeper than {MAX_LOOP_DEPTH}"));
            }
            let inner = inputs.get("Steps").cloned().ok_or("aws:loop needs Steps")?;
            let inner: Vec<RawStep> =
                serde_json::from_value(inner).map_err(|error| format!("Steps: {error}"))?;
            let condition = inputs.get("LoopCondition").map(Condition::parse).transpose()?;
            if condition.is_some() == inputs.contains_key("Iterators") {
                return Err("aws:loop needs either Iterators or LoopCondition".to_owned());
            }
            Ok(Kind::Loop { steps: steps(inner, depth + 1)?, condition })
        }
        _ => Ok(Kind::Plain),
    }
}

fn choice(value: &Value) -> Result<(Condition, String), String> {
    let target = value
        .get("NextStep")
        .and_then(Value::as_str)
        .ok_or("each choice of aws:branch needs a NextStep")?;
    Ok((Condition::parse(value)?, target.to_owned()))
}

/// Where steps lead must exist in the same list: a loop's steps can't leave the loop.
fn check_targets(steps: &Steps) -> Result<(), String> {
    let exists = |name: &str| steps.iter().any(|step| step.name == name);
    for step in steps.iter() {
        let mut targets: Vec<&str> = Vec::new();
        targets.extend(step.next.as_deref());
        targets.extend(step.on_cancel.as_deref());
        if let OnFailure::Step(name) = &step.on_failure {
            targets.push(name);
        }
        match &step.kind {
            Kind::Plain => {}
            Kind::Branch { choices, default } => {
                targets.extend(choices.iter().map(|(_, target)| target.as_str()));
                targets.extend(default.as_deref());
            }
            Kind::Loop { steps, .. } => check_targets(steps)?,
        }
        if let Some(missing) = targets.into_iter().find(|target| !exists(target)) {
            return Err(format!("step {} leads to {missing}, which does not exist", step.name));
        }
    }
    Ok(())
}

fn attempts(value: Option<&Value>) -> Result<u32, String> {
    let Some(value) = value else { return Ok(1) };
    let count = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    count
        .filter(|count| (1..=10).contains(count))
        .and_then(|count| u32::try_from(count).ok())
        .ok_or_else(|| format!("maxAttempts must be a number from 1 to 10, not {value}"))
}

fn flag(value: Option<&Value>, name: &str) -> Result<Option<bool>, String> {
    match value {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(other) => Err(format!("{name} must be true or false, not {other}")),
    }
}
