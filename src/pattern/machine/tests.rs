//! Fields that do not mix wildcards with ignored case accept exactly what their conditions say.
//!
//! Invariant: this is what justifies keeping quirks for mixed fields only.

use std::sync::Arc;

use super::chars::Key;
use super::walk::Quirk;
use super::{KeyId, Machine};
use crate::pattern::condition::{Condition, Modes, Scalar};
use crate::pattern::fold::Fold;
use crate::pattern::wildcard::Wildcard;

const TEXTS: [&str; 12] = ["", "a", "ab", "aB", "abc", "ba", "é", "aé", "É", "x\"", "\"x", "aab"];

fn wildcard(rng: &mut fastrand::Rng) -> Wildcard {
    let list = ["*a", "a*", "a*b", "*ab*", "*", "ab", "*a*b", "é*", "*é", "a*a*a", "\\*a"];
    Wildcard::parse(list[rng.usize(..list.len())].as_bytes()).unwrap()
}

fn condition(rng: &mut fastrand::Rng, wild: bool) -> Condition {
    let text = TEXTS[rng.usize(..TEXTS.len())].as_bytes();
    let filled = if text.is_empty() { b"b" } else { text };
    let boxed = |text: &[u8]| text.to_vec().into_boxed_slice();
    let other = TEXTS[1 + rng.usize(..TEXTS.len() - 1)].as_bytes();
    match rng.u8(..if wild { 8 } else { 10 }) {
        0 => Condition::Exactly(boxed(text)),
        1 => Condition::Prefix(boxed(text)),
        2 => Condition::Suffix(boxed(text)),
        3 => Condition::NotTexts(Box::new([boxed(text), boxed(other)])),
        4 => Condition::NotPrefixes(Box::new([boxed(filled), boxed(other)])),
        5 => Condition::NotSuffixes(Box::new([boxed(filled), boxed(other)])),
        6 if wild => Condition::NotWildcards(Box::new([wildcard(rng), wildcard(rng)])),
        7 if wild => Condition::Wildcard(wildcard(rng)),
        6 => Condition::Folded(Fold::new(text)),
        7 => Condition::PrefixFolded(Fold::new(text)),
        8 => Condition::SuffixFolded(Fold::new(text)),
        _ => Condition::NotFolded(Box::new([Fold::new(text), Fold::new(other)])),
    }
}

#[test]
fn unmixed_fields_accept_what_their_conditions_say() {
    for seed in 0..600 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let wild = rng.bool();
        let count = 1 + rng.usize(..5);
        let conditions: Vec<Condition> = (0..count).map(|_| condition(&mut rng, wild)).collect();
        let mut keys: Vec<Key> = Vec::new();
        for key in conditions.iter().flat_map(Key::of) {
            assert!(!key.kind.is_apart());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut machine = Machine::new();
        let mut name = None;
        let mut fresh = 0;
        for key in 0..KeyId::try_from(keys.len()).unwrap() {
            name = Some(machine.add(&keys, key, name, &mut || {
                fresh += 1;
                fresh
            }));
        }
        let (machine, keys): (_, Arc<[Key]>) = (Arc::new(machine), keys.into());
        for (number, condition) in (0..).zip(&conditions) {
            if keys.iter().any(|key| key.kind.is_wild()) && keys.iter().any(Key::confuses) {
                continue;
            }
            let own = Key::of(condition);
            let own = own.iter().map(|key| keys.iter().position(|one| one == key).unwrap());
            let own = own.map(|key| KeyId::try_from(key).unwrap()).collect();
            let layout = Quirk { machine: Arc::clone(&machine), keys: Arc::clone(&keys), own };
            for text in TEXTS.iter().flat_map(|one| TEXTS.map(|two| format!("{one}{two}"))) {
                let said = condition.accepts(&Scalar::Text(text.as_bytes()), Modes::default());
                assert_eq!(
                    layout.accepts(text.as_bytes()),
                    said,
                    "seed {seed}, condition {number} of {conditions:?} on {text:?}"
                );
            }
        }
    }
}
