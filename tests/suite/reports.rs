//! What is written about a run: well formed, with the right counts, and made again from half a record.

use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::support::{Said, firedrill, scratch, tree};

/// An element of an XML file with what we look at.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: IndexMap<String, String>,
    children: Vec<Element>,
}

impl Element {
    fn all(&self, name: &str) -> Vec<&Self> {
        self.children.iter().filter(|child| child.name == name).collect()
    }

    fn number(&self, name: &str) -> f64 {
        let text = &self.attributes.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        text.parse().unwrap_or_else(|_| panic!("{name} is {text}"))
    }
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Element {
    let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.expect("attributes are well formed");
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).expect("UTF-8");
        let value = attribute.unescape_value().expect("entities are known").into_owned();
        (key, value)
    });
    Element { name, attributes: attributes.collect(), children: Vec::new() }
}

/// Parses a whole XML file; a file that is not well formed fails.
fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().expect("the file is well formed") {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => {
                open.last_mut().expect("the root").children.push(element(&start));
            }
            Event::End(_) => {
                let done = open.pop().expect("the reader balances");
                open.last_mut().expect("the root").children.push(done);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "every element is closed");
    open.pop().and_then(|mut root| root.children.pop()).expect("one element")
}

/// Runs some of the scenarios for exit codes; answers the run's folder and what was said.
fn run(folder: &Path, names: &[&str]) -> Said {
    let files: Vec<String> =
        names.iter().map(|name| format!("tests/data/exits/{name}.yaml")).collect();
    let reports = folder.display().to_string();
    let mut arguments = vec!["run", "--reports", &reports, "--run-id", "r"];
    arguments.extend(files.iter().map(String::as_str));
    firedrill(&arguments)
}

fn case<'e>(suite: &'e Element, id: &str) -> &'e Element {
    let found = suite.all("testcase").into_iter().find(|case| case.attributes["name"].contains(id));
    found.unwrap_or_else(|| panic!("no case {id}: {suite:#?}"))
}

/// Counts that a suite claims, against the cases in it.
fn assert_counts(suite: &Element) {
    let cases = suite.all("testcase");
    let with = |name: &str| cases.iter().filter(|case| !case.all(name).is_empty()).count();
    #[expect(clippy::cast_precision_loss, reason = "a handful of cases")]
    for (attribute, counted) in
        [("tests", cases.len()), ("failures", with("failure")), ("errors", with("error"))]
    {
        assert!((suite.number(attribute) - counted as f64).abs() < 0.5, "{attribute}: {suite:#?}");
    }
}

#[test]
fn the_junit_of_a_failed_run_has_a_failure_for_each_verdict_that_is_one() {
    let folder = scratch();
    run(folder.path(), &["failed", "passed", "inconclusive"]);
    let text = fs::read_to_string(folder.path().join("r/junit.xml")).expect("it is written");
    let root = parse(&text);
    assert_eq!(root.name, "testsuites");
    let suites = root.all("testsuite");
    let names: Vec<&str> = suites.iter().map(|suite| suite.attributes["name"].as_str()).collect();
    assert_eq!(names, ["failed", "passed", "inconclusive"], "in the order of the arguments");
    for suite in &suites {
        assert_counts(suite);
    }
    let failed = suites[0];
    let kind = |id: &str| {
        let case = case(failed, id);
        case.all("failure").first().map(|failure| failure.attributes["type"].clone())
    };
    assert_eq!(kind("detected").as_deref(), Some("late"));
    assert_eq!(kind("unheard").as_deref(), Some("missed"));
    assert_eq!(kind("quiet").as_deref(), Some("violated"));
    assert_eq!(kind("waits"), None, "what was skipped is no failure");
    assert_eq!(case(failed, "waits").all("skipped").len(), 1);
    assert!(
        (case(failed, "detected").number("time") - 107.0).abs() < 1.0,
        "the latency in seconds"
    );
    assert!(suites[1].all("testcase").iter().all(|case| case.all("failure").is_empty()));
    let unclear = suites[2].all("testcase");
    assert!(unclear.iter().any(|case| !case.all("error").is_empty()), "{:#?}", suites[2]);
}

#[test]
fn the_junit_of_an_unsteady_run_has_neither_failures_nor_passes() {
    let folder = scratch();
    run(folder.path(), &["unsteady"]);
    let text = fs::read_to_string(folder.path().join("r/junit.xml")).expect("it is written");
    let root = parse(&text);
    let suites = root.all("testsuite");
    assert_eq!(suites.len(), 1);
    assert_counts(suites[0]);
    let cases = suites[0].all("testcase");
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(case.all("skipped").len(), 1, "{case:#?}");
        assert!(case.all("failure").is_empty() && case.all("error").is_empty(), "{case:#?}");
    }
}

/// The cells of a table's row, split at pipes that are not escaped.
fn cells(line: &str) -> usize {
    let unescaped = line.replace("\\\\", "").replace("\\|", "");
    assert!(unescaped.ends_with('|'), "{line}");
    unescaped.matches('|').count() - 1
}

fn assert_tables(name: &str, text: &str) -> usize {
    let mut tables = 0;
    let mut columns = None;
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if fenced || !line.starts_with('|') {
            columns = None;
            continue;
        }
        match columns {
            None => {
                tables += 1;
                columns = Some(cells(line));
            }
            Some(columns) => assert_eq!(cells(line), columns, "{name}: {line}"),
        }
    }
    assert!(!fenced, "{name}: a code block is not closed");
    tables
}

#[test]
fn the_tables_of_the_reports_have_as_many_cells_in_each_row_as_in_their_head() {
    let folder = scratch();
    run(folder.path(), &["failed", "passed", "unsteady", "inconclusive"]);
    for name in ["report.md", "mttr.md"] {
        let text = fs::read_to_string(folder.path().join("r").join(name)).expect("it is written");
        assert!(assert_tables(name, &text) > 0, "{name} has tables");
    }
}

/// Names that would break a table, a tag or a code span, all through the scenario.
#[test]
fn hostile_names_break_neither_tables_nor_xml() {
    let folder = scratch();
    let scenario = folder.path().join("scenario.yaml");
    let data = crate::support::root().join("tests/data/exits/environments/shop.yaml");
    let text = format!(
        "version: 1\nname: hostile\ntitle: \"a | b `c` <d> & ]]> \\u0007 \\\\|\"\n\
         hypothesis: \"]]> <script> | *x* \\u001b[31m\"\nowner: \"|\"\nenvironment: {}\n\
         faults:\n  - {{id: f, put_metric_data: {{namespace: Shop, metric: Errors, value: 50}}}}\n\
         expect:\n  - {{id: e, notification: {{topic: pager, contains: \"]]> | ` <b> \\\\\"}}, within: 1m}}\n",
        data.display()
    );
    fs::write(&scenario, text).expect("there is room");
    let reports = folder.path().join("reports").display().to_string();
    let scenario = scenario.display().to_string();
    let said = firedrill(&["run", &scenario, "--reports", &reports, "--run-id", "r"]);
    assert_eq!(said.code, 1, "{}", said.err);
    let read = |name: &str| {
        fs::read_to_string(folder.path().join("reports/r").join(name)).expect("it is written")
    };
    assert_counts(parse(&read("junit.xml")).all("testsuite")[0]);
    for name in ["report.md", "mttr.md"] {
        assert_tables(name, &read(name));
        assert!(!read(name).contains('\u{1b}'), "{name} holds an escape sequence");
        assert!(!read(name).replace("\\<", "").contains("<script>"), "{name} holds a tag");
    }
}

/// A report is made again from a timeline that was cut off at any byte: never a panic, never a pass.
#[test]
fn a_report_from_a_timeline_that_was_cut_off_never_claims_a_pass() {
    let folder = scratch();
    run(folder.path(), &["passed"]);
    let of_run = folder.path().join("r");
    let timeline = of_run.join("passed/timeline.jsonl");
    let whole = fs::read(&timeline).expect("it is written");
    let before = tree(&of_run);
    let dir = of_run.display().to_string();
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let middle = ends.iter().step_by(4).map(|end| end / 2 + 1);
    let cuts = [0, 1].into_iter().chain(middle).chain(ends.iter().step_by(3).map(|end| end + 1));
    for cut in cuts.filter(|cut| *cut < whole.len()) {
        fs::write(&timeline, &whole[..cut]).expect("there is room");
        let said = firedrill(&["report", &dir]);
        assert!(!said.err.contains("panicked"), "{cut}: {}", said.err);
        if String::from_utf8_lossy(&whole[..cut]).contains("\"entry\":\"reverted\"") {
            continue; // Everything is told but the last word.
        }
        assert_eq!(said.code, 0, "cut at {cut}: what is left can be told: {}", said.err);
        let report = fs::read_to_string(of_run.join("report.json")).expect("it is written");
        let report: Value = serde_json::from_str(&report).expect("it is JSON");
        assert_ne!(report["totals"]["outcome"], "passed", "cut at {cut}");
        parse(&fs::read_to_string(of_run.join("junit.xml")).expect("it is written"));
    }
    fs::write(&timeline, &whole).expect("there is room");
    assert_eq!(firedrill(&["report", &dir]).code, 0);
    assert_eq!(tree(&of_run), before, "the whole record gives the whole report again");
}

#[test]
fn a_report_of_a_corrupt_or_missing_record_is_refused_and_writes_nothing() {
    let folder = scratch();
    run(folder.path(), &["passed"]);
    let of_run = folder.path().join("r");
    let timeline = of_run.join("passed/timeline.jsonl");
    let whole = fs::read_to_string(&timeline).expect("it is written");
    let corrupt = whole.replacen("\"entry\":\"preflight\"", "\"entry\":\"preflihgt\"", 1);
    fs::write(&timeline, corrupt).expect("there is room");
    let before = tree(&of_run);
    let said = firedrill(&["report", &of_run.display().to_string()]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    let place = of_run.display().to_string();
    insta::assert_snapshot!("corrupt-timeline", said.err.replace(&place, "RUN"));
    assert_eq!(tree(&of_run), before);
    let said = firedrill(&["report", &folder.path().join("nowhere").display().to_string()]);
    assert_eq!(said.code, 2, "{}", said.err);
    let said = firedrill(&["report", &folder.path().display().to_string()]);
    assert_eq!(said.code, 2, "{}", said.err);
}
