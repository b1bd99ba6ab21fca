//! `OpsCenter`: the items that somebody should look at.
//!
//! Main type: [`OpsItem`]. Invariant: creating and changing an item is an event on the bus.
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeOpsItems.html>.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::Tag;
use super::paging;
use crate::emulator::account::{Account, epoch_seconds};
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::{Service, events};
use crate::wakeup::Topic;

/// The items of an account, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpsItems {
    items: IndexMap<String, OpsItem>,
}

/// One item.
#[derive(Debug, Clone)]
struct OpsItem {
    id: String,
    created: Timestamp,
    created_by: String,
    modified: Timestamp,
    modified_by: String,
    status: String,
    version: u32,
    content: NewOpsItem,
}

/// What an item says.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewOpsItem {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) source: String,
    /// `/aws/issue` unless something else says so.
    pub(crate) kind: Option<String>,
    pub(crate) priority: Option<u8>,
    pub(crate) category: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) operational_data: IndexMap<String, DataValue>,
    /// SNS topics that are told of changes.
    pub(crate) notifications: Vec<String>,
    pub(crate) related: Vec<String>,
}

/// One piece of operational data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DataValue {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Notification {
    arn: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Related {
    ops_item_id: String,
}

/// The input of `CreateOpsItem`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    description: String,
    source: String,
    title: String,
    #[serde(default)]
    ops_item_type: Option<String>,
    #[serde(default)]
    operational_data: IndexMap<String, DataValue>,
    #[serde(default)]
    notifications: Vec<Notification>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    related_ops_items: Vec<Related>,
    /// Tags only grant permissions, which the emulated account does not read off items.
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    severity: Option<String>,
}

/// `CreateOpsItem`.
pub(super) fn create(account: &mut Account, input: Create) -> Answer {
    if input.title.is_empty() || input.title.chars().count() > 1024 {
        return Err(ServiceError::new(
            "OpsItemInvalidParameterException",
            "The title must have 1 to 1024 characters.",
        ));
    }
    if let Some(priority) = input.priority.filter(|priority| !(1..=5).contains(priority)) {
        return Err(ServiceError::new(
            "OpsItemInvalidParameterException",
            format!("The priority must be from 1 to 5, not {priority}."),
        ));
    }
    if let Some(open) = duplicate(account, &input.operational_data) {
        let message = format!("The OpsItem already exists: {open}");
        let error = ServiceError::new("OpsItemAlreadyExistsException", message);
        return Err(ServiceError { details: Some(json!({"OpsItemId": open})), ..error });
    }
    let (id, arn) = create_ops_item(
        account,
        NewOpsItem {
            title: input.title,
            description: input.description,
            source: input.source,
            kind: input.ops_item_type,
            priority: input.priority,
            category: input.category,
            severity: input.severity,
            operational_data: input.operational_data,
            notifications: input.notifications.into_iter().map(|one| one.arn).collect(),
            related: input.related_ops_items.into_iter().map(|one| one.ops_item_id).collect(),
        },
    );
    Ok(json!({"OpsItemId": id, "OpsItemArn": arn}))
}

/// The open item with the same dedup string, if there is one.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/OpsCenter-working-deduplication.html>.
fn duplicate(account: &Account, data: &IndexMap<String, DataValue>) -> Option<String> {
    let key = |data: &IndexMap<String, DataValue>| -> Option<Value> {
        let text = data.get("/aws/dedup")?.value.as_deref()?;
        let parsed: Value = serde_json::from_str(text).ok()?;
        parsed.get("dedupString").filter(|dedup| !dedup.is_null()).cloned()
    };
    let wanted = key(data)?;
    let mut open =
        account.services.ssm.ops_items.items.values().filter(|item| item.status != "Resolved");
    open.find(|item| key(&item.content.operational_data).as_ref() == Some(&wanted))
        .map(|item| item.id.clone())
}

/// Creates an item, as a service of AWS does it; answers its id and its ARN.
pub(crate) fn create_ops_item(account: &mut Account, content: NewOpsItem) -> (String, String) {
    let id = format!("oi-{}", account.ids.hex(12));
    let (now, by) = (account.now(), account.caller_arn());
    let item = OpsItem {
        id: id.clone(),
        created: now,
        created_by: by.clone(),
        modified: now,
        modified_by: by,
        status: "Open".to_owned(),
        version: 1,
        content,
    };
    account.services.ssm.ops_items.items.insert(id.clone(), item);
    announce(account, &id, "OpsItem Create");
    let arn = arn(account, &id);
    (id, arn)
}

fn arn(account: &Account, id: &str) -> String {
    account.identity().arn("ssm", &format!("opsitem/{id}"))
}

/// The event, and the messages to the item's own topics.
fn announce(account: &mut Account, id: &str, title: &str) {
    account.touch(Topic::OpsItems);
    let Some(item) = account.services.ssm.ops_items.items.get(id) else { return };
    let mut detail = json!({
        "created-by": item.created_by,
        "created-time": item.created.to_string(),
        "source": item.content.source,
        "status": item.status,
        "ops-item-id": item.id,
        "title": item.content.title,
        "ops-item-type": item.kind(),
        "description": item.content.description,
    });
    if item.version > 1 {
        detail["modified-by"] = json!(item.modified_by);
        detail["modified-time"] = json!(item.modified.to_string());
    }
    let topics = item.content.notifications.clone();
    let resources = vec![arn(account, id)];
    let message = json!({"detail-type": title, "detail": detail}).to_string();
    events::emit(account, "aws.ssm", title, resources, detail);
    for topic in topics {
        let input = json!({"TopicArn": topic, "Subject": title, "Message": message});
        // A topic that is gone does not keep the item from changing.
        let _lost = account.call(Service::Sns, "Publish", input);
    }
}

impl OpsItem {
    fn kind(&self) -> &str {
        self.content.kind.as_deref().unwrap_or("/aws/issue")
    }

    fn data(&self) -> Value {
        json!(self.content.operational_data)
    }

    /// The members that the full item and its summary share.
    fn summary(&self) -> Value {
        let mut shape = json!({
            "OpsItemId": self.id,
            "Title": self.content.title,
            "Source": self.content.source,
            "Status": self.status,
            "OpsItemType": self.kind(),
            "CreatedBy": self.created_by,
            "CreatedTime": epoch_seconds(self.created),
            "LastModifiedBy": self.modified_by,
            "LastModifiedTime": epoch_seconds(self.modified),
            "OperationalData": self.data(),
        });
        if let Some(priority) = self.content.priority {
            shape["Priority"] = json!(priority);
        }
        if let Some(category) = &self.content.category {
            shape["Category"] = json!(category);
        }
        if let Some(severity) = &self.content.severity {
            shape["Severity"] = json!(severity);
        }
        shape
    }
}

/// The input of `GetOpsItem`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    ops_item_id: String,
}

fn not_found(id: &str) -> ServiceError {
    ServiceError::new("OpsItemNotFoundException", format!("The OpsItem {id} does not exist."))
}

/// `GetOpsItem`.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    let items = &account.services.ssm.ops_items.items;
    let item = items.get(&input.ops_item_id).ok_or_else(|| not_found(&input.ops_item_id))?;
    let mut shape = item.summary();
    shape["Description"] = json!(item.content.description);
    shape["Version"] = json!(item.version.to_string());
    shape["OpsItemArn"] = json!(arn(account, &item.id));
    let topics = &item.content.notifications;
    shape["Notifications"] = topics.iter().map(|arn| json!({"Arn": arn})).collect();
    let related = &item.content.related;
    shape["RelatedOpsItems"] = related.iter().map(|id| json!({"OpsItemId": id})).collect();
    Ok(json!({"OpsItem": shape}))
}

/// The input of `UpdateOpsItem`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    ops_item_id: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    operational_data: IndexMap<String, DataValue>,
    #[serde(default)]
    operational_data_to_delete: Vec<String>,
    #[serde(default)]
    notifications: Option<Vec<Notification>>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    related_ops_items: Option<Vec<Related>>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    severity: Option<String>,
}

/// `UpdateOpsItem`.
pub(super) fn update(account: &mut Account, input: Update) -> Answer {
    if let Some(status) = &input.status
        && !["Open", "InProgress", "Resolved"].contains(&status.as_str())
    {
        return Err(ServiceError::unsupported(format_args!("the OpsItem status {status}")));
    }
    let (now, by) = (account.now(), account.caller_arn());
    let id = input.ops_item_id;
    let Some(item) = account.services.ssm.ops_items.items.get_mut(&id) else {
        return Err(not_found(&id));
    };
    item.modified = now;
    item.modified_by = by;
    item.version += 1;
    let content = &mut item.content;
    for name in &input.operational_data_to_delete {
        content.operational_data.shift_remove(name);
    }
    content.operational_data.extend(input.operational_data);
    if let Some(notifications) = input.notifications {
        content.notifications = notifications.into_iter().map(|one| one.arn).collect();
    }
    if let Some(related) = input.related_ops_items {
        content.related = related.into_iter().map(|one| one.ops_item_id).collect();
    }
    content.description = input.description.unwrap_or_else(|| content.description.clone());
    content.title = input.title.unwrap_or_else(|| content.title.clone());
    content.priority = input.priority.or(content.priority);
    content.category = input.category.or_else(|| content.category.clone());
    content.severity = input.severity.or_else(|| content.severity.clone());
    if let Some(status) = input.status {
        item.status = status;
    }
    announce(account, &id, "OpsItem Update");
    Ok(json!({}))
}

/// A filter of items.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
    operator: Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    Equal,
    Contains,
    GreaterThan,
    LessThan,
}

/// The input of `DescribeOpsItems`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    ops_item_filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// `DescribeOpsItems`: newest first.
pub(super) fn describe(account: &mut Account, input: Describe) -> Answer {
    let mut items = Vec::new();
    for item in account.services.ssm.ops_items.items.values().rev() {
        let mut fits = true;
        for filter in &input.ops_item_filters {
            fits &= filter.fits(item)?;
        }
        if fits {
            items.push(item.summary());
        }
    }
    paging::answer("OpsItemSummaries", items, input.max_results, input.next_token.as_deref())
}

impl Filter {
    fn fits(&self, item: &OpsItem) -> Result<bool, ServiceError> {
        let content = &item.content;
        Ok(match self.key.as_str() {
            "Status" => self.text(&item.status),
            "Title" => self.text(&content.title),
            "Source" => self.text(&content.source),
            "OpsItemId" => self.text(&item.id),
            "OpsItemType" => self.text(item.kind()),
            "CreatedBy" => self.text(&item.created_by),
            "Category" => content.category.as_deref().is_some_and(|text| self.text(text)),
            "Severity" => content.severity.as_deref().is_some_and(|text| self.text(text)),
            "Priority" => content.priority.is_some_and(|number| self.text(&number.to_string())),
            "CreatedTime" => self.moment(item.created)?,
            "LastModifiedTime" => self.moment(item.modified)?,
            "OperationalDataKey" => content.operational_data.keys().any(|key| self.text(key)),
            "OperationalDataValue" => content
                .operational_data
                .values()
                .any(|data| data.value.as_deref().is_some_and(|text| self.text(text))),
            "OperationalData" => self.data(content)?,
            "ResourceId" => self.listed(content, "/aws/resources"),
            "AutomationId" => self.listed(content, "/aws/automations"),
            other => {
                return Err(ServiceError::unsupported(format_args!(
                    "the filter key {other} of DescribeOpsItems"
                )));
            }
        })
    }

    fn text(&self, text: &str) -> bool {
        self.values.iter().any(|value| match self.operator {
            Operator::Equal => text == value,
            Operator::Contains => text.contains(value.as_str()),
            Operator::GreaterThan => text > value.as_str(),
            Operator::LessThan => text < value.as_str(),
        })
    }

    fn moment(&self, at: Timestamp) -> Result<bool, ServiceError> {
        for value in &self.values {
            let limit: Timestamp = value.parse().map_err(|_| {
                ServiceError::new(
                    "OpsItemInvalidParameterException",
                    format!("{value} is not a date for the filter {}", self.key),
                )
            })?;
            let fits = match self.operator {
                Operator::Equal | Operator::Contains => at == limit,
                Operator::GreaterThan => at > limit,
                Operator::LessThan => at < limit,
            };
            if fits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `OperationalData` takes `{"key":"…","value":"…"}`.
    fn data(&self, content: &NewOpsItem) -> Result<bool, ServiceError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            key: String,
            value: String,
        }
        for value in &self.values {
            let pair: Pair = serde_json::from_str(value).map_err(|error| {
                ServiceError::new(
                    "OpsItemInvalidParameterException",
                    format!("the filter OperationalData takes a key and a value: {error}"),
                )
            })?;
            let found = content.operational_data.get(&pair.key);
            if found.is_some_and(|data| data.value.as_deref() == Some(pair.value.as_str())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a list in the operational data names one of the values.
    fn listed(&self, content: &NewOpsItem, key: &str) -> bool {
        let text = content.operational_data.get(key).and_then(|data| data.value.as_deref());
        text.is_some_and(|text| self.values.iter().any(|value| text.contains(value.as_str())))
    }
}
