//! Findings by their filters.
//!
//! Main function: [`get`]. Invariant: a filter that is not emulated is refused by name. Source:
//! <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFindingFilters.html>.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::enabled;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::services::ssm;

/// The input of `GetFindings`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    #[serde(default)]
    filters: IndexMap<String, Vec<Filter>>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

/// One filter: of a text, a map or a date.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    comparison: Option<Comparison>,
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Comparison {
    Equals,
    Prefix,
    NotEquals,
    PrefixNotEquals,
    Contains,
    NotContains,
}

impl Filter {
    fn text(&self, text: &str) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        match self.comparison.unwrap_or(Comparison::Equals) {
            Comparison::Equals => text == value,
            Comparison::Prefix => text.starts_with(value),
            Comparison::Contains => text.contains(value),
            Comparison::NotEquals => text != value,
            Comparison::PrefixNotEquals => !text.starts_with(value),
            Comparison::NotContains => !text.contains(value),
        }
    }

    fn is_negative(&self) -> bool {
        match self.comparison {
            Some(Comparison::NotEquals | Comparison::PrefixNotEquals | Comparison::NotContains) => {
                true
            }
            Some(Comparison::Equals | Comparison::Prefix | Comparison::Contains) | None => false,
        }
    }

    /// Dates of one form and zone are in the order of their texts; AWS writes them all alike.
    fn moment(&self, text: &str) -> bool {
        let parse = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let Some(at) = parse(text) else { return false };
        self.start.as_deref().and_then(parse).is_none_or(|start| at >= start)
            && self.end.as_deref().and_then(parse).is_none_or(|end| at <= end)
    }
}

/// `GetFindings`: newest first. Filters of one kind are alternatives unless they exclude.
pub(super) fn get(account: &mut Account, input: Get) -> Answer {
    enabled(account)?;
    let mut found = Vec::new();
    for finding in account.services.securityhub.findings.values().rev() {
        let mut fits = true;
        for (name, filters) in &input.filters {
            fits &= holds(name, filters, finding)?;
        }
        if fits {
            found.push(Value::Object(finding.clone()));
        }
    }
    let (max, token) = (input.max_results, input.next_token.as_deref());
    let (findings, next) = ssm::page(found, max, token, 100)?;
    let mut answer = json!({"Findings": findings});
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn holds(
    name: &str,
    filters: &[Filter],
    finding: &Map<String, Value>,
) -> Result<bool, ServiceError> {
    let at = |path: &[&str]| {
        let mut value = finding.get(path[0]);
        for key in &path[1..] {
            value = value.and_then(|value| value.get(key));
        }
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let text = match name {
        "Id" | "ProductArn" | "AwsAccountId" | "GeneratorId" | "Title" | "RecordState" => {
            at(&[name])
        }
        "SeverityLabel" => at(&["Severity", "Label"]),
        "WorkflowStatus" => at(&["Workflow", "Status"]),
        "UpdatedAt" | "CreatedAt" => {
            let text = at(&[name]);
            return Ok(filters.iter().any(|filter| filter.moment(&text)));
        }
        "ProductFields" => {
            let value =
                |filter: &Filter| at(&["ProductFields", filter.key.as_deref().unwrap_or_default()]);
            return Ok(alternatives(filters, |filter| filter.text(&value(filter))));
        }
        other => {
            return Err(ServiceError::unsupported(format_args!(
                "the filter {other} of GetFindings"
            )));
        }
    };
    Ok(alternatives(filters, |filter| filter.text(&text)))
}

fn alternatives(filters: &[Filter], fits: impl Fn(&Filter) -> bool) -> bool {
    let (excluding, including): (Vec<&Filter>, Vec<&Filter>) =
        filters.iter().partition(|filter| filter.is_negative());
    excluding.into_iter().all(&fits) && (including.is_empty() || including.into_iter().any(&fits))
}
