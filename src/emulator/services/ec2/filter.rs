//! Filters and tags: the two shapes that almost every EC2 operation shares.
//!
//! Main types: [`Filter`], [`Tag`]. Invariant: a filter whose name is not known is refused by name; it
//! never silently matches everything.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::error::ServiceError;

/// One tag, as EC2 spells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

/// Tags for what an operation creates.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagSpecification {
    pub(super) resource_type: String,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

/// The tags of one resource, in the order in which they were put.
pub(crate) type Tags = IndexMap<String, String>;

/// The tags that a list of specifications has for this type of resource.
pub(super) fn tags_for(specifications: &[TagSpecification], resource_type: &str) -> Tags {
    specifications
        .iter()
        .filter(|specification| specification.resource_type == resource_type)
        .flat_map(|specification| &specification.tags)
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// Tags as EC2 answers them.
pub(super) fn render_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// One filter: a name and the values of which one must match. `*` and `?` are wildcards:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) name: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

/// Whether a resource passes every filter.
///
/// `attribute` answers the resource's values under a filter's name, or nothing if the name is unknown,
/// which is an error that names it. `tag:KEY` and `tag-key` are known everywhere.
pub(super) fn passes(
    filters: &[Filter],
    tags: &Tags,
    attribute: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<bool, ServiceError> {
    let mut pass = true;
    for filter in filters {
        let actual = if let Some(key) = filter.name.strip_prefix("tag:") {
            tags.get(key).cloned().into_iter().collect()
        } else if filter.name == "tag-key" {
            tags.keys().cloned().collect()
        } else {
            attribute(&filter.name).ok_or_else(|| {
                ServiceError::unsupported(format_args!("the EC2 filter `{}`", filter.name))
            })?
        };
        let matched =
            actual.iter().any(|value| filter.values.iter().any(|wanted| glob(wanted, value)));
        pass = pass && matched;
    }
    Ok(pass)
}

/// Matches `*` (any run) and `?` (any one character), case-sensitively, in linear space.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((star_at, star_seen)) = star else { return false };
                star = Some((star_at, star_seen + 1));
                at = star_at + 1;
                seen = star_seen + 1;
            }
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_ec2_documents_them() {
        let cases = [
            ("web-*", "web-1", true),
            ("web-?", "web-1", true),
            ("web-?", "web-10", false),
            ("*b*", "abc", true),
            ("*", "", true),
            ("web", "Web", false),
            ("", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn an_unknown_filter_is_refused_by_name() {
        let filters = [Filter { name: "kernel-id".to_owned(), values: vec!["aki-1".to_owned()] }];
        let error = passes(&filters, &Tags::new(), |_| None).unwrap_err();
        assert!(error.message.contains("kernel-id"), "{error}");
    }
}
