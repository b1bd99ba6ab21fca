//! What the manual says of each kind of fault beyond its keys: an example, the way back, the limits.
//!
//! Main table: [`FAULTS`]. Invariant: one row a kind of the language (a test holds it), and each example is
//! a scenario that the check has nothing to say about, once what a scenario must have is put around it.

/// One kind of fault.
pub(super) struct Fault {
    /// Its key.
    pub(super) kind: &'static str,
    /// The parts of a scenario in which it stands.
    pub(super) example: &'static str,
    /// How it is taken back.
    pub(super) reverted: &'static str,
    /// Where it ends.
    pub(super) limits: &'static [&'static str],
}

/// Every kind, in the order of the language.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        kind: "fis",
        example: r"stop_conditions:
  - alarm: checkout-errors-critical
faults:
  - id: tunnel-down
    fis: {template: vpn-tunnel-outage}
  - id: instance-stopped
    at: 5m
    fis:
      inline:
        description: Stops one web server for ten minutes.
        roleArn: arn:aws:iam::111122223333:role/fis
        targets:
          web:
            resourceType: aws:ec2:instance
            resourceTags: {Service: web}
            selectionMode: COUNT(1)
        actions:
          stop:
            actionId: aws:ec2:stop-instances
            parameters: {startInstancesAfterDuration: PT10M}
            targets: {Instances: web}
",
        reverted: "The experiment is stopped if it still runs, and seen to have ended; FIS itself takes back \
                   what its actions take back. A template made from `inline` is deleted. The durations of \
                   the actions end the experiment whatever becomes of this machine.",
        limits: &[
            "The fault begins when FIS starts the first action that breaks something, up to a minute after \
             the call. An experiment without such an action is a fault without effect.",
            "FIS assumes the template's role: it needs a role of its own beside the drill's.",
            "`guardrails.max_targets` and `guardrails.target_tags` are held against what FIS resolves, and \
             `--dry-run` runs it with every action skipped.",
            "In a rehearsal the experiment moves the metrics that the environment's `signals` declare, and \
             no others.",
        ],
    },
    Fault {
        kind: "put_events",
        example: r#"faults:
  - id: order-failed
    put_events:
      bus: shop
      entries:
        - source: shop.orders
          detail-type: Order Failed
          detail: {orderId: "17", run: "${run.id}"}
"#,
        reverted: "There is nothing to take back: an event can't be recalled.",
        limits: &[
            "AWS refuses a `source` that begins with `aws.`: an event of AWS's own is brought about by what \
             causes it, or replayed (`start_replay`).",
            "An entry has 256 KB at most. What an entry's rules do is real.",
        ],
    },
    Fault {
        kind: "set_alarm_state",
        example: r"faults:
  - id: by-hand
    set_alarm_state: {alarm: checkout-errors, state: ALARM, reason: a drill}
",
        reverted: "The alarm is set back to the state that it had, unless it has moved on by itself.",
        limits: &[
            "A metric alarm returns to its own state at its next evaluation, often within seconds: its \
             history shows what happened. A composite alarm stays until one of its children changes.",
            "It proves what follows from the alarm, and not that the alarm would fire: `put_metric_data` or \
             `fis` do that.",
        ],
    },
    Fault {
        kind: "put_metric_data",
        example: r"faults:
  - id: errors
    put_metric_data:
      {namespace: Shop, metric: Errors, value: 50, unit: Count, every: 1m, duration: 6m}
",
        reverted: "There is nothing to take back: CloudWatch keeps datapoints. The last one ends the fault.",
        limits: &[
            "AWS refuses namespaces that begin with `AWS/`: metrics of AWS's own move when what they measure \
             does.",
            "The datapoints stand beside the real ones of the same metric: an alarm on `Average` sees both.",
        ],
    },
    Fault {
        kind: "ssm_automation",
        example: r#"faults:
  - id: drained
    ssm_automation:
      document: Drain-Node
      parameters: {NodeId: i-0123456789abcdef0, Minutes: "10"}
"#,
        reverted: "The execution is stopped if it still runs. What its steps have changed by then stays: a \
                   runbook that breaks something mends it in a last step (`isEnd`, `onCancel`).",
        limits: &[
            "An execution that fails is a fault that failed.",
            "The runbook acts with its own role (`AutomationAssumeRole`), or with the drill's permissions.",
        ],
    },
    Fault {
        kind: "ssm_command",
        example: r#"faults:
  - id: web-stopped
    ssm_command:
      document: AWS-RunShellScript
      targets: [{key: "tag:Service", values: [web]}]
      parameters: {commands: [systemctl stop web, sleep 300, systemctl start web]}
      execution_timeout: 10m
"#,
        reverted: "The command is cancelled where it still runs. Cancelling is an attempt, and what the \
                   command has done by then stays: let it mend what it breaks. Its two timeouts end it on \
                   the instance.",
        limits: &[
            "A command that fails on any of its instances is a fault that failed.",
            "It names 50 instances at most; more are reached by `targets`.",
            "In a rehearsal no command runs: the environment's `commands` say what it comes to.",
        ],
    },
    Fault {
        kind: "start_execution",
        example: r#"faults:
  - id: backlog
    start_execution: {state_machine: make-backlog, input: {orders: 500, run: "${run.id}"}}
"#,
        reverted: "The execution is stopped if it still runs; what its states have done by then stays.",
        limits: &[
            "An execution that fails is a fault that failed.",
            "Express state machines are not followed by Step Functions itself: take a standard one.",
        ],
    },
    Fault {
        kind: "invoke",
        example: r#"faults:
  - id: breaker
    invoke: {function: break-checkout, payload: {run: "${run.id}"}}
"#,
        reverted: "There is nothing to take back: whatever the function changes it must mend itself.",
        limits: &[
            "The call is made once, and its answer is waited for up to 15 minutes. An error of the function \
             is a fault that failed.",
            "In a rehearsal no code runs: the environment's `functions` say what the function does.",
        ],
    },
    Fault {
        kind: "disable_rule",
        example: r"faults:
  - id: switched-off
    disable_rule: {name: orders, bus: shop}
",
        reverted: "The rule is enabled again, and read back.",
        limits: &[
            "It takes EventBridge a moment until a disabled rule stops matching.",
            "Rules that an AWS service manages can't be disabled, and one that is disabled already is no \
             fault.",
        ],
    },
    Fault {
        kind: "publish",
        example: r#"faults:
  - id: paged
    publish:
      topic: pager
      subject: Checkout is down
      message: {severity: 2, run: "${run.id}"}
"#,
        reverted: "There is nothing to take back: a message can't be recalled.",
        limits: &[
            "A message with its attributes has 256 KB at most, and nine attributes beside the run's own.",
            "Everybody who is subscribed gets it: people too.",
        ],
    },
    Fault {
        kind: "send_message",
        example: r#"faults:
  - id: poison
    send_message: {queue: orders, message: {orderId: "", run: "${run.id}"}}
"#,
        reverted: "There is nothing to take back: whoever receives the message deletes it. The drill never \
                   receives from a queue that is not its own.",
        limits: &[
            "A message with its attributes has 256 KB at most, and nine attributes beside the run's own.",
        ],
    },
    Fault {
        kind: "guardduty_sample_findings",
        example: r#"faults:
  - id: miner
    guardduty_sample_findings: {types: ["CryptoCurrency:EC2/BitcoinTool.B!DNS"]}
"#,
        reverted: "The samples that were not there before are archived; GuardDuty forgets them after 90 \
                   days.",
        limits: &[
            "The samples are about AWS's placeholders (`i-99999999`): a response that looks the resource up \
             finds nothing.",
            "A type that has a sample already gets one more occurrence of it, which GuardDuty publishes up \
             to six hours later.",
            "The call answers nothing: the samples are looked for until they are there, two minutes at most.",
        ],
    },
    Fault {
        kind: "securityhub_findings",
        example: r#"faults:
  - id: exposed
    securityhub_findings:
      findings:
        - title: A bucket is public
          severity: high
          resources: [{type: AwsS3Bucket, id: "arn:aws:s3:::orders"}]
"#,
        reverted: "The findings are resolved first, then imported again as archived; Security Hub deletes \
                   archived findings by itself.",
        limits: &[
            "At most 100 findings, as a product of the account's own.",
            "Resolving and archiving are events too: a rule that must not answer them asks for the workflow \
             status NEW.",
        ],
    },
    Fault {
        kind: "config_evaluation",
        example: r"faults:
  - id: reviewed
    config_evaluation: {rule: access-reviewed, compliance: NON_COMPLIANT, annotation: a drill}
",
        reverted: "With `compliance`, the process check is told what it was before, and read back. Without \
                   it there is nothing to take back: an evaluation only finds what is true.",
        limits: &[
            "Only a process check can be told how it is from outside; any other rule is evaluated now.",
            "Config may take minutes to evaluate; the drill waits for five at most.",
        ],
    },
    Fault {
        kind: "log_line",
        example: r"faults:
  - id: errors-logged
    log_line: {group: /shop/checkout, message: {level: error, text: no stock}, count: 20}
",
        reverted: "The drill's own log stream is deleted, and read back. What a metric filter or a \
                   subscription made of the lines stays.",
        limits: &["From 1 to 1000 lines, at once; the log group must be there."],
    },
    Fault {
        kind: "start_replay",
        example: r"faults:
  - id: yesterday
    start_replay: {archive: shop-orders, last: 1h}
",
        reverted: "The replay is cancelled if it still runs, and waited for until it has ended. Events that \
                   were replayed by then stay.",
        limits: &[
            "An archive holds an event about ten minutes after it arrived.",
            "EventBridge may take minutes until the first event is replayed; five are waited for. A replay \
             that finds no event is a fault without effect.",
            "The events go to the bus that they came from; AWS allows no other.",
        ],
    },
    Fault {
        kind: "http",
        example: r#"faults:
  - id: failover-off
    http:
      url: https://flags.example.com/api/failover
      headers: {Authorization: "Bearer ${env.FLAGS_TOKEN}"}
      body: {enabled: false}
      revert:
        url: https://flags.example.com/api/failover
        headers: {Authorization: "Bearer ${env.FLAGS_TOKEN}"}
        body: {enabled: true}
"#,
        reverted: "The request under `revert` is sent. After a crash nobody knows whether it was, and it is \
                   sent again: that must do no harm. Without `revert` nothing is taken back.",
        limits: &[
            "Sent once, never again. Another status than the one that is wanted is a fault that failed.",
            "A rehearsal sends it only with `--allow-http`.",
        ],
    },
    Fault {
        kind: "command",
        example: r"faults:
  - id: cable-pulled
    command:
      program: ./switch
      args: [port, '7', 'off']
      timeout: 30s
      revert: {program: ./switch, args: [port, '7', 'on']}
",
        reverted: "The program is killed with everything that it started, then the program under `revert` is \
                   run. Without `revert` nothing more is taken back.",
        limits: &[
            "It runs only with `--allow-commands`, in a rehearsal too, on the machine that runs firedrill.",
            "A program that fails is a fault that failed. No shell reads its arguments.",
        ],
    },
];
