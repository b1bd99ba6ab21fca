//! The index over all alternatives of all rules.
//!
//! Main type: [`Index`]. Invariant: each alternative is filed under one of its fields, the one that
//! the fewest events are expected to satisfy, or under none if it can match without any leaf; what
//! an event brings up is checked field by field.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::super::event::{self, Leaves};
use super::super::matching::Binder;
use super::super::paths::Paths;
use super::super::{EventError, Field, Pattern};
use super::access::{self, Census};
use super::guard::{Guard, Marks};
use super::lookup::{Entries, Forms, Lookup};
use super::postings::AltId;

/// From how many rules on each leaf is marked for the guards.
const WORTH_GUARDING: usize = 1000;

#[derive(Debug, Clone, Copy)]
struct Alternative {
    rule: u32,
    /// Where its fields begin; they end where the next alternative's begin.
    fields: u32,
    guard: Guard,
}

/// The index.
#[derive(Debug)]
pub(super) struct Index<Id> {
    ids: Vec<Id>,
    paths: Paths,
    alternatives: Vec<Alternative>,
    fields: Vec<Field>,
    lookups: Vec<Option<Lookup>>,
    /// Alternatives that may match without any leaf.
    always: Vec<AltId>,
    /// There are enough alternatives for guards to pay.
    guarded: bool,
}

/// Room for one match.
#[derive(Debug, Default)]
struct Scratch {
    leaves: Leaves,
    binder: Binder,
    forms: Forms,
    marks: Marks,
    /// Which alternatives have come up in the current round.
    rounds: Vec<u32>,
    round: u32,
    brought_up: Vec<AltId>,
    matched: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 fields of rules")
}

impl<Id: Clone + Ord> Index<Id> {
    pub(super) fn new(rules: &BTreeMap<Id, Pattern>) -> Self {
        let mut this = Self {
            ids: rules.keys().cloned().collect(),
            paths: Paths::new(),
            alternatives: Vec::new(),
            fields: Vec::new(),
            lookups: Vec::new(),
            always: Vec::new(),
            guarded: rules.len() >= WORTH_GUARDING,
        };
        for (rule, pattern) in rules.values().enumerate() {
            this.take(number(rule), pattern);
        }
        let fields = number(this.fields.len());
        this.alternatives.push(Alternative { rule: u32::MAX, fields, guard: Guard::NONE });
        this.file();
        this
    }

    fn take(&mut self, rule: u32, pattern: &Pattern) {
        let compiled = &pattern.compiled;
        let paths: Vec<_> = compiled.names.iter().map(|name| self.paths.insert(name)).collect();
        for fields in &compiled.alternatives {
            let start = number(self.fields.len());
            self.alternatives.push(Alternative { rule, fields: start, guard: Guard::NONE });
            let fields = fields.iter();
            self.fields.extend(
                fields.map(|field| Field { path: paths[field.path as usize], ..field.clone() }),
            );
        }
    }

    /// Files every alternative under its most selective field.
    fn file(&mut self) {
        let atoms: Vec<_> = self.fields.iter().map(access::atoms).collect();
        let mut census = Census::default();
        for (field, atoms) in self.fields.iter().zip(&atoms) {
            census.count(field.path, atoms.as_deref().unwrap_or_default());
        }
        let likely: Vec<f64> = self
            .fields
            .iter()
            .zip(&atoms)
            .map(|(field, atoms)| match atoms {
                Some(atoms) => census.likelihood(field.path, atoms),
                None => f64::INFINITY,
            })
            .collect();
        let mut entries: Vec<Entries> = Vec::new();
        entries.resize_with(self.paths.len(), Entries::default);
        let mut atoms = atoms;
        for id in 0..self.alternatives.len() - 1 {
            let start = self.alternatives[id].fields as usize;
            let end = self.alternatives[id + 1].fields as usize;
            let mut order: Vec<usize> = (start..end).collect();
            order.sort_by(|a, b| likely[*a].total_cmp(&likely[*b]));
            let best = order[0];
            let others = order[1..].iter();
            let guards = others.filter_map(|&field| {
                let atoms = atoms[field].as_deref()?;
                Some((likely[field], Guard::new(self.fields[field].path, atoms)?))
            });
            let guard = guards.min_by(|a, b| a.0.total_cmp(&b.0));
            if self.guarded
                && let Some((_, guard)) = guard
            {
                self.alternatives[id].guard = guard;
            }
            match atoms[best].take() {
                Some(atoms) => {
                    let entries = &mut entries[self.fields[best].path as usize];
                    for atom in atoms {
                        entries.push(atom, number(id));
                    }
                }
                None => self.always.push(number(id)),
            }
            // What brought an alternative up is checked last: it is the likeliest to hold.
            order.rotate_left(1);
            let sorted: Vec<Field> = order.iter().map(|&at| self.fields[at].clone()).collect();
            self.fields.splice(start..end, sorted);
        }
        let lookup = |entries: Entries| (!entries.is_empty()).then(|| Lookup::new(entries));
        self.lookups = entries.into_iter().map(lookup).collect();
    }

    /// The ids of the rules that match an event, in order.
    pub(super) fn matching(&self, event: &str) -> Result<Vec<Id>, EventError> {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.find(event, &mut scratch),
            Err(_) => self.find(event, &mut Scratch::default()),
        })
    }

    fn find(&self, event: &str, scratch: &mut Scratch) -> Result<Vec<Id>, EventError> {
        event::scan_trusting(event, &self.paths, &mut scratch.leaves)?;
        self.bring_up(event, scratch);
        let Scratch { leaves, binder, marks, brought_up, matched, .. } = scratch;
        matched.clear();
        for &id in &*brought_up {
            let alternative = self.alternatives[id as usize];
            if !alternative.guard.admits(marks) {
                continue;
            }
            let end = self.alternatives[id as usize + 1].fields as usize;
            let fields = &self.fields[alternative.fields as usize..end];
            if binder.satisfies(fields, leaves, event)? {
                matched.push(alternative.rule);
            }
        }
        matched.sort_unstable();
        matched.dedup();
        Ok(matched.iter().map(|&rule| self.ids[rule as usize].clone()).collect())
    }

    /// Gathers the alternatives that some leaf speaks for, each once.
    fn bring_up(&self, event: &str, scratch: &mut Scratch) {
        let Scratch { leaves, forms, marks, rounds, round, brought_up, .. } = scratch;
        if rounds.len() < self.alternatives.len() {
            rounds.resize(self.alternatives.len(), 0);
        }
        *round = round.wrapping_add(1);
        if *round == 0 {
            rounds.fill(0);
            *round = 1;
        }
        brought_up.clear();
        brought_up.extend_from_slice(&self.always);
        let mut found = |ids: &[AltId]| {
            for &id in ids {
                if std::mem::replace(&mut rounds[id as usize], *round) != *round {
                    brought_up.push(id);
                }
            }
        };
        marks.clear(self.paths.len());
        for leaf in leaves.all() {
            let value = leaves.raw(leaf, event);
            if self.guarded {
                marks.add(leaf.path, value);
            }
            if let Some(lookup) = &self.lookups[leaf.path as usize] {
                lookup.find(value, forms, &mut found);
            }
        }
    }
}
