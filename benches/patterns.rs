//! How many events a second one core answers, text in and rule ids out.
//!
//! Run with `cargo bench --bench patterns`. Every figure is the best of several passes over a
//! generated data set. Invariant: data and rules come from fixed seeds, so that two runs differ only
//! in time.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fastrand::Rng;
use firedrill::pattern::{Pattern, RuleSet};

/// How many records of each size the families are run over.
const RECORDS: usize = 200_000;
/// How many records are kept in memory and run over repeatedly.
const KEPT: usize = 20_000;
const PASSES: usize = 3;

const STREETS: [&str; 16] = [
    "JEFFERSON",
    "BEACH",
    "HYDE",
    "CHESTNUT",
    "FULTON",
    "MASON",
    "ACTON",
    "BLAKE",
    "DRUMM",
    "RHINE",
    "FUNSTON",
    "SANTIAGO",
    "SPRING",
    "UNKNOWN",
    "INGERSON",
    "19TH",
];
const TYPES: [&str; 6] = ["ST", "AVE", "BLVD", "WAY", "TER", "CT"];

/// A record like those of the city lots data set, with `points` corners.
fn record(rng: &mut Rng, points: usize) -> String {
    let street = STREETS[rng.usize(..STREETS.len())];
    let kind = TYPES[rng.usize(..TYPES.len())];
    let block = rng.u32(1..4500);
    let lot = rng.u32(1..300);
    let from = rng.u32(1..2000);
    let mut text = format!(
        "{{\"type\":\"Feature\",\"properties\":{{\"MAPBLKLOT\":\"{block:04}{lot:03}\",\
         \"BLKLOT\":\"{block:04}{lot:03}\",\"BLOCK_NUM\":\"{block:04}\",\"LOT_NUM\":\"{lot:03}\",\
         \"FROM_ST\":\"{from}\",\"TO_ST\":\"{from}\",\"STREET\":\"{street}\",\
         \"ST_TYPE\":\"{kind}\",\"ODD_EVEN\":\"{}\"}},\"geometry\":{{\"type\":\"Polygon\",",
        if from.is_multiple_of(2) { "E" } else { "O" },
    );
    let mut point = |text: &mut String| {
        let x = f64::from(rng.u32(..1_000_000)) / 1e7 - 122.5;
        let y = f64::from(rng.u32(..1_000_000)) / 1e7 + 37.7;
        write!(text, "{{\"x\":{x:.13},\"y\":{y:.13},\"z\":{}.0}}", rng.u8(..3)).expect("memory");
    };
    text.push_str("\"firstCoordinates\":");
    point(&mut text);
    text.push_str(",\"coordinates\":[");
    for corner in 0..points {
        if corner > 0 {
            text.push(',');
        }
        point(&mut text);
    }
    text.push_str("]}}");
    text
}

/// The families: name and five rules.
fn families() -> Vec<(&'static str, Vec<String>)> {
    let mut families = text_families();
    families.extend(structured_families());
    families
}

fn property(key: &str, list: [&str; 5]) -> Vec<String> {
    let rule = |one: &str| format!("{{\"properties\":{{\"{key}\":[{one}]}}}}");
    list.into_iter().map(rule).collect()
}

fn text_families() -> Vec<(&'static str, Vec<String>)> {
    vec![
        (
            "exact",
            property(
                "MAPBLKLOT",
                ["\"1430022\"", "\"2607117\"", "\"2607218\"", "\"3745012\"", "\"VACSTWIL\""],
            ),
        ),
        (
            "wildcard",
            property(
                "MAPBLKLOT",
                [
                    "{\"wildcard\":\"143*\"}",
                    "{\"wildcard\":\"2*0*1*7\"}",
                    "{\"wildcard\":\"*218\"}",
                    "{\"wildcard\":\"3*5*2\"}",
                    "{\"wildcard\":\"VA*IL\"}",
                ],
            ),
        ),
        ("prefix", affixes("prefix", ["AC", "BL", "DR", "FU", "RH"], false)),
        ("prefix, any case", affixes("prefix", ["ac", "Bl", "dR", "Fu", "rH"], true)),
        ("suffix", affixes("suffix", ["ON", "KE", "MM", "ING", "GO"], false)),
        ("suffix, any case", affixes("suffix", ["on", "Ke", "mM", "InG", "gO"], true)),
        (
            "equals, any case",
            property(
                "STREET",
                [
                    "{\"equals-ignore-case\":\"jefferson\"}",
                    "{\"equals-ignore-case\":\"bEaCh\"}",
                    "{\"equals-ignore-case\":\"HyDe\"}",
                    "{\"equals-ignore-case\":\"CHESTNUT\"}",
                    "{\"equals-ignore-case\":\"st_type\"}",
                ],
            ),
        ),
        ("anything-but", negations("", "[\"FULTON\"]")),
        ("anything-but, any case", negations("equals-ignore-case", "[\"Fulton\"]")),
        ("anything-but prefix", negations("prefix", "\"FU\"")),
        ("anything-but suffix", negations("suffix", "\"ON\"")),
        ("anything-but wildcard", negations("wildcard", "\"F*ON\"")),
    ]
}

fn structured_families() -> Vec<(&'static str, Vec<String>)> {
    let first = |axis: &str, one: &str| {
        format!(
            "{{\"geometry\":{{\"type\":[\"Polygon\"],\"firstCoordinates\":{{\"{axis}\":[{one}]}}}}}}"
        )
    };
    let arrays = |fields: &str| format!("{{\"geometry\":{{\"coordinates\":{{{fields}}}}}}}");
    vec![
        (
            "numeric",
            vec![
                first("x", "{\"numeric\":[\"=\",-122.4291636092235]}"),
                first("z", "{\"numeric\":[\"=\",1]}"),
                first("y", "{\"numeric\":[\">=\",37.7,\"<\",37.71]}"),
                first("x", "{\"numeric\":[\"<\",-122.49]}"),
                first("y", "{\"numeric\":[\">\",37.79]}"),
            ],
        ),
        (
            "arrays of objects",
            vec![
                arrays("\"x\":[{\"numeric\":[\"=\",-122.4291636092235]}],\"z\":[0]"),
                arrays(
                    "\"x\":[{\"numeric\":[\"<\",-122.495]}],\"y\":[{\"numeric\":[\">\",37.78]}]",
                ),
                arrays("\"y\":[{\"numeric\":[\">\",37.795]}],\"z\":[1]"),
                arrays("\"x\":[{\"numeric\":[\">\",-122.405,\"<\",-122.401]}],\"z\":[2]"),
                arrays("\"x\":[{\"exists\":true}],\"z\":[17,18,19]"),
            ],
        ),
    ]
}

fn affixes(operator: &str, texts: [&str; 5], fold: bool) -> Vec<String> {
    let spelled = texts.map(|text| {
        if fold {
            format!("{{\"{operator}\":{{\"equals-ignore-case\":\"{text}\"}}}}")
        } else {
            format!("{{\"{operator}\":\"{text}\"}}")
        }
    });
    property("STREET", spelled.each_ref().map(String::as_str))
}

fn negations(operator: &str, first: &str) -> Vec<String> {
    let wrap = |value: &str| {
        if operator.is_empty() {
            format!("{{\"anything-but\":{value}}}")
        } else {
            format!("{{\"anything-but\":{{\"{operator}\":{value}}}}}")
        }
    };
    let texts = [first, "\"MASON\"", "\"19TH\"", "[\"UNKNOWN\",\"SPRING\"]", "\"B\""].map(wrap);
    property("STREET", texts.each_ref().map(String::as_str))
}

fn set(rules: &[String]) -> RuleSet<u32> {
    let mut set = RuleSet::new();
    for (id, rule) in (0..).zip(rules) {
        set.add(id, &Pattern::parse(rule).unwrap_or_else(|error| panic!("{error}\n{rule}")));
    }
    set
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// The time that this thread has spent on a core, where the system tells; otherwise the time that
/// has passed. It keeps the figures steady on a busy machine.
fn busy(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// The best of several passes, in thousand events a second, and the matches of one pass.
fn rate(mut answer: impl FnMut(&str) -> usize, events: &[String], rounds: usize) -> (f64, usize) {
    let mut best = Duration::MAX;
    let mut matches = 0;
    let since = now();
    for _ in 0..PASSES {
        let start = busy(since);
        matches = 0;
        for _ in 0..rounds {
            for event in events {
                matches += black_box(answer(black_box(event)));
            }
        }
        best = best.min(busy(since).saturating_sub(start));
    }
    let count = u32::try_from(events.len() * rounds).expect("few events");
    (f64::from(count) / best.as_secs_f64() / 1e3, matches)
}

/// The resident memory of the process in MB, where the system tells.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    size.unwrap_or(f64::NAN) / 1024.0
}

/// How many rules of a set match an event.
fn answers(set: &RuleSet<u32>) -> impl FnMut(&str) -> usize {
    |event| set.matching(event).expect("JSON").len()
}

fn run_families(points: usize) {
    let mut rng = Rng::with_seed(1);
    let records: Vec<String> = (0..KEPT).map(|_| record(&mut rng, points)).collect();
    let size = records.iter().map(String::len).sum::<usize>() / records.len();
    println!("records of {size} bytes, {RECORDS} a pass      thousand/s   matches");
    let parse = |event: &str| {
        let value: serde_json::Value = serde_json::from_str(event).expect("JSON");
        usize::from(value.is_null())
    };
    let (parsed, _) = rate(parse, &records, 1);
    println!("  {:<36}{parsed:>12.0}", "(serde_json::Value alone)");
    let mut all = Vec::new();
    for (name, rules) in families() {
        let (rate, matches) = rate(answers(&set(&rules)), &records, RECORDS / KEPT);
        println!("  {name:<36}{rate:>12.0}{matches:>10}");
        all.extend(rules);
    }
    let rules = all.len();
    let (rate, matches) = rate(answers(&set(&all)), &records, RECORDS / KEPT);
    println!("  {:<36}{rate:>12.0}{matches:>10}", format!("all of them ({rules} rules)"));
}

const SERVICES: [&str; 20] = [
    "ec2",
    "s3",
    "rds",
    "ecs",
    "eks",
    "lambda",
    "health",
    "guardduty",
    "autoscaling",
    "codedeploy",
    "cloudformation",
    "ssm",
    "sns",
    "sqs",
    "iam",
    "kms",
    "glue",
    "athena",
    "batch",
    "config",
];
const STATES: [&str; 12] = [
    "pending",
    "running",
    "stopping",
    "stopped",
    "terminated",
    "FAILED",
    "SUCCEEDED",
    "ALARM",
    "OK",
    "INSUFFICIENT_DATA",
    "ROLLBACK",
    "IN_PROGRESS",
];
const WORDS: [&str; 24] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
    "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
    "uniform", "victor", "whiskey", "xray",
];
const ENDS: [&str; 8] = ["log", "json", "csv", "gz", "parquet", "txt", "xml", "bin"];

fn pick<'t>(rng: &mut Rng, list: &[&'t str]) -> &'t str {
    list[rng.usize(..list.len())]
}

fn object_key(rng: &mut Rng) -> String {
    format!(
        "{}/{}/{}-{}.{}",
        pick(rng, &WORDS),
        pick(rng, &WORDS),
        pick(rng, &WORDS),
        rng.u16(..1000),
        pick(rng, &ENDS)
    )
}

fn address(rng: &mut Rng) -> String {
    format!("10.{}.{}.{}", rng.u8(..), rng.u8(..), rng.u8(..))
}

/// An event as the service's buses carry them.
fn bus_event(rng: &mut Rng) -> String {
    let service = pick(rng, &SERVICES);
    let state = pick(rng, &STATES);
    let account = 100_000_000_000 + u64::from(rng.u16(..500));
    let instance = rng.u32(..200_000);
    format!(
        "{{\"version\":\"0\",\"id\":\"{:08x}-1111-2222-3333-444455556666\",\
         \"detail-type\":\"{service} State Change {}\",\"source\":\"aws.{service}\",\
         \"account\":\"{account}\",\"time\":\"2026-01-05T10:{:02}:{:02}Z\",\
         \"region\":\"eu-west-{}\",\"resources\":[\"arn:aws:{service}:eu-west-1:{account}:\
         instance/i-{instance:08x}\",\"arn:aws:autoscaling:eu-west-1:{account}:group/{}\"],\
         \"detail\":{{\"state\":\"{state}\",\"instance-id\":\"i-{instance:08x}\",\
         \"cpu\":{}.{},\"retries\":{},\"ok\":{},\"object\":{{\"key\":\"{}\",\"size\":{}}},\
         \"requester\":{{\"ip\":\"{}\",\"user\":\"{}-{}\",\"agent\":\"aws-cli/2.{} Linux/6.1\"}},\
         \"tags\":[{{\"key\":\"team\",\"value\":\"{}\"}},{{\"key\":\"stage\",\"value\":\"{}\"}}],\
         \"reason\":null}}}}",
        rng.u32(..),
        rng.u8(..4),
        rng.u8(..60),
        rng.u8(..60),
        rng.u8(1..4),
        pick(rng, &WORDS),
        rng.u8(..100),
        rng.u8(..10),
        rng.u8(..20),
        rng.bool(),
        object_key(rng),
        rng.u32(..1_000_000),
        address(rng),
        pick(rng, &WORDS),
        rng.u16(..3000),
        rng.u8(..30),
        pick(rng, &WORDS),
        pick(rng, &["dev", "test", "prod"]),
    )
}

/// A rule for such events; all operators come up about equally often.
fn bus_rule(rng: &mut Rng) -> String {
    let detail = match rng.u8(..16) {
        0 => {
            let id = rng.u32(..200_000);
            format!("\"instance-id\":[\"i-{id:08x}\",\"i-{:08x}\"]", id + 1)
        }
        1..=6 => object_rule(rng),
        7..=11 => requester_rule(rng),
        _ => combined_rule(rng),
    };
    if rng.u8(..4) == 0 {
        return format!("{{\"detail\":{{{detail}}}}}");
    }
    let service = pick(rng, &SERVICES);
    let account = |rng: &mut Rng| 100_000_000_000 + u64::from(rng.u16(..500));
    let head = match rng.u8(..4) {
        0 => format!("\"source\":[\"aws.{service}\"]"),
        1 => format!(
            "\"source\":[{{\"prefix\":\"aws.\"}}],\"detail-type\":[{{\"wildcard\":\
             \"{service} * Change *\"}}]"
        ),
        2 => format!("\"source\":[{{\"anything-but\":[\"aws.{service}\"]}}]"),
        _ => format!("\"account\":[\"{}\",\"{}\"]", account(rng), account(rng)),
    };
    format!("{{{head},\"detail\":{{{detail}}}}}")
}

fn object_rule(rng: &mut Rng) -> String {
    let (word, other) = (pick(rng, &WORDS), pick(rng, &WORDS));
    let (number, low) = (rng.u16(..1000), rng.u32(..999_000));
    let end = pick(rng, &ENDS);
    let (key, condition) = match rng.u8(..6) {
        0 => ("key", format!("{{\"prefix\":\"{word}/\"}}")),
        1 => ("key", format!("{{\"suffix\":\"{}.{end}\"}}", number % 10)),
        2 => ("key", format!("{{\"wildcard\":\"{word}/*/{other}-*.{end}\"}}")),
        3 => ("key", format!("{{\"wildcard\":\"*/{word}-{}*\"}}", number % 100)),
        4 => {
            let high = low + 1 + u32::from(number);
            ("size", format!("{{\"numeric\":[\">\",{low},\"<=\",{high}]}}"))
        }
        _ => ("size", format!("{low},{}", low + 7)),
    };
    format!("\"object\":{{\"{key}\":[{condition}]}}")
}

fn requester_rule(rng: &mut Rng) -> String {
    let word = pick(rng, &WORDS);
    let user = format!("{word}-{}", rng.u16(..3000)).to_uppercase();
    let folded = format!("{{\"equals-ignore-case\":\"{user}\"}}");
    let begins = format!("{{\"equals-ignore-case\":\"{}-{}\"}}", word.to_uppercase(), rng.u8(1..4));
    let (key, condition) = match rng.u8(..5) {
        0 => ("ip", format!("{{\"cidr\":\"{}/{}\"}}", address(rng), rng.u8(16..29))),
        1 => ("ip", format!("\"{}\"", address(rng))),
        2 => ("user", folded),
        3 => ("user", format!("{{\"prefix\":{begins}}}")),
        _ => ("user", format!("{{\"suffix\":{folded}}},\"{}\"", user.to_lowercase())),
    };
    format!("\"requester\":{{\"{key}\":[{condition}]}}")
}

fn combined_rule(rng: &mut Rng) -> String {
    let id = rng.u32(..200_000);
    let word = pick(rng, &WORDS);
    let user = format!("{word}-{}", rng.u16(..3000));
    match rng.u8(..4) {
        0 => format!(
            "\"tags\":{{\"key\":[\"team\"],\"value\":[\"{word}\"]}},\
             \"instance-id\":[{{\"prefix\":\"i-{:06x}\"}}]",
            id >> 8
        ),
        1 => format!(
            "\"$or\":[{{\"instance-id\":[\"i-{id:08x}\"]}},{{\"requester\":{{\"user\":\
             [\"{user}\"]}}}}]"
        ),
        2 => format!(
            "\"object\":{{\"key\":[{{\"suffix\":{{\"equals-ignore-case\":\"{}.{}\"}}}}]}},\
             \"state\":[{{\"anything-but\":\"{}\"}}],\"error\":[{{\"exists\":false}}],\
             \"reason\":[null]",
            rng.u16(..1000),
            pick(rng, &ENDS),
            pick(rng, &STATES)
        ),
        _ => format!(
            "\"requester\":{{\"user\":[\"{user}\"]}},\"retries\":[{{\"anything-but\":\
             [1,2,3]}}],\"ok\":[true]"
        ),
    }
}

fn run_mixed() {
    let mut rng = Rng::with_seed(2);
    let events: Vec<String> = (0..KEPT).map(|_| bus_event(&mut rng)).collect();
    let size = events.iter().map(String::len).sum::<usize>() / events.len();
    println!("bus events of {size} bytes, {KEPT} a pass");
    println!("  rules      thousand/s   matches/event   load s   index s   memory MB");
    for count in [1, 10, 100, 1_000, 10_000, 100_000] {
        let rules: Vec<String> = (0..count).map(|_| bus_rule(&mut rng)).collect();
        let before = memory();
        let since = now();
        let start = busy(since);
        let set = set(&rules);
        let loaded = busy(since).saturating_sub(start);
        // The first match builds the index.
        black_box(set.matching(&events[0]).expect("JSON"));
        let indexed = busy(since).saturating_sub(start);
        let used = memory() - before;
        let (rate, matches) = rate(answers(&set), &events, 1);
        let matches = f64::from(u32::try_from(matches).expect("few"))
            / f64::from(u32::try_from(events.len()).expect("few"));
        println!(
            "  {count:<8}{rate:>13.1}{matches:>16.3}{:>9.3}{:>10.3}{used:>12.0}",
            loaded.as_secs_f64(),
            indexed.saturating_sub(loaded).as_secs_f64(),
        );
    }
}

fn main() {
    run_families(4);
    run_families(11);
    run_mixed();
}
