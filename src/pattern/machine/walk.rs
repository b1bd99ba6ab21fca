//! What a machine accepts, where that is not simply what its patterns say.
//!
//! Main type: [`Quirk`]. Invariant: a quirk is only kept for fields that mix wildcards with ignored
//! case; for all others the conditions speak for themselves, which a property test confirms.

use std::sync::Arc;

use super::chars::{Key, Kind};
use super::{KeyId, Machine, Single, Targets, add_to};

/// A field whose shared states accept more than its conditions say.
#[derive(Debug, Clone)]
pub(crate) struct Quirk {
    pub(super) machine: Arc<Machine>,
    pub(super) keys: Arc<[Key]>,
    /// The field's own patterns.
    pub(super) own: Vec<KeyId>,
}

impl Quirk {
    /// Whether one of the field's patterns on texts accepts a text.
    pub(crate) fn accepts(&self, text: &[u8]) -> bool {
        let quoted = [b"\"", text, b"\""].concat();
        let hits = self.machine.hits(&self.keys, &quoted);
        self.own.iter().any(|key| match self.keys[*key as usize].kind {
            Kind::Apart | Kind::Number => false,
            Kind::NotTexts
            | Kind::NotPrefixes
            | Kind::NotSuffixes
            | Kind::NotFolded
            | Kind::NotWildcards => !hits.contains(key),
            Kind::Exact
            | Kind::Prefix
            | Kind::PrefixFolded
            | Kind::Suffix
            | Kind::SuffixFolded
            | Kind::Folded
            | Kind::Wildcard => hits.contains(key),
        })
    }
}

impl Machine {
    /// The patterns whose texts a quoted text meets.
    fn hits(&self, keys: &[Key], quoted: &[u8]) -> Vec<KeyId> {
        let mut hits = Vec::new();
        if self.has_suffix {
            let mut targets: Targets = vec![Single::State(0)];
            for &byte in quoted.iter().rev() {
                targets = self.step(&targets, byte);
                for found in targets.iter().filter_map(|single| single.found()) {
                    if keys[found.key as usize].kind.is_suffix() {
                        hits.push(found.key);
                    }
                }
            }
        }
        let mut targets: Targets = vec![Single::State(0)];
        for (at, &byte) in quoted.iter().enumerate() {
            targets = self.step(&targets, byte);
            let last = at + 1 == quoted.len();
            for &single in &targets {
                if counts(keys, single, quoted, last) {
                    hits.extend(single.found().map(|found| found.key));
                }
            }
        }
        hits
    }

    fn step(&self, targets: &[Single], byte: u8) -> Targets {
        let mut next = Targets::new();
        for state in targets.iter().filter_map(|single| single.next()) {
            for target in self.state(state).targets(byte) {
                add_to(&mut next, target);
            }
        }
        next
    }
}

fn counts(keys: &[Key], single: Single, quoted: &[u8], last: bool) -> bool {
    let Some(found) = single.found() else {
        return false;
    };
    let key = &keys[found.key as usize];
    if let Single::Shortcut { .. } = single {
        return quoted[1..quoted.len() - 1] == key.texts[0][..];
    }
    match key.kind {
        Kind::Exact
        | Kind::Folded
        | Kind::Wildcard
        | Kind::NotTexts
        | Kind::NotFolded
        | Kind::NotWildcards => last,
        Kind::Prefix | Kind::PrefixFolded | Kind::NotPrefixes => true,
        Kind::Suffix | Kind::SuffixFolded | Kind::NotSuffixes | Kind::Apart | Kind::Number => false,
    }
}
