//! Any text as a pattern: refused with the service's code, or matched against a few events by
//! itself, as a set and explained, without a contradiction.

#![no_main]

use firedrill::pattern::{Pattern, RuleSet};
use libfuzzer_sys::fuzz_target;

const EVENTS: [&str; 4] = [
    r#"{}"#,
    r#"{"a":"foobar","b":[1,2.5,"x"],"c":null}"#,
    r#"{"source":"aws.ec2","detail":{"state":"running","ip":"10.0.0.1","n":-3e2,"a.b":true}}"#,
    r#"{"a":[{"b":1,"c":"\u00e9"},{"b":2,"c":[["A"],{"d":"*"}]}],"a":"2001:db8::1"}"#,
];

fuzz_target!(|text: &str| {
    let pattern = match Pattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(!error.message().is_empty());
            return;
        }
    };
    let mut rules = RuleSet::new();
    rules.add((), &pattern);
    for event in EVENTS {
        let alone = pattern.matches(event).expect("the event is JSON");
        let explanation = pattern.explain(event).expect("the event is JSON");
        assert_eq!(explanation.matched(), alone);
        assert_eq!(explanation.mismatches().is_empty(), alone);
        assert!(!explanation.to_string().is_empty());
        assert_eq!(rules.matching(event).expect("the event is JSON").is_empty(), !alone);
    }
});
