//! Scenarios that span several accounts, through the real binary against accounts that are served side by side.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::served::{Served, reaching, sdk_at, serve};
use crate::support::{Said, root, said, scratch};

const SECURITY: &str = r#"
version: 1
account: "444455556666"
region: eu-west-1
resources:
  Drill:
    Type: AWS::IAM::Role
    Properties:
      RoleName: drill
      AssumeRolePolicyDocument:
        Statement:
          Effect: Allow
          Principal: {AWS: "arn:aws:iam::111122223333:root"}
          Action: "sts:AssumeRole"
          Condition: {StringEquals: {"sts:ExternalId": SECRET-agreed}}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: central, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

const SCENARIO: &str = r#"
version: 1
name: spans
targets:
  central:
    account: "444455556666"
    region: eu-west-1
    role: "arn:aws:iam::444455556666:role/drill"
    external_id: ${env.CENTRAL_ID}
guardrails: {accounts: ["111122223333", "444455556666"], regions: [eu-west-1]}
steady_state:
  - {target: central, alarm: {name: central, state: OK}}
faults:
  - {id: here, set_alarm_state: {alarm: errors}}
  - {id: there, target: central, set_alarm_state: {alarm: central}}
expect:
  - {id: seen-here, alarm: {name: errors}, within: 20s}
  - {id: seen-there, target: central, alarm: {name: central}, within: 20s}
"#;

/// The two accounts of the scenario, in one process.
fn both(folder: &Path) -> Served {
    let file = folder.join("security.yaml");
    fs::write(&file, SECURITY).expect("there is room");
    let home = root().join("tests/data/exits/environments/shop.yaml");
    serve(&[&home.display().to_string(), &file.display().to_string()])
}

fn scenario(folder: &Path, text: &str) -> String {
    let file = folder.join("scenario.yaml");
    fs::write(&file, text).expect("there is room");
    file.display().to_string()
}

fn asked(arguments: &[&str], url: &str, external_id: &str) -> Said {
    let mut command = reaching(arguments, url);
    said(&command.env("CENTRAL_ID", external_id).output().expect("the binary starts"))
}

fn run(folder: &Path, text: &str, url: &str, external_id: &str) -> Said {
    let reports = folder.join("reports").display().to_string();
    let file = scenario(folder, text);
    let arguments = ["run", &file, "--yes", "--reports", &reports, "--run-id", "r"];
    asked(&arguments, url, external_id)
}

/// What a drill could leave behind in each of the accounts.
fn left(served: &Served) -> (Value, Value) {
    let shown = served.account();
    (shown["belongings"].clone(), shown["others"][0]["belongings"].clone())
}

#[test]
fn a_drill_spans_two_accounts_and_the_report_says_where() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let said = run(folder.path(), SCENARIO, &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        "account 111122223333 in eu-west-1, as ",
        "central is account 444455556666 in eu-west-1, as arn:aws:sts::444455556666:assumed-role/drill/",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert_eq!(left(&served), before);
    let of = |name: &str| {
        let path = folder.path().join("reports/r").join(name);
        fs::read_to_string(path).expect("it is written")
    };
    let report = of("report.md");
    assert!(report.contains("at central"), "{report}");
    let plan = of("spans/plan.json");
    assert!(plan.contains("\"asks_external_id\": true"), "{plan}");
    for text in [said.err, report, plan, of("spans/timeline.jsonl"), of("report.json")] {
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn a_target_that_is_not_what_the_scenario_says_is_refused_before_anything_is_touched() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let told = |text: &str, external_id: &str, words: &[&str]| {
        let said = run(folder.path(), text, &served.url, external_id);
        assert_eq!(said.code, 2, "{}", said.err);
        for words in words {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
        assert!(said.err.contains("nothing was touched"), "{}", said.err);
        assert!(!said.err.contains("SECRET"), "{}", said.err);
        assert!(!folder.path().join("reports/r").exists(), "{}", said.err);
    };
    told(
        SCENARIO,
        "SECRET-other",
        &["target `central`", "the role can't be assumed", "trust policy"],
    );
    let own = SCENARIO.replace("    role: \"arn:aws:iam::444455556666:role/drill\"\n", "");
    let own = own.replace("    external_id: ${env.CENTRAL_ID}\n", "");
    let words = ["target `central`", "names account 444455556666", "111122223333"];
    told(&own, "", &words);
    let here = own.replace("    account: \"444455556666\"", "    account: \"111122223333\"");
    told(&here, "", &["target `central`", "is at home"]);
    assert_eq!(left(&served), before);
}

#[test]
fn the_doctor_looks_at_every_target_and_says_where() {
    let folder = scratch();
    let served = both(folder.path());
    let file = scenario(folder.path(), SCENARIO);
    let said = asked(&["doctor", &file], &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for subject in [
        "credentials at central",
        "guardrail: account at central",
        "alarm central at central",
        "permissions at central",
        "clock at central",
        "steady state: central at central",
    ] {
        assert!(said.out.contains(&format!("ok       {subject}")), "{subject}: {}", said.out);
    }
    let said = asked(&["doctor", &file], &served.url, "SECRET-other");
    assert_eq!(said.code, 6, "{}{}", said.out, said.err);
    assert!(said.out.contains("unseen   credentials at central"), "{}", said.out);
}

#[test]
fn what_was_changed_at_another_target_is_taken_back_there_once_its_external_id_is_given() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let said = run(folder.path(), SCENARIO, &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}", said.err);
    // As after a crash: the timeline ends with the last intent to change something, at both places.
    let timeline = folder.path().join("reports/r/spans/timeline.jsonl");
    let text = fs::read_to_string(&timeline).expect("it is written");
    let injected = |line: &&str| line.contains("\"fault_started\"");
    let last = text.lines().collect::<Vec<_>>().iter().rposition(injected).expect("both began");
    let cut: String = text.lines().take(last + 1).flat_map(|line| [line, "\n"]).collect();
    fs::write(&timeline, cut).expect("there is room");
    let dir = folder.path().join("reports/r").display().to_string();
    let said = asked(&["revert", &dir], &served.url, "");
    assert_eq!(said.code, 5, "{}", said.err);
    for words in ["the target `central` is not reached", "--target-external-id central=ID"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let given = ["revert", &dir, "--target-external-id", "central=SECRET-agreed"];
    let said = asked(&given, &served.url, "");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("nothing is left"), "{}", said.err);
    assert_eq!(left(&served), before);
    let text = fs::read_to_string(&timeline).expect("it is written");
    assert!(!text.contains("SECRET"), "{text}");
}

/// The drill kills whoever runs it, once it has changed something at both places.
const KILLING: &str = "  - {id: gone, after: there, command: {program: /bin/sh, args: [-c, \"kill -9 $PPID\"]}}\nexpect:";

/// A drill that was killed, and whose files are lost; its id.
fn lost(folder: &Path, served: &Served) -> String {
    let file = scenario(folder, &SCENARIO.replace("expect:", KILLING));
    let reports = folder.join("reports").display().to_string();
    let arguments = ["run", &file, "--yes", "--allow-commands", "--reports", &reports];
    let arguments = [&arguments[..], &["--run-id", "r"]].concat();
    let said = asked(&arguments, &served.url, "SECRET-agreed");
    assert_eq!(said.code, -1, "it was killed: {}", said.err);
    let timeline = fs::read_to_string(folder.join("reports/r/spans/timeline.jsonl"));
    let timeline = timeline.expect("it was written");
    let begun: Value = serde_json::from_str(timeline.lines().next().expect("it began")).unwrap();
    fs::remove_dir_all(folder.join("reports/r")).expect("it is there");
    begun["run_id"].as_str().expect("an id").to_owned()
}

/// The lock of each account, as its administrator sees it.
fn locks(served: &Served) -> Vec<bool> {
    let there = |account: &str| {
        let key = firedrill::emulator::estate::access_key(account);
        sdk_at(&served.url, &key, async |aws| {
            aws.ssm.get_parameter().name("/firedrill/lock").send().await.is_ok()
        })
    };
    ["111122223333", "444455556666"].map(there).to_vec()
}

#[test]
fn a_sweep_looks_through_each_target_of_the_scenario_that_it_is_given() {
    let folder = scratch();
    let served = both(folder.path());
    let id = lost(folder.path(), &served);
    assert_eq!(locks(&served), [true, true]);
    let reports = folder.path().join("reports").display().to_string();
    let file = scenario(folder.path(), SCENARIO);
    let sweep = |more: &[&str], external_id: &str| {
        let arguments =
            [&["revert", "--sweep", &id, "--break-lock", "--reports", &reports], more].concat();
        asked(&arguments, &served.url, external_id)
    };
    let elsewhere = SCENARIO.replace("[\"111122223333\", ", "[");
    let other = folder.path().join("other.yaml");
    fs::write(&other, elsewhere).expect("there is room");
    let refused = sweep(&["--scenario", &other.display().to_string()], "SECRET-agreed");
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("nothing was touched"), "{}", refused.err);
    assert_eq!(locks(&served), [true, true]);
    let home = sweep(&[], "");
    assert_eq!(home.code, 0, "{}", home.err);
    assert!(home.err.contains("--scenario FILE adds"), "{}", home.err);
    assert_eq!(locks(&served), [false, true]);
    let unreached = sweep(&["--scenario", &file], "SECRET-other");
    assert_eq!(unreached.code, 5, "{}", unreached.err);
    assert!(unreached.err.contains("the target `central` is not reached"), "{}", unreached.err);
    let given = ["--scenario", &file, "--target-external-id", "central=SECRET-agreed"];
    let whole = sweep(&given, "SECRET-other");
    assert_eq!(whole.code, 0, "{}", whole.err);
    for words in ["account 444455556666, eu-west-1 at central", "nothing else is left"] {
        assert!(whole.err.contains(words), "{words}: {}", whole.err);
    }
    assert_eq!(locks(&served), [false, false]);
    let again = sweep(&["--scenario", &file], "SECRET-agreed");
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("0 of what carried"), "{}", again.err);
    for said in [refused, home, unreached, whole, again] {
        assert!(!said.err.contains("SECRET"), "{}", said.err);
    }
    for record in fs::read_dir(&reports).expect("they are there") {
        let text = fs::read_to_string(record.expect("it can be listed").path()).expect("text");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

/// A machine with a profile for each account, and no other credentials.
fn profiled(folder: &Path, arguments: &[&str], url: &str) -> Said {
    let of = |account: &str| {
        let key = firedrill::emulator::estate::access_key(account);
        format!("aws_access_key_id = {key}\naws_secret_access_key = SECRET-{account}\n")
    };
    // One profile holds its keys itself, the other one's stand in the file for credentials.
    let config = format!(
        "[profile home]\nregion = eu-west-1\n{}\n[profile central]\nregion = us-east-1\n",
        of("111122223333")
    );
    let credentials = format!("[central]\n{}", of("444455556666"));
    fs::write(folder.join("config"), config).expect("there is room");
    fs::write(folder.join("credentials"), credentials).expect("there is room");
    let mut command = reaching(arguments, url);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    command
        .env("AWS_CONFIG_FILE", folder.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("credentials"));
    let said = said(&command.output().expect("the binary starts"));
    assert!(!said.err.contains("SECRET-") && !said.out.contains("SECRET-"), "{}", said.err);
    said
}

#[test]
fn a_target_is_reached_by_its_profile_by_a_run_the_doctor_and_a_revert() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let role =
        "    role: \"arn:aws:iam::444455556666:role/drill\"\n    external_id: ${env.CENTRAL_ID}\n";
    let by_profile = SCENARIO.replace(role, "    profile: central\n");
    assert!(by_profile.contains("profile: central") && !by_profile.contains("CENTRAL_ID"));
    let file = scenario(folder.path(), &by_profile);
    let reports = folder.path().join("reports").display().to_string();
    let run = |file: &str, id: &str| {
        let arguments = ["run", file, "--yes", "--profile", "home", "--reports", &reports];
        profiled(folder.path(), &[&arguments[..], &["--run-id", id]].concat(), &served.url)
    };
    let examined = ["doctor", &file, "--profile", "home"];
    let examined = profiled(folder.path(), &examined, &served.url);
    assert_eq!(examined.code, 0, "{}{}", examined.out, examined.err);
    assert!(examined.out.contains("ok       credentials at central"), "{}", examined.out);
    let drilled = run(&file, "r");
    assert_eq!(drilled.code, 0, "{}", drilled.err);
    // The target's own region counts, not that of its profile.
    let words = "central is account 444455556666 in eu-west-1, as arn:aws:iam::444455556666:";
    assert!(drilled.err.contains(words), "{}", drilled.err);
    // Off a terminal a real drill tells its moments in plain lines.
    for moment in ["spans +0s looking at the steady state", "took effect\n", " reverting\n"] {
        assert!(drilled.err.contains(moment), "{moment}: {}", drilled.err);
    }
    assert_eq!(left(&served), before);
    // As after a crash: what was changed there is taken back with the same profile.
    let timeline = folder.path().join("reports/r/spans/timeline.jsonl");
    let text = fs::read_to_string(&timeline).expect("it is written");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| line.contains("\"fault_started\"")).expect("begun");
    fs::write(&timeline, lines[..=last].concat()).expect("there is room");
    let dir = folder.path().join("reports/r").display().to_string();
    let taken_back = ["revert", &dir, "--profile", "home"];
    let taken_back = profiled(folder.path(), &taken_back, &served.url);
    assert_eq!(taken_back.code, 0, "{}", taken_back.err);
    assert_eq!(left(&served), before);
    for (wrong, words) in [
        ("profile: home", "the scenario names account 444455556666"),
        ("profile: nowhere", "there is no profile `nowhere`"),
    ] {
        let file = scenario(folder.path(), &by_profile.replace("profile: central", wrong));
        let refused = run(&file, "no");
        assert_eq!(refused.code, 2, "{}", refused.err);
        for words in [words, "target `central`", "nothing was touched"] {
            assert!(refused.err.contains(words), "{words}: {}", refused.err);
        }
        assert!(!folder.path().join("reports/no").exists());
    }
    assert_eq!(left(&served), before);
}
