//! Whatever is done to a scenario's text, loading, checking and planning it end without a panic.
//!
//! It stands here because it goes through all three. Invariant: every text has a scenario or an error, and
//! what the check lets through can be planned.

use proptest::prelude::*;

use crate::diagnostic::has_errors;
use crate::diagnostic::text::{Colour, render};
use crate::plan::Plan;
use crate::scenario::{Inventory, VPN_EXAMPLE, Values, load, rules};

/// A change of a text at some place.
#[derive(Debug, Clone)]
enum Mutation {
    Delete { at: usize, length: usize },
    Insert { at: usize, text: String },
    Repeat { at: usize, length: usize },
    Swap { at: usize, other: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let piece = prop_oneof![
        Just("\t".to_owned()),
        Just("\n".to_owned()),
        Just("\n---\n".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!x ".to_owned()),
        Just("${var.x}".to_owned()),
        Just("${".to_owned()),
        Just("[{".to_owned()),
        Just("\"".to_owned()),
        Just("|\n".to_owned()),
        Just("? ".to_owned()),
        Just("<<: ".to_owned()),
        Just("- ".to_owned()),
        Just(": ".to_owned()),
        Just("null".to_owned()),
        Just("99999999999999999999999999999999999999999999".to_owned()),
        Just("584542046090y".to_owned()),
        Just("\u{feff}".to_owned()),
        any::<String>(),
    ];
    let at = 0..2_000_usize;
    prop_oneof![
        (at.clone(), 1..40_usize).prop_map(|(at, length)| Mutation::Delete { at, length }),
        (at.clone(), piece).prop_map(|(at, text)| Mutation::Insert { at, text }),
        (at.clone(), 1..200_usize).prop_map(|(at, length)| Mutation::Repeat { at, length }),
        (at.clone(), at).prop_map(|(at, other)| Mutation::Swap { at, other }),
    ]
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let size = characters.len();
        match mutation {
            Mutation::Delete { at, length } => {
                let at = (*at).min(size);
                characters.drain(at..(at + length).min(size));
            }
            Mutation::Insert { at, text } => {
                let at = (*at).min(size);
                characters.splice(at..at, text.chars());
            }
            Mutation::Repeat { at, length } => {
                let at = (*at).min(size);
                let copy: Vec<char> = characters[at..(at + length).min(size)].to_vec();
                characters.splice(at..at, copy);
            }
            Mutation::Swap { at, other } if size > 0 => {
                characters.swap(at % size, other % size);
            }
            Mutation::Swap { .. } => {}
        }
    }
    characters.into_iter().collect()
}

/// What must hold of any bytes.
fn holds(bytes: &[u8]) {
    let loaded = load("x.yaml", bytes, &Values::default());
    assert!(
        loaded.scenario.is_some() || has_errors(&loaded.diagnostics),
        "neither a scenario nor an error"
    );
    let all = loaded.check(Some(&Inventory::default()));
    assert_eq!(all, loaded.check(Some(&Inventory::default())), "the check is not stable");
    let source = String::from_utf8_lossy(bytes);
    for one in &all {
        assert!(rules::find(&one.code).is_some(), "{} is not explained", one.code);
        assert!(one.span.is_none_or(|span| span.line > 0 && span.column > 0), "{one:?}");
        let text = render(one, Some(&source), Colour::Plain);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
    // What the check lets through can be planned.
    if let Some(scenario) = &loaded.scenario {
        let plan = Plan::new(scenario, "x.yaml", "run-1");
        if !has_errors(&loaded.check(None)) {
            let plan = plan.unwrap();
            let _ = crate::plan::text::render(&plan);
            let _ = crate::plan::iam::policy(&plan);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_mutated_scenario_is_refused_or_loaded_and_never_panics(
        mutations in prop::collection::vec(mutation(), 1..6)
    ) {
        holds(mutated(VPN_EXAMPLE, &mutations).as_bytes());
    }

    #[test]
    fn any_bytes_are_refused_or_loaded_and_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        holds(&bytes);
    }

    #[test]
    fn any_yaml_like_text_is_refused_or_loaded_and_never_panics(
        text in "([a-c]|[:,{}\\[\\]&*!|>'\"%@?#-]|\n| |\t|0){0,80}"
    ) {
        holds(text.as_bytes());
    }
}
