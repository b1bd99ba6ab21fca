//! What the emulated account supports, as a table made from the code.
//!
//! Main function: [`markdown`]; [`rows`] is the same as data. Invariant: every row is read off the tables
//! that the emulator itself runs by, so the document can't drift from what is accepted.

use std::fmt::Write as _;

use super::cloudformation::resources::{self, Place};
use super::services::{self, Service};

/// One thing that is supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind of thing: `operation`, `resource type`, …
    pub kind: Kind,
    /// Whose it is: a service's name for people; of a resource type its service's namespace.
    pub group: String,
    /// Its name, as AWS spells it.
    pub name: String,
    /// Its parameters or properties, as AWS spells them.
    pub members: Vec<&'static str>,
    /// Properties that are accepted and change nothing in a drill.
    pub without_effect: Vec<&'static str>,
}

/// A kind of thing that the emulated account supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API operation, with its top-level parameters.
    Operation,
    /// A `CloudFormation` resource type, with its properties.
    ResourceType,
}

/// Everything that is supported, in the order of the printed table.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for service in Service::ALL {
        for operation in services::operations(*service) {
            let mut members = (operation.parameters)().to_vec();
            members.sort_unstable();
            rows.push(Row {
                kind: Kind::Operation,
                group: format!("{} (`{}`)", service.title(), service.prefix()),
                name: operation.name.to_owned(),
                members,
                without_effect: Vec::new(),
            });
        }
    }
    for kind in resources::TYPES {
        let names = |accepted: bool| {
            let properties = kind.properties.iter();
            properties
                .filter(|property| (property.place == Place::Accepted) == accepted)
                .map(|property| property.name)
                .collect()
        };
        rows.push(Row {
            kind: Kind::ResourceType,
            group: kind.name.rsplit_once("::").map_or("", |(group, _)| group).to_owned(),
            name: kind.name.to_owned(),
            members: names(false),
            without_effect: names(true),
        });
    }
    rows
}

/// The table for people, as Markdown.
pub fn markdown() -> String {
    let rows = rows();
    let mut text = String::from(
        "# What the emulated account supports\n\n\
         Made from the code by `firedrill emulator --coverage`. An operation, a parameter or a property \
         that is not here is refused, or listed by the check, by name.\n",
    );
    section(&mut text, "Operations", "operation | parameters", &rows, Kind::Operation);
    let title = "CloudFormation resource types";
    section(&mut text, title, "type | properties", &rows, Kind::ResourceType);
    text
}

fn section(text: &mut String, title: &str, columns: &str, rows: &[Row], kind: Kind) {
    let _ = writeln!(text, "\n## {title}");
    let mut group = None;
    for row in rows.iter().filter(|row| row.kind == kind) {
        if group != Some(&row.group) {
            let _ = writeln!(text, "\n### {}\n\n| {columns} |\n|---|---|", row.group);
            group = Some(&row.group);
        }
        let mut members = row.members.join(", ");
        if !row.without_effect.is_empty() {
            let _ = write!(members, "; without effect: {}", row.without_effect.join(", "));
        }
        let _ = writeln!(text, "| `{}` | {} |", row.name, members.trim_start_matches("; "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_type_and_every_operation_has_its_row() {
        let text = markdown();
        for kind in resources::TYPES {
            assert!(text.contains(&format!("| `{}` |", kind.name)), "{}", kind.name);
        }
        for service in Service::ALL {
            for operation in services::operations(*service) {
                assert!(text.contains(&format!("| `{}` |", operation.name)), "{}", operation.name);
            }
        }
    }

    #[test]
    fn properties_are_listed_once_and_those_without_effect_apart() {
        let rows = rows();
        let topic = rows.iter().find(|row| row.name == "AWS::SNS::Topic").unwrap();
        assert!(topic.members.contains(&"DisplayName"));
        assert_eq!(topic.without_effect, ["DeliveryStatusLogging"]);
        for row in &rows {
            let mut all = [row.members.clone(), row.without_effect.clone()].concat();
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "{}", row.name);
        }
    }
}
