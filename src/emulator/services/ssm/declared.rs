//! What an environment declares about code that the emulator can't run: scripts and commands.
//!
//! Main types: [`Script`] (an `aws:executeScript` step) and [`Command`] (a Run Command document).
//! Invariant: a declaration says how long something takes and what it comes to, never what is expected.

use indexmap::IndexMap;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::emulator::account::Account;

/// What an `aws:executeScript` step of a runbook comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// The name of the Automation document.
    pub(crate) document: String,
    /// The name of the step.
    pub(crate) step: String,
    /// What the script returns: the step's `Payload`.
    #[serde(default)]
    pub(crate) outputs: IndexMap<String, Value>,
    /// The error that the script raises instead.
    #[serde(default)]
    pub(crate) failure: Option<String>,
    /// How long it runs, such as `3s`. Default 3s.
    #[serde(default, with = "human")]
    #[schemars(with = "Option<String>")]
    pub(crate) duration: Option<SignedDuration>,
}

/// What a command comes to on an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    /// The name of the Command document, such as `AWS-RunShellScript`.
    pub(crate) document: String,
    /// Only when the command's text (its `commands` parameter) contains this.
    #[serde(default)]
    pub(crate) contains: Option<String>,
    /// Only on this instance.
    #[serde(default)]
    pub(crate) instance: Option<String>,
    /// How long it runs, such as `45s`. Default: `DurationSeconds` of the AWSFIS documents, else 5s.
    #[serde(default, with = "human")]
    #[schemars(with = "Option<String>")]
    pub(crate) duration: Option<SignedDuration>,
    /// How it ends. Default: `success`.
    #[serde(default)]
    pub(crate) outcome: CommandOutcome,
    /// What it writes to standard output (or, where it fails, to standard error).
    #[serde(default)]
    pub(crate) output: String,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CommandOutcome {
    /// Response code 0.
    #[default]
    Success,
    /// Response code 1.
    Failed,
}

/// All that was declared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    scripts: IndexMap<(String, String), Script>,
    commands: Vec<Command>,
}

impl Declared {
    /// What was declared for a step of a document.
    pub(crate) fn script(&self, document: &str, step: &str) -> Option<&Script> {
        self.scripts.get(&(document.to_owned(), step.to_owned()))
    }

    /// What was declared for a command; of several that fit the last counts.
    pub(crate) fn command(&self, document: &str, text: &str, instance: &str) -> Option<&Command> {
        self.commands.iter().rev().find(|command| {
            command.document == document
                && command.contains.as_deref().is_none_or(|wanted| text.contains(wanted))
                && command.instance.as_deref().is_none_or(|wanted| wanted == instance)
        })
    }

    /// Whether anything was declared for a Command document: then it exists.
    pub(crate) fn knows(&self, document: &str) -> bool {
        self.commands.iter().any(|command| command.document == document)
    }
}

/// Declares what a script comes to; a second declaration for the same step replaces the first.
pub(crate) fn declare_script(account: &mut Account, script: Script) {
    let key = (script.document.clone(), script.step.clone());
    account.services.ssm.declared.scripts.insert(key, script);
}

/// Declares what a command comes to.
pub(crate) fn declare_command(account: &mut Account, command: Command) {
    account.services.ssm.declared.commands.push(command);
}

/// Durations as people write them: `90s`, `5m`.
mod human {
    use super::{Deserialize, Deserializer, Serializer, SignedDuration};

    #[expect(clippy::ref_option, reason = "serde's `with` hands over a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<SignedDuration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration.and_then(|duration| duration.try_into().ok()) {
            Some(duration) => {
                let duration: std::time::Duration = duration;
                serializer.collect_str(&humantime::format_duration(duration))
            }
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SignedDuration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display| {
            serde::de::Error::custom(format!(
                "`{text}` is not a duration such as `90s` or `5m`: {error}"
            ))
        };
        let duration = humantime::parse_duration(&text).map_err(|error| wrong(&error))?;
        SignedDuration::try_from(duration).map(Some).map_err(|error| wrong(&error))
    }
}
