//! One run of two drills for the tests of every renderer: one that passes, and one that has every other
//! verdict and text that each format must carry safely.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{Report, RunInfo};
use crate::plan::{
    About, Anchor, Demand, FaultAction, Kind, Phase, Plan, PlannedExpectation, PlannedFault,
    PlannedSteadyState, Start,
};
use crate::scenario::types::{
    Correlation, Duration, EventEntry, Guardrails, Objectives, RuleState, Stage, StateValue,
};
use crate::timeline::{Entry, EntryKind, Observation, Purpose, Target, TargetKind, Undo};

/// The report of both drills.
pub(crate) fn report() -> Report {
    Report::new(run(), vec![vpn(), deployment()])
}

/// A run in which what was seen for one expectation is only exact to its resolution.
pub(crate) fn coarse(expectation: &str, milliseconds: u64) -> Report {
    let (plan, mut timeline) = vpn();
    for entry in &mut timeline {
        if let EntryKind::Observation(seen) = &mut entry.kind
            && seen.expectation == expectation
        {
            seen.resolution_ms = milliseconds;
        }
    }
    Report::new(
        RunInfo { drills: vec!["vpn-tunnel-down".to_owned()], ..run() },
        vec![(plan, timeline)],
    )
}

/// A run without drills.
pub(crate) fn empty() -> Report {
    Report::new(RunInfo { drills: vec![], ..run() }, vec![])
}

/// What `run.json` says.
pub(crate) fn run() -> RunInfo {
    RunInfo {
        id: "2026-01-01-game-day".to_owned(),
        started: at(-60_000),
        ended: Some(at(1_800_000)),
        target: target(),
        versions: IndexMap::from([
            ("firedrill".to_owned(), "0.1.0".to_owned()),
            ("scenario language".to_owned(), "1".to_owned()),
        ]),
        seed: Some(42),
        drills: vec!["vpn-tunnel-down".to_owned(), "bad-deployment".to_owned()],
    }
}

fn target() -> Target {
    Target {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        kind: TargetKind::Emulator,
    }
}

/// Milliseconds after 2026-01-01T00:00:00Z, when both faults start.
fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + milliseconds).expect("in range")
}

fn within(seconds: i64, sustain: i64) -> Demand {
    Demand::Happens {
        within: SignedDuration::from_secs(seconds),
        count: 1,
        sustain: SignedDuration::from_secs(sustain),
    }
}

fn expects(id: &str, stage: Stage, kind: Kind, demand: Demand) -> PlannedExpectation {
    PlannedExpectation {
        target: None,
        id: id.to_owned(),
        phase: if stage == Stage::Recover { Phase::Recovery } else { Phase::Expect },
        kind,
        demand,
        anchor: Anchor::Fault("fault-1".to_owned()),
        stage,
        correlation: Correlation::Window,
    }
}

fn after(id: &str, expectation: PlannedExpectation) -> PlannedExpectation {
    PlannedExpectation { anchor: Anchor::Expectation(id.to_owned()), ..expectation }
}

fn alarm(name: &str, state: StateValue) -> Kind {
    Kind::Alarm { name: name.to_owned(), state, action: None }
}

fn runbook(document: &str) -> Kind {
    Kind::Runbook {
        document: document.to_owned(),
        status: "Success".to_owned(),
        steps: vec!["describe-tunnels".to_owned()],
        parameters: IndexMap::new(),
        outputs: IndexMap::new(),
    }
}

fn plan(name: &str, action: FaultAction, expectations: Vec<PlannedExpectation>) -> Plan {
    let minutes = |minutes: u64| Some(Duration(std::time::Duration::from_secs(minutes * 60)));
    Plan {
        scenario: About {
            name: name.to_owned(),
            file: format!("scenarios/{name}.yaml"),
            title: None,
            hypothesis: None,
            owner: None,
            severity: None,
            tags: vec![],
        },
        run_id: format!("fd-{name}"),
        targets: IndexMap::new(),
        guardrails: Guardrails::default(),
        max_duration: SignedDuration::from_mins(30),
        stop_conditions: vec![],
        steady_state: vec![PlannedSteadyState {
            target: None,
            alarm: "vpn-status".to_owned(),
            state: StateValue::Ok,
        }],
        faults: vec![PlannedFault {
            target: None,
            id: "fault-1".to_owned(),
            start: Start::At(SignedDuration::ZERO),
            effect: None,
            action,
        }],
        expectations,
        grace: SignedDuration::from_mins(1),
        objectives: Objectives {
            detect: minutes(2),
            act: minutes(1),
            mitigate: None,
            recover: minutes(15),
        },
    }
}

/// A timeline under construction; our clock runs 3 s behind what AWS says.
struct Record(Vec<Entry>);

impl Record {
    fn add(&mut self, milliseconds: i64, kind: EntryKind) {
        self.0.push(Entry { at: at(milliseconds), kind });
    }

    fn begin(scenario: &str, call: &str, undo: Option<Undo>) -> Self {
        let mut record = Self(vec![]);
        record.add(
            -30_000,
            EntryKind::DrillStarted {
                scenario: scenario.to_owned(),
                run_id: format!("fd-{scenario}"),
                target: target(),
                targets: IndexMap::new(),
                dry_run: false,
            },
        );
        record.add(
            -20_000,
            EntryKind::Preflight { subject: "alarm vpn-status".to_owned(), problem: None },
        );
        record.add(
            -10_000,
            EntryKind::SteadyState {
                target: None,
                alarm: "vpn-status".to_owned(),
                expected: "OK".to_owned(),
                found: Some("OK".to_owned()),
                reason: None,
            },
        );
        record.intent(-500, 1, Purpose::Inject, call, undo);
        record.receipt(100, 1, None);
        record.add(
            150,
            EntryKind::FaultStarted {
                fault: "fault-1".to_owned(),
                occurred_at: at(0),
                uncertain_ms: 0,
                evidence: IndexMap::from([("experiment".to_owned(), "EXP1a2b3c".to_owned())]),
            },
        );
        record
    }

    fn intent(&mut self, at: i64, intent: u32, purpose: Purpose, call: &str, undo: Option<Undo>) {
        let (fault, call) = (Some("fault-1".to_owned()), call.to_owned());
        self.add(at, EntryKind::Intent { intent, target: None, fault, purpose, call, undo });
    }

    fn receipt(&mut self, at: i64, intent: u32, error: Option<&str>) {
        let error = error.map(str::to_owned);
        self.add(at, EntryKind::Receipt { intent, error, ids: IndexMap::new() });
    }

    fn sees(&mut self, id: &str, occurred: i64, summary: &str) -> &mut Observation {
        self.0.push(Entry {
            at: at(occurred + 3000),
            kind: EntryKind::Observation(Observation {
                target: None,
                expectation: id.to_owned(),
                holds: true,
                occurred_at: at(occurred),
                resolution_ms: 0,
                seen_at: at(occurred + 3000),
                correlation: Correlation::Window,
                summary: summary.to_owned(),
                blocked: None,
                evidence: IndexMap::new(),
            }),
        });
        match self.0.last_mut().map(|entry| &mut entry.kind) {
            Some(EntryKind::Observation(observation)) => observation,
            _ => unreachable!("pushed just above"),
        }
    }

    fn looked(&mut self, through: i64, ids: &[&str]) {
        let expectations = ids.iter().map(|id| (*id).to_owned()).collect();
        self.add(
            through + 3000,
            EntryKind::Looked { expectations, through: at(through), gap: None },
        );
    }

    fn blind(&mut self, milliseconds: i64, id: &str, reason: &str) {
        let (expectations, reason) = (vec![id.to_owned()], reason.to_owned());
        self.add(milliseconds, EntryKind::Blind { expectations, reason });
    }

    fn end(mut self, milliseconds: i64, left: &[&str]) -> Vec<Entry> {
        let left = left.iter().map(|what| (*what).to_owned()).collect();
        self.add(milliseconds, EntryKind::Reverted { left });
        self.add(milliseconds + 500, EntryKind::DrillEnded);
        self.0
    }
}

/// A drill that passes.
pub(crate) fn vpn() -> (Plan, Vec<Entry>) {
    let oncall = Kind::Notification { topic: "oncall".to_owned(), contains: None };
    let mut plan = plan(
        "vpn-tunnel-down",
        FaultAction::FisTemplate { template: "vpn-tunnel-outage".to_owned() },
        vec![
            expects(
                "detected",
                Stage::Detect,
                alarm("vpn-status", StateValue::Alarm),
                within(120, 0),
            ),
            after("detected", expects("paged", Stage::Act, oncall.clone(), within(30, 0))),
            after(
                "detected",
                expects("diagnosed", Stage::Mitigate, runbook("Diagnose-Vpn"), within(300, 0)),
            ),
            expects(
                "no-second-page",
                Stage::Act,
                oncall,
                Demand::Never { watch_for: SignedDuration::from_mins(10), more_than: 1 },
            ),
            expects(
                "recovered",
                Stage::Recover,
                alarm("vpn-status", StateValue::Ok),
                within(1200, 120),
            ),
        ],
    );
    plan.scenario.title = Some("A VPN tunnel drops".to_owned());
    plan.scenario.hypothesis = Some("The on-call is paged, the runbook runs.".to_owned());
    plan.scenario.owner = Some("network-oncall".to_owned());
    plan.scenario.severity = Some(2);
    plan.scenario.tags = vec!["network".to_owned(), "vpn".to_owned()];
    let undo = Undo::StopExperiment { client_token: "fd-vpn-tunnel-down-1".to_owned() };
    let mut record = Record::begin("vpn-tunnel-down", "fis:StartExperiment", Some(undo));
    record.sees("recovered", 60_000, "vpn-status: OK -> ALARM").holds = false;
    let detected = record.sees("detected", 60_000, "vpn-status: OK -> ALARM");
    detected.correlation = Correlation::Marker;
    detected.evidence = IndexMap::from([("history item".to_owned(), "StateUpdate 1".to_owned())]);
    let paged = record.sees("paged", 60_850, "message on oncall: ALARM: vpn-status");
    paged.correlation = Correlation::Exact;
    paged.evidence = IndexMap::from([("MessageId".to_owned(), "m-1".to_owned())]);
    record.sees("no-second-page", 60_850, "message on oncall: ALARM: vpn-status");
    record.sees("diagnosed", 132_500, "Diagnose-Vpn: Success");
    record.add(
        600_000,
        EntryKind::FaultEnded {
            fault: "fault-1".to_owned(),
            occurred_at: at(600_000),
            state: "completed".to_owned(),
            reason: None,
        },
    );
    record.sees("recovered", 672_000, "vpn-status: ALARM -> OK");
    record.looked(900_000, &["detected", "paged", "diagnosed", "no-second-page", "recovered"]);
    record.add(904_000, EntryKind::Reverting);
    record.intent(904_000, 2, Purpose::Revert, "fis:DeleteExperimentTemplate", None);
    record.receipt(904_200, 2, None);
    (plan, record.end(905_000, &[]))
}

/// A drill with every other verdict, and awkward text.
pub(crate) fn deployment() -> (Plan, Vec<Entry>) {
    let rule = Kind::Rule {
        name: "on-failure".to_owned(),
        bus: "default".to_owned(),
        state: RuleState::Invoked,
    };
    let rollback =
        Kind::CodeDeployRollback { application: "shop".to_owned(), group: "web".to_owned() };
    let never = Demand::Never { watch_for: SignedDuration::from_mins(5), more_than: 0 };
    let event = EventEntry {
        source: "drill".to_owned(),
        detail_type: "Deploy".to_owned(),
        detail: serde_json::json!({}),
        resources: vec![],
    };
    let mut plan = plan(
        "bad-deployment",
        FaultAction::PutEvents { bus: "default".to_owned(), entries: vec![event] },
        vec![
            expects("detected", Stage::Detect, alarm("errors", StateValue::Alarm), within(120, 0)),
            expects("routed", Stage::Act, rule, within(90, 0)),
            expects("rolled-back", Stage::Mitigate, rollback, within(300, 0)),
            after(
                "rolled-back",
                expects("told", Stage::Act, alarm("told", StateValue::Ok), within(30, 0)),
            ),
            expects("approved", Stage::Mitigate, runbook("Isolate"), within(120, 0)),
            expects("quiet", Stage::Detect, alarm("pager|*noise*", StateValue::Alarm), never),
            expects("recovered", Stage::Recover, alarm("errors", StateValue::Ok), within(600, 60)),
        ],
    );
    plan.scenario.title = Some("A <bad> deployment | with \"awkward\" text".to_owned());
    let mut record = Record::begin("bad-deployment", "events:PutEvents", None);
    record.sees("recovered", -90_000, "errors: OK").seen_at = at(-1000);
    record.sees("routed", 60_000, "on-failure: 1 invocation in the minute").resolution_ms = 60_000;
    let blocked = record.sees("approved", 70_000, "Isolate: Waiting at approve");
    blocked.blocked = Some("the approval step `approve`".to_owned());
    let quiet = record.sees("quiet", 80_000, "pager|*noise*: <ALARM> ]]> \u{1b}[31m\nred");
    quiet.evidence = IndexMap::from([("reason".to_owned(), "`tick` | <pipe> ]]>\u{7}".to_owned())]);
    record.sees("detected", 162_000, "errors: OK -> ALARM");
    record.blind(200_000, "recovered", "throttled: cloudwatch:DescribeAlarmHistory");
    record.blind(205_000, "recovered", "throttled: cloudwatch:DescribeAlarmHistory");
    record.looked(400_000, &["detected", "routed", "rolled-back", "approved", "quiet"]);
    record.add(404_000, EntryKind::Reverting);
    record.intent(404_000, 2, Purpose::Revert, "cloudwatch:SetAlarmState", None);
    record.receipt(404_200, 2, Some("AccessDenied: not allowed"));
    (plan, record.end(405_000, &["alarm `errors` in ALARM"]))
}

#[test]
fn every_file_is_the_same_bytes_each_time() {
    assert_eq!(super::files(&report()), super::files(&report()));
}
