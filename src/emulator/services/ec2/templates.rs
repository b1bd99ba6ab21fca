//! Launch templates: named, versioned parameters for `RunInstances`.
//!
//! Main type: [`LaunchTemplate`]. Invariant: versions count from 1 and are never changed.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filter::{self, Filter, TagSpecification, Tags, passes, render_tags};
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};

/// A launch template and its versions.
#[derive(Debug, Clone)]
pub(super) struct LaunchTemplate {
    id: String,
    name: String,
    created: jiff::Timestamp,
    versions: Vec<Map<String, Value>>,
    pub(super) tags: Tags,
}

/// Which template, and which of its versions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LaunchTemplateSpecification {
    #[serde(default)]
    launch_template_id: Option<String>,
    #[serde(default)]
    launch_template_name: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

/// How many versions one template may have; AWS allows 10,000.
const MOST_VERSIONS: usize = 100;

fn find<'a>(
    account: &'a Account,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'a LaunchTemplate, ServiceError> {
    let mut templates = account.services.ec2.launch_templates.values();
    templates
        .find(|template| {
            id.map_or_else(|| name == Some(template.name.as_str()), |id| id == template.id)
        })
        .ok_or_else(|| {
            ServiceError::new(
                "InvalidLaunchTemplateId.NotFound",
                format!(
                    "The specified launch template, with template ID {}, does not exist.",
                    id.or(name).unwrap_or("(none)")
                ),
            )
        })
}

/// The parameters that a specification stands for. `$Default` is version 1, `$Latest` the last.
pub(super) fn resolve(
    account: &Account,
    specification: &LaunchTemplateSpecification,
) -> Result<Map<String, Value>, ServiceError> {
    let template = find(
        account,
        specification.launch_template_id.as_deref(),
        specification.launch_template_name.as_deref(),
    )?;
    let index = match specification.version.as_deref() {
        None | Some("$Default") => 0,
        Some("$Latest") => template.versions.len() - 1,
        Some(number) => {
            number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).ok_or_else(|| {
                ServiceError::new("MalformedLaunchTemplateVersion", format!("version {number}"))
            })?
        }
    };
    template.versions.get(index).cloned().ok_or_else(|| {
        ServiceError::new(
            "InvalidLaunchTemplateId.VersionNotFound",
            format!("Could not find the specified version {} for the launch template.", index + 1),
        )
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateLaunchTemplate {
    launch_template_name: String,
    launch_template_data: Map<String, Value>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "accepted as AWS does; a template has no history of comments here"
    )]
    version_description: Option<String>,
    #[serde(default)]
    tag_specifications: Vec<TagSpecification>,
}

pub(super) fn create_launch_template(account: &mut Account, input: CreateLaunchTemplate) -> Answer {
    if find(account, None, Some(&input.launch_template_name)).is_ok() {
        return Err(ServiceError::new(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let id = format!("lt-{}", account.ids.hex(17));
    let template = LaunchTemplate {
        id: id.clone(),
        name: input.launch_template_name,
        created: account.now(),
        versions: vec![input.launch_template_data],
        tags: filter::tags_for(&input.tag_specifications, "launch-template"),
    };
    let answer = render(&template);
    account.services.ec2.launch_templates.insert(id, template);
    Ok(json!({"LaunchTemplate": answer}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateLaunchTemplateVersion {
    #[serde(default)]
    launch_template_id: Option<String>,
    #[serde(default)]
    launch_template_name: Option<String>,
    launch_template_data: Map<String, Value>,
}

pub(super) fn create_launch_template_version(
    account: &mut Account,
    input: CreateLaunchTemplateVersion,
) -> Answer {
    let found =
        find(account, input.launch_template_id.as_deref(), input.launch_template_name.as_deref())?;
    let id = found.id.clone();
    let template = account.services.ec2.launch_templates.get_mut(&id).expect("it was just found");
    if template.versions.len() == MOST_VERSIONS {
        return Err(ServiceError::new(
            "VersionLimitExceeded",
            format!("the emulated account keeps at most {MOST_VERSIONS} versions"),
        ));
    }
    template.versions.push(input.launch_template_data);
    let template = &account.services.ec2.launch_templates[&id];
    let version = render_version(template, template.versions.len() - 1);
    Ok(json!({"LaunchTemplateVersion": version}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeLaunchTemplates {
    #[serde(default)]
    launch_template_ids: Vec<String>,
    #[serde(default)]
    launch_template_names: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe_launch_templates(
    account: &mut Account,
    input: DescribeLaunchTemplates,
) -> Answer {
    let DescribeLaunchTemplates { launch_template_ids: ids, launch_template_names, filters } =
        input;
    let names = launch_template_names;
    for id in &ids {
        find(account, Some(id), None)?;
    }
    for name in &names {
        find(account, None, Some(name))?;
    }
    let mut found = Vec::new();
    for template in account.services.ec2.launch_templates.values() {
        let wanted = passes(&filters, &template.tags, |name| match name {
            "launch-template-name" => Some(vec![template.name.clone()]),
            _ => None,
        })?;
        let is_asked_for = (ids.is_empty() && names.is_empty())
            || ids.contains(&template.id)
            || names.contains(&template.name);
        if wanted && is_asked_for {
            found.push(render(template));
        }
    }
    Ok(json!({"LaunchTemplates": found}))
}

fn render(template: &LaunchTemplate) -> Value {
    json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": epoch_seconds(template.created),
        "DefaultVersionNumber": 1,
        "LatestVersionNumber": template.versions.len(),
        "Tags": render_tags(&template.tags),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeLaunchTemplateVersions {
    #[serde(default)]
    launch_template_id: Option<String>,
    #[serde(default)]
    launch_template_name: Option<String>,
}

pub(super) fn describe_launch_template_versions(
    account: &mut Account,
    input: DescribeLaunchTemplateVersions,
) -> Answer {
    let DescribeLaunchTemplateVersions { launch_template_id: id, launch_template_name: name } =
        input;
    let template = find(account, id.as_deref(), name.as_deref())?;
    let versions: Vec<Value> =
        (0..template.versions.len()).map(|index| render_version(template, index)).collect();
    Ok(json!({"LaunchTemplateVersions": versions}))
}

fn render_version(template: &LaunchTemplate, index: usize) -> Value {
    json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": index + 1,
        "DefaultVersion": index == 0,
        "LaunchTemplateData": template.versions[index],
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteLaunchTemplate {
    #[serde(default)]
    launch_template_id: Option<String>,
    #[serde(default)]
    launch_template_name: Option<String>,
}

pub(super) fn delete_launch_template(account: &mut Account, input: DeleteLaunchTemplate) -> Answer {
    let DeleteLaunchTemplate { launch_template_id: id, launch_template_name: name } = input;
    let found = find(account, id.as_deref(), name.as_deref())?;
    let (id, rendered) = (found.id.clone(), render(found));
    account.services.ec2.launch_templates.shift_remove(&id);
    Ok(json!({"LaunchTemplate": rendered}))
}
