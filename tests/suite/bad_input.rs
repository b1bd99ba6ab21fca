//! Input that is wrong in every way that a file can be: it is told, with exit code 2, and nothing is touched.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firedrill::commands::inventory;
use firedrill::commands::prepare::epoch;
use firedrill::emulator::environment::Environment;
use firedrill::plan::Plan;
use firedrill::scenario::{self, Values};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::stage::now;
use crate::support::{Said, firedrill, root, scenarios, scratch};

/// However bad a file is, it is told within this time, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const SCENARIO: &str = "\
version: 1
name: sound
environment: environment.yaml
faults:
  - id: burst
    put_metric_data: {namespace: Shop, metric: Errors, value: 50}
expect:
  - {id: detected, alarm: {name: errors}, within: 3m}
";

fn environment() -> String {
    let shop = root().join("tests/data/exits/environments/shop.yaml");
    fs::read_to_string(shop).expect("it is shipped")
}

/// A folder with a scenario, its environment and a template; any of them may be replaced.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(scratch());
        stage.write("scenario.yaml", SCENARIO.as_bytes());
        stage.write("environment.yaml", environment().as_bytes());
        stage
    }

    /// An environment that deploys `template.yaml`.
    fn with_template(template: &[u8]) -> Self {
        let stage = Self::new();
        let environment = environment() + "templates: [{path: template.yaml, stack: shop}]\n";
        stage.write("environment.yaml", environment.as_bytes());
        stage.write("template.yaml", template);
        stage
    }

    fn with(file: &str, content: &[u8]) -> Self {
        let stage = Self::new();
        stage.write(file, content);
        stage
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.path(file), content).expect("there is room");
    }

    fn call(&self, verb: &str, extra: &[&str]) -> Said {
        let scenario = self.path("scenario.yaml").display().to_string();
        let mut said = firedrill(&[&[verb, &scenario], extra].concat());
        let place = self.0.path().display().to_string();
        said.err = said.err.replace(&place, "DIR");
        said.out = said.out.replace(&place, "DIR");
        said
    }

    fn run(&self) -> Said {
        let reports = self.path("reports").display().to_string();
        self.call("run", &["--reports", &reports, "--run-id", "r"])
    }

    /// Runs, checks and plans: exit code 2 each time, no panic, nothing made; answers what was said.
    fn refused(&self, words: &str) -> String {
        let begun = now();
        let run = self.run();
        let check = self.call("check", &[]);
        let plan = self.call("plan", &[]);
        for said in [&run, &check, &plan] {
            assert_eq!(said.code, 2, "{words}: {}{}", said.out, said.err);
            assert!(!said.err.contains("panicked"), "{words}: {}", said.err);
        }
        assert!(check.out.contains("error["), "{words}: {}", check.out);
        assert!(run.err.contains("nothing was touched"), "{words}: {}", run.err);
        assert!(run.err.len() < 1_000_000, "{words}: {} bytes of words", run.err.len());
        assert!(!self.path("reports").exists(), "{words}: a folder was made");
        assert!(begun.elapsed() < 3 * PATIENCE, "{words}: {:?}", begun.elapsed());
        run.err
    }
}

/// Content that is no scenario, no environment and no template.
fn hopeless() -> Vec<(&'static str, Vec<u8>)> {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (inner, outer) in "abcdefghijklm".chars().zip("bcdefghijklmn".chars()) {
        let aliases = vec![format!("*{inner}"); 9].join(", ");
        let _ = writeln!(bomb, "{outer}: &{outer} [{aliases}]");
    }
    let nested: Vec<String> = (0..400).map(|depth| " ".repeat(depth) + "a:\n").collect();
    let mut latin = SCENARIO.as_bytes().to_vec();
    latin.extend(b"# caf\xe9\n");
    vec![
        ("empty", Vec::new()),
        ("only a comment", b"# nothing\n".to_vec()),
        ("malformed", b"version: 1\nname: [a\nfaults: }\n".to_vec()),
        ("a list", b"- 1\n- 2\n".to_vec()),
        ("a scalar", b"hello\n".to_vec()),
        ("20 MB of comment", [b"version: 1\n# ".to_vec(), vec![b'x'; 20_000_000]].concat()),
        ("16 MB of entries", [b"tags:\n".to_vec(), b"- a\n".repeat(4_000_000)].concat()),
        ("deep brackets", vec![b'['; 200_000]),
        ("deep braces", b"{a: ".repeat(100_000)),
        ("deep blocks", nested.concat().into_bytes()),
        ("an anchor in itself", b"version: 1\nname: &a [*a]\n".to_vec()),
        ("an alias to nothing", b"version: *nothing\n".to_vec()),
        ("aliases that explode", bomb.into_bytes()),
        ("Latin-1", latin),
        ("UTF-16", SCENARIO.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("zero bytes", b"version: 1\0\0\0".to_vec()),
        ("two documents", b"version: 1\n---\nversion: 1\n".to_vec()),
        ("a tag of another language", b"!!python/object:os.system {a: 1}\n".to_vec()),
        ("merge keys", b"a: &a {b: 1}\n<<: *a\n<<: [*a, *a]\n".to_vec()),
        ("JSON that is cut off", b"{\"version\": 1, \"name\": ".to_vec()),
    ]
}

#[test]
fn a_hopeless_scenario_is_told_and_nothing_is_touched() {
    for (words, content) in hopeless() {
        Stage::with("scenario.yaml", &content).refused(words);
    }
}

#[test]
fn a_hopeless_environment_is_told_and_nothing_is_touched() {
    for (words, content) in hopeless() {
        Stage::with("environment.yaml", &content).refused(words);
    }
}

#[test]
fn a_hopeless_template_is_told_and_nothing_is_touched() {
    for (words, content) in hopeless() {
        Stage::with_template(&content).refused(words);
    }
}

#[test]
fn the_words_for_what_goes_wrong_most_often_name_the_place_and_the_way_out() {
    let after = SCENARIO.to_owned()
        + "  - {id: one, alarm: {name: errors}, after: two, within: 1m}\n  \
           - {id: two, alarm: {name: errors}, after: three, within: 1m}\n  \
           - {id: three, alarm: {name: errors}, after: one, within: 1m}\n";
    let cycle = "Resources:\n  \
        One: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt Two.TopicName}}\n  \
        Two: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt One.TopicName}}\n";
    let depends = "Resources:\n  \
        One: {Type: AWS::SNS::Topic, DependsOn: Two}\n  Two: {Type: AWS::SNS::Topic, DependsOn: [One]}\n";
    let on_itself = "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\nResources:\n  \
        One: {Type: AWS::SNS::Topic, Condition: A}\n";
    let table = [
        ("not-yaml", Stage::with("scenario.yaml", b"version: 1\nname: [a\n")),
        ("not-utf8", Stage::with("scenario.yaml", b"version: 1\nname: caf\xe9\n")),
        ("misspelt", Stage::with("scenario.yaml", SCENARIO.replace("within", "whitin").as_bytes())),
        (
            "no-such-alarm",
            Stage::with(
                "scenario.yaml",
                SCENARIO.replace("{name: errors}", "{name: erors}").as_bytes(),
            ),
        ),
        ("after-cycle", Stage::with("scenario.yaml", after.as_bytes())),
        (
            "no-environment",
            Stage::with(
                "scenario.yaml",
                SCENARIO.replace("environment.yaml", "nowhere.yaml").as_bytes(),
            ),
        ),
        (
            "environment-misspelt",
            Stage::with(
                "environment.yaml",
                environment().replace("signals:", "singals:").as_bytes(),
            ),
        ),
        ("template-cycle", Stage::with_template(cycle.as_bytes())),
        ("template-depends-on-itself", Stage::with_template(depends.as_bytes())),
        ("template-condition-cycle", Stage::with_template(on_itself.as_bytes())),
        ("template-not-utf8", Stage::with_template(b"Resources: caf\xe9\n")),
    ];
    for (name, stage) in table {
        insta::assert_snapshot!(name, stage.refused(name));
    }
}

#[test]
fn what_is_not_there_is_named() {
    let stage = Stage::new();
    fs::remove_file(stage.path("scenario.yaml")).expect("it is there");
    insta::assert_snapshot!("missing-scenario", stage.refused("missing"));
    // A folder in the place of a file.
    let stage = Stage::new();
    fs::remove_file(stage.path("environment.yaml")).expect("it is there");
    fs::create_dir(stage.path("environment.yaml")).expect("there is room");
    stage.refused("a folder as the environment");
    let empty = scratch();
    let said = firedrill(&["run", &empty.path().display().to_string()]);
    assert_eq!(said.code, 2, "{}", said.err);
    let words = said.err.replace(&empty.path().display().to_string(), "DIR");
    insta::assert_snapshot!("folder-without-scenarios", words);
}

/// What a template names but the folder does not hold.
#[test]
fn a_template_that_is_missing_is_told_at_the_line_that_names_it() {
    let stage = Stage::with_template(b"");
    fs::remove_file(stage.path("template.yaml")).expect("it is there");
    let words = stage.refused("missing template");
    assert!(words.contains("template.yaml"), "{words}");
    assert!(words.contains("DIR/environment.yaml:"), "{words}");
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_not_read_for_ever() {
    for verb in ["run", "check", "plan"] {
        let begun = now();
        let said = firedrill(&[verb, "/dev/zero"]);
        assert_eq!(said.code, 2, "{verb}: {}{}", said.out, said.err);
        assert!(begun.elapsed() < PATIENCE, "{verb} took {:?}", begun.elapsed());
    }
    let endless = SCENARIO.replace("environment.yaml", "/dev/zero");
    Stage::with("scenario.yaml", endless.as_bytes()).refused("an environment without an end");
}

#[test]
fn a_report_folder_that_can_not_be_made_is_refused_before_anything_else() {
    let stage = Stage::new();
    stage.write("reports", b"a file, not a folder");
    let said = stage.run();
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    assert!(said.err.contains("nothing was touched"), "{}", said.err);
    assert_eq!(fs::read(stage.path("reports")).expect("it is there"), b"a file, not a folder");
    let below = stage.path("scenario.yaml/below").display().to_string();
    let said = stage.call("run", &["--reports", &below]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn a_run_that_is_there_already_is_not_written_over() {
    let stage = Stage::new();
    assert_eq!(stage.run().code, 0);
    let before = crate::support::tree(&stage.path("reports"));
    let said = stage.run();
    assert_eq!(said.code, 2, "{}", said.err);
    insta::assert_snapshot!("run-id-that-exists", said.err);
    assert_eq!(crate::support::tree(&stage.path("reports")), before);
}

#[test]
fn one_broken_scenario_keeps_the_sound_ones_beside_it_from_running() {
    let stage = Stage::new();
    stage.write("broken.yaml", b"version: 1\nname: broken\n");
    let reports = stage.path("reports").display().to_string();
    let broken = stage.path("broken.yaml").display().to_string();
    let said = stage.call("run", &[&broken, "--reports", &reports]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(!stage.path("reports").exists());
}

/// One shipped scenario with all the texts that it is made of.
#[derive(Debug, Clone)]
struct Texts {
    scenario: Vec<u8>,
    environment: Vec<u8>,
    template: Vec<u8>,
}

fn shipped() -> Vec<Texts> {
    let all = scenarios("scenarios").into_iter().filter_map(|file| {
        let text = fs::read_to_string(&file).expect("it is UTF-8");
        let line = text.lines().find_map(|line| line.strip_prefix("environment: "));
        let name = line.expect("it names one").split_whitespace().next().expect("a path");
        let environment = fs::read(root().join("scenarios").join(name)).expect("it is shipped");
        let stem = Path::new(name).file_name().expect("a file");
        let template = root().join("scenarios/templates").join(stem);
        // An environment may have its resources in itself.
        let template = fs::read(template).ok()?;
        Some(Texts { scenario: text.into_bytes(), environment, template })
    });
    all.collect()
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    DropLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    MoveLine(Index, Index),
    Indent(Index, bool),
    Cut(Index),
    Insert(Index, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "${",
        "${run.id}",
        "${env.HOME}",
        "*a",
        "&a ",
        "{",
        "[",
        "!Ref ",
        "!Sub ",
        "!GetAtt a.b",
        "-1",
        "99999999999999999999",
        "1e400",
        ".nan",
        "null",
        "~",
        "584942417355y",
        "0s",
        "\u{0}",
        "\u{feff}",
        "\u{1b}[31m",
        "é",
        "\t",
        "\"",
        "'",
        ": ",
        "- ",
        "|",
        ">",
        "<<: ",
        "? ",
        "---\n",
        "...\n",
        "%YAML 3\n",
    ]);
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        2 => at().prop_map(Change::DropLine),
        2 => at().prop_map(Change::DoubleLine),
        1 => (at(), at()).prop_map(|(one, other)| Change::SwapLines(one, other)),
        1 => (at(), at()).prop_map(|(one, other)| Change::MoveLine(one, other)),
        1 => (at(), any::<bool>()).prop_map(|(at, deeper)| Change::Indent(at, deeper)),
        1 => at().prop_map(Change::Cut),
        3 => (at(), words).prop_map(|(at, word)| Change::Insert(at, word)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    if text.is_empty() {
        return;
    }
    let mut lines: Vec<Vec<u8>> =
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let count = lines.len();
    match change {
        Change::Flip(at, byte) => {
            let at = at.index(text.len());
            text[at] ^= byte;
            return;
        }
        Change::Cut(at) => {
            let at = at.index(text.len());
            text.truncate(at);
            return;
        }
        Change::Insert(at, word) => {
            let at = at.index(text.len());
            text.splice(at..at, word.bytes());
            return;
        }
        Change::DropLine(at) => drop(lines.remove(at.index(count))),
        Change::DoubleLine(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
        Change::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
        Change::MoveLine(one, other) => {
            let line = lines.remove(one.index(count));
            lines.insert(other.index(count), line);
        }
        Change::Indent(at, deeper) => {
            let line = &mut lines[at.index(count)];
            if *deeper {
                line.splice(0..0, *b"  ");
            } else if line.starts_with(b"  ") {
                line.drain(..2);
            }
        }
    }
    *text = lines.concat();
}

/// Loads, builds, checks and plans what the texts say, as a run does before it touches anything.
fn swallow(texts: &Texts) {
    let reader = |path: &Path| -> io::Result<Vec<u8>> {
        let template = path.to_string_lossy().contains("templates");
        Ok(if template { texts.template.clone() } else { texts.environment.clone() })
    };
    let (environment, _) = Environment::load("environments/any.yaml".as_ref(), &reader);
    let inventory = environment.map(|environment| {
        let (account, _) = environment.account(epoch(), 0);
        inventory::of("any", &account)
    });
    let values = Values { run_id: "fd-any".to_owned(), ..Values::default() };
    let loaded = scenario::load("any.yaml", &texts.scenario, &values);
    let _told = loaded.check(inventory.as_ref());
    if let Some(scenario) = &loaded.scenario {
        let _planned = Plan::new(scenario, "any.yaml", "fd-any");
    }
}

fn cases(default: u32) -> ProptestConfig {
    let wanted = std::env::var("FIREDRILL_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(default), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn no_change_of_a_shipped_text_makes_us_panic_or_hang(
        which in any::<Index>(),
        scenario in prop::collection::vec(change(), 0..4),
        environment in prop::collection::vec(change(), 0..3),
        template in prop::collection::vec(change(), 0..3),
    ) {
        let all = shipped();
        let mut texts = all[which.index(all.len())].clone();
        for change in &scenario {
            apply(&mut texts.scenario, change);
        }
        for change in &environment {
            apply(&mut texts.environment, change);
        }
        for change in &template {
            apply(&mut texts.template, change);
        }
        let begun = now();
        swallow(&texts);
        prop_assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    }
}
