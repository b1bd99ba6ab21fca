//! The rules of the semantics, one case each, with where each comes from.
//!
//! Sources: `doc`, the user guide's pages on event patterns; `aws`, an answer captured from
//! `TestEventPattern` or `PutRule` in public fixtures; `ruler`, the behaviour of the open library
//! event-ruler that the service is built on. Invariant: a case is small enough to be read as the
//! rule that it stands for.

use firedrill::pattern::{Pattern, RuleSet};

/// Rule, pattern, event, answer, source.
type Case = (&'static str, &'static str, &'static str, bool, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Paths.
    ("dots in a pattern's key nest", r#"{"a.b":[1]}"#, r#"{"a":{"b":1}}"#, true, "aws"),
    ("dots in an event's key nest", r#"{"a":{"b":[1]}}"#, r#"{"a.b":1}"#, true, "aws"),
    ("keys have a case", r#"{"a":[1]}"#, r#"{"A":1}"#, false, "ruler"),
    ("keys are unescaped", r#"{"é":[1]}"#, r#"{"\u00e9":1}"#, true, "ruler"),
    ("the last of a pattern's duplicates counts", r#"{"a":[1],"a":[2]}"#, r#"{"a":1}"#, false, "aws"),
    ("also over dots", r#"{"a.b":[1],"a":{"b":[2]}}"#, r#"{"a":{"b":2}}"#, true, "aws"),
    ("every one of an event's duplicates counts", r#"{"a":[1]}"#, r#"{"a":1,"a":2}"#, true, "aws"),
    ("in any order", r#"{"a":[2]}"#, r#"{"a":1,"a":2}"#, true, "aws"),
    ("unknown fields do not matter", r#"{"a":[1]}"#, r#"{"z":{"a":2},"a":1}"#, true, "doc"),
    ("all fields must match", r#"{"a":[1],"b":[2]}"#, r#"{"a":1,"b":3}"#, false, "doc"),
    // Leaves and arrays.
    ("one value of an array is enough", r#"{"a":["x"]}"#, r#"{"a":["y","x"]}"#, true, "doc"),
    ("arrays are transparent at any depth", r#"{"a":["x"]}"#, r#"{"a":[["y",["x"]]]}"#, true, "aws"),
    ("objects are no leaves", r#"{"a":["x"]}"#, r#"{"a":{"b":"x"}}"#, false, "aws"),
    ("fields are of one element", r#"{"a":{"b":[1],"c":[3]}}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, false, "aws"),
    ("and may be of any one", r#"{"a":{"b":[2],"c":[3]}}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, true, "aws"),
    ("scalars of an array combine", r#"{"a":[1],"b":[2]}"#, r#"{"a":[0,1],"b":[2,3]}"#, true, "ruler"),
    ("inner arrays have elements of their own", r#"{"a":{"b":{"c":[1],"d":[2]}}}"#, r#"{"a":[{"b":[{"c":1},{"d":2}]}]}"#, false, "ruler"),
    ("fields outside an array combine with any element", r#"{"a":{"b":[2]},"z":[1]}"#, r#"{"a":[{"b":1},{"b":2}],"z":1}"#, true, "ruler"),
    // Exact values.
    ("texts are no numbers", r#"{"a":[1]}"#, r#"{"a":"1"}"#, false, "aws"),
    ("words are no texts", r#"{"a":[true]}"#, r#"{"a":"true"}"#, false, "aws"),
    ("null is a value", r#"{"a":[null]}"#, r#"{"a":null}"#, true, "doc"),
    ("nothing is not null", r#"{"a":[null]}"#, "{}", false, "doc"),
    ("the empty text is a value", r#"{"a":[""]}"#, r#"{"a":""}"#, true, "doc"),
    ("exactly is a plain text", r#"{"a":[{"exactly":"x"}]}"#, r#"{"a":"x"}"#, true, "aws"),
    ("addresses are equal in any spelling", r#"{"a":["10.0.0.1"]}"#, r#"{"a":"010.0.0.1"}"#, true, "aws"),
    ("of IPv6, too", r#"{"a":["2001:db8::1"]}"#, r#"{"a":"2001:DB8:0:0:0:0:0:1"}"#, true, "aws"),
    // Numbers.
    ("300 is 300.0", r#"{"a":[300]}"#, r#"{"a":300.0}"#, true, "aws"),
    ("300.0 is 3.0e2", r#"{"a":[300.0]}"#, r#"{"a":3.0e2}"#, true, "aws"),
    ("0 is -0.0", r#"{"a":[0]}"#, r#"{"a":-0.0}"#, true, "aws"),
    ("what no double holds is compared as text", r#"{"a":[9007199254740993]}"#, r#"{"a":9007199254740993}"#, true, "aws"),
    ("and not as a number", r#"{"a":[9007199254740993]}"#, r#"{"a":9007199254740992}"#, false, "aws"),
    ("an event's fraction passes through a double", r#"{"a":[1]}"#, r#"{"a":1.0000000000000001}"#, true, "aws"),
    ("so a long fraction never matches itself", r#"{"a":[0.1234567890123456789]}"#, r#"{"a":0.1234567890123456789}"#, false, "aws"),
    // Prefix, suffix, case.
    ("a prefix", r#"{"a":[{"prefix":"é"}]}"#, r#"{"a":"éa"}"#, true, "doc"),
    ("an empty prefix is any text", r#"{"a":[{"prefix":""}]}"#, r#"{"a":"x"}"#, true, "aws"),
    ("and no number", r#"{"a":[{"prefix":""}]}"#, r#"{"a":5}"#, false, "aws"),
    ("a prefix's quote may be the closing one", r#"{"a":[{"prefix":"x\""}]}"#, r#"{"a":"x"}"#, true, "ruler"),
    ("a suffix", r#"{"a":[{"suffix":".png"}]}"#, r#"{"a":"x.png"}"#, true, "doc"),
    ("a suffix's quote may be the opening one", r#"{"a":[{"suffix":"\"x"}]}"#, r#"{"a":"x"}"#, true, "ruler"),
    ("a prefix in any case", r#"{"a":[{"prefix":{"equals-ignore-case":"Ab"}}]}"#, r#"{"a":"aBc"}"#, true, "doc"),
    ("a suffix in any case", r#"{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}"#, r#"{"a":"x.png"}"#, true, "doc"),
    ("equal in any case", r#"{"a":[{"equals-ignore-case":"É"}]}"#, r#"{"a":"é"}"#, true, "aws"),
    ("sharp s in upper case is two letters", r#"{"a":[{"equals-ignore-case":"straße"}]}"#, r#"{"a":"STRASSE"}"#, true, "aws"),
    ("a surrogate pair is two question marks", r#"{"a":[{"equals-ignore-case":"😀"}]}"#, r#"{"a":"??"}"#, true, "aws"),
    ("and not itself", r#"{"a":[{"equals-ignore-case":"😀"}]}"#, r#"{"a":"😀"}"#, false, "aws"),
    // Wildcards.
    ("a star is any run", r#"{"a":[{"wildcard":"a*c"}]}"#, r#"{"a":"abbc"}"#, true, "doc"),
    ("also an empty one", r#"{"a":[{"wildcard":"a*c"}]}"#, r#"{"a":"ac"}"#, true, "doc"),
    ("parts do not overlap", r#"{"a":[{"wildcard":"a*a"}]}"#, r#"{"a":"a"}"#, false, "ruler"),
    ("an escaped star is a star", r#"{"a":[{"wildcard":"a\\*b"}]}"#, r#"{"a":"a*b"}"#, true, "doc"),
    ("a question mark is itself", r#"{"a":[{"wildcard":"a?c"}]}"#, r#"{"a":"abc"}"#, false, "aws"),
    ("a star alone is any text", r#"{"a":[{"wildcard":"*"}]}"#, r#"{"a":""}"#, true, "aws"),
    ("and not null", r#"{"a":[{"wildcard":"*"}]}"#, r#"{"a":null}"#, false, "aws"),
    // Anything but.
    ("anything but a text", r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":"y"}"#, true, "doc"),
    ("also null", r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":null}"#, true, "aws"),
    ("but not nothing", r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":[]}"#, false, "aws"),
    ("one other value is enough", r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":["x","y"]}"#, true, "aws"),
    ("numbers by value", r#"{"a":[{"anything-but":[1,2]}]}"#, r#"{"a":1.0}"#, false, "aws"),
    ("texts are other than numbers", r#"{"a":[{"anything-but":[1,2]}]}"#, r#"{"a":"1"}"#, true, "aws"),
    ("anything but a prefix", r#"{"a":[{"anything-but":{"prefix":["x","y"]}}]}"#, r#"{"a":"yz"}"#, false, "doc"),
    ("anything but a suffix", r#"{"a":[{"anything-but":{"suffix":".png"}}]}"#, r#"{"a":"a.jpg"}"#, true, "doc"),
    ("anything but a text in any case", r#"{"a":[{"anything-but":{"equals-ignore-case":["A","B"]}}]}"#, r#"{"a":"b"}"#, false, "doc"),
    ("anything but a wildcard", r#"{"a":[{"anything-but":{"wildcard":"*x*"}}]}"#, r#"{"a":"axb"}"#, false, "doc"),
    // Numeric.
    ("a range", r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"a":5.0}"#, true, "doc"),
    ("its open bound is outside", r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"a":0}"#, false, "doc"),
    ("no text is a number", r#"{"a":[{"numeric":["=",5]}]}"#, r#"{"a":"5"}"#, false, "aws"),
    ("no limit of five billion", r#"{"a":[{"numeric":[">",5000000000]}]}"#, r#"{"a":5000000001}"#, true, "aws"),
    // Exists.
    ("null exists", r#"{"a":[{"exists":true}]}"#, r#"{"a":null}"#, true, "aws"),
    ("an object does not", r#"{"a":[{"exists":true}]}"#, r#"{"a":{"b":1}}"#, false, "doc"),
    ("nor an empty array", r#"{"a":[{"exists":false}]}"#, r#"{"a":[]}"#, true, "aws"),
    ("what is in another element is absent", r#"{"a":{"b":[1],"c":[{"exists":false}]}}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, true, "aws"),
    ("unless it is looked for first", r#"{"a":{"b":[{"exists":false}],"c":[1]}}"#, r#"{"a":[{"c":1},{"c":2,"b":3}]}"#, false, "aws"),
    ("absent or a value", r#"{"a":[{"exists":false},"x"]}"#, r#"{"a":"x"}"#, true, "doc"),
    // Addresses.
    ("a block", r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#, r#"{"a":"10.0.0.255"}"#, true, "doc"),
    ("host bits do not matter", r#"{"a":[{"cidr":"10.0.0.7/24"}]}"#, r#"{"a":"10.0.0.0"}"#, true, "aws"),
    ("a block of IPv6", r#"{"a":[{"cidr":"2001:db8::/32"}]}"#, r#"{"a":"2001:0DB8::5"}"#, true, "doc"),
    ("a block matches the other family's digits", r#"{"a":[{"cidr":"10.0.0.0/8"}]}"#, r#"{"a":"a00:1::"}"#, true, "aws"),
    ("unless the field also compares numbers", r#"{"a":[{"cidr":"0.0.0.0/0"},7]}"#, r#"{"a":5}"#, false, "ruler"),
    ("in any alternative that shares the field", r#"{"$or":[{"a":[{"cidr":"0.0.0.0/0"}]},{"a":[7]}]}"#, r#"{"a":5}"#, false, "ruler"),
    ("the block of everything matches numbers", r#"{"a":[{"cidr":"0.0.0.0/0"}]}"#, r#"{"a":5}"#, true, "aws"),
    // Alternatives.
    ("one branch is enough", r#"{"$or":[{"a":[1]},{"b":[2]}]}"#, r#"{"b":2}"#, true, "doc"),
    ("together with the rest", r#"{"$or":[{"a":[1]},{"b":[2]}],"c":[3]}"#, r#"{"b":2}"#, false, "doc"),
    ("a field after overrides the branches", r#"{"$or":[{"a":[1]},{"a":[2]}],"a":[3]}"#, r#"{"a":3}"#, true, "aws"),
    ("a branch overrides a field before", r#"{"a":[3],"$or":[{"a":[1]},{"b":[2]}]}"#, r#"{"a":1}"#, true, "aws"),
    ("branches at any depth", r#"{"d":{"$or":[{"a":[1]},{"$or":[{"b":[2]},{"c":[3]}]}]}}"#, r#"{"d":{"c":3}}"#, true, "doc"),
    // A library quirk that is the service's.
    ("shared states accept more than they say", r#"{"b":[{"wildcard":"*a"},{"equals-ignore-case":"A"}]}"#, r#"{"b":"foobar"}"#, true, "ruler"),
];

/// Pattern, the message's reason, the position.
type Refusal = (&'static str, &'static str, Option<(usize, usize)>);

#[rustfmt::skip]
const REFUSALS: &[Refusal] = &[
    ("{}", "Empty objects are not allowed", Some((1, 3))),
    ("[]", "Filter is not an object", Some((1, 2))),
    (r#"{"a":[]}"#, "Empty arrays are not allowed", Some((1, 8))),
    ("{\n\"a\":\"x\"}", "\"a\" must be an object or an array", Some((2, 6))),
    (r#"{"a":[{"foo":1}]}"#, "Unrecognized match type foo", Some((1, 15))),
    (r#"{"a":[[1]]}"#, "Match value must be String, number, true, false, or null", Some((1, 8))),
    (r#"{"a":[{"numeric":["<",5,">",0]}]}"#, "Too many elements in numeric expression", Some((1, 26))),
    (r#"{"a":[{"cidr":"10.0.0.0/32"}]}"#, "IPv4 mask bits must be < 32", None),
    (r#"{"a":[{"anything-but":1e309}]}"#, "Cannot compare number : 1e309", None),
    (r#"{"a":[{"wildcard":"a**b"}]}"#, "Consecutive wildcard characters at pos 2", Some((1, 25))),
    (r#"{"$or":[{"a":[1]}]}"#, "There must have at least 2 Objects in $or relationship.", Some((1, 19))),
    (r#"{"a":[{"wildcard":"*a*a*a*a*a*a*"}]}"#, "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character", None),
    ("{\"a\":[\"x\ty\"]}", "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in string value", Some((1, 9))),
    (r#"{"a":[1]"#, "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"a\":[1]\"; line: 1, column: 1])", Some((1, 9))),
];

#[test]
fn every_rule_of_the_semantics_holds() {
    for (rule, pattern, event, expected, source) in CASES {
        let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let context = format!("{rule} ({source}): {pattern} {event}");
        let explanation = parsed.explain(event).expect("the event is JSON");
        assert_eq!(parsed.matches(event), Ok(*expected), "{context}");
        assert_eq!(explanation.matched(), *expected, "{context}");
        let mut rules = RuleSet::new();
        rules.add("rule", &parsed);
        let found = rules.matching(event).expect("the event is JSON");
        assert_eq!(found.len(), usize::from(*expected), "{context}");
    }
}

#[test]
fn a_refusal_says_what_and_where() {
    for (pattern, reason, position) in REFUSALS {
        let error = Pattern::parse(pattern).expect_err(pattern);
        assert_eq!(error.code(), "InvalidEventPatternException");
        let message = format!("Event pattern is not valid. Reason: {reason}");
        assert!(error.message().starts_with(&message), "{pattern}: {}", error.message());
        let found = error.position().map(|position| (position.line, position.column));
        assert_eq!(found, *position, "{pattern}: {}", error.message());
    }
}

#[test]
fn the_services_own_failures_keep_their_code() {
    let broken = [
        r#"{"a":[{"anything-but":{"prefix":[]}}]}"#,
        r#"{"a":[{"numeric":[">",1.7976931348623157e308]}]}"#,
    ];
    for pattern in broken {
        assert_eq!(Pattern::parse(pattern).expect_err(pattern).code(), "InternalFailure");
    }
}

#[test]
fn an_explanation_names_the_field_the_value_and_the_condition() {
    let table = [
        (
            r#"{"source":["aws.ec2"],"detail":{"state":[{"prefix":"stop"}]}}"#,
            r#"{"source":"aws.s3","detail":{"state":"stopped"}}"#,
            r#"no match: source: "aws.s3" is not "aws.ec2""#,
        ),
        (
            r#"{"a":[{"numeric":[">",5]},null]}"#,
            r#"{"b":1}"#,
            r#"no match: a: no value is there, {"numeric":[">",5]} or null is wanted"#,
        ),
        (
            r#"{"a":[{"exists":false}]}"#,
            r#"{"a":[1,2]}"#,
            "no match: a: must not exist, but is 1, 2",
        ),
        (
            r#"{"a":{"b":[1],"c":[3]}}"#,
            r#"{"a":[{"b":1},{"c":3}]}"#,
            "no match: a.c: 3 is not met in the array element that meets the fields before it \
             (values: 3)",
        ),
        (
            r#"{"$or":[{"a":[1],"b":[1]},{"c":[{"anything-but":["x","y"]}]}]}"#,
            r#"{"c":"x"}"#,
            r#"no match: closest of 2 alternatives: c: "x" is not {"anything-but":["x","y"]}"#,
        ),
        (r#"{"a":[1]}"#, r#"{"a":1}"#, "match"),
    ];
    for (pattern, event, expected) in table {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let explanation = pattern.explain(event).expect("the event is JSON");
        assert_eq!(explanation.to_string(), expected);
    }
}
