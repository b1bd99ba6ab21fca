//! `report.json`: the tree itself.
//!
//! No type of its own. Invariant: what is written reads back as the same [`Report`]; durations are whole
//! milliseconds, timestamps RFC 3339 in UTC.

use super::Report;

/// The tree as indented JSON.
///
/// # Panics
/// Never: a report is plain data.
pub fn render(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report is plain data");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_tree_reads_back_as_itself() {
        let report = fixture::report();
        let text = render(&report);
        assert_eq!(serde_json::from_str::<Report>(&text).expect("reads back"), report);
        assert_eq!(render(&serde_json::from_str(&text).expect("reads back")), text);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a snapshot of the whole output")]
    fn the_tree_is_written_as_it_is() {
        let mut report = fixture::report();
        report.drills.truncate(1);
        report.drills[0].expectations.truncate(2);
        report.drills[0].highlights.truncate(3);
        insta::assert_snapshot!(render(&report), @r#"
        {
          "version": 1,
          "run": {
            "id": "2026-01-01-game-day",
            "started": "2025-12-31T23:59:00Z",
            "ended": "2026-01-01T00:30:00Z",
            "target": {
              "account": "111122223333",
              "region": "eu-west-1",
              "kind": "emulator"
            },
            "versions": {
              "firedrill": "0.1.0",
              "scenario language": "1"
            },
            "seed": 42,
            "drills": [
              "vpn-tunnel-down",
              "bad-deployment"
            ]
          },
          "totals": {
            "outcome": "unreverted",
            "outcomes": {
              "passed": 1,
              "unreverted": 1
            },
            "verdicts": {
              "met": 5,
              "skipped": 1,
              "inconclusive": 3,
              "late": 1,
              "missed": 1,
              "violated": 1
            }
          },
          "statistics": {
            "detect": {
              "n": 2,
              "drills": 2,
              "mean_ms": 111000,
              "median_ms": 111000,
              "p90_ms": 162000,
              "max_ms": 162000,
              "inside": 1,
              "outside": 1,
              "unproven": 0
            },
            "act": {
              "n": 1,
              "drills": 2,
              "mean_ms": 60850,
              "median_ms": 60850,
              "p90_ms": 60850,
              "max_ms": 60850,
              "inside": 0,
              "outside": 1,
              "unproven": 1
            },
            "mitigate": {
              "n": 1,
              "drills": 2,
              "mean_ms": 132500,
              "median_ms": 132500,
              "p90_ms": 132500,
              "max_ms": 132500,
              "inside": 0,
              "outside": 0,
              "unproven": 0
            },
            "recover": {
              "n": 1,
              "drills": 2,
              "mean_ms": 672000,
              "median_ms": 672000,
              "p90_ms": 672000,
              "max_ms": 672000,
              "inside": 1,
              "outside": 0,
              "unproven": 1
            }
          },
          "drills": [
            {
              "about": {
                "name": "vpn-tunnel-down",
                "file": "scenarios/vpn-tunnel-down.yaml",
                "title": "A VPN tunnel drops",
                "hypothesis": "The on-call is paged, the runbook runs.",
                "owner": "network-oncall",
                "severity": 2,
                "tags": [
                  "network",
                  "vpn"
                ]
              },
              "run_id": "fd-vpn-tunnel-down",
              "started": "2025-12-31T23:59:30Z",
              "ended": "2026-01-01T00:15:05.5Z",
              "outcome": "passed",
              "reasons": [],
              "preflight": [],
              "steady_state": [
                {
                  "alarm": "vpn-status",
                  "expected": "OK",
                  "found": "OK",
                  "reason": null
                }
              ],
              "faults": [
                {
                  "id": "fault-1",
                  "what": "FIS experiment `vpn-tunnel-outage`",
                  "start": "at once",
                  "started": "2026-01-01T00:00:00Z",
                  "uncertain_ms": null,
                  "evidence": {
                    "experiment": "EXP1a2b3c"
                  },
                  "failed": null,
                  "ended": {
                    "at": "2026-01-01T00:10:00Z",
                    "state": "completed",
                    "reason": null
                  }
                }
              ],
              "expectations": [
                {
                  "what": "alarm `vpn-status` in ALARM",
                  "demand": "within 2m",
                  "after": null,
                  "phase": "expect",
                  "stage": "detect",
                  "verdict": {
                    "expectation": "detected",
                    "verdict": "met",
                    "anchor_at": "2026-01-01T00:00:00Z",
                    "deadline_at": "2026-01-01T00:02:00Z",
                    "latency_ms": 60000,
                    "margin_ms": 60000,
                    "occurrences": 1,
                    "observation": {
                      "expectation": "detected",
                      "holds": true,
                      "occurred_at": "2026-01-01T00:01:00Z",
                      "resolution_ms": 0,
                      "seen_at": "2026-01-01T00:01:03Z",
                      "correlation": "marker",
                      "summary": "vpn-status: OK -> ALARM",
                      "blocked": null,
                      "evidence": {
                        "history item": "StateUpdate 1"
                      }
                    },
                    "held_throughout": false,
                    "broken_link": null,
                    "reason": "observed after 1m, 1m before the deadline"
                  }
                },
                {
                  "what": "notification on `oncall`",
                  "demand": "within 30s",
                  "after": "`detected`",
                  "phase": "expect",
                  "stage": "act",
                  "verdict": {
                    "expectation": "paged",
                    "verdict": "met",
                    "anchor_at": "2026-01-01T00:01:00Z",
                    "deadline_at": "2026-01-01T00:01:30Z",
                    "latency_ms": 850,
                    "margin_ms": 29150,
                    "occurrences": 1,
                    "observation": {
                      "expectation": "paged",
                      "holds": true,
                      "occurred_at": "2026-01-01T00:01:00.85Z",
                      "resolution_ms": 0,
                      "seen_at": "2026-01-01T00:01:03.85Z",
                      "correlation": "exact",
                      "summary": "message on oncall: ALARM: vpn-status",
                      "blocked": null,
                      "evidence": {
                        "MessageId": "m-1"
                      }
                    },
                    "held_throughout": false,
                    "broken_link": null,
                    "reason": "observed after 850ms, 29.15s before the deadline"
                  }
                }
              ],
              "recovery": {
                "detect": {
                  "time_ms": 60000,
                  "by": "detected",
                  "absent": null,
                  "objective_ms": 120000,
                  "standing": "inside"
                },
                "act": {
                  "time_ms": 60850,
                  "by": "paged",
                  "absent": null,
                  "objective_ms": 60000,
                  "standing": "outside"
                },
                "mitigate": {
                  "time_ms": 132500,
                  "by": "diagnosed",
                  "absent": null,
                  "objective_ms": null,
                  "standing": "no_objective"
                },
                "recover": {
                  "time_ms": 672000,
                  "by": "recovered",
                  "absent": null,
                  "objective_ms": 900000,
                  "standing": "inside"
                }
              },
              "reverts": [
                {
                  "at": "2026-01-01T00:15:04Z",
                  "fault": "fault-1",
                  "call": "fis:DeleteExperimentTemplate",
                  "error": null
                }
              ],
              "left": [],
              "clocks": [],
              "calls": {},
              "highlights": [
                {
                  "at": "2025-12-31T23:59:30Z",
                  "clock": "ours",
                  "offset_ms": -30000,
                  "topic": "drill",
                  "text": "drill of `vpn-tunnel-down` began"
                },
                {
                  "at": "2025-12-31T23:59:50Z",
                  "clock": "ours",
                  "offset_ms": -10000,
                  "topic": "steady state",
                  "text": "alarm `vpn-status` is OK"
                },
                {
                  "at": "2025-12-31T23:59:59.5Z",
                  "clock": "ours",
                  "offset_ms": -500,
                  "topic": "inject",
                  "text": "fis:StartExperiment is called"
                }
              ]
            }
          ]
        }
        "#);
    }
}
