//! SSM documents: runbooks (Automation), commands (Command) and change calendars (ChangeCalendar).
//!
//! Main type: [`Documents`]. Invariant: a stored Automation document has been parsed and validated; a
//! document has one version, because `UpdateDocument` is not emulated.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html>.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::calendars::Calendar;
use super::{owned, paging};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::automation::document::{Document, read, schema_version};
use crate::emulator::error::{Answer, ServiceError};

/// "The maximum size of a document is 64 KB."
const MAX_SIZE: usize = 64 * 1024;
/// The only version that a document here has.
const VERSION: &str = "1";

/// The account's own documents, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    stored: IndexMap<String, Stored>,
}

#[derive(Debug, Clone)]
struct Stored {
    content: String,
    format: Format,
    created: Timestamp,
    body: Body,
    tags: Vec<Tag>,
    target_type: Option<String>,
    version_name: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    Automation(Arc<Document>),
    Command(Value),
    ChangeCalendar(Calendar),
}

impl Body {
    fn kind(&self) -> Kind {
        match self {
            Self::Automation(_) => Kind::Automation,
            Self::Command(_) => Kind::Command,
            Self::ChangeCalendar(_) => Kind::ChangeCalendar,
        }
    }
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Kind {
    /// A runbook.
    Automation,
    /// What Run Command runs on an instance.
    Command,
    /// When changes are welcome.
    ChangeCalendar,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Automation => "Automation",
            Self::Command => "Command",
            Self::ChangeCalendar => "ChangeCalendar",
        }
    }
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Format {
    /// JSON
    #[serde(rename = "JSON")]
    Json,
    /// YAML
    #[serde(rename = "YAML")]
    Yaml,
    /// Text: a calendar.
    #[serde(rename = "TEXT")]
    Text,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Text => "TEXT",
        }
    }
}

/// A tag of a document or of an execution.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// The input of `CreateDocument`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateDocument {
    content: String,
    name: String,
    #[serde(default)]
    document_type: Option<String>,
    #[serde(default)]
    document_format: Option<Format>,
    #[serde(default)]
    target_type: Option<String>,
    #[serde(default)]
    version_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `CreateDocument`.
pub(super) fn create(account: &mut Account, input: CreateDocument) -> Answer {
    let name = &input.name;
    let reserved = ["aws", "amazon", "amzn"];
    let lower = name.to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(fits) {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^[a-zA-Z0-9_\\-.]{{3,128}}$"
        )));
    }
    if reserved.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(ServiceError::validation(format!(
            "Document name {name} can't start with aws, amazon or amzn: these are reserved"
        )));
    }
    let kind = match input.document_type.as_deref() {
        None | Some("Command") => Kind::Command,
        Some("Automation" | "Automation.ChangeTemplate") => Kind::Automation,
        Some("ChangeCalendar") => Kind::ChangeCalendar,
        Some(other) => {
            return Err(ServiceError::unsupported(format_args!("the DocumentType {other}")));
        }
    };
    let mut stored = store(account, name, &input.content, kind)?;
    stored.tags = input.tags;
    stored.target_type = input.target_type;
    stored.version_name = input.version_name;
    if let Some(format) = input.document_format {
        stored.format = format;
    }
    let description = description(account, name, &stored);
    account.services.ssm.documents.stored.insert(name.clone(), stored);
    Ok(json!({"DocumentDescription": description}))
}

/// Puts a document into the account under any name, AWS's own prefixes included.
///
/// An environment may bring the text of an AWS-owned document that the emulator does not have.
pub(crate) fn declare_document(
    account: &mut Account,
    name: &str,
    content: &str,
    kind: Kind,
) -> Result<(), ServiceError> {
    let stored = store(account, name, content, kind)?;
    account.services.ssm.documents.stored.insert(name.to_owned(), stored);
    Ok(())
}

fn store(account: &Account, name: &str, content: &str, kind: Kind) -> Result<Stored, ServiceError> {
    let invalid = |message: String| ServiceError::new("InvalidDocumentContent", message);
    if content.len() > MAX_SIZE {
        return Err(ServiceError::new(
            "MaxDocumentSizeExceeded",
            "The size limit of a document is 64 KB.",
        ));
    }
    if account.services.ssm.documents.stored.contains_key(name) {
        return Err(ServiceError::new(
            "DocumentAlreadyExists",
            format!("Document with the specified name already exists: {name}"),
        ));
    }
    let format = match kind {
        Kind::ChangeCalendar => Format::Text,
        Kind::Automation | Kind::Command if content.trim_start().starts_with('{') => Format::Json,
        Kind::Automation | Kind::Command => Format::Yaml,
    };
    let body = match kind {
        Kind::ChangeCalendar => Body::ChangeCalendar(Calendar::parse(content).map_err(invalid)?),
        Kind::Automation => {
            let tree = read(content).map_err(invalid)?;
            Body::Automation(Arc::new(Document::from_value(tree).map_err(invalid)?))
        }
        Kind::Command => {
            let tree = read(content).map_err(invalid)?;
            let version = schema_version(&tree).unwrap_or_else(|| "none".to_owned());
            if !["1.2", "2.0", "2.2"].contains(&version.as_str()) {
                return Err(invalid(format!(
                    "the schema version of a Command document must be 1.2, 2.0 or 2.2, not {version}"
                )));
            }
            if tree.get("mainSteps").is_none() && tree.get("runtimeConfig").is_none() {
                return Err(invalid("a Command document needs mainSteps".to_owned()));
            }
            Body::Command(tree)
        }
    };
    Ok(Stored {
        content: content.to_owned(),
        format,
        created: account.now(),
        body,
        tags: Vec::new(),
        target_type: None,
        version_name: None,
    })
}

fn description(account: &Account, name: &str, stored: &Stored) -> Value {
    let (text, parameters, schema) = match &stored.body {
        Body::Automation(document) => {
            let parameters: Vec<Value> = document
                .parameters
                .iter()
                .map(|(name, declared)| {
                    let mut shape = json!({
                        "Name": name,
                        "Type": declared.written,
                        "Description": declared.description,
                    });
                    if let Some(default) = &declared.default {
                        let text = crate::emulator::automation::references::text(default);
                        shape["DefaultValue"] = json!(text);
                    }
                    shape
                })
                .collect();
            (document.description.clone(), parameters, "0.3".to_owned())
        }
        Body::Command(tree) => {
            let text = tree["description"].as_str().unwrap_or_default().to_owned();
            let parameters = tree["parameters"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, declared)| json!({"Name": name, "Type": declared["type"]}))
                .collect();
            (text, parameters, schema_version(tree).unwrap_or_default())
        }
        Body::ChangeCalendar(_) => (String::new(), Vec::new(), String::new()),
    };
    let mut shape = json!({
        "Name": name,
        "Owner": account.identity().account,
        "CreatedDate": epoch_seconds(stored.created),
        "Status": "Active",
        "DocumentVersion": VERSION,
        "Description": text,
        "Parameters": parameters,
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "DocumentType": stored.body.kind().name(),
        "SchemaVersion": schema,
        "LatestVersion": VERSION,
        "DefaultVersion": VERSION,
        "DocumentFormat": stored.format.name(),
        "Tags": stored.tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value}))
            .collect::<Vec<_>>(),
    });
    if let Some(target_type) = &stored.target_type {
        shape["TargetType"] = json!(target_type);
    }
    if let Some(version_name) = &stored.version_name {
        shape["VersionName"] = json!(version_name);
    }
    shape
}

/// The input of `DescribeDocument`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeDocument {
    name: String,
    #[serde(default)]
    document_version: Option<String>,
}

/// `DescribeDocument`.
pub(super) fn describe(account: &mut Account, input: DescribeDocument) -> Answer {
    // AWS's own command documents have no text here; what is known of them is that they are there.
    let name = input.name.rsplit('/').next().unwrap_or(&input.name);
    let known = owned::command(name).is_some() || account.services.ssm.declared.knows(name);
    if known && !account.services.ssm.documents.stored.contains_key(name) {
        let document = json!({
            "Name": name, "Owner": "Amazon", "Status": "Active", "DocumentType": "Command",
            "DocumentVersion": VERSION, "DefaultVersion": VERSION, "LatestVersion": VERSION,
        });
        return Ok(json!({ "Document": document }));
    }
    let (name, stored) = find(account, &input.name, input.document_version.as_deref())?;
    Ok(json!({"Document": description(account, &name, &stored)}))
}

/// The input of `GetDocument`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetDocument {
    name: String,
    #[serde(default)]
    document_version: Option<String>,
    #[serde(default)]
    document_format: Option<Format>,
}

/// `GetDocument`.
pub(super) fn get(account: &mut Account, input: GetDocument) -> Answer {
    let (name, stored) = find(account, &input.name, input.document_version.as_deref())?;
    if input.document_format.is_some_and(|format| format != stored.format) {
        return Err(ServiceError::unsupported(
            "the parameter `DocumentFormat` of GetDocument where it differs from the stored format",
        ));
    }
    Ok(json!({
        "Name": name,
        "CreatedDate": epoch_seconds(stored.created),
        "DocumentVersion": VERSION,
        "Status": "Active",
        "Content": stored.content,
        "DocumentType": stored.body.kind().name(),
        "DocumentFormat": stored.format.name(),
    }))
}

/// A filter of a list: a key and the values that fit.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// The input of `ListDocuments`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListDocuments {
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `ListDocuments`: the account's own documents.
pub(super) fn list(account: &mut Account, input: ListDocuments) -> Answer {
    let mut items = Vec::new();
    for (name, stored) in &account.services.ssm.documents.stored {
        let mut fits = true;
        for filter in &input.filters {
            let any = |test: &dyn Fn(&str) -> bool| filter.values.iter().any(|value| test(value));
            fits &= match filter.key.as_str() {
                "Name" => any(&|value| name.starts_with(value)),
                "DocumentType" => any(&|value| value == stored.body.kind().name()),
                "Owner" => any(&|value| {
                    ["Self", "All", "Private"].contains(&value)
                        || value == account.identity().account
                }),
                other => {
                    return Err(ServiceError::unsupported(format_args!(
                        "the filter key {other} of ListDocuments"
                    )));
                }
            };
        }
        if fits {
            let mut shape = description(account, name, stored);
            if let Some(fields) = shape.as_object_mut() {
                for extra in
                    ["Status", "Description", "Parameters", "LatestVersion", "DefaultVersion"]
                {
                    fields.shift_remove(extra);
                }
            }
            items.push(shape);
        }
    }
    paging::answer("DocumentIdentifiers", items, input.max_results, input.next_token.as_deref())
}

/// The input of `DeleteDocument`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteDocument {
    name: String,
}

/// `DeleteDocument`: executions that run go on with the text that they began with.
pub(super) fn delete(account: &mut Account, input: DeleteDocument) -> Answer {
    match account.services.ssm.documents.stored.shift_remove(&input.name) {
        Some(_) => Ok(json!({})),
        None => Err(invalid_document(&input.name)),
    }
}

fn invalid_document(name: &str) -> ServiceError {
    ServiceError::new("InvalidDocument", format!("Document with name {name} does not exist."))
}

/// The name and the version in a document's name or ARN.
fn split(reference: &str) -> (&str, Option<&str>) {
    if !reference.starts_with("arn:") {
        return (reference, None);
    }
    let resource = reference.splitn(6, ':').nth(5).unwrap_or(reference);
    let name = resource.split_once('/').map_or(resource, |(_, name)| name);
    match name.rsplit_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}

fn is_known_version(version: Option<&str>) -> bool {
    version.is_none_or(|version| [VERSION, "$DEFAULT", "$LATEST"].contains(&version))
}

/// A document of the account, or an AWS-owned one that the emulator knows.
fn find(
    account: &Account,
    reference: &str,
    version: Option<&str>,
) -> Result<(String, Stored), ServiceError> {
    let (name, own_version) = split(reference);
    let stored = match account.services.ssm.documents.stored.get(name) {
        Some(stored) => stored.clone(),
        None => match owned::automation(name) {
            Some(content) => store(account, name, content, Kind::Automation)?,
            None => return Err(invalid_document(name)),
        },
    };
    if !is_known_version(version.or(own_version)) {
        return Err(ServiceError::new(
            "InvalidDocumentVersion",
            format!("The document version is not valid or does not exist: {name}"),
        ));
    }
    Ok((name.to_owned(), stored))
}

/// The runbook that an execution runs: its name, its version, and the document.
pub(crate) fn automation_document(
    account: &Account,
    reference: &str,
    version: Option<&str>,
) -> Result<(String, String, Arc<Document>), ServiceError> {
    let (name, own_version) = split(reference);
    let document = match account.services.ssm.documents.stored.get(name).map(|found| &found.body) {
        Some(Body::Automation(document)) => document.clone(),
        Some(Body::Command(_) | Body::ChangeCalendar(_)) => {
            return Err(ServiceError::new(
                "AutomationDefinitionNotFoundException",
                format!("Document {name} is not an Automation document"),
            ));
        }
        None => owned::runbook(name).ok_or_else(|| definition_not_found(name))?,
    };
    if !is_known_version(version.or(own_version)) {
        return Err(ServiceError::new(
            "AutomationDefinitionVersionNotFoundException",
            format!("Automation definition version {} not found", version.unwrap_or_default()),
        ));
    }
    Ok((name.to_owned(), VERSION.to_owned(), document))
}

fn definition_not_found(name: &str) -> ServiceError {
    let mut message = format!("Automation definition not found: {name}");
    if name.starts_with("AWS") {
        message.push_str(
            " (the emulated account does not have this AWS-owned document; the environment may \
             bring its text)",
        );
    }
    ServiceError::new("AutomationDefinitionNotFoundException", message)
}

/// A Command document's text as a tree, if the account has it.
pub(super) fn command_document<'a>(account: &'a Account, name: &str) -> Option<&'a Value> {
    let (name, _) = split(name);
    match account.services.ssm.documents.stored.get(name).map(|found| &found.body) {
        Some(Body::Command(tree)) => Some(tree),
        Some(Body::Automation(_) | Body::ChangeCalendar(_)) | None => None,
    }
}

/// A change calendar by its name or ARN.
pub(super) fn calendar(account: &Account, reference: &str) -> Result<Calendar, ServiceError> {
    let (name, _) = split(reference);
    match account.services.ssm.documents.stored.get(name).map(|found| &found.body) {
        Some(Body::ChangeCalendar(calendar)) => Ok(calendar.clone()),
        Some(Body::Automation(_) | Body::Command(_)) => Err(ServiceError::new(
            "InvalidDocumentType",
            format!("The SSM document type of {name} is not valid: it is no ChangeCalendar."),
        )),
        None => Err(invalid_document(name)),
    }
}
