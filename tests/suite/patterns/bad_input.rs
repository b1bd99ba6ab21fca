//! Patterns and events that nobody should send: clear errors, in bounded time and memory.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use firedrill::pattern::{EventError, Pattern, RuleSet};

/// Far more than any of these needs, also on a busy machine without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is tested")]
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    result
}

fn refused(pattern: &str) -> String {
    let error = in_time(|| Pattern::parse(pattern)).expect_err("it must be refused");
    format!("{}: {error}", error.code())
}

#[test]
fn a_huge_pattern_is_refused_by_its_length() {
    let huge = format!("{{\"a\":[\"{}\"]}}", "x".repeat(100 << 20));
    assert!(refused(&huge).starts_with("ValidationException"));
    let many = format!("{{\"a\":[{}\"x\"]}}", "\"y\",".repeat(10_000));
    assert!(refused(&many).contains("length less than or equal to 4096"));
}

#[test]
fn a_deep_pattern_is_refused_and_does_not_overflow_the_stack() {
    let deep = format!("{}1", "{\"a\":".repeat(10_000));
    assert!(refused(&deep).starts_with("ValidationException"));
    assert!(refused(&"[".repeat(4096)).contains("Filter is not an object"));
    let deep = format!("{}[1]{}", "{\"\":".repeat(819), "}".repeat(400));
    assert!(refused(&deep).contains("expected close marker for Object"));
}

#[test]
fn alternatives_that_multiply_are_refused_before_they_are_made() {
    let mut pattern = String::from("{");
    for field in 0..50 {
        write!(pattern, "\"f{field}\":{{\"$or\":[{{\"a\":[1]}},{{\"b\":[1]}}]}},").expect("memory");
    }
    pattern.push_str("\"z\":[1]}");
    let message = refused(&pattern);
    assert!(message.contains("Or operator is producing over 1000 rule combinations"), "{message}");
}

#[test]
fn wildcards_that_explode_are_refused_in_time() {
    let stars = "*a".repeat(1_000);
    assert!(refused(&format!("{{\"x\":[{{\"wildcard\":\"{stars}\"}}]}}")).contains("too complex"));
    let mut list = String::new();
    for number in 0..100 {
        write!(list, "{{\"wildcard\":\"*{number}*a*b\"}},").expect("memory");
    }
    assert!(refused(&format!("{{\"x\":[{list}1]}}")).contains("too complex"));
}

#[test]
fn what_is_no_json_object_is_an_error() {
    let pattern = Pattern::parse(r#"{"a":{"b":[1]}}"#).expect("a pattern");
    let mut rules = RuleSet::new();
    rules.add(1, &pattern);
    let broken = [
        "",
        " ",
        "{",
        "}",
        "[",
        "nope",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 2}",
        "{a:1}",
        "{\"a\":{\"b\":01}}",
        "{\"a\":{\"b\":1.}}",
        "{\"a\":{\"b\":-}}",
        "{\"a\":{\"b\":tru}}",
        "{\"a\":{\"b\":\"x}}",
        "{\"a\":{\"b\":\"\\x\"}}",
        "{\"a\":{\"b\":\"\\u12\"}}",
        "{\"a\":[1,2}",
        "{\"a\":1} x",
        "\u{feff}{}",
    ];
    for event in broken {
        assert!(matches!(pattern.matches(event), Err(EventError::Syntax { .. })), "{event:?}");
        assert!(pattern.explain(event).is_err(), "{event:?}");
        assert!(rules.matching(event).is_err(), "{event:?}");
    }
    assert_eq!(pattern.matches("[1]"), Err(EventError::NotAnObject));
    assert_eq!(rules.matching("[1]"), Err(EventError::NotAnObject));
    // What no rule wants is only read for its end by a set, and in full by a pattern alone.
    let elsewhere = r#"{"z":{"k":01},"a":{"b":1}}"#;
    assert!(pattern.matches(elsewhere).is_err());
    assert_eq!(rules.matching(elsewhere), Ok(vec![1]));
}

#[test]
fn deep_events_are_errors_and_do_not_overflow_the_stack() {
    let pattern = Pattern::parse(r#"{"a":[1]}"#).expect("a pattern");
    let mut rules = RuleSet::new();
    rules.add(1, &pattern);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for key in ["a", "z"] {
            let event = |depth: usize| {
                format!("{{\"{key}\":{}1{}}}", open.repeat(depth), close.repeat(depth))
            };
            let deep = event(100_000);
            assert_eq!(pattern.matches(&deep), Err(EventError::TooDeep { limit: 1000 }), "{key}");
            assert_eq!(rules.matching(&deep), Err(EventError::TooDeep { limit: 1000 }), "{key}");
            assert!(pattern.matches(&event(900)).is_ok());
            assert!(rules.matching(&event(900)).is_ok());
        }
    }
}

#[test]
fn arrays_that_combine_without_end_are_an_error_in_time() {
    let mut fields = String::new();
    for field in 0..24 {
        write!(fields, "\"f{field}\":[1],").expect("memory");
    }
    let pattern = format!("{{\"a\":{{{fields}\"z\":[2]}}}}");
    let pattern = Pattern::parse(&pattern).expect("a pattern");
    let mut element = String::new();
    for field in 0..24 {
        write!(element, "\"f{field}\":1,").expect("memory");
    }
    let array = format!("\"a\":[{}{{\"z\":1}}],", format!("{{{element}\"z\":1}},").repeat(4));
    let last = "\"a\":[{\"z\":2},{\"y\":1}]";
    // Every repeated key is another array, and every field can be bound in any of them.
    let event = format!("{{{}{last}}}", array.repeat(20));
    let answer = in_time(|| pattern.matches(&event));
    assert!(matches!(answer, Ok(true) | Err(EventError::TooManyCombinations { .. })), "{answer:?}");
}
