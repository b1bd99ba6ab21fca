//! Whatever ends a drill early, at whichever moment: it reverts everything, and says that it was stopped.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firedrill::emulator::Account;
use firedrill::judge::{Outcome, judge};
use firedrill::plan::Plan;
use firedrill::recorder::Sink;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, Purpose, StopReason};

use crate::stage::{Over, assert_clean, drill, prepared, tail, unheard};
use crate::support::root;

/// A scenario with every kind of fault and of listener, and one with a runbook and a deployment.
fn subjects() -> Vec<(Plan, Account)> {
    ["tests/data/every-fault/scenario.yaml", "scenarios/bad-deployment-rolls-back.yaml"]
        .iter()
        .map(|file| prepared(&root().join(file)))
        .collect()
}

fn undisturbed(plan: &Plan, account: &Account) -> Vec<Entry> {
    let over = drill(plan, account.clone(), &StopSwitch::default(), unheard());
    assert_clean(account, &over, "undisturbed");
    let judgement = judge(plan, &over.finished.timeline);
    assert_eq!(judgement.outcome, Outcome::Passed, "{judgement:#?}");
    over.finished.timeline
}

fn place(timeline: &[Entry], wanted: impl Fn(&EntryKind) -> bool) -> Option<usize> {
    timeline.iter().position(|entry| wanted(&entry.kind))
}

/// Presses the switch right after the entry with this number, from 0, is recorded.
fn press_at(number: usize, stop: &StopSwitch) -> Sink {
    let stop = stop.clone();
    let mut seen = 0;
    Box::new(move |_| {
        if seen == number {
            stop.press(StopReason::Signal, "interrupted by the test".to_owned());
        }
        seen += 1;
        Ok(())
    })
}

/// What must be so when the switch was pressed at entry `k`.
fn assert_stopped(plan: &Plan, full: &[Entry], over: &Over, k: usize) {
    let timeline = &over.finished.timeline;
    let words = format!("pressed at entry {k}: {}", tail(timeline));
    assert_eq!(timeline[k], full[k], "the drill was the same until then: {words}");
    let stopping = place(timeline, |kind| matches!(kind, EntryKind::Stopping { .. }));
    let outcome = judge(plan, timeline).outcome;
    match stopping {
        Some(_) => assert_eq!(outcome, Outcome::Stopped, "{words}"),
        // Nothing was left to be stopped: every verdict was in.
        None => assert_eq!(outcome, Outcome::Passed, "{words}"),
    }
    // A fault that is just being injected may end its injection; no further one begins.
    let begun = |entries: &[Entry]| -> BTreeSet<String> {
        let faults = entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Intent { purpose: Purpose::Inject, fault, .. } => fault.clone(),
            _ => None,
        });
        faults.collect()
    };
    assert_eq!(begun(timeline), begun(&timeline[..=k]), "injected after it was pressed, {words}");
    if stopping.is_none() {
        // The last looks are written down when all is decided, right before the listeners go.
        let listeners_go = place(full, |kind| {
            matches!(kind, EntryKind::Intent { purpose: Purpose::Revert, fault: None, .. })
        });
        assert!(k + 3 >= listeners_go.expect("the full drill listened"), "not stopped, {words}");
    }
}

#[test]
fn a_drill_that_is_stopped_at_any_entry_reverts_everything() {
    for (plan, account) in subjects() {
        let full = undisturbed(&plan, &account);
        for k in 0..full.len() {
            let stop = StopSwitch::default();
            let sink = press_at(k, &stop);
            let over = drill(&plan, account.clone(), &stop, sink);
            assert_clean(&account, &over, &format!("{}, stopped at {k}", plan.scenario.name));
            assert_stopped(&plan, &full, &over, k);
        }
    }
}

/// Fails from the entry with this number on, as a full disk does; counts what it was asked to write.
fn fail_from(number: usize, asked: &Arc<AtomicUsize>) -> Sink {
    let asked = Arc::clone(asked);
    Box::new(move |_| {
        if asked.fetch_add(1, Ordering::SeqCst) >= number {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    })
}

#[test]
fn a_timeline_that_can_not_be_written_from_any_entry_on_stops_injection_and_reverts_everything() {
    for (plan, account) in subjects() {
        let full = undisturbed(&plan, &account);
        for k in 0..full.len() {
            let asked = Arc::default();
            let over = drill(&plan, account.clone(), &StopSwitch::default(), fail_from(k, &asked));
            let timeline = &over.finished.timeline;
            let words = format!("{}, unwritable from {k}: {}", plan.scenario.name, tail(timeline));
            assert_clean(&account, &over, &words);
            assert!(over.finished.failure.is_some(), "the failure is told, {words}");
            // The call of an intent that could not be written was not made.
            for entry in &timeline[k.min(timeline.len())..] {
                if let EntryKind::Intent { intent, purpose: Purpose::Inject, .. } = &entry.kind {
                    let answered = timeline.iter().any(|other| {
                        matches!(&other.kind, EntryKind::Receipt { intent: answered, error: None, .. }
                            if answered == intent)
                    });
                    assert!(!answered, "injected without a record, {words}");
                }
            }
        }
    }
}

#[test]
fn a_drill_that_is_stopped_before_it_begins_injects_nothing() {
    for (plan, account) in subjects() {
        let stop = StopSwitch::default();
        stop.press(StopReason::Signal, "interrupted before it began".to_owned());
        let over = drill(&plan, account.clone(), &stop, unheard());
        assert_clean(&account, &over, "stopped before it began");
        let timeline = &over.finished.timeline;
        assert_eq!(crate::stage::last_injection(timeline), None, "{}", tail(timeline));
        assert_eq!(judge(&plan, timeline).outcome, Outcome::Stopped, "{}", tail(timeline));
    }
}

/// The real process and its signals.
#[cfg(unix)]
mod signals {
    use std::fs;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::Duration;

    use serde_json::Value;

    use crate::support::{command, scratch};

    fn signal(child: &Child, name: &str) {
        let sent = Command::new("kill").arg(name).arg(child.id().to_string()).status();
        assert!(sent.expect("there is a kill").success(), "the process is still there");
    }

    /// Every drill that began: its timeline ends, and nothing is left.
    fn assert_reverted(run: &Path) -> usize {
        let mut drills = 0;
        for entry in fs::read_dir(run).expect("the run has a folder") {
            let timeline = entry.expect("it can be listed").path().join("timeline.jsonl");
            let Ok(text) = fs::read_to_string(&timeline) else { continue };
            let entries: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
            let words = timeline.display();
            let last = entries.last().expect("it has entries");
            assert_eq!(last["entry"], "drill_ended", "{words}");
            let injected = entries.iter().any(|entry| entry["purpose"] == "inject");
            let reverted: Vec<&Value> =
                entries.iter().filter(|entry| entry["entry"] == "reverted").collect();
            assert!(!injected || reverted.len() == 1, "{words}: {text}");
            for entry in reverted {
                assert_eq!(entry["left"], Value::Array(Vec::new()), "{words}");
            }
            drills += 1;
        }
        drills
    }

    #[test]
    fn an_interrupted_run_ends_its_drills_reverts_and_exits_with_4() {
        for name in ["-INT", "-TERM"] {
            let folder = scratch();
            let reports = folder.path().display().to_string();
            let arguments = [
                "run",
                "tests/data/every-fault/scenario.yaml",
                "--repeat",
                "2000",
                "--jobs",
                "2",
                "--format",
                "json",
                "--reports",
                &reports,
                "--run-id",
                "r",
            ];
            let mut child = command(&arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
            // Drills are under way: the first has injected.
            let mut line = String::new();
            while !line.contains("fault_started") {
                line.clear();
                assert!(out.read_line(&mut line).expect("it is UTF-8") > 0, "it ended early");
            }
            signal(&child, name);
            // Whoever reads on keeps the pipe from filling up.
            let reader = thread::spawn(move || out.read_to_end(&mut Vec::new()));
            let output = child.wait_with_output().expect("it ends");
            reader.join().expect("no panic").expect("it can be read");
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(4), "{words}");
            assert!(words.contains("ending the drills and reverting"), "{words}");
            assert!(words.contains("drills were not started"), "{words}");
            assert!(!words.contains("panicked"), "{words}");
            let drills = assert_reverted(&folder.path().join("r"));
            assert!((1..2000).contains(&drills), "{drills} drills began");
            assert!(folder.path().join("r/junit.xml").is_file(), "what ran is reported");
        }
    }

    /// Reads one HTTP request, its body included.
    fn request(stream: &TcpStream) -> String {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a number");
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body is whole");
        head + &String::from_utf8_lossy(&body)
    }

    const IDENTITY: &str = "<GetCallerIdentityResponse \
        xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Arn>arn:aws:iam::111122223333:user/drill</Arn><UserId>AIDA</UserId>\
        <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

    /// An endpoint that says who the caller is, and nothing ever after. Sends a line for each call that it
    /// leaves without an answer.
    fn silent_endpoint(knows_the_caller: bool) -> (String, std::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (left, waiting) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let text = request(&stream);
                if knows_the_caller && text.contains("GetCallerIdentity") {
                    let length = IDENTITY.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n\
                         content-length: {length}\r\n\r\n{IDENTITY}"
                    );
                    stream.write_all(answer.as_bytes()).expect("it is read");
                } else {
                    let first = text.lines().next().unwrap_or_default().to_owned();
                    kept.push(stream);
                    if left.send(first).is_err() {
                        return;
                    }
                }
            }
        });
        (url, waiting)
    }

    fn against(url: &str, reports: &Path) -> Command {
        let reports = reports.display().to_string();
        let mut command = command(&[
            "run",
            "tests/data/every-fault/scenario.yaml",
            "--endpoint-url",
            url,
            "--region",
            "eu-west-1",
            "--yes",
            "--reports",
            &reports,
            "--run-id",
            "r",
        ]);
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"] {
            command.env_remove(name);
        }
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[test]
    fn a_run_against_an_endpoint_that_falls_silent_can_be_interrupted() {
        let (url, waiting) = silent_endpoint(true);
        let folder = scratch();
        let child = against(&url, folder.path()).spawn().expect("it starts");
        let asked = waiting.recv_timeout(Duration::from_mins(1));
        asked.expect("the drill asks for something after the identity");
        let begun = crate::stage::now();
        signal(&child, "-INT");
        let output = child.wait_with_output().expect("it ends");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{words}");
        assert!(begun.elapsed() < Duration::from_secs(20), "it waited for {:?}", begun.elapsed());
        assert_eq!(assert_reverted(&folder.path().join("r")), 1);
    }

    #[test]
    fn an_interrupt_while_nobody_knows_who_calls_leaves_nothing_behind() {
        let (url, waiting) = silent_endpoint(false);
        let folder = scratch();
        let child = against(&url, folder.path()).spawn().expect("it starts");
        waiting.recv_timeout(Duration::from_mins(1)).expect("it asks who calls");
        signal(&child, "-INT");
        let output = child.wait_with_output().expect("it ends");
        assert_ne!(output.status.code(), Some(0));
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0, "no folder");
    }
}

/// Calls that take their time: an answer that has not come yet is no proof that nothing was done.
mod on_the_way {
    use std::time::Duration;

    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use firedrill::aws::Aws;
    use firedrill::clock::Clock;
    use firedrill::commands::drill::{Finished, emulated_config};
    use firedrill::context::{Place, Places};
    use firedrill::emulator::Account;
    use firedrill::emulator::transport::Emulator;
    use firedrill::judge::{Outcome, judge};
    use firedrill::plan::Plan;
    use firedrill::recorder::Recorder;
    use firedrill::runner::{self, Conduct, Drill, StopSwitch};
    use firedrill::timeline::{EntryKind, StopReason, Target, TargetKind};
    use firedrill::wakeup::Pace;

    use crate::stage::{Over, assert_clean, prepared, tail};
    use crate::support::root;

    /// The emulated account behind a slow line: what creates or starts something arrives late.
    #[derive(Debug, Clone)]
    struct Slow {
        emulator: Emulator,
        delay: Duration,
    }

    impl HttpConnector for Slow {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let Self { emulator, delay } = self.clone();
            HttpConnectorFuture::new(async move {
                if request.method() != "GET" {
                    tokio::time::sleep(delay).await;
                }
                emulator.call(request).await
            })
        }
    }

    impl HttpClient for Slow {
        fn http_connector(
            &self,
            _settings: &HttpConnectorSettings,
            _components: &RuntimeComponents,
        ) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    /// Drills over the slow line, and presses the switch when `call` is announced.
    fn stopped_while_on_the_way(
        plan: &Plan,
        account: Account,
        call: &str,
        delay: Duration,
    ) -> Over {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let clock = Clock::starting_at(account.now());
            let identity = account.identity().clone();
            let (emulator, wakeups) = Emulator::new(account, clock);
            let slow = Slow { emulator: emulator.clone(), delay };
            let aws = Aws::new(&emulated_config(&slow, &identity.region, clock));
            let stop = StopSwitch::default();
            let (switch, call) = (stop.clone(), call.to_owned());
            let recorder = Recorder::new(
                clock,
                Box::new(move |entry| {
                    if let EntryKind::Intent { call: announced, .. } = &entry.kind
                        && *announced == call
                    {
                        switch.press(StopReason::Signal, format!("while {call} is on its way"));
                    }
                    Ok(())
                }),
            );
            let (pace, urgency) = Pace::on_change(wakeups);
            let target = Target {
                account: identity.account,
                region: identity.region,
                kind: TargetKind::Emulator,
            };
            let home = Place { name: None, aws, target, partition: identity.partition };
            let places = Places::new(home, Vec::new());
            let drill = Drill {
                plan,
                places: &places,
                recorder: &recorder,
                pace: &pace,
                urgency: &urgency,
                stop: &stop,
                settle: Duration::ZERO,
                conduct: Conduct::default(),
            };
            tokio::select! {
                biased;
                () = runner::run(drill) => {}
                () = emulator.live() => {}
            }
            let account = emulator.account();
            let timeline = recorder.into_entries();
            Over { finished: Finished { timeline, calls: None, failure: None }, account }
        })
    }

    #[test]
    fn what_is_on_its_way_when_a_drill_is_stopped_is_taken_back_too() {
        let (plan, account) = prepared(&root().join("tests/data/every-fault/scenario.yaml"));
        let calls = [
            "fis:StartExperiment",
            "fis:CreateExperimentTemplate",
            "cloudwatch:SetAlarmState",
            "events:PutEvents",
            "cloudwatch:PutMetricData",
            "sqs:CreateQueue",
            "sns:Subscribe",
            "events:PutRule",
            "ssm:StartAutomationExecution",
            "ssm:SendCommand",
            "states:StartExecution",
            "lambda:InvokeFunction",
        ];
        for call in calls {
            for delay in [200, 3_000, 20_000].map(Duration::from_millis) {
                let over = stopped_while_on_the_way(&plan, account.clone(), call, delay);
                let words = format!("{call} takes {delay:?}");
                assert_clean(&account, &over, &words);
                let timeline = &over.finished.timeline;
                let outcome = judge(&plan, timeline).outcome;
                assert_eq!(outcome, Outcome::Stopped, "{words}: {}", tail(timeline));
            }
        }
    }
}
