//! The service's machine of fields: which fields' machines are shared by a pattern's alternatives.
//!
//! Main functions: [`complexity`], [`quirks`], [`numeric`]. Invariant: a pattern that two alternatives share
//! leads to the fields' state of the first one, as in the service.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::chars::{Key, Kind};
use super::walk::Quirk;
use super::{KeyId, Machine, NameId};
use crate::pattern::condition::Condition;
use crate::pattern::paths::PathId;

/// How many steps of laying out alternatives are taken before the pattern counts as too complex.
const MAX_STEPS: usize = 100_000;

/// One alternative: its fields in path order.
pub(crate) type Fields = Vec<(PathId, Arc<[Condition]>)>;

#[derive(Debug, Default)]
struct Name {
    machines: BTreeMap<PathId, Machine>,
    absent: BTreeMap<PathId, NameId>,
}

#[derive(Debug)]
struct Names {
    all: Vec<Name>,
    keys: Vec<Key>,
    numbers: HashMap<Key, KeyId>,
    steps: usize,
}

/// What a field's conditions are to the machine.
#[derive(Debug, Clone)]
enum Part {
    Value(KeyId),
    Absent,
}

/// The complexity that the service counts for a pattern, at most `cap`.
pub(crate) fn complexity(alternatives: &[Fields], cap: usize) -> usize {
    let names = Names::build(alternatives);
    if names.steps > MAX_STEPS {
        return cap;
    }
    let mut open = vec![0];
    let mut seen = BTreeSet::new();
    let mut largest = 0;
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        for machine in names.all[name as usize].machines.values() {
            largest = largest.max(machine.complexity(&names.keys, cap));
            if largest >= cap {
                return cap;
            }
            open.extend(machine.leads_to());
        }
    }
    largest
}

/// The quirks of each alternative's fields, where shared states can accept more than they say.
pub(crate) fn quirks(alternatives: &[Fields]) -> Vec<Vec<Option<Quirk>>> {
    let names = Names::build(alternatives);
    if names.steps > MAX_STEPS {
        return alternatives.iter().map(|fields| vec![None; fields.len()]).collect();
    }
    let keys: Arc<[Key]> = names.keys.clone().into();
    let machines: Vec<BTreeMap<PathId, Arc<Machine>>> = names
        .all
        .iter()
        .map(|name| {
            let machines = name.machines.iter().filter(|(_, machine)| machine.mixes(&keys));
            machines.map(|(path, machine)| (*path, Arc::new(machine.clone()))).collect()
        })
        .collect();
    let quirk = |name: NameId, path: PathId, own: &[KeyId]| {
        let machine = Arc::clone(machines[name as usize].get(&path)?);
        Some(Quirk { machine, keys: Arc::clone(&keys), own: own.to_vec() })
    };
    alternatives.iter().map(|fields| names.along(fields, quirk)).collect()
}

/// Whether each field's numbers are compared as numbers: some condition in its machine is about
/// numbers, be it another alternative's.
pub(crate) fn numeric(alternatives: &[Fields]) -> Vec<Vec<bool>> {
    let names = Names::build(alternatives);
    let is_number = |key: KeyId| names.keys[key as usize].kind == Kind::Number;
    let numeric = |name: NameId, path: PathId, own: &[KeyId]| {
        let machine = names.all[name as usize].machines.get(&path);
        let mut shared = machine.into_iter().flat_map(Machine::keys);
        (own.iter().copied().any(is_number) || shared.any(is_number)).then_some(())
    };
    let flags = |fields: &Fields| {
        let found = names.along(fields, numeric);
        found.iter().map(Option::is_some).collect()
    };
    alternatives.iter().map(flags).collect()
}

impl Machine {
    /// Whether wildcards share the machine with what a star's state can be taken for: texts in any
    /// case, and suffixes of several bytes a character.
    fn mixes(&self, keys: &[Key]) -> bool {
        let keys: Vec<&Key> = self.keys().iter().map(|key| &keys[*key as usize]).collect();
        keys.iter().any(|key| key.kind.is_wild()) && keys.iter().any(|key| key.confuses())
    }
}

impl Names {
    fn build(alternatives: &[Fields]) -> Self {
        let mut names = Self {
            all: vec![Name::default()],
            keys: Vec::new(),
            numbers: HashMap::new(),
            steps: 0,
        };
        for fields in alternatives {
            let fields: Vec<(PathId, Vec<Part>)> =
                fields.iter().map(|(path, list)| (*path, names.parts(list))).collect();
            names.add(0, &fields);
        }
        names
    }

    fn parts(&mut self, conditions: &[Condition]) -> Vec<Part> {
        let mut parts = Vec::new();
        for condition in conditions {
            if *condition == Condition::Absent {
                parts.push(Part::Absent);
            }
            for key in Key::of(condition) {
                let next = KeyId::try_from(self.keys.len()).expect("fewer patterns than 2^32");
                let number = *self.numbers.entry(key.clone()).or_insert(next);
                if number == next {
                    self.keys.push(key);
                }
                parts.push(Part::Value(number));
            }
        }
        parts
    }

    fn add(&mut self, name: NameId, fields: &[(PathId, Vec<Part>)]) {
        let Some(((path, parts), rest)) = fields.split_first() else {
            return;
        };
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return;
        }
        let mut last = None;
        let mut reached = BTreeSet::new();
        let Name { mut machines, mut absent } = std::mem::take(&mut self.all[name as usize]);
        let Self { all, keys, .. } = self;
        let mut fresh = || {
            all.push(Name::default());
            NameId::try_from(all.len() - 1).expect("fewer states than 2^32")
        };
        for part in parts {
            let to = match part {
                Part::Absent => {
                    *absent.entry(*path).or_insert_with(|| last.unwrap_or_else(&mut fresh))
                }
                Part::Value(key) => machines
                    .entry(*path)
                    .or_insert_with(Machine::new)
                    .add(keys, *key, last, &mut fresh),
            };
            last = Some(to);
            reached.insert(to);
        }
        self.all[name as usize] = Name { machines, absent };
        for name in reached {
            self.add(name, rest);
        }
    }

    /// Follows an alternative's fields, and gives what `look` says about each.
    fn along<T>(
        &self,
        fields: &Fields,
        look: impl Fn(NameId, PathId, &[KeyId]) -> Option<T>,
    ) -> Vec<Option<T>> {
        let mut name = Some(0);
        let mut found = Vec::with_capacity(fields.len());
        for (path, conditions) in fields {
            let keys = conditions.iter().flat_map(Key::of);
            let own: Vec<KeyId> = keys.filter_map(|key| self.numbers.get(&key).copied()).collect();
            found.push(name.and_then(|name| look(name, *path, &own)));
            name = name.and_then(|name| self.after(name, *path, &own));
        }
        found
    }

    /// The fields' state behind a field, when one of its patterns leads there.
    fn after(&self, name: NameId, path: PathId, own: &[KeyId]) -> Option<NameId> {
        let name = &self.all[name as usize];
        let leads = name.machines.get(&path).into_iter().flat_map(Machine::matches);
        let mut leads = leads.filter(|found| own.contains(&found.key)).map(|found| found.name);
        leads.next().or_else(|| name.absent.get(&path).copied())
    }
}
