//! What scenarios look like when they are right, and every way in which a text can be wrong.

use super::*;

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded.diagnostics.iter().map(|found| found.code.as_str()).collect()
}

#[test]
fn the_scenario_of_the_design_page_loads_without_a_word() {
    let loaded = load("vpn.yaml", VPN_EXAMPLE.as_bytes(), &Values::default());
    assert_eq!(loaded.diagnostics, vec![]);
    let scenario = loaded.scenario.unwrap();
    assert_eq!(scenario.expect.len(), 4);
    assert_eq!(scenario.guardrails.accounts, ["111122223333"]);
}

#[test]
fn an_environment_or_a_template_is_told_apart_in_one_diagnostic() {
    for (text, what) in [
        ("version: 1\naccount: \"111122223333\"\nsignals: []\n", "an environment"),
        ("AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n", "a CloudFormation template"),
    ] {
        let loaded = load("other.yaml", text.as_bytes(), &Values::default());
        assert_eq!(codes(&loaded), ["not-a-scenario"]);
        let problem = &loaded.diagnostics[0];
        assert!(problem.message.contains(what), "{}", problem.message);
        assert_eq!(problem.span.map(|span| span.line), Some(2));
    }
    let slip = load("slip.yaml", b"version: 1\nname: a\naccount: 1\n", &Values::default());
    assert!(codes(&slip).contains(&"unknown-key"));
}

#[test]
fn a_text_that_cannot_be_parsed_has_a_diagnostic_and_no_scenario() {
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    let laughs = (0..40).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |text, n| {
        format!("{text}a{}: &a{} [*a{n}, *a{n}, *a{n}]\n", n + 1, n + 1)
    });
    let large = vec![b'#'; MAX_BYTES + 1];
    let cases: &[(&str, &[u8], &str)] = &[
        ("nothing", b"", "empty-file"),
        ("comments", b"# only\n---\n", "empty-file"),
        ("not UTF-8", b"name: \xff\xfe", "not-utf8"),
        ("large", &large, "file-too-large"),
        ("a tab", b"faults:\n\t- x: 1\n", "tab-indentation"),
        ("brackets", b"tags: [a, b\nname: x\n", "yaml-syntax"),
        ("deep", deep.as_bytes(), "too-deep"),
        ("aliases", laughs.as_bytes(), "too-many-nodes"),
        ("a circle", b"a: &a [*a]\n", "bad-alias"),
        ("an unknown anchor", b"a: *b\n", "yaml-syntax"),
        ("a list as key", b"[a]: b\n", "wrong-type"),
        ("two documents", b"version: 1\n---\nversion: 1\n", "several-documents"),
        ("a key twice", b"version: 1\nversion: 1\n", "duplicate-key"),
        ("a list", b"- version: 1\n", "wrong-type"),
        ("a tag", b"name: !Ref x\n", "wrong-type"),
    ];
    for (what, bytes, code) in cases {
        let loaded = load("x.yaml", bytes, &Values::default());
        assert!(codes(&loaded).contains(code), "{what}: {:?}", loaded.diagnostics);
        assert!(loaded.scenario.is_none(), "{what}");
    }
}

/// Everything that is wrong, as people see it.
fn told(text: &str, values: &Values) -> String {
    let loaded = load("scenarios/x.yaml", text.as_bytes(), values);
    let all = loaded.check(None);
    all.iter()
        .map(|one| {
            crate::diagnostic::text::render(one, Some(text), crate::diagnostic::text::Colour::Plain)
        })
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one output, shown whole")]
fn a_broken_scenario_shows_all_of_its_problems_at_once() {
    let text = r"version: 2
name: Checkout Errors
severity: 9
tags: [checkout, Check Out]
envirnoment: environments/checkout.yaml
vars: {bus: orders, unused: x}
guardrails: {accounts: [111122223333], max_duration: 5m}
faults:
  - id: order-failed
    put_events:
      bus: ${var.bus}
      entries:
        - source: aws.cloudwatch
          detail-type: ${var.detial}
          detail: 17
  - id: order-failed
    at: 90
    set_alarm_state: {alarm: checkout-errors, state: ALRAM}
expect:
  - id: detected
    alarm: {name: checkout-errors}
    withn: 2m
  - id: paged
    notification: {topic: oncall}
    event: {pattern: {source: [x]}}
    after: detcted
    within: 30 lightyears
  - id: diagnosed
    runbook: {document: Diagnose, status: Sucess}
    within: 10m
    sustain: 1m
  - never: {alarm: {name: other}}
    within: 1m
  - id: a
    rule: {bus: default}
    within: 1m
    after: b
  - id: b
    experiment: {state: stoped}
    within: 1m
    after: a
recovery: none
";
    insta::assert_snapshot!(told(text, &Values::default()), @r#"
    error[unsupported-version]: version 2 of the language is not known
     --> scenarios/x.yaml:1:10
      |
    1 | version: 2
      |          ^
      = hint: this firedrill reads `version: 1`

    error[bad-name]: `Checkout Errors` is not a name for a scenario
     --> scenarios/x.yaml:2:7
      |
    2 | name: Checkout Errors
      |       ^^^^^^^^^^^^^^^
      = hint: lower-case letters, digits and dashes, such as `checkout-errors`

    error[bad-severity]: the severity 9 is outside 1 to 5
     --> scenarios/x.yaml:3:11
      |
    3 | severity: 9
      |           ^
      = hint: 1 is critical, 5 is the least

    error[bad-tag]: `Check Out` is not a tag
     --> scenarios/x.yaml:4:18
      |
    4 | tags: [checkout, Check Out]
      |                  ^^^^^^^^^
      = hint: lower-case letters, digits, dashes and underscores, at most 32

    error[unknown-key]: the key `envirnoment` is unknown
     --> scenarios/x.yaml:5:1
      |
    5 | envirnoment: environments/checkout.yaml
      | ^^^^^^^^^^^
      = hint: did you mean `environment`?

    warning[unused-variable]: the variable `unused` is never used
     --> scenarios/x.yaml:6:21
      |
    6 | vars: {bus: orders, unused: x}
      |                     ^^^^^^
      = hint: use it as `${var.unused}`, or remove it

    error[wrong-type]: expected text for `guardrails.accounts[0]`, found the number 111122223333
     --> scenarios/x.yaml:7:25
      |
    7 | guardrails: {accounts: [111122223333], max_duration: 5m}
      |                         ^^^^^^^^^^^^
      = hint: quote it: `"111122223333"`

    error[aws-source]: EventBridge refuses the source `aws.cloudwatch`
      --> scenarios/x.yaml:13:19
       |
    13 |         - source: aws.cloudwatch
       |                   ^^^^^^^^^^^^^^
       = hint: only AWS may use `aws.*`: use `set_alarm_state` so that AWS sends the event itself, or give the rule a second source for drills, such as ["aws.cloudwatch", "drill.cloudwatch"]

    error[undefined-variable]: the variable `detial` has no value
      --> scenarios/x.yaml:14:24
       |
    14 |           detail-type: ${var.detial}
       |                        ^^^^^^^^^^^^^
       = hint: give it a default under `vars:`, or pass `--var detial=…`

    error[bad-detail]: the detail of an event is a mapping
      --> scenarios/x.yaml:15:19
       |
    15 |           detail: 17
       |                   ^^
       = hint: such as `detail: {orderId: "17"}`

    error[duplicate-id]: the id `order-failed` stands twice
      --> scenarios/x.yaml:16:9
       |
    16 |   - id: order-failed
       |         ^^^^^^^^^^^^
       = hint: the first one is on line 9; faults and expectations share their ids

    error[wrong-type]: expected a duration for `faults[1].at`, found the number 90
      --> scenarios/x.yaml:17:9
       |
    17 |     at: 90
       |         ^^
       = hint: say the unit: `90s` or `90m`

    error[unknown-word]: `ALRAM` is not known for `faults[1].set_alarm_state.state`
      --> scenarios/x.yaml:18:54
       |
    18 |     set_alarm_state: {alarm: checkout-errors, state: ALRAM}
       |                                                      ^^^^^
       = hint: did you mean `ALARM`?

    error[unknown-key]: the key `withn` is unknown in `expect[0]`
      --> scenarios/x.yaml:22:5
       |
    22 |     withn: 2m
       |     ^^^^^
       = hint: did you mean `within`?

    error[not-one-kind]: the expectation has 2 kinds: `event`, `notification`
      --> scenarios/x.yaml:24:5
       |
    24 |     notification: {topic: oncall}
       |     ^^^^^^^^^^^^
       = hint: make them expectations of their own; `after` chains them

    error[unknown-reference]: there is no fault or expectation `detcted`
      --> scenarios/x.yaml:26:12
       |
    26 |     after: detcted
       |            ^^^^^^^
       = hint: did you mean `detected`?

    error[bad-duration]: `30 lightyears` is not a duration: unknown time unit "lightyears", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations)
      --> scenarios/x.yaml:27:13
       |
    27 |     within: 30 lightyears
       |             ^^^^^^^^^^^^^
       = hint: write a number with a unit, such as `90s`, `5m` or `1h 30m`

    error[unknown-status]: `Sucess` is not a status of an execution
      --> scenarios/x.yaml:29:43
       |
    29 |     runbook: {document: Diagnose, status: Sucess}
       |                                           ^^^^^^
       = hint: did you mean `Success`?

    error[deadline-past-max-duration]: this is judged up to 11m after the start, but the drill is stopped after 5m
      --> scenarios/x.yaml:30:13
       |
    30 |     within: 10m
       |             ^^^
       = hint: raise `guardrails.max_duration`, or shorten the deadline

    error[sustain-misuse]: a runbook happens; it has no state that could hold
      --> scenarios/x.yaml:31:5
       |
    31 |     sustain: 1m
       |     ^^^^^^^
       = hint: remove `sustain`, or expect an alarm's state

    error[never-needs-for]: the never does not say how long to watch
      --> scenarios/x.yaml:32:5
       |
    32 |   - never: {alarm: {name: other}}
       |     ^^^^^
       = hint: add `for: 10m`, counted like a deadline

    error[never-with-within]: a never has no `within`
      --> scenarios/x.yaml:33:5
       |
    33 |     within: 1m
       |     ^^^^^^
       = hint: use `for`: the length of the watch

    error[missing-key]: the key `name` is missing in `expect[4].rule`
      --> scenarios/x.yaml:35:12
       |
    35 |     rule: {bus: default}
       |            ^^^
       = hint: add `name: …` (The rule's name)

    error[reference-cycle]: these wait for one another: a -> b -> a
      --> scenarios/x.yaml:37:12
       |
    37 |     after: b
       |            ^
       = hint: let one of them count from the fault: remove its `after`

    error[wrong-reference]: no fault of this scenario runs an experiment
      --> scenarios/x.yaml:39:5
       |
    39 |     experiment: {state: stoped}
       |     ^^^^^^^^^^
       = hint: add a `fis` fault

    error[unknown-state]: `stoped` is not a state of an experiment
      --> scenarios/x.yaml:39:25
       |
    39 |     experiment: {state: stoped}
       |                         ^^^^^^
       = hint: did you mean `stopped`?

    error[wrong-type]: expected a list for `recovery`, found the text `none`
      --> scenarios/x.yaml:42:11
       |
    42 | recovery: none
       |           ^^^^
       = hint: write a list: `[none]`
    "#);
}

#[test]
fn substitutions_take_the_environment_the_variables_and_the_run() {
    let text = VPN_EXAMPLE
        .replace(
            "title: A VPN tunnel drops",
            "vars: {topic: oncall, team: \"${env.TEAM}\"}\ntitle: $${x} ${run.id} ${var.team}",
        )
        .replace("{topic: oncall}", "{topic: \"${var.topic}\"}")
        .replace("severity: 2", "severity: ${var.severity}");
    let values = Values {
        env: [("TEAM".to_owned(), "net".to_owned())].into(),
        vars: [("topic".to_owned(), "staging".to_owned()), ("severity".to_owned(), "3".to_owned())]
            .into(),
        run_id: "run-7".to_owned(),
    };
    let loaded = load("x.yaml", text.as_bytes(), &values);
    assert_eq!(loaded.diagnostics, vec![]);
    let scenario = loaded.scenario.unwrap();
    assert_eq!(scenario.severity, Some(3));
    assert!(scenario.title.unwrap().starts_with("${x} run-7 net"));
    assert_eq!(scenario.expect[1].notification.as_ref().unwrap().topic, "staging");
    assert_eq!(scenario.vars["team"], "net");
}

#[test]
fn a_substitution_that_fails_is_marked_at_its_own_place() {
    let text = "version: 1\nname: a\nvars: {one: \"${var.two}\"}\ntitle: on ${env.NOPE} and ${var.onee}\n\
        hypothesis: |\n  first ${foo}\n  second ${env.X\n";
    insta::assert_snapshot!(told(text, &Values::default()), @r#"
    error[no-faults]: the scenario injects nothing
     --> scenarios/x.yaml:1:1
      |
    1 | version: 1
      | ^
      = hint: add `faults:` with a `fis`, `put_events`, `set_alarm_state` or `put_metric_data`

    error[no-expectations]: the scenario expects nothing, so it would prove nothing
     --> scenarios/x.yaml:1:1
      |
    1 | version: 1
      | ^
      = hint: add `expect:` with what must follow the fault, and by when

    note[no-guardrails]: the guardrails name no accounts and no regions: only a rehearsal will run
     --> scenarios/x.yaml:1:1
      |
    1 | version: 1
      | ^
      = hint: add `guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}` before a run on a real account

    warning[unused-variable]: the variable `one` is never used
     --> scenarios/x.yaml:3:8
      |
    3 | vars: {one: "${var.two}"}
      |        ^^^
      = hint: use it as `${var.one}`, or remove it

    error[bad-substitution]: a variable's default can't use another variable
     --> scenarios/x.yaml:3:14
      |
    3 | vars: {one: "${var.two}"}
      |              ^^^^^^^^^^
      = hint: use `${env.NAME}` here, or repeat the text

    error[undefined-variable]: the environment variable `NOPE` is not set
     --> scenarios/x.yaml:4:11
      |
    4 | title: on ${env.NOPE} and ${var.onee}
      |           ^^^^^^^^^^^
      = hint: set it: `NOPE=… firedrill …`

    error[undefined-variable]: the variable `onee` has no value
     --> scenarios/x.yaml:4:27
      |
    4 | title: on ${env.NOPE} and ${var.onee}
      |                           ^^^^^^^^^^^
      = hint: did you mean `${var.one}`?

    error[bad-substitution]: `${foo}` is not a substitution
     --> scenarios/x.yaml:6:9
      |
    6 |   first ${foo}
      |         ^^^^^^
      = hint: there are `${env.NAME}`, `${var.NAME}` and `${run.id}`; write `$${` for a literal `${`

    error[bad-substitution]: this `${` is never closed
     --> scenarios/x.yaml:7:10
      |
    7 |   second ${env.X
      |          ^^^^^^^
    "#);
}

#[test]
fn a_value_that_is_put_in_is_not_looked_at_again() {
    let text = "version: 1\nname: a\ntitle: ${env.EVIL}\n";
    let values = Values {
        env: [("EVIL".to_owned(), "${env.SECRET}: [".to_owned())].into(),
        ..Values::default()
    };
    let loaded = load("x.yaml", text.as_bytes(), &values);
    assert_eq!(loaded.partial().unwrap().title.as_deref(), Some("${env.SECRET}: ["));
}

#[test]
fn numbers_keep_their_digits_where_text_is_meant_and_say_so_where_not() {
    let text = "version: 1\nname: a\nguardrails: {accounts: [012345678901]}\n";
    let loaded = load("x.yaml", text.as_bytes(), &Values::default());
    assert_eq!(loaded.partial().unwrap().guardrails.accounts, ["012345678901"]);
    for (written, wrong) in
        [("0o17", true), ("0x1F", true), ("1e3", true), (".5", true), ("yes", false)]
    {
        let text = format!("version: 1\nname: a\ntitle: {written}\n");
        let loaded = load("x.yaml", text.as_bytes(), &Values::default());
        assert_eq!(codes(&loaded).contains(&"wrong-type"), wrong, "{written}");
    }
}

#[test]
fn a_hostile_text_is_answered_in_bounded_time_with_bounded_words() {
    let many_keys = (0..20_000).fold(String::new(), |text, n| text + &format!("k{n}: x\n"));
    let long_line = format!("version: 1\nname: a\ntitle: \"{}\"\n", "${x}".repeat(200_000));
    let long_key = format!("{}: 1\nversion: 1\n", "k".repeat(1_000));
    for text in [many_keys, long_line, long_key] {
        let loaded = load("x.yaml", text.as_bytes(), &Values::default());
        let all = loaded.check(None);
        assert!(crate::diagnostic::has_errors(&all));
        assert!(all.len() <= 1_001, "{}", all.len());
        assert!(all.iter().all(|one| one.message.len() < 400), "a message is too long");
    }
}
