//! An inline experiment template: the scenario's words as the input of CreateExperimentTemplate.
//!
//! Main function: [`template`]. Invariant: a key that is not understood is refused by name, so that no
//! guardrail of a template (a stop condition, a selection mode) can be lost on the way.

use std::collections::BTreeMap;

use aws_sdk_fis::operation::create_experiment_template::builders::CreateExperimentTemplateInputBuilder;
use aws_sdk_fis::types::{
    CreateExperimentTemplateActionInput, CreateExperimentTemplateExperimentOptionsInput,
    CreateExperimentTemplateLogConfigurationInput, CreateExperimentTemplateStopConditionInput,
    CreateExperimentTemplateTargetInput, ExperimentTemplateCloudWatchLogsLogConfigurationInput,
    ExperimentTemplateS3LogConfigurationInput, ExperimentTemplateTargetInputFilter,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Template {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    targets: BTreeMap<String, Target>,
    actions: BTreeMap<String, Action>,
    stop_conditions: Vec<StopCondition>,
    role_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    log_configuration: Option<LogConfiguration>,
    #[serde(default)]
    experiment_options: Option<ExperimentOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    resource_type: String,
    selection_mode: String,
    #[serde(default)]
    resource_arns: Option<Vec<String>>,
    #[serde(default)]
    resource_tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    filters: Option<Vec<Filter>>,
    #[serde(default)]
    parameters: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    path: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Action {
    #[serde(rename = "actionId")]
    id: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<BTreeMap<String, String>>,
    #[serde(default)]
    targets: Option<BTreeMap<String, String>>,
    #[serde(default)]
    start_after: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StopCondition {
    source: String,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogConfiguration {
    log_schema_version: i32,
    #[serde(default)]
    cloud_watch_logs_configuration: Option<CloudWatchLogs>,
    #[serde(default)]
    s3_configuration: Option<S3>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CloudWatchLogs {
    log_group_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct S3 {
    bucket_name: String,
    #[serde(default)]
    prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExperimentOptions {
    #[serde(default)]
    account_targeting: Option<String>,
    #[serde(default)]
    empty_target_resolution_mode: Option<String>,
}

/// Reads an inline template; the error says which key is wrong.
pub(super) fn template(
    written: &serde_json::Value,
) -> Result<CreateExperimentTemplateInputBuilder, String> {
    let template: Template = serde_json::from_value(written.clone())
        .map_err(|error| format!("the inline experiment template can't be read: {error}"))?;
    build(template).map_err(|error| format!("the inline experiment template is not whole: {error}"))
}

type Incomplete = aws_sdk_fis::error::BuildError;

fn build(template: Template) -> Result<CreateExperimentTemplateInputBuilder, Incomplete> {
    let mut input = CreateExperimentTemplateInputBuilder::default()
        .description(template.description.unwrap_or_else(|| "created by firedrill".to_owned()))
        .role_arn(template.role_arn)
        .set_log_configuration(template.log_configuration.map(log_configuration).transpose()?)
        .set_experiment_options(template.experiment_options.as_ref().map(experiment_options));
    for (name, target) in template.targets {
        input = input.targets(name, build_target(target)?);
    }
    for (name, action) in template.actions {
        input = input.actions(name, build_action(action)?);
    }
    for condition in template.stop_conditions {
        let condition = CreateExperimentTemplateStopConditionInput::builder()
            .source(condition.source)
            .set_value(condition.value)
            .build()?;
        input = input.stop_conditions(condition);
    }
    for (key, value) in template.tags {
        input = input.tags(key, value);
    }
    Ok(input)
}

fn build_target(target: Target) -> Result<CreateExperimentTemplateTargetInput, Incomplete> {
    let filters = target
        .filters
        .map(|filters| filters.into_iter().map(build_filter).collect::<Result<_, _>>())
        .transpose()?;
    CreateExperimentTemplateTargetInput::builder()
        .resource_type(target.resource_type)
        .selection_mode(target.selection_mode)
        .set_resource_arns(target.resource_arns)
        .set_resource_tags(target.resource_tags.map(|tags| tags.into_iter().collect()))
        .set_filters(filters)
        .set_parameters(target.parameters.map(|map| map.into_iter().collect()))
        .build()
}

fn build_filter(filter: Filter) -> Result<ExperimentTemplateTargetInputFilter, Incomplete> {
    ExperimentTemplateTargetInputFilter::builder()
        .path(filter.path)
        .set_values(Some(filter.values))
        .build()
}

fn build_action(action: Action) -> Result<CreateExperimentTemplateActionInput, Incomplete> {
    CreateExperimentTemplateActionInput::builder()
        .action_id(action.id)
        .set_description(action.description)
        .set_parameters(action.parameters.map(|map| map.into_iter().collect()))
        .set_targets(action.targets.map(|map| map.into_iter().collect()))
        .set_start_after(action.start_after)
        .build()
}

fn log_configuration(
    written: LogConfiguration,
) -> Result<CreateExperimentTemplateLogConfigurationInput, Incomplete> {
    let logs = written.cloud_watch_logs_configuration.map(|logs| {
        ExperimentTemplateCloudWatchLogsLogConfigurationInput::builder()
            .log_group_arn(logs.log_group_arn)
            .build()
    });
    let s3 = written.s3_configuration.map(|s3| {
        ExperimentTemplateS3LogConfigurationInput::builder()
            .bucket_name(s3.bucket_name)
            .set_prefix(s3.prefix)
            .build()
    });
    CreateExperimentTemplateLogConfigurationInput::builder()
        .log_schema_version(written.log_schema_version)
        .set_cloud_watch_logs_configuration(logs.transpose()?)
        .set_s3_configuration(s3.transpose()?)
        .build()
}

fn experiment_options(
    written: &ExperimentOptions,
) -> CreateExperimentTemplateExperimentOptionsInput {
    CreateExperimentTemplateExperimentOptionsInput::builder()
        .set_account_targeting(written.account_targeting.as_deref().map(Into::into))
        .set_empty_target_resolution_mode(
            written.empty_target_resolution_mode.as_deref().map(Into::into),
        )
        .build()
}
