//! Parameter Store: names and their values.
//!
//! Main type: [`Parameters`]. Invariant: a parameter keeps its last hundred versions, as SSM does; an older
//! one is not found rather than answered with the newest.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>.

use std::collections::VecDeque;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::documents::Tag;
use super::paging;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::events;

/// The parameters of an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    stored: IndexMap<String, Parameter>,
}

/// How many versions of a parameter are kept.
const MOST_VERSIONS: usize = 100;

#[derive(Debug, Clone)]
struct Parameter {
    value: String,
    /// The versions before this one, oldest first.
    earlier: VecDeque<(u64, String)>,
    kind: Kind,
    version: u64,
    modified: Timestamp,
    description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Kind {
    String,
    StringList,
    SecureString,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }
}

/// The value that `{{ ssm:name }}` stands for.
pub(crate) fn parameter_value(account: &Account, name: &str) -> Option<String> {
    account.services.ssm.parameters.stored.get(name).map(|parameter| parameter.value.clone())
}

/// The input of `PutParameter`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    name: String,
    value: String,
    #[serde(default)]
    r#type: Option<Kind>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    allowed_pattern: Option<String>,
    #[serde(default)]
    data_type: Option<String>,
}

/// `PutParameter`.
pub(super) fn put(account: &mut Account, input: Put) -> Answer {
    if let Some(other) = input.data_type.as_deref().filter(|kind| *kind != "text") {
        return Err(ServiceError::unsupported(format_args!("the DataType {other} of a parameter")));
    }
    if let Some(pattern) = &input.allowed_pattern {
        let pattern = regex::Regex::new(pattern).map_err(|_| {
            ServiceError::new("InvalidAllowedPatternException", "The pattern can't be read.")
        })?;
        if !pattern.is_match(&input.value) {
            return Err(ServiceError::new(
                "ParameterPatternMismatchException",
                "Parameter value, cannot be validated against allowedPattern",
            ));
        }
    }
    let now = account.now();
    let stored = &mut account.services.ssm.parameters.stored;
    let before = stored.get(&input.name);
    if before.is_some() && !input.overwrite {
        return Err(ServiceError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in \
             the request to true.",
        ));
    }
    let Some(kind) = input.r#type.or(before.map(|before| before.kind)) else {
        return Err(ServiceError::validation(
            "A parameter type is required when you create a parameter.",
        ));
    };
    let version = before.map_or(1, |before| before.version + 1);
    let mut earlier = before.map(|before| before.earlier.clone()).unwrap_or_default();
    earlier.extend(before.map(|before| (before.version, before.value.clone())));
    if earlier.len() >= MOST_VERSIONS {
        earlier.pop_front();
    }
    let parameter = Parameter {
        value: input.value,
        earlier,
        kind,
        version,
        modified: now,
        description: input.description,
    };
    stored.insert(input.name.clone(), parameter);
    changed(account, &input.name, if version == 1 { "Create" } else { "Update" }, kind);
    let tier = input.tier.unwrap_or_else(|| "Standard".to_owned());
    Ok(json!({"Version": version, "Tier": tier}))
}

fn changed(account: &mut Account, name: &str, operation: &str, kind: Kind) {
    let resources = vec![arn(account, name)];
    let mut detail = json!({"operation": operation, "name": name, "type": kind.name()});
    let stored = account.services.ssm.parameters.stored.get(name);
    if let Some(description) = stored.and_then(|parameter| parameter.description.clone()) {
        detail["description"] = json!(description);
    }
    events::emit(account, "aws.ssm", "Parameter Store Change", resources, detail);
}

fn arn(account: &Account, name: &str) -> String {
    account.identity().arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

fn shape(account: &Account, name: &str, parameter: &Parameter) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind.name(),
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": epoch_seconds(parameter.modified),
        "ARN": arn(account, name),
        "DataType": "text",
    })
}

fn not_found(name: &str) -> ServiceError {
    ServiceError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

/// A parameter by name, name and version (`name:3`), or ARN.
fn find(account: &Account, reference: &str) -> Result<Option<Value>, ServiceError> {
    let stored = &account.services.ssm.parameters.stored;
    let name = match reference.split_once(":parameter/") {
        Some((_, name)) if stored.contains_key(name) => name.to_owned(),
        Some((_, name)) => format!("/{name}"),
        None => reference.to_owned(),
    };
    if let Some(parameter) = stored.get(&name) {
        return Ok(Some(shape(account, &name, parameter)));
    }
    let Some((name, version)) = name.rsplit_once(':') else { return Ok(None) };
    match stored.get(name) {
        Some(parameter) if parameter.version.to_string() == version => {
            Ok(Some(shape(account, name, parameter)))
        }
        Some(parameter) => {
            let Ok(wanted) = version.parse::<u64>() else {
                return Err(ServiceError::unsupported(format_args!(
                    "the label {version} of the parameter {name}"
                )));
            };
            let found = parameter.earlier.iter().find(|(version, _)| *version == wanted);
            let (_, value) = found.ok_or_else(|| {
                ServiceError::new(
                    "ParameterVersionNotFound",
                    format!("Systems Manager could not find version {version} of {name}."),
                )
            })?;
            let mut shape = shape(account, name, parameter);
            shape["Value"] = json!(value);
            shape["Version"] = json!(wanted);
            Ok(Some(shape))
        }
        None => Ok(None),
    }
}

/// The input of `GetParameter`; values are kept in the clear, so decryption changes nothing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    name: String,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
}

/// `GetParameter`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    let parameter = find(account, &input.name)?.ok_or_else(|| not_found(&input.name))?;
    Ok(json!({"Parameter": parameter}))
}

/// The input of `GetParameters`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetMany {
    names: Vec<String>,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
}

/// `GetParameters`.
pub(super) fn get_many(account: &mut Account, input: GetMany) -> Answer {
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in input.names {
        match find(account, &name)? {
            Some(parameter) => found.push(parameter),
            None => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

/// The input of `GetParametersByPath`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `GetParametersByPath`.
pub(super) fn get_by_path(account: &mut Account, input: GetByPath) -> Answer {
    let prefix = format!("{}/", input.path.trim_end_matches('/'));
    let stored = &account.services.ssm.parameters.stored;
    let items = stored
        .iter()
        .filter(|(name, _)| {
            name.strip_prefix(&prefix).is_some_and(|rest| input.recursive || !rest.contains('/'))
        })
        .map(|(name, parameter)| shape(account, name, parameter))
        .collect();
    let max = Some(input.max_results.unwrap_or(10));
    paging::answer("Parameters", items, max, input.next_token.as_deref())
}

/// The input of `DeleteParameter`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    name: String,
}

/// `DeleteParameter`.
pub(super) fn delete(account: &mut Account, input: Delete) -> Answer {
    match account.services.ssm.parameters.stored.shift_remove(&input.name) {
        Some(parameter) => {
            changed(account, &input.name, "Delete", parameter.kind);
            Ok(json!({}))
        }
        None => Err(not_found(&input.name)),
    }
}
