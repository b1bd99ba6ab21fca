//! Lambda functions as resources: their configuration, their policies, their asynchronous settings.
//!
//! Main type: [`Function`]. Invariant: a function is known by its name; versions and aliases are not
//! emulated, so a qualifier other than `$LATEST` is refused.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ssm;

/// A function.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) arn: String,
    pub(super) role: Option<String>,
    /// In seconds.
    pub(super) timeout: u32,
    pub(super) dead_letter: Option<String>,
    /// The statements of its policy, by their ids.
    pub(super) policy: IndexMap<String, Value>,
    pub(super) asynchronous: Asynchronous,
    runtime: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    memory: u32,
    environment: IndexMap<String, String>,
    tags: IndexMap<String, String>,
    modified: Timestamp,
    /// Only the environment has named it so far; a template may still create it.
    only_declared: bool,
}

/// How asynchronous invocations end.
#[derive(Debug, Clone, Default)]
pub(super) struct Asynchronous {
    pub(super) most_retries: Option<u8>,
    /// In seconds.
    pub(super) longest_age: Option<u32>,
    pub(super) on_failure: Option<String>,
    pub(super) on_success: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateFunction {
    function_name: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    runtime: Option<String>,
    #[serde(default)]
    handler: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    timeout: Option<u32>,
    #[serde(default)]
    memory_size: Option<u32>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default)]
    tags: IndexMap<String, String>,
    // Code is never run, so what it is made of does not matter.
    #[serde(default, rename = "Code")]
    _code: Option<Value>,
    #[serde(default, rename = "Architectures")]
    _architectures: Option<Value>,
    #[serde(default, rename = "Layers")]
    _layers: Option<Value>,
    #[serde(default, rename = "PackageType")]
    _package_type: Option<String>,
    // X-Ray is not emulated; tracing changes nothing that a drill could see.
    #[serde(default, rename = "TracingConfig")]
    _tracing_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    #[serde(default)]
    target_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FunctionOnly {
    function_name: String,
    #[serde(default)]
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AddPermission {
    function_name: String,
    statement_id: String,
    action: String,
    principal: String,
    #[serde(default)]
    source_arn: Option<String>,
    #[serde(default)]
    source_account: Option<String>,
    #[serde(default, rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    #[serde(default)]
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemovePermission {
    function_name: String,
    statement_id: String,
    #[serde(default)]
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutEventInvokeConfig {
    function_name: String,
    #[serde(default)]
    qualifier: Option<String>,
    #[serde(default)]
    maximum_retry_attempts: Option<u8>,
    #[serde(default)]
    maximum_event_age_in_seconds: Option<u32>,
    #[serde(default)]
    destination_config: Option<Destinations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destinations {
    #[serde(default)]
    on_failure: Option<Destination>,
    #[serde(default)]
    on_success: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    #[serde(default)]
    destination: Option<String>,
}

/// A function that only the environment has named.
pub(super) fn declare(account: &mut Account, name: &str, role: Option<String>) {
    let state = &account.services.lambda;
    if let Some(found) = state.functions.get(name) {
        if role.is_some() && found.role.is_none() {
            account.services.lambda.functions[name].role = role;
        }
        return;
    }
    let function = Function {
        arn: super::arn_of(account, name),
        role,
        // Nobody has set a timeout, so the longest one holds.
        timeout: 900,
        dead_letter: None,
        policy: IndexMap::new(),
        asynchronous: Asynchronous::default(),
        runtime: None,
        handler: None,
        description: None,
        memory: 128,
        environment: IndexMap::new(),
        tags: IndexMap::new(),
        modified: account.now(),
        only_declared: true,
    };
    account.services.lambda.functions.insert(name.to_owned(), function);
}

/// `CreateFunction`.
pub(super) fn create(account: &mut Account, input: CreateFunction) -> Answer {
    let name = input.function_name;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return Err(invalid(format!("The function name {name:?} is invalid.")));
    }
    let Some(role) = input.role else {
        return Err(invalid("Role is required.".to_owned()));
    };
    // The default of three seconds is a common reason for a function that never gets done.
    let timeout = input.timeout.unwrap_or(3);
    if !(1..=900).contains(&timeout) {
        return Err(invalid(format!("Timeout {timeout} is not between 1 and 900 seconds.")));
    }
    let functions = &account.services.lambda.functions;
    let existing = functions.get(&name);
    if existing.is_some_and(|found| !found.only_declared) {
        let message = format!("Function already exist: {name}");
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new("ResourceConflictException", message)
        });
    }
    let function = Function {
        arn: super::arn_of(account, &name),
        role: Some(role),
        timeout,
        dead_letter: input.dead_letter_config.and_then(|config| config.target_arn),
        policy: existing.map(|found| found.policy.clone()).unwrap_or_default(),
        asynchronous: Asynchronous::default(),
        runtime: input.runtime,
        handler: input.handler,
        description: input.description,
        memory: input.memory_size.unwrap_or(128),
        environment: input.environment.map(|given| given.variables).unwrap_or_default(),
        tags: input.tags,
        modified: account.now(),
        only_declared: false,
    };
    let shown = show(&name, &function);
    account.services.lambda.functions.insert(name, function);
    Ok(shown)
}

/// `GetFunction`.
pub(super) fn get(account: &mut Account, input: FunctionOnly) -> Answer {
    let (name, function) = find(account, &input.function_name, input.qualifier.as_deref())?;
    Ok(json!({ "Configuration": show(name, function), "Tags": function.tags }))
}

/// `GetFunctionConfiguration`.
pub(super) fn get_configuration(account: &mut Account, input: FunctionOnly) -> Answer {
    let (name, function) = find(account, &input.function_name, input.qualifier.as_deref())?;
    Ok(show(name, function))
}

/// The input of `ListFunctions`; versions are not emulated.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    marker: Option<String>,
    #[serde(default)]
    max_items: Option<usize>,
}

/// `ListFunctions`: 50 at a time at most.
pub(super) fn list(account: &mut Account, input: List) -> Answer {
    let functions = account.services.lambda.functions.iter();
    let items = functions.map(|(name, function)| show(name, function)).collect();
    let most = Some(input.max_items.unwrap_or(50).min(50));
    let (items, next) = ssm::page(items, most, input.marker.as_deref(), 50)
        .map_err(|_| invalid("The marker is not valid.".to_owned()))?;
    let mut answer = json!({ "Functions": items });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    Ok(answer)
}

fn show(name: &str, function: &Function) -> Value {
    let mut shown = json!({
        "FunctionName": name,
        "FunctionArn": function.arn,
        "Timeout": function.timeout,
        "MemorySize": function.memory,
        "LastModified": format!("{:.3}+0000", function.modified.strftime("%Y-%m-%dT%H:%M:%S")),
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
    });
    let texts = [
        ("Role", &function.role),
        ("Runtime", &function.runtime),
        ("Handler", &function.handler),
        ("Description", &function.description),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            shown[key] = text.as_str().into();
        }
    }
    if !function.environment.is_empty() {
        shown["Environment"] = json!({ "Variables": function.environment });
    }
    if let Some(arn) = &function.dead_letter {
        shown["DeadLetterConfig"] = json!({ "TargetArn": arn });
    }
    shown
}

/// `DeleteFunction`.
pub(super) fn delete(account: &mut Account, input: FunctionOnly) -> Answer {
    find(account, &input.function_name, input.qualifier.as_deref())?;
    account.services.lambda.functions.shift_remove(name_of(&input.function_name));
    Ok(json!({}))
}

/// `AddPermission`: one statement of the function's policy.
pub(super) fn add_permission(account: &mut Account, input: AddPermission) -> Answer {
    let partition = account.identity.partition.clone();
    let function = find_mut(account, &input.function_name, input.qualifier.as_deref())?;
    if function.policy.contains_key(&input.statement_id) {
        return Err(ServiceError {
            status: 409,
            ..ServiceError::new(
                "ResourceConflictException",
                format!("The statement id ({}) provided already exists.", input.statement_id),
            )
        });
    }
    let principal = match input.principal.as_str() {
        "*" => json!("*"),
        service if service.contains(".amazonaws.com") => json!({ "Service": service }),
        arn if arn.starts_with("arn:") => json!({ "AWS": arn }),
        account => json!({ "AWS": format!("arn:{partition}:iam::{account}:root") }),
    };
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": input.action,
        "Resource": function.arn,
    });
    let mut condition = Map::new();
    if let Some(arn) = input.source_arn {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
    }
    let mut equals = Map::new();
    if let Some(account) = input.source_account {
        equals.insert("AWS:SourceAccount".to_owned(), account.into());
    }
    if let Some(id) = input.principal_org_id {
        equals.insert("aws:PrincipalOrgID".to_owned(), id.into());
    }
    if !equals.is_empty() {
        condition.insert("StringEquals".to_owned(), equals.into());
    }
    if !condition.is_empty() {
        statement["Condition"] = condition.into();
    }
    let answer = json!({ "Statement": statement.to_string() });
    function.policy.insert(input.statement_id, statement);
    Ok(answer)
}

/// `RemovePermission`.
pub(super) fn remove_permission(account: &mut Account, input: RemovePermission) -> Answer {
    let function = find_mut(account, &input.function_name, input.qualifier.as_deref())?;
    match function.policy.shift_remove(&input.statement_id) {
        Some(_) => Ok(json!({})),
        None => Err(not_found(&format!("Statement {} is not found.", input.statement_id))),
    }
}

/// `GetPolicy`: a function without statements has no policy.
pub(super) fn get_policy(account: &mut Account, input: FunctionOnly) -> Answer {
    let (_, function) = find(account, &input.function_name, input.qualifier.as_deref())?;
    if function.policy.is_empty() {
        return Err(not_found("The resource you requested does not exist."));
    }
    let statements: Vec<&Value> = function.policy.values().collect();
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    Ok(json!({ "Policy": policy.to_string() }))
}

/// `PutFunctionEventInvokeConfig`.
pub(super) fn put_event_invoke_config(
    account: &mut Account,
    input: PutEventInvokeConfig,
) -> Answer {
    let modified = epoch_seconds(account.now());
    let function = find_mut(account, &input.function_name, input.qualifier.as_deref())?;
    if input.maximum_retry_attempts.is_some_and(|most| most > 2) {
        return Err(invalid("MaximumRetryAttempts is at most 2.".to_owned()));
    }
    let destinations = input.destination_config;
    let (on_failure, on_success) =
        destinations.map(|given| (given.on_failure, given.on_success)).unwrap_or_default();
    let arn = |given: Option<Destination>| given.and_then(|given| given.destination);
    function.asynchronous = Asynchronous {
        most_retries: input.maximum_retry_attempts,
        longest_age: input.maximum_event_age_in_seconds,
        on_failure: arn(on_failure),
        on_success: arn(on_success),
    };
    Ok(json!({ "FunctionArn": format!("{}:$LATEST", function.arn), "LastModified": modified }))
}

/// `DeleteFunctionEventInvokeConfig`.
pub(super) fn delete_event_invoke_config(account: &mut Account, input: FunctionOnly) -> Answer {
    find_mut(account, &input.function_name, input.qualifier.as_deref())?.asynchronous =
        Asynchronous::default();
    Ok(json!({}))
}

/// The name in a function's name, partial ARN or ARN, without a version or alias.
pub(super) fn name_of(function: &str) -> &str {
    let rest = function.split_once("function:").map_or(function, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

/// The function, or AWS's refusal.
pub(super) fn find<'a>(
    account: &'a Account,
    function: &str,
    qualifier: Option<&str>,
) -> Result<(&'a str, &'a Function), ServiceError> {
    check_qualifier(qualifier)?;
    let found = account.services.lambda.functions.get_key_value(name_of(function));
    found.map(|(name, function)| (name.as_str(), function)).ok_or_else(|| {
        not_found(&format!("Function not found: {}", super::arn_of(account, function)))
    })
}

fn find_mut<'a>(
    account: &'a mut Account,
    function: &str,
    qualifier: Option<&str>,
) -> Result<&'a mut Function, ServiceError> {
    check_qualifier(qualifier)?;
    let missing = not_found(&format!("Function not found: {}", super::arn_of(account, function)));
    account.services.lambda.functions.get_mut(name_of(function)).ok_or(missing)
}

fn check_qualifier(qualifier: Option<&str>) -> Result<(), ServiceError> {
    match qualifier {
        None | Some("$LATEST") => Ok(()),
        Some(other) => {
            Err(ServiceError::unsupported(format_args!("the function version or alias {other}")))
        }
    }
}

fn not_found(message: &str) -> ServiceError {
    ServiceError { status: 404, ..ServiceError::new("ResourceNotFoundException", message) }
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message)
}
