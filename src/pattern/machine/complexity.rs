//! The service's measure of how much work a machine's wildcards can cause.
//!
//! Main function: [`Machine::complexity`]. Invariant: the number is the service's: over all sets of
//! positions that some text can occupy at once, the largest sum of the wildcard patterns that each
//! position can still lead to.

use std::collections::{BTreeSet, HashSet};

use super::chars::Key;
use super::{KeyId, Machine, Match, NameId, Single, StateId, Targets, add_to};

/// How many sets of positions are followed before the machine counts as too complex. Far more than
/// any accepted pattern has: a set whose sum reaches the limit ends the search.
const MAX_SETS: usize = 50_000;

impl Machine {
    /// The machine's complexity, at most `cap`.
    pub(super) fn complexity(&self, keys: &[Key], cap: usize) -> usize {
        let reachable = self.wildcards(keys);
        let weight = |single: Single| match single.next() {
            Some(next) => {
                let own = single.found().map(|found| found.key);
                let own = own.filter(|&key| keys[key as usize].kind.is_wild());
                let after = &reachable[next as usize];
                after.len() + usize::from(own.is_some_and(|key| !after.contains(&key)))
            }
            None => single
                .found()
                .map_or(0, |found| usize::from(keys[found.key as usize].kind.is_wild())),
        };
        let mut largest = 0;
        let mut seen: HashSet<Targets> = HashSet::new();
        let mut open = self.all_targets(&[0]);
        while let Some(set) = open.pop() {
            if !seen.insert(set.clone()) {
                continue;
            }
            let mut size = 0;
            for &single in &set {
                size += weight(single);
                let every = single.next().map(|next| &self.state(next).every);
                for &star in every.into_iter().flatten() {
                    if !set.contains(&star) {
                        size += weight(star);
                    }
                }
            }
            if size >= cap || seen.len() > MAX_SETS {
                return cap;
            }
            largest = largest.max(size);
            let mut states: Vec<StateId> = set.iter().filter_map(|single| single.next()).collect();
            states.sort_unstable();
            states.dedup();
            open.append(&mut self.all_targets(&states));
        }
        largest
    }

    /// The distinct sets of targets that one more byte leads to.
    fn all_targets(&self, states: &[StateId]) -> Vec<Targets> {
        let bytes: BTreeSet<u8> = states
            .iter()
            .flat_map(|&state| self.state(state).bytes.iter().map(|(byte, _)| *byte))
            .collect();
        let mut other = Targets::new();
        for &state in states {
            for &single in &self.state(state).every {
                add_to(&mut other, single);
            }
        }
        let mut sets = Vec::new();
        for byte in bytes {
            let mut set = other.clone();
            for &state in states {
                for &single in self.state(state).own(byte) {
                    add_to(&mut set, single);
                }
            }
            set.sort_unstable();
            sets.push(set);
        }
        if !other.is_empty() {
            other.sort_unstable();
            sets.push(other);
        }
        sets
    }

    /// The wildcard patterns that each state can still lead to.
    fn wildcards(&self, keys: &[Key]) -> Vec<BTreeSet<KeyId>> {
        let mut reachable = vec![BTreeSet::new(); self.states.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for id in (0..self.states.len()).rev() {
                let mut here = std::mem::take(&mut reachable[id]);
                let before = here.len();
                for &single in self.singles(id) {
                    if let Some(found) = single.found()
                        && keys[found.key as usize].kind.is_wild()
                    {
                        here.insert(found.key);
                    }
                    if let Some(next) = single.next() {
                        here.extend(reachable[next as usize].iter().copied());
                    }
                }
                changed |= here.len() != before;
                reachable[id] = here;
            }
        }
        reachable
    }

    fn singles(&self, state: usize) -> impl Iterator<Item = &Single> {
        let state = &self.states[state];
        state.every.iter().chain(state.bytes.iter().flat_map(|(_, targets)| targets))
    }

    /// All matches of the machine.
    pub(super) fn matches(&self) -> Vec<Match> {
        let found = (0..self.states.len()).flat_map(|state| self.singles(state));
        let found = found.filter_map(|single| single.found());
        found.chain(self.apart.iter().copied()).collect()
    }

    /// The patterns of the machine.
    pub(super) fn keys(&self) -> BTreeSet<KeyId> {
        self.matches().iter().map(|found| found.key).collect()
    }

    /// The fields' states that the machine leads to.
    pub(super) fn leads_to(&self) -> BTreeSet<NameId> {
        self.matches().iter().map(|found| found.name).collect()
    }
}
