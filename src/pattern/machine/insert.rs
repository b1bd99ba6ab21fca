//! How a text is laid out in a machine that may already hold others.
//!
//! Main function: [`Machine::add`]. Invariant: see the module above; what looks arbitrary here (when
//! a state is shared, when an exact text is only noted as a shortcut) is what the service does.

use super::chars::{Char, Key, Kind};
use super::{KeyId, Machine, Match, NameId, Single, StateId, Targets, add_to};

/// A text that is being laid out.
struct Entry<'c> {
    chars: &'c [Char],
    kind: Kind,
    key: KeyId,
}

impl Entry<'_> {
    fn last(&self) -> usize {
        self.chars.len() - 1
    }

    /// Whether the step at `at` is followed by a star that ends the text.
    fn before_final_star(&self, at: usize) -> bool {
        at + 1 == self.last() && self.chars[at + 1] == Char::Star
    }
}

impl Machine {
    /// Adds a pattern that leads to `name` (or to a new fields' state from `fresh`), and gives the
    /// fields' state that it really leads to: an equal pattern that is already there keeps its own.
    pub(super) fn add(
        &mut self,
        keys: &[Key],
        key: KeyId,
        name: Option<NameId>,
        fresh: &mut dyn FnMut() -> NameId,
    ) -> NameId {
        let pattern = &keys[key as usize];
        if pattern.kind.is_apart() {
            if let Some(found) = self.apart.iter().find(|found| found.key == key) {
                return found.name;
            }
            let name = name.unwrap_or_else(fresh);
            self.apart.push(Match { key, name });
            return name;
        }
        let mut name = name;
        for chars in pattern.chars() {
            let entry = Entry { chars: &chars, kind: pattern.kind, key };
            let candidate = name.unwrap_or_else(&mut *fresh);
            name = Some(self.add_text(keys, &entry, candidate));
        }
        name.unwrap_or_else(fresh)
    }

    fn add_text(&mut self, keys: &[Key], entry: &Entry<'_>, name: NameId) -> NameId {
        let (mut state, mut before) = (0, None);
        let mut at = 0;
        while at < entry.last() {
            let targets = self.reach(state, &entry.chars[at]);
            let shared = targets
                .iter()
                .filter_map(|single| single.next())
                .find(|&next| self.may_share(state, next, entry, at));
            let Some(next) = shared else {
                break;
            };
            before = Some(state);
            state = next;
            at += 1;
        }
        self.add_rest(keys, entry, state, before, at, name)
    }

    /// What a step leads to from a state.
    fn reach(&self, state: StateId, step: &Char) -> Targets {
        match step {
            Char::Byte(byte) => self.state(state).targets(*byte),
            Char::Star => self.state(state).every.clone(),
            Char::Either(lower, upper) => {
                let mut both = self.reach_bytes(state, lower);
                let other = self.reach_bytes(state, upper);
                both.retain(|single| other.contains(single));
                both
            }
        }
    }

    fn reach_bytes(&self, state: StateId, bytes: &[u8]) -> Targets {
        let mut targets = vec![Single::State(state)];
        for &byte in bytes {
            let mut next = Targets::new();
            for single in targets {
                if let Single::State(state) = single {
                    for target in self.state(state).targets(byte) {
                        add_to(&mut next, target);
                    }
                }
            }
            targets = next;
        }
        targets
    }

    fn may_share(&self, state: StateId, next: StateId, entry: &Entry<'_>, at: usize) -> bool {
        if next == state {
            return false;
        }
        if self.state(next).indeterminate {
            !self.converges(state, entry, at)
        } else {
            !entry.before_final_star(at)
        }
    }

    /// Whether two ways lead on from `state` and meet again, one of them by the step at `at`.
    fn converges(&self, state: StateId, entry: &Entry<'_>, at: usize) -> bool {
        let Char::Byte(byte) = entry.chars[at] else {
            return false;
        };
        let continues = |at: usize| matches!(entry.chars.get(at), Some(Char::Byte(0x80..=0xbf)));
        let from_the_end =
            self.has_suffix && continues(at) && !at.checked_sub(1).is_some_and(continues);
        let starts = !(0x80..=0xbf).contains(&byte);
        if !starts && !from_the_end {
            return false;
        }
        let every = &self.state(state).every;
        if !every.is_empty() && every[..] != [Single::State(state)] {
            return true;
        }
        has_case(&next_character(entry.chars, at, starts))
    }

    /// Lays out what could not be shared.
    fn add_rest(
        &mut self,
        keys: &[Key],
        entry: &Entry<'_>,
        mut state: StateId,
        mut before: Option<StateId>,
        from: usize,
        name: NameId,
    ) -> NameId {
        if let [Single::Shortcut { id, found }] = self.reach(state, &entry.chars[from])[..] {
            if found.key == entry.key {
                return found.name;
            }
            let other = keys[found.key as usize].chars().swap_remove(0);
            self.split_shortcut(entry, state, from, &other, Single::Shortcut { id, found });
        }
        let mut at = from;
        let mut shortcut_fits = true;
        while at < entry.last() && !entry.before_final_star(at) {
            let targets = self.reach(state, &entry.chars[at]);
            let Some(&first) = targets.first() else {
                break;
            };
            let next = match self.preferred(&targets) {
                Some(next) if self.state(next).indeterminate => {
                    shortcut_fits = false;
                    break;
                }
                Some(next) => next,
                None => {
                    let next = self.new_state(state);
                    self.extend(state, &entry.chars[at], first, next);
                    next
                }
            };
            before = Some(state);
            state = next;
            at += 1;
        }
        if entry.kind == Kind::Exact && at < entry.last() && shortcut_fits {
            let id = self.identity();
            let found = Match { key: entry.key, name };
            self.lay(state, &entry.chars[at], Single::Shortcut { id, found });
            return name;
        }
        while at < entry.last() {
            let next = self.find_or_make(keys, entry, state, before, at, name);
            before = Some(state);
            state = next;
            at += 1;
        }
        self.finish(entry, state, before, name)
    }

    /// The next state that a set of targets stands for: a determinate one if there is one.
    fn preferred(&self, targets: &[Single]) -> Option<StateId> {
        let mut nexts = targets.iter().filter_map(|single| single.next());
        let determinate = nexts.clone().find(|&next| !self.state(next).indeterminate);
        determinate.or_else(|| nexts.next())
    }

    /// Lays out the part of a shortcut's text that the new text shares with it.
    fn split_shortcut(
        &mut self,
        entry: &Entry<'_>,
        state: StateId,
        from: usize,
        other: &[Char],
        shortcut: Single,
    ) {
        let found = shortcut.found().expect("a shortcut leads to a match");
        let same = other[from..].iter().zip(&entry.chars[from..]).take_while(|(a, b)| a == b);
        let fork = from + same.count();
        let last = other.len() - 1;
        let (mut current, mut first) = (state, None);
        for (at, step) in other.iter().enumerate().take(fork.min(last)).skip(from) {
            let next = self.new_state(current);
            if at == from {
                first = Some(next);
            } else {
                self.lay(current, step, Single::State(next));
            }
            current = next;
        }
        if fork < last {
            let id = self.identity();
            self.lay(current, &other[fork], Single::Shortcut { id, found });
        } else {
            self.lay(current, &other[last], Single::Match(found));
        }
        if let Some(first) = first {
            self.lay(state, &entry.chars[from], Single::State(first));
        }
        self.unlay(state, &entry.chars[from], shortcut);
    }

    /// Replaces a target without a next state by one with it.
    fn extend(&mut self, state: StateId, step: &Char, single: Single, next: StateId) {
        let extended = match single {
            Single::Match(found) | Single::Both { found, .. } => {
                Single::Both { id: self.identity(), next, found }
            }
            Single::State(_) | Single::Shortcut { .. } => Single::State(next),
        };
        self.lay(state, step, extended);
        self.unlay(state, step, single);
    }

    fn lay(&mut self, state: StateId, step: &Char, single: Single) {
        match step {
            Char::Byte(byte) => self.state_mut(state).add(*byte, single),
            Char::Star => add_to(&mut self.state_mut(state).every, single),
            Char::Either(lower, upper) => {
                for bytes in [lower, upper] {
                    let (last, most) = bytes.split_last().expect("a character has a byte");
                    let mut current = state;
                    for &byte in most {
                        let next = self.new_state(current);
                        self.state_mut(next).indeterminate = true;
                        self.state_mut(current).add(byte, Single::State(next));
                        current = next;
                    }
                    self.state_mut(current).add(*last, single);
                }
            }
        }
    }

    fn unlay(&mut self, state: StateId, step: &Char, single: Single) {
        match step {
            Char::Byte(byte) => self.state_mut(state).remove(*byte, single),
            Char::Star => self.state_mut(state).every.retain(|one| *one != single),
            Char::Either(lower, upper) => {
                for bytes in [lower, upper] {
                    if let [byte] = bytes[..] {
                        self.state_mut(state).remove(byte, single);
                    }
                }
            }
        }
    }

    fn find_or_make(
        &mut self,
        keys: &[Key],
        entry: &Entry<'_>,
        state: StateId,
        before: Option<StateId>,
        at: usize,
        name: NameId,
    ) -> StateId {
        let step = &entry.chars[at];
        let mut targets = self.reach(state, step);
        if let [shortcut @ Single::Shortcut { found, .. }] = targets[..] {
            let other = keys[found.key as usize].chars().swap_remove(0);
            self.expand_shortcut(state, step, at, &other, shortcut);
            targets = self.reach(state, step);
        }
        if let Some(next) = self.preferred(&targets)
            && !self.state(next).indeterminate
            && !entry.before_final_star(at)
        {
            return next;
        }
        let next = self.new_state(state);
        if *step == Char::Star {
            add_to(&mut self.state_mut(next).every, Single::State(next));
            self.state_mut(next).indeterminate = true;
            add_to(&mut self.state_mut(state).every, Single::State(next));
            return next;
        }
        let mut single = Single::State(next);
        if entry.before_final_star(at) {
            let found = Match { key: entry.key, name };
            single = Single::Both { id: self.identity(), next, found };
            self.state_mut(next).indeterminate = true;
        } else if matches!(step, Char::Either(..)) {
            self.state_mut(next).indeterminate = true;
        }
        self.lay(state, step, single);
        if let Some(before) = before
            && entry.chars[at - 1] == Char::Star
        {
            self.lay(before, step, single);
        }
        next
    }

    /// Lays out the whole text of a shortcut.
    fn expand_shortcut(
        &mut self,
        state: StateId,
        step: &Char,
        from: usize,
        other: &[Char],
        shortcut: Single,
    ) {
        let found = shortcut.found().expect("a shortcut leads to a match");
        let last = other.len() - 1;
        let (mut current, mut first) = (state, None);
        for (at, char) in other.iter().enumerate().take(last).skip(from) {
            let next = self.new_state(current);
            if at == from {
                first = Some(next);
            } else {
                self.lay(current, char, Single::State(next));
            }
            current = next;
        }
        self.lay(current, &other[last], Single::Match(found));
        if let Some(first) = first {
            self.lay(state, step, Single::State(first));
            self.unlay(state, step, shortcut);
        }
    }

    /// Puts the match at the end of the text.
    fn finish(
        &mut self,
        entry: &Entry<'_>,
        state: StateId,
        before: Option<StateId>,
        name: NameId,
    ) -> NameId {
        let step = &entry.chars[entry.last()];
        let there = self.reach(state, step).into_iter().filter_map(found_here);
        if let Some(found) = there.into_iter().find(|found| found.key == entry.key) {
            return found.name;
        }
        let found = Match { key: entry.key, name };
        self.has_suffix |= entry.kind.is_suffix();
        if *step == Char::Star {
            let id = self.identity();
            let next = state;
            add_to(&mut self.state_mut(state).every, Single::Both { id, next, found });
            self.state_mut(state).indeterminate = true;
            return name;
        }
        self.lay(state, step, Single::Match(found));
        if let Some(before) = before
            && entry.chars[entry.last() - 1] == Char::Star
        {
            self.lay(before, step, Single::Match(found));
        }
        name
    }
}

fn found_here(single: Single) -> Option<Match> {
    match single {
        Single::Match(found) | Single::Both { found, .. } => Some(found),
        Single::State(_) | Single::Shortcut { .. } => None,
    }
}

/// The character at `at`, forwards or (in a suffix) backwards, as far as the service decodes it.
fn next_character(chars: &[Char], at: usize, forwards: bool) -> String {
    let byte = |at: usize| match chars.get(at) {
        Some(Char::Byte(byte)) => Some(*byte),
        _ => None,
    };
    let mut bytes = Vec::new();
    if forwards {
        let length = match byte(at) {
            Some(0..=0x7f) => 1,
            Some(0xc2..=0xdf) => 2,
            _ => 3,
        };
        bytes.extend((at..at + length).map_while(byte));
    } else {
        for one in (at..chars.len()).map_while(byte) {
            bytes.push(one);
            if !(0x80..=0xbf).contains(&one) {
                break;
            }
        }
        bytes.reverse();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the first UTF-16 unit of a text has two cases.
fn has_case(text: &str) -> bool {
    text.chars().next().is_some_and(|letter| {
        letter.len_utf16() == 1 && !letter.to_lowercase().eq(letter.to_uppercase())
    })
}
