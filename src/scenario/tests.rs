//! What scenarios look like when they are right, and every way in which a text can be wrong.

use super::*;

/// The scenario of the design page.
pub(crate) const VPN: &str = r#"version: 1
name: vpn-tunnel-down
title: A VPN tunnel drops; the on-call is paged and the troubleshooting runbook runs
hypothesis: The status alarm fires within two minutes.
owner: network-oncall
severity: 2
tags: [network, vpn]
environment: environments/vpn.yaml

guardrails:
  accounts: ["111122223333"]
  regions: [eu-west-1]
  max_duration: 30m
stop_conditions:
  - alarm: checkout-errors-critical

steady_state:
  - alarm: {name: vpn-status, state: OK}

faults:
  - id: tunnel-down
    fis: {template: vpn-tunnel-outage}

expect:
  - id: detected
    alarm: {name: vpn-status, state: ALARM}
    within: 2m
  - id: paged
    notification: {topic: oncall}
    after: detected
    within: 30s
  - id: diagnosed
    runbook: {document: Diagnose-Vpn, status: Success, steps: [describe-tunnels]}
    after: detected
    within: 5m
  - id: no-second-page
    never: {notification: {topic: oncall}, more_than: 1}
    for: 10m

recovery:
  - alarm: {name: vpn-status, state: OK}
    within: 20m
    sustain: 2m
"#;

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded.diagnostics.iter().map(|found| found.code.as_str()).collect()
}

#[test]
fn the_scenario_of_the_design_page_loads_without_a_word() {
    let loaded = load("vpn.yaml", VPN.as_bytes(), &Values::default());
    assert_eq!(loaded.diagnostics, vec![]);
    let scenario = loaded.scenario.unwrap();
    assert_eq!(scenario.expect.len(), 4);
    assert_eq!(scenario.guardrails.accounts, ["111122223333"]);
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
