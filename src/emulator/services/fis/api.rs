//! The FIS API: templates, experiments, tags and the catalog of actions.
//!
//! Main functions: [`create_experiment_template`], [`start_experiment`]. Invariant: a client token makes
//! a repeated call answer what the first one did. Path parameters of the REST API arrive as members.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::catalog;
use super::experiment::{ActionsMode, Experiment, Status};
use super::run;
use super::template::{Action, Options, StopCondition, Target, Template, not_found, quota};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};

/// How many experiments may be active at once:
/// <https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html>.
pub(in crate::emulator::services) const MOST_ACTIVE: usize = 5;

/// The page size where none is asked for, and the largest that AWS allows.
const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ById {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Listing {
    #[serde(default, deserialize_with = "count")]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// A number that a query string carries as text and a JSON body as a number.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match number.filter(|number| (1..=PAGE).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(de::Error::custom(format!("maxResults must be 1 to {PAGE}"))),
    }
}

/// One page of a list under its name; the token is the index of the next entry.
fn page(name: &str, all: &[Value], listing: &Listing) -> Answer {
    let token = listing.next_token.as_deref().unwrap_or("0");
    let start: usize = token
        .parse()
        .map_err(|_| ServiceError::validation(format!("nextToken `{token}` is not valid.")))?;
    let end = start.saturating_add(listing.max_results.unwrap_or(PAGE)).min(all.len());
    let mut answer = json!({});
    answer[name] = json!(all.get(start..end).unwrap_or_default());
    if end < all.len() {
        answer["nextToken"] = json!(end.to_string());
    }
    Ok(answer)
}

// --- Templates ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateExperimentTemplate {
    #[serde(default)]
    client_token: Option<String>,
    description: String,
    stop_conditions: Vec<StopCondition>,
    #[serde(default)]
    targets: IndexMap<String, Target>,
    actions: IndexMap<String, Action>,
    role_arn: String,
    #[serde(default)]
    tags: IndexMap<String, String>,
    #[serde(default)]
    log_configuration: Option<Value>,
    #[serde(default)]
    experiment_options: Options,
}

pub(super) fn create_experiment_template(
    account: &mut Account,
    input: CreateExperimentTemplate,
) -> Answer {
    let same =
        |one: &&Template| one.client_token.is_some() && one.client_token == input.client_token;
    if let Some(known) = account.services.fis.templates.values().find(same) {
        return Ok(json!({"experimentTemplate": known.render(account)}));
    }
    let now = account.now();
    let mut template = Template {
        id: String::new(),
        description: input.description,
        targets: input.targets,
        actions: input.actions,
        stop_conditions: input.stop_conditions,
        role_arn: input.role_arn,
        tags: input.tags,
        log_configuration: input.log_configuration,
        options: input.experiment_options,
        created: now,
        updated: now,
        client_token: input.client_token,
    };
    template.check()?;
    template.id = format!("EXT{}", account.ids.alphanumeric(15));
    let answer = json!({"experimentTemplate": template.render(account)});
    account.services.fis.templates.insert(template.id.clone(), template);
    Ok(answer)
}

fn template<'a>(account: &'a Account, id: &str) -> Result<&'a Template, ServiceError> {
    let found = account.services.fis.templates.get(id);
    found.ok_or_else(|| not_found("Experiment template", id))
}

pub(super) fn get_experiment_template(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    Ok(json!({"experimentTemplate": template(account, &id)?.render(account)}))
}

pub(super) fn list_experiment_templates(account: &mut Account, input: Listing) -> Answer {
    let templates = account.services.fis.templates.values();
    let all: Vec<Value> = templates.map(|one| one.summary(account)).collect();
    page("experimentTemplates", &all, &input)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateExperimentTemplate {
    id: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    stop_conditions: Option<Vec<StopCondition>>,
    #[serde(default)]
    targets: Option<IndexMap<String, Target>>,
    #[serde(default)]
    actions: Option<IndexMap<String, Action>>,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    log_configuration: Option<Value>,
    #[serde(default)]
    experiment_options: Option<Options>,
}

pub(super) fn update_experiment_template(
    account: &mut Account,
    input: UpdateExperimentTemplate,
) -> Answer {
    let mut changed = template(account, &input.id)?.clone();
    changed.description = input.description.unwrap_or(changed.description);
    changed.stop_conditions = input.stop_conditions.unwrap_or(changed.stop_conditions);
    changed.targets = input.targets.unwrap_or(changed.targets);
    changed.actions = input.actions.unwrap_or(changed.actions);
    changed.role_arn = input.role_arn.unwrap_or(changed.role_arn);
    changed.log_configuration = input.log_configuration.or(changed.log_configuration);
    changed.options = input.experiment_options.unwrap_or(changed.options);
    changed.updated = account.now();
    changed.check()?;
    let answer = json!({"experimentTemplate": changed.render(account)});
    account.services.fis.templates.insert(changed.id.clone(), changed);
    Ok(answer)
}

pub(super) fn delete_experiment_template(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    let answer = json!({"experimentTemplate": template(account, &id)?.render(account)});
    account.services.fis.templates.shift_remove(&id);
    Ok(answer)
}

// --- Experiments ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StartExperiment {
    client_token: String,
    experiment_template_id: String,
    #[serde(default)]
    experiment_options: StartOptions,
    #[serde(default)]
    tags: IndexMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StartOptions {
    #[serde(default)]
    actions_mode: ActionsMode,
}

pub(super) fn start_experiment(account: &mut Account, input: StartExperiment) -> Answer {
    let mut experiments = account.services.fis.experiments.values();
    if let Some(known) = experiments.find(|one| one.client_token == input.client_token) {
        if known.template != input.experiment_template_id {
            let mut error = ServiceError::new(
                "ConflictException",
                "The client token was used for another experiment template.",
            );
            error.status = 409;
            return Err(error);
        }
        return Ok(json!({"experiment": known.render(account)}));
    }
    let active = account.services.fis.experiments.values().filter(|one| one.status.is_active());
    if active.count() >= MOST_ACTIVE {
        return Err(quota(format!("At most {MOST_ACTIVE} experiments are active at once.")));
    }
    let template = template(account, &input.experiment_template_id)?.clone();
    let id = format!("EXP{}", account.ids.alphanumeric(15));
    let mode = input.experiment_options.actions_mode;
    let now = account.now();
    let experiment =
        Experiment::new(id.clone(), &template, mode, input.tags, input.client_token, now);
    let answer = json!({"experiment": experiment.render(account)});
    account.services.fis.experiments.insert(id.clone(), experiment);
    run::begin(account, &id);
    Ok(answer)
}

fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Experiment, ServiceError> {
    account.services.fis.experiments.get(id).ok_or_else(|| not_found("Experiment", id))
}

pub(super) fn get_experiment(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    Ok(json!({"experiment": find(account, &id)?.render(account)}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListExperiments {
    #[serde(default, deserialize_with = "count")]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    experiment_template_id: Option<String>,
}

pub(super) fn list_experiments(account: &mut Account, input: ListExperiments) -> Answer {
    let wanted = input.experiment_template_id;
    let experiments = account.services.fis.experiments.values();
    let all: Vec<Value> = experiments
        .filter(|one| wanted.as_ref().is_none_or(|template| *template == one.template))
        .map(|one| one.summary(account))
        .collect();
    let listing = Listing { max_results: input.max_results, next_token: input.next_token };
    page("experiments", &all, &listing)
}

pub(super) fn stop_experiment(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    match find(account, &id)?.status {
        Status::Pending | Status::Initiating | Status::Running => {
            run::halt(account, &id, "Experiment stopped by a StopExperiment call.");
        }
        Status::Stopping => {}
        status @ (Status::Completed | Status::Stopped | Status::Failed | Status::Cancelled) => {
            let state = json!(status);
            return Err(ServiceError::validation(format!(
                "Experiment {id} can't be stopped: its state is {}.",
                state.as_str().unwrap_or_default()
            )));
        }
    }
    Ok(json!({"experiment": find(account, &id)?.render(account)}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListResolvedTargets {
    experiment_id: String,
    #[serde(default)]
    target_name: Option<String>,
    #[serde(default, deserialize_with = "count")]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

pub(super) fn list_resolved_targets(account: &mut Account, input: ListResolvedTargets) -> Answer {
    let found = find(account, &input.experiment_id)?;
    let mut all = Vec::new();
    for (name, arns) in &found.resolved {
        if input.target_name.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let kind = found.targets.get(name).map(|target| target.resource_type.as_str());
        all.extend(arns.iter().map(|arn| {
            json!({
                "resourceType": kind,
                "targetName": name,
                "targetInformation": {"arn": arn},
            })
        }));
    }
    let listing = Listing { max_results: input.max_results, next_token: input.next_token };
    page("resolvedTargets", &all, &listing)
}

// --- Tags ---

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagResource {
    resource_arn: String,
    tags: IndexMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagResource {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListTagsForResource {
    resource_arn: String,
}

fn tags_of<'a>(
    account: &'a mut Account,
    arn: &str,
) -> Result<&'a mut IndexMap<String, String>, ServiceError> {
    let (kind, id) = arn.rsplit_once('/').unwrap_or(("", arn));
    let state = &mut account.services.fis;
    let found = if kind.ends_with(":experiment-template") {
        state.templates.get_mut(id).map(|one| &mut one.tags)
    } else {
        state.experiments.get_mut(id).map(|one| &mut one.tags)
    };
    found.ok_or_else(|| not_found("Resource", arn))
}

pub(super) fn tag_resource(account: &mut Account, input: TagResource) -> Answer {
    let TagResource { resource_arn, tags } = input;
    tags_of(account, &resource_arn)?.extend(tags);
    Ok(json!({}))
}

pub(super) fn untag_resource(account: &mut Account, input: UntagResource) -> Answer {
    let UntagResource { resource_arn, tag_keys } = input;
    let tags = tags_of(account, &resource_arn)?;
    if tag_keys.is_empty() {
        tags.clear();
    }
    tags.retain(|key, _| !tag_keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list_tags_for_resource(account: &mut Account, input: ListTagsForResource) -> Answer {
    let ListTagsForResource { resource_arn } = input;
    Ok(json!({"tags": tags_of(account, &resource_arn)?}))
}

// --- The catalog ---

pub(super) fn get_action(account: &mut Account, input: ById) -> Answer {
    let ById { id } = input;
    match catalog::find(&id) {
        Some(spec) => Ok(json!({"action": spec.render(account)})),
        None => Err(not_found("Action", &id)),
    }
}

pub(super) fn list_actions(account: &mut Account, input: Listing) -> Answer {
    let all: Vec<Value> = catalog::CATALOG.iter().map(|spec| spec.summary(account)).collect();
    page("actions", &all, &input)
}
