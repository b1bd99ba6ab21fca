//! Any text as an event, against rules of every kind: an error, or the same answer from the set and
//! from each rule alone. What a rule alone accepts as JSON, the standard parser accepts, too.

#![no_main]

use std::sync::LazyLock;

use firedrill::pattern::{Pattern, RuleSet};
use libfuzzer_sys::fuzz_target;

const RULES: [&str; 12] = [
    r#"{"a":["x",1,true,null]}"#,
    r#"{"a":{"b":[{"prefix":"x"}],"c":[{"suffix":"y"}]}}"#,
    r#"{"a.b":[{"equals-ignore-case":"Ab"},{"anything-but":{"prefix":"q"}}]}"#,
    r#"{"b":[{"numeric":[">",0,"<=",5]}]}"#,
    r#"{"b":[{"cidr":"10.0.0.0/8"},"::1"]}"#,
    r#"{"b":[{"wildcard":"*a*b"}]}"#,
    r#"{"a":[{"exists":false}],"b":[{"exists":true}]}"#,
    r#"{"$or":[{"a":[2]},{"c":{"d":[{"anything-but":[1,2]}]}}]}"#,
    r#"{"c":{"d":[{"prefix":{"equals-ignore-case":"É"}}],"e":[{"exists":false}]}}"#,
    r#"{"c":[{"anything-but":{"wildcard":"x*"}}]}"#,
    r#"{"":[0]}"#,
    r#"{"a":{"b":{"c":[9007199254740993]}}}"#,
];

static SET: LazyLock<(Vec<Pattern>, RuleSet<usize>)> = LazyLock::new(|| {
    let rules: Vec<Pattern> =
        RULES.iter().map(|rule| Pattern::parse(rule).expect("a pattern")).collect();
    let mut set = RuleSet::new();
    for (id, rule) in rules.iter().enumerate() {
        set.add(id, rule);
    }
    (rules, set)
});

fuzz_target!(|event: &str| {
    let (rules, set) = &*SET;
    let of_set = set.matching(event);
    for (id, rule) in rules.iter().enumerate() {
        let Ok(alone) = rule.matches(event) else {
            // A set looks less closely at what no rule wants, and may answer.
            continue;
        };
        let of_set = of_set.as_ref().expect("a set reads what a rule reads");
        assert_eq!(of_set.contains(&id), alone, "{}", rule.source());
        assert_eq!(rule.explain(event).expect("it was read before").matched(), alone);
    }
});
