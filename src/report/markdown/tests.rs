//! The Markdown of the fixture, whole, and how text is made safe.

use super::*;
use crate::report::fixture;

#[test]
#[expect(clippy::too_many_lines, reason = "a snapshot of the whole output")]
fn a_run_is_told_with_its_evidence() {
    insta::assert_snapshot!(render(&fixture::report()), @r#"
    # Fire drill report: 2026-01-01-game-day

    **unreverted** · emulated account 111122223333 in eu-west-1
    2025-12-31T23:59:00.000Z to 2026-01-01T00:30:00.000Z · seed 42 · firedrill 0.1.0, scenario language 1

    > A rehearsal on the emulated account proves the wiring of the response (detection, routing, runbook, rollback, time), not the application.

    ## Summary

    | drill | outcome | met | not met | detect | act | mitigate | recover |
    |---|---|---:|---:|---:|---:|---:|---:|
    | vpn-tunnel-down | passed | 5 | 0 | 1m | 1m 0.85s | 2m 12.5s | 11m 12s |
    | bad-deployment | unreverted | 0 | 7 | 2m 42s | *inconclusive* | *not observed* | *inconclusive* |

    Times count from the start of the first fault; [mttr.md](mttr.md) has the figures.

    ## vpn-tunnel-down: passed

    A VPN tunnel drops

    **Hypothesis:** The on-call is paged, the runbook runs.

    `scenarios/vpn-tunnel-down.yaml` · drill `fd-vpn-tunnel-down` · owner network-oncall · severity 2 · took 15m 35.5s · tags network, vpn

    ### Timeline

    | from the fault | at | clock | topic | what |
    |---:|---|---|---|---|
    | -30s | 2025-12-31T23:59:30.000Z | ours | drill | drill of `vpn-tunnel-down` began |
    | -10s | 2025-12-31T23:59:50.000Z | ours | steady state | alarm `vpn-status` is OK |
    | -500ms | 2025-12-31T23:59:59.500Z | ours | inject | fis:StartExperiment is called |
    | +0s | 2026-01-01T00:00:00.000Z | AWS | fault | fault `fault-1` took effect |
    | +1m | 2026-01-01T00:01:00.000Z | AWS | observed | `recovered`, `detected`: vpn-status: OK -> ALARM |
    | +1m 0.85s | 2026-01-01T00:01:00.850Z | AWS | observed | `paged`, `no-second-page`: message on oncall: ALARM: vpn-status |
    | +2m 12.5s | 2026-01-01T00:02:12.500Z | AWS | observed | `diagnosed`: Diagnose-Vpn: Success |
    | +10m | 2026-01-01T00:10:00.000Z | AWS | fault | fault `fault-1` completed |
    | +11m 12s | 2026-01-01T00:11:12.000Z | AWS | observed | `recovered`: vpn-status: ALARM -> OK |
    | +15m 4s | 2026-01-01T00:15:04.000Z | ours | revert | reverting begins |
    | +15m 4s | 2026-01-01T00:15:04.000Z | ours | revert | fis:DeleteExperimentTemplate is called |
    | +15m 5s | 2026-01-01T00:15:05.000Z | ours | revert | everything is reverted |
    | +15m 5.5s | 2026-01-01T00:15:05.500Z | ours | drill | drill ended |

    ### Expectations

    | verdict | expectation | what | demand | latency | margin | correlation |
    |---|---|---|---|---:|---:|---|
    | met | `detected` | alarm `vpn-status` in ALARM | within 2m | 1m | +1m | marker |
    | met | `paged` | notification on `oncall` | within 30s after `detected` | 850ms | +29.15s | exact |
    | met | `diagnosed` | runbook `Diagnose-Vpn` Success with `describe-tunnels` | within 5m after `detected` | 1m 12.5s | +3m 47.5s | window |
    | met | `no-second-page` | notification on `oncall` | at most once in 10m |  |  |  |
    | met | `recovered` | alarm `vpn-status` in OK | within 20m, for 2m, in recovery | 11m 12s | +8m 48s | window |

    ### Evidence

    - `detected` **met**: observed after 1m, 1m before the deadline
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:02:00.000Z, 1 seen
      - vpn-status: OK -> ALARM; occurred at 2026-01-01T00:01:00.000Z, seen at 2026-01-01T00:01:03.000Z, correlation marker
      - history item: `StateUpdate 1`
    - `paged` **met**: observed after 850ms, 29.15s before the deadline
      - window 2026-01-01T00:01:00.000Z to 2026-01-01T00:01:30.000Z, 1 seen
      - message on oncall: ALARM: vpn-status; occurred at 2026-01-01T00:01:00.850Z, seen at 2026-01-01T00:01:03.850Z, correlation exact
      - MessageId: `m-1`
    - `diagnosed` **met**: observed after 1m 12.5s, 3m 47.5s before the deadline
      - window 2026-01-01T00:01:00.000Z to 2026-01-01T00:06:00.000Z, 1 seen
      - Diagnose-Vpn: Success; occurred at 2026-01-01T00:02:12.500Z, seen at 2026-01-01T00:02:15.500Z, correlation window
    - `no-second-page` **met**: happened once in 10m, at most once is fine
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:10:00.000Z, 1 seen
    - `recovered` **met**: observed after 11m 12s, 8m 48s before the deadline, and held for 2m
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:20:00.000Z, 1 seen
      - vpn-status: ALARM -> OK; occurred at 2026-01-01T00:11:12.000Z, seen at 2026-01-01T00:11:15.000Z, correlation window

    ### Before the fault

    - alarm `vpn-status` must be OK, was OK

    ### Faults

    - `fault-1`: FIS experiment `vpn-tunnel-outage`, at once: took effect at 2026-01-01T00:00:00.000Z, completed at 2026-01-01T00:10:00.000Z
      - experiment: `EXP1a2b3c`

    ### Reverts

    - 2026-01-01T00:15:04.000Z `fis:DeleteExperimentTemplate` for fault `fault-1`: done

    ### Retrospective

    | stage | what the drill saw | what people add |
    |---|---|---|
    | detection | detected after 1m (`detected`) | |
    | classification | severity 2 | |
    | escalation | first action after 1m 0.85s (`paged`) | |
    | diagnosis |  | |
    | resolution | mitigated after 2m 12.5s (`diagnosed`) | |
    | closure | recovered after 11m 12s (`recovered`) | |

    | role | who |
    |---|---|
    | incident manager |  |
    | owner | network-oncall |
    | team |  |
    | reporter |  |

    - What went well:
    - What did not:
    - What we change, who, and by when:

    ## bad-deployment: unreverted

    A \<bad> deployment \| with "awkward" text

    `scenarios/bad-deployment.yaml` · drill `fd-bad-deployment` · took 7m 15.5s

    - left behind: alarm `errors` in ALARM

    ### Timeline

    | from the fault | at | clock | topic | what |
    |---:|---|---|---|---|
    | -30s | 2025-12-31T23:59:30.000Z | ours | drill | drill of `bad-deployment` began |
    | -10s | 2025-12-31T23:59:50.000Z | ours | steady state | alarm `vpn-status` is OK |
    | -500ms | 2025-12-31T23:59:59.500Z | ours | inject | events:PutEvents is called |
    | +0s | 2026-01-01T00:00:00.000Z | AWS | fault | fault `fault-1` took effect |
    | +1m | 2026-01-01T00:01:00.000Z | AWS | observed | `routed`: on-failure: 1 invocation in the minute (exact to 1m) |
    | +1m 10s | 2026-01-01T00:01:10.000Z | AWS | observed | `approved`: Isolate: Waiting at approve (blocked: the approval step `approve`) |
    | +1m 20s | 2026-01-01T00:01:20.000Z | AWS | observed | `quiet`: pager\|\*noise\*: \<ALARM> ]]> �\[31m red |
    | +2m 42s | 2026-01-01T00:02:42.000Z | AWS | observed | `detected`: errors: OK -> ALARM |
    | +3m 20s | 2026-01-01T00:03:20.000Z | ours | blind | could not look, 2 times: throttled: cloudwatch:DescribeAlarmHistory |
    | +6m 44s | 2026-01-01T00:06:44.000Z | ours | revert | reverting begins |
    | +6m 44s | 2026-01-01T00:06:44.000Z | ours | revert | cloudwatch:SetAlarmState is called |
    | +6m 44.2s | 2026-01-01T00:06:44.200Z | ours | error | the call failed: AccessDenied: not allowed |
    | +6m 45s | 2026-01-01T00:06:45.000Z | ours | revert | left behind: alarm `errors` in ALARM |
    | +6m 45.5s | 2026-01-01T00:06:45.500Z | ours | drill | drill ended |

    ### Expectations

    | verdict | expectation | what | demand | latency | margin | correlation |
    |---|---|---|---|---:|---:|---|
    | **late** | `detected` | alarm `errors` in ALARM | within 2m | 2m 42s | -42s | window |
    | **inconclusive** | `routed` | rule `on-failure` on bus `default` invoked its targets | within 1m 30s | 1m to 2m |  | window |
    | **missed** | `rolled-back` | CodeDeploy rollback of `shop` / `web` | within 5m |  |  |  |
    | **skipped** | `told` | alarm `told` in OK | within 30s after `rolled-back` |  |  |  |
    | **inconclusive** | `approved` | runbook `Isolate` Success with `describe-tunnels` | within 2m |  |  | window |
    | **violated** | `quiet` | alarm `pager\|*noise*` in ALARM | never, for 5m | 1m 20s |  | window |
    | **inconclusive** | `recovered` | alarm `errors` in OK | within 10m, for 1m, in recovery |  |  | window |

    ### Evidence

    - `detected` **late**: late by 42s: observed after 2m 42s
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:02:00.000Z, 1 seen
      - errors: OK -> ALARM; occurred at 2026-01-01T00:02:42.000Z, seen at 2026-01-01T00:02:45.000Z, correlation window
    - `routed` **inconclusive**: met or late, it can't be told: the evidence is only exact to 1m
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:01:30.000Z, 1 seen
      - on-failure: 1 invocation in the minute; occurred at 2026-01-01T00:01:00.000Z (exact to 1m), seen at 2026-01-01T00:01:03.000Z, correlation window
    - `rolled-back` **missed**: not observed within 6m, grace included
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:05:00.000Z, 0 seen
    - `told` **skipped**: waits for `rolled-back`, which was missed
    - `approved` **inconclusive**: blocked: the approval step `approve`
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:02:00.000Z, 0 seen
      - Isolate: Waiting at approve; occurred at 2026-01-01T00:01:10.000Z, seen at 2026-01-01T00:01:13.000Z, correlation window
    - `quiet` **violated**: happened after 1m 20s: pager\|\*noise\*: \<ALARM> ]]> �\[31m red
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:05:00.000Z, 1 seen
      - pager\|\*noise\*: \<ALARM> ]]> �\[31m red; occurred at 2026-01-01T00:01:20.000Z, seen at 2026-01-01T00:01:23.000Z, correlation window
      - reason: `'tick' \| <pipe> ]]> `
    - `recovered` **inconclusive**: in force so far, but could not look: throttled: cloudwatch:DescribeAlarmHistory
      - window 2026-01-01T00:00:00.000Z to 2026-01-01T00:10:00.000Z, 0 seen
      - errors: OK; occurred at 2025-12-31T23:58:30.000Z, seen at 2025-12-31T23:59:59.000Z, correlation window

    ### Before the fault

    - alarm `vpn-status` must be OK, was OK

    ### Faults

    - `fault-1`: 1 event on bus `default`, at once: took effect at 2026-01-01T00:00:00.000Z
      - experiment: `EXP1a2b3c`

    ### Reverts

    - 2026-01-01T00:06:44.000Z `cloudwatch:SetAlarmState` for fault `fault-1`: **failed**: AccessDenied: not allowed
    - **left behind**: alarm `errors` in ALARM

    ### Retrospective

    | stage | what the drill saw | what people add |
    |---|---|---|
    | detection | detected after 2m 42s (`detected`) | |
    | classification |  | |
    | escalation |  | |
    | diagnosis |  | |
    | resolution |  | |
    | closure |  | |

    | role | who |
    |---|---|
    | incident manager |  |
    | owner |  |
    | team |  |
    | reporter |  |

    - What went well:
    - What did not:
    - What we change, who, and by when:
    "#);
}

#[test]
fn a_run_without_drills_proves_nothing() {
    assert!(render(&fixture::empty()).ends_with("No drill was run: nothing is proven.\n"));
}

#[test]
fn text_stays_text() {
    let cases = [
        ("a | b", r"a \| b"),
        ("<script>", r"\<script>"),
        ("names in `snake_case` stay", "names in `snake_case` stay"),
        ("a * b_c", r"a \* b\_c"),
        ("one ` tick", r"one \` tick"),
        ("two\nlines", "two lines"),
        ("\u{1b}[31m", "\u{fffd}\\[31m"),
    ];
    for (text, escaped) in cases {
        assert_eq!(escape(text), escaped);
    }
    assert_eq!(code("a`b|c\n"), r"`a'b\|c `");
}
