//! Target resolution: from tags, ARNs, filters and a selection mode to the resources that are acted on.
//!
//! Main functions: [`resolve`], [`Selection::parse`]. Invariants: chance comes from the account's
//! generator alone; the answer keeps the order in which the resources were created.
//! <https://docs.aws.amazon.com/fis/latest/userguide/targets.html>.

use serde_json::{Value, json};

use super::template::{Target, TargetFilter};
use crate::emulator::account::Account;
use crate::emulator::ids::Ids;
use crate::emulator::services::{Service, ec2};

/// How many of the resources that match are acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    Count(usize),
    Percent(usize),
}

impl Selection {
    /// Reads `ALL`, `COUNT(n)` or `PERCENT(n)`; the error is a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let number = |name: &str| {
            let inside = text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
            inside.parse::<usize>().ok().filter(|number| *number > 0)
        };
        if text == "ALL" {
            Ok(Self::All)
        } else if let Some(count) = number("COUNT") {
            Ok(Self::Count(count))
        } else if let Some(percent) = number("PERCENT").filter(|percent| *percent <= 100) {
            Ok(Self::Percent(percent))
        } else {
            Err(format!("selectionMode `{text}` is not ALL, COUNT(n) or PERCENT(1 to 100)"))
        }
    }

    /// Chooses by chance, and keeps the order. A percentage is rounded down, as AWS documents it.
    pub(super) fn choose(self, ids: &mut Ids, found: Vec<String>) -> Vec<String> {
        let wanted = match self {
            Self::All => return found,
            Self::Count(count) => count.min(found.len()),
            Self::Percent(percent) => found.len() * percent / 100,
        };
        let mut order: Vec<usize> = (0..found.len()).collect();
        ids.shuffle(&mut order);
        let mut chosen: Vec<usize> = order.into_iter().take(wanted).collect();
        chosen.sort_unstable();
        let mut kept = found.into_iter().map(Some).collect::<Vec<_>>();
        chosen.into_iter().filter_map(|index| kept[index].take()).collect()
    }
}

/// The resource types that the emulated account has.
pub(super) fn is_supported(resource_type: &str) -> bool {
    matches!(
        resource_type,
        "aws:ec2:instance" | "aws:ec2:subnet" | "aws:iam:role" | "aws:lambda:function"
    )
}

/// What can't be resolved here; the error names it.
pub(super) fn check(target: &Target) -> Result<(), String> {
    let known: &[&str] = match target.resource_type.as_str() {
        "aws:ec2:subnet" => &["availabilityZoneIdentifier", "vpc"],
        _ => &[],
    };
    if let Some(name) = target.parameters.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("the parameter `{name}`"));
    }
    let by_arn_only =
        matches!(target.resource_type.as_str(), "aws:iam:role" | "aws:lambda:function");
    if by_arn_only && target.resource_arns.is_empty() {
        return Err(format!("resourceTags for the type {}", target.resource_type));
    }
    Ok(())
}

/// The ARNs that a target stands for right now.
///
/// Nothing, or an ARN of something that is not there, is an empty answer: FIS reports both as
/// `InvalidTarget`.
pub(super) fn resolve(account: &mut Account, target: &Target) -> Vec<String> {
    let found = match target.resource_type.as_str() {
        "aws:ec2:instance" => instances(account, target),
        "aws:ec2:subnet" => subnets(account, target),
        "aws:lambda:function" => functions(account, target),
        // A role need not be looked up: an ARN that no caller has affects no call.
        _ => target.resource_arns.clone(),
    };
    let selection = Selection::parse(&target.selection_mode).unwrap_or(Selection::All);
    selection.choose(&mut account.ids, found)
}

fn instances(account: &Account, target: &Target) -> Vec<String> {
    ec2::instances(account)
        .filter(|instance| instance.state != ec2::InstanceState::Terminated)
        .map(|instance| (ec2::instance_arn(account, &instance.id), instance))
        .filter(|(arn, instance)| {
            let is_named = target.resource_arns.is_empty() || target.resource_arns.contains(arn);
            let has = |(key, value): (&String, &String)| instance.tags.get(key) == Some(value);
            is_named
                && target.resource_tags.iter().all(has)
                && passes(&target.filters, || instance.render(account))
        })
        .map(|(arn, _)| arn)
        .collect()
}

fn subnets(account: &Account, target: &Target) -> Vec<String> {
    let parameter = |name: &str| target.parameters.get(name).map(String::as_str);
    let zone = parameter("availabilityZoneIdentifier");
    let vpc = parameter("vpc");
    ec2::subnets(account)
        .map(|subnet| {
            let resource = format!("subnet/{}", subnet.id);
            (account.identity().arn("ec2", &resource), subnet)
        })
        .filter(|(arn, subnet)| {
            let is_named = target.resource_arns.is_empty() || target.resource_arns.contains(arn);
            let has = |(key, value): (&String, &String)| subnet.tags.get(key) == Some(value);
            let in_vpc = |vpc: &str| vpc.rsplit('/').next() == Some(subnet.vpc.as_str());
            is_named
                && target.resource_tags.iter().all(has)
                && zone.is_none_or(|zone| zone == subnet.zone)
                && vpc.is_none_or(in_vpc)
                && passes(&target.filters, || subnet.render(account))
        })
        .map(|(arn, _)| arn)
        .collect()
}

fn functions(account: &mut Account, target: &Target) -> Vec<String> {
    let mut found = Vec::new();
    for arn in &target.resource_arns {
        let asked = account.call(Service::Lambda, "GetFunction", json!({"FunctionName": arn}));
        if asked.is_ok() {
            found.push(arn.clone());
        }
    }
    found
}

fn passes(filters: &[TargetFilter], render: impl Fn() -> Value) -> bool {
    if filters.is_empty() {
        return true;
    }
    let rendered = render();
    filters.iter().all(|filter| {
        let steps: Vec<&str> = filter.path.split('.').collect();
        let mut values = Vec::new();
        collect(&rendered, &steps, &mut values);
        values.iter().any(|value| filter.values.contains(value))
    })
}

/// The texts at a path; a list on the way stands for each of its members.
fn collect(value: &Value, steps: &[&str], into: &mut Vec<String>) {
    match (value, steps) {
        (Value::Array(members), _) => {
            for member in members {
                collect(member, steps, into);
            }
        }
        (Value::Object(members), [step, rest @ ..]) => {
            if let Some(member) = members.get(*step) {
                collect(member, rest, into);
            }
        }
        (Value::String(text), []) => into.push(text.clone()),
        (Value::Number(number), []) => into.push(number.to_string()),
        (Value::Bool(flag), []) => into.push(flag.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> Vec<String> {
        ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec()
    }

    #[test]
    fn selection_modes_are_read_as_fis_writes_them() {
        let cases = [
            ("ALL", Some(Selection::All)),
            ("COUNT(2)", Some(Selection::Count(2))),
            ("PERCENT(50)", Some(Selection::Percent(50))),
            ("PERCENT(100)", Some(Selection::Percent(100))),
            ("PERCENT(101)", None),
            ("COUNT(0)", None),
            ("COUNT()", None),
            ("COUNT(x)", None),
            ("all", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Selection::parse(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_share_of_five_is_rounded_down_and_keeps_the_order() {
        let mut ids = Ids::seeded(1);
        for (selection, expected) in [
            (Selection::All, 5),
            (Selection::Count(3), 3),
            (Selection::Count(9), 5),
            (Selection::Percent(50), 2),
            (Selection::Percent(10), 0),
        ] {
            let chosen = selection.choose(&mut ids, five());
            assert_eq!(chosen.len(), expected, "{selection:?}");
            assert!(chosen.is_sorted(), "{chosen:?}");
        }
    }

    #[test]
    fn chance_depends_on_the_seed_alone() {
        let pick = |seed| Selection::Count(2).choose(&mut Ids::seeded(seed), five());
        assert_eq!(pick(3), pick(3));
        let distinct: std::collections::BTreeSet<_> = (0..20).map(pick).collect();
        assert!(distinct.len() > 3, "chance always chose the same: {distinct:?}");
    }

    #[test]
    fn a_filter_path_looks_into_lists() {
        let rendered = json!({"State": {"Name": "running"},
            "SecurityGroups": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}]});
        let filter = |path: &str, value: &str| {
            [TargetFilter { path: path.to_owned(), values: vec![value.to_owned()] }]
        };
        assert!(passes(&filter("State.Name", "running"), || rendered.clone()));
        assert!(passes(&filter("SecurityGroups.GroupId", "sg-2"), || rendered.clone()));
        assert!(!passes(&filter("SecurityGroups.GroupId", "sg-3"), || rendered.clone()));
        assert!(!passes(&filter("Nothing.Here", "x"), || rendered.clone()));
    }
}
