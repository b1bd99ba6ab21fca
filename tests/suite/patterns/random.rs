//! Random patterns and events: one by one, as a set, explained, and by the plain evaluator.
//!
//! Invariant: every case is reproducible from its seed, which a failure prints.
//! `FIREDRILL_RANDOM_CASES` sets how many patterns are tried (some without it).

use fastrand::Rng;
use firedrill::pattern::{Pattern, RuleSet};

use super::reference::{Condition, Event, Part, PatternTree};

const KEYS: [&str; 7] = ["a", "b", "c", "a.b", "b.c", "detail", "a-long-key"];
const TEXTS: [&str; 24] = [
    "",
    "a",
    "b",
    "ab",
    "aB",
    "AB",
    "abc",
    "abcd",
    "bca",
    "foo.bar",
    "FOO",
    "*",
    "a*b",
    "\\",
    "\"",
    "q\"",
    "10.0.0.1",
    "10.0.0.9",
    "10.0.1.0",
    "255.255.255.255",
    "2001:db8::1",
    "a00:1::",
    "é",
    "long-text-1",
];
const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "1",
    "1.0",
    "1e0",
    "5",
    "15",
    "-5",
    "300",
    "3.0e2",
    "0.1",
    "9007199254740993",
    "9007199254740992",
    "1.0000000000000001",
    "-122.422003528252475",
    "1e309",
];
const BOUNDS: [&str; 7] = ["-5", "0", "0.1", "1", "5", "300", "1e3"];
const BLOCKS: [&str; 7] =
    ["10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "16.0.0.0/4", "::/0", "2001:db8::/32", "a00::/16"];
const WORDS: [&str; 3] = ["true", "false", "null"];

fn one<T: Copy>(rng: &mut Rng, list: &[T]) -> T {
    list[rng.usize(..list.len())]
}

fn text(rng: &mut Rng) -> String {
    let mut text = one(rng, &TEXTS).to_owned();
    if rng.u8(..4) == 0 {
        text.push_str(one(rng, &TEXTS));
    }
    text
}

fn event(rng: &mut Rng, depth: u32) -> Event {
    match rng.u8(..if depth == 0 { 6 } else { 12 }) {
        0..=2 => Event::Text(text(rng)),
        3 | 4 => Event::Number(one(rng, &NUMBERS)),
        5 => Event::Word(one(rng, &WORDS)),
        6 | 7 => {
            let count = rng.usize(..4);
            Event::Array((0..count).map(|_| event(rng, depth - 1)).collect())
        }
        _ => object(rng, depth - 1),
    }
}

fn object(rng: &mut Rng, depth: u32) -> Event {
    let count = rng.usize(..6);
    let member = |rng: &mut Rng| (one(rng, &KEYS).to_owned(), event(rng, depth));
    Event::Object((0..count).map(|_| member(rng)).collect())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

fn print(event: &Event, rng: &mut Rng) -> String {
    let gap = if rng.u8(..8) == 0 { " \n" } else { "" };
    match event {
        Event::Text(text) if rng.u8(..6) == 0 => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            format!("\"{}\"", units.collect::<String>())
        }
        Event::Text(text) => quoted(text),
        Event::Number(text) | Event::Word(text) => (*text).to_owned(),
        Event::Array(members) => {
            let members: Vec<String> = members.iter().map(|one| print(one, rng)).collect();
            format!("[{gap}{}{gap}]", members.join(","))
        }
        Event::Object(members) => {
            let member = |(key, value): &(String, Event)| {
                format!("{}{gap}:{gap}{}", quoted(key), print(value, rng))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{gap}{}{gap}}}", members.join(&format!("{gap},")))
        }
    }
}

/// Which operators a pattern uses: wildcards and ignored case are not mixed, because the service
/// then accepts more than the conditions say, and address blocks and numbers are not, because
/// alternatives then share how a field's numbers are read.
#[derive(Clone, Copy)]
struct Style {
    wild: bool,
    numbers: bool,
}

fn star(rng: &mut Rng) -> String {
    let count = 1 + rng.usize(..3);
    let mut pattern = String::new();
    for _ in 0..count {
        let part = one(rng, &["a", "b", "ab", "c", "foo", "\\*", "\\\\", ".", "é", "1"]);
        pattern.push_str(part);
        if rng.bool() && !pattern.ends_with('*') {
            pattern.push('*');
        }
    }
    if rng.u8(..3) == 0 { format!("*{pattern}") } else { pattern }
}

fn filled(rng: &mut Rng) -> String {
    loop {
        let text = text(rng);
        if !text.is_empty() {
            return text;
        }
    }
}

fn ascii(rng: &mut Rng) -> String {
    one(rng, &["", "a", "AB", "aBc", "foo", "É.", "10.0"]).replace('É', "x")
}

fn condition(rng: &mut Rng, style: Style) -> Condition {
    match rng.u8(..16) {
        0..=2 | 10 => Condition::Text(text(rng)),
        3 if style.numbers => Condition::Number(one(rng, &NUMBERS)),
        4 => Condition::Word(one(rng, &WORDS)),
        5 => Condition::Prefix(text(rng)),
        6 => Condition::Suffix(text(rng)),
        7 | 8 if style.wild => Condition::Wildcard(star(rng)),
        7 => Condition::Folded(ascii(rng)),
        8 if rng.bool() => Condition::PrefixFolded(ascii(rng)),
        8 => Condition::SuffixFolded(ascii(rng)),
        9 if style.numbers => numeric(rng),
        3 | 9 | 13 if !style.numbers => Condition::Cidr(one(rng, &BLOCKS)),
        11 | 12 => Condition::Exists(rng.bool()),
        13 => {
            let count = 1 + rng.usize(..3);
            Condition::NotNumbers((0..count).map(|_| one(rng, &BOUNDS)).collect())
        }
        _ => {
            let count = 1 + rng.usize(..3);
            let operators: &[&'static str] = if style.wild {
                &["", "prefix", "suffix", "wildcard"]
            } else {
                &["", "prefix", "suffix", "equals-ignore-case"]
            };
            let operator = one(rng, operators);
            let member = |rng: &mut Rng| match operator {
                "wildcard" => star(rng),
                "equals-ignore-case" => ascii(rng),
                _ => filled(rng),
            };
            Condition::Not(operator, (0..count).map(|_| member(rng)).collect())
        }
    }
}

fn numeric(rng: &mut Rng) -> Condition {
    let low = rng.usize(..BOUNDS.len() - 1);
    let high = low + 1 + rng.usize(..BOUNDS.len() - low - 1);
    let (over, under) = (one(rng, &[">", ">="]), one(rng, &["<", "<="]));
    Condition::Numeric(match rng.u8(..4) {
        0 => vec![("=", BOUNDS[low])],
        1 => vec![(over, BOUNDS[low])],
        2 => vec![(under, BOUNDS[high])],
        _ => vec![(over, BOUNDS[low]), (under, BOUNDS[high])],
    })
}

fn pattern(rng: &mut Rng, depth: u32, style: Style) -> PatternTree {
    let count = 1 + rng.usize(..3);
    let part = |rng: &mut Rng| {
        let key = one(rng, &KEYS).to_owned();
        match rng.u8(..8) {
            0..=2 if depth > 0 => (key, Part::Nested(pattern(rng, depth - 1, style))),
            3 if depth > 0 => {
                let branches = 2 + rng.usize(..2);
                let branches = (0..branches).map(|_| pattern(rng, depth - 1, style)).collect();
                ("$or".to_owned(), Part::Or(branches))
            }
            _ => {
                let count = 1 + rng.usize(..3);
                let conditions = (0..count).map(|_| condition(rng, style)).collect();
                (key, Part::Conditions(conditions))
            }
        }
    };
    PatternTree((0..count).map(|_| part(rng)).collect())
}

fn spelled(condition: &Condition) -> String {
    let list = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(",")) }
    };
    let folded = |text: &str| format!("{{\"equals-ignore-case\":{}}}", quoted(text));
    match condition {
        Condition::Text(text) => quoted(text),
        Condition::Number(text) | Condition::Word(text) => (*text).to_owned(),
        Condition::Prefix(text) => format!("{{\"prefix\":{}}}", quoted(text)),
        Condition::Suffix(text) => format!("{{\"suffix\":{}}}", quoted(text)),
        Condition::Folded(text) => folded(text),
        Condition::PrefixFolded(text) => format!("{{\"prefix\":{}}}", folded(text)),
        Condition::SuffixFolded(text) => format!("{{\"suffix\":{}}}", folded(text)),
        Condition::Wildcard(text) => format!("{{\"wildcard\":{}}}", quoted(text)),
        Condition::Cidr(text) => format!("{{\"cidr\":{}}}", quoted(text)),
        Condition::Exists(wanted) => format!("{{\"exists\":{wanted}}}"),
        Condition::Numeric(bounds) => {
            let bounds: Vec<String> =
                bounds.iter().map(|(operator, bound)| format!("\"{operator}\",{bound}")).collect();
            format!("{{\"numeric\":[{}]}}", bounds.join(","))
        }
        Condition::Not("", texts) => format!("{{\"anything-but\":{}}}", list(texts)),
        Condition::Not(operator, texts) => {
            format!("{{\"anything-but\":{{\"{operator}\":{}}}}}", list(texts))
        }
        Condition::NotNumbers(numbers) => {
            format!("{{\"anything-but\":[{}]}}", numbers.join(","))
        }
    }
}

fn write(tree: &PatternTree) -> String {
    let part = |(key, part): &(String, Part)| {
        let value = match part {
            Part::Nested(tree) => write(tree),
            Part::Or(branches) => {
                format!("[{}]", branches.iter().map(write).collect::<Vec<_>>().join(","))
            }
            Part::Conditions(conditions) => {
                format!("[{}]", conditions.iter().map(spelled).collect::<Vec<_>>().join(","))
            }
        };
        format!("{}:{value}", quoted(key))
    };
    format!("{{{}}}", tree.0.iter().map(part).collect::<Vec<_>>().join(","))
}

fn cases() -> u64 {
    let cases = std::env::var("FIREDRILL_RANDOM_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(1_500)
}

/// A pattern that the service accepts, with its tree.
fn accepted(rng: &mut Rng) -> (PatternTree, Pattern) {
    loop {
        let style = Style { wild: rng.bool(), numbers: rng.bool() };
        let tree = pattern(rng, 2, style);
        match Pattern::parse(&write(&tree)) {
            Ok(pattern) => return (tree, pattern),
            Err(error) => {
                let complex = error.message().contains("Rule is too complex");
                assert!(complex, "{error}\n{}", write(&tree));
            }
        }
    }
}

#[test]
fn sets_single_patterns_and_the_plain_evaluator_agree() {
    const RULES: u64 = 20;
    const EVENTS: usize = 12;
    for seed in 0..cases() / RULES {
        let mut rng = Rng::with_seed(seed);
        let rules: Vec<(PatternTree, Pattern)> = (0..RULES).map(|_| accepted(&mut rng)).collect();
        let mut set = RuleSet::new();
        for (id, (_, pattern)) in rules.iter().enumerate() {
            set.add(id, pattern);
        }
        for _ in 0..EVENTS {
            let tree = object(&mut rng, 3);
            let event = print(&tree, &mut rng);
            let of_set = set.matching(&event).expect("the event is an object");
            for (id, (pattern_tree, pattern)) in rules.iter().enumerate() {
                let context = || format!("seed {seed}: {}\n{event}", pattern.source());
                let alone = pattern.matches(&event).expect("the event is an object");
                assert_eq!(alone, pattern_tree.matches(&tree), "reference, {}", context());
                assert_eq!(alone, of_set.contains(&id), "set, {}", context());
                let why = pattern.explain(&event).expect("the event is an object");
                assert_eq!(alone, why.matched(), "explanation, {}", context());
                assert_eq!(alone, why.mismatches().is_empty(), "{why}, {}", context());
            }
        }
    }
}

#[test]
fn a_set_that_changes_stays_exact() {
    for seed in 0..cases() / 40 {
        let mut rng = Rng::with_seed(seed);
        let rules: Vec<(PatternTree, Pattern)> = (0..30).map(|_| accepted(&mut rng)).collect();
        let mut set = RuleSet::new();
        let mut present = std::collections::BTreeMap::new();
        for step in 0..60 {
            let id = rng.usize(..25);
            if rng.u8(..3) == 0 {
                assert_eq!(set.remove(&id), present.remove(&id).is_some());
            } else {
                let pattern = &rules[rng.usize(..rules.len())].1;
                set.add(id, pattern);
                present.insert(id, pattern.clone());
            }
            assert_eq!(set.len(), present.len());
            let event = print(&object(&mut rng, 3), &mut rng);
            let alone = |pattern: &Pattern| pattern.matches(&event).expect("an object");
            let expected: Vec<usize> =
                present.iter().filter(|(_, one)| alone(one)).map(|(id, _)| *id).collect();
            let found = set.clone().matching(&event).expect("an object");
            assert_eq!(found, expected, "seed {seed}, step {step}: {event}");
            if step % 3 == 0 {
                assert_eq!(set.matching(&event).expect("an object"), expected);
            }
        }
    }
}
