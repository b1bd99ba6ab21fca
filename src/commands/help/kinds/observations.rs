//! What the manual says of each kind of expectation beyond its keys: an example, the evidence, the limits.
//!
//! Main table: [`OBSERVATIONS`]. Invariant: one row a kind of the language (a test holds it), and each
//! example is a scenario that the check has nothing to say about, once what a scenario must have is put
//! around it.

/// One kind of expectation.
pub(super) struct Observation {
    /// Its key.
    pub(super) kind: &'static str,
    /// The parts of a scenario in which it stands.
    pub(super) example: &'static str,
    /// Where it is read, and how late.
    pub(super) evidence: &'static str,
    /// Where it ends.
    pub(super) limits: &'static [&'static str],
}

/// Every kind, in the order of the language.
pub(super) const OBSERVATIONS: &[Observation] = &[
    Observation {
        kind: "alarm",
        example: r"expect:
  - id: detected
    alarm: {name: checkout-errors, state: ALARM}
    within: 3m
",
        evidence: "The alarm's history, with CloudWatch's own time of the change, so that a flap between two \
                   looks is seen. It is shown at once. With `action`, the history of the action as well.",
        limits: &[
            "An alarm that CloudWatch can't evaluate (PARTIAL_DATA, EVALUATION_ERROR) is a blind spot.",
            "Composite alarms are invisible unless the permission is for every resource.",
        ],
    },
    Observation {
        kind: "rule",
        example: r"expect:
  - id: routed
    rule: {name: orders, bus: shop, state: invoked}
    within: 2m
",
        evidence: "The best that the account offers, and the report says which: the bus's own logs, by the \
                   event's id; else the event in the drill's own queue together with the rule's metrics in \
                   AWS/Events; else what the rule's target did, with those metrics; else the metrics alone, \
                   exact to their minute. The metrics come up to three minutes late.",
        limits: &[
            "Only the metrics can show that a rule did nothing: a miss and a `never` are judged that much \
             later.",
            "AWS delivers those metrics as well as it can: where the drill has an event that the pattern of an \
             enabled rule matches, and no metric counts anything in its minute, the verdict is inconclusive.",
            "The bus's logs are read only in log groups whose names begin with /aws/vendedlogs/events/.",
            "`invoked` counts invocations that succeeded; one that failed is told, and is what `failed` \
             counts. One that is made again and again is neither.",
        ],
    },
    Observation {
        kind: "runbook",
        example: r"expect:
  - id: diagnosed
    runbook: {document: Diagnose-Vpn, status: Success, steps: [describe-tunnels]}
    within: 5m
",
        evidence: "The execution's own record in Systems Manager, with its times, steps, parameters and \
                   outputs. It is shown at once.",
        limits: &[
            "An execution that waits for a person (Waiting, PendingApproval) makes the expectation \
             inconclusive: it fired, and it is not missing.",
        ],
    },
    Observation {
        kind: "rollback",
        example: r"expect:
  - id: code-back
    rollback: {codedeploy: {application: shop, group: web}}
    within: 10m
  - id: stack-back
    rollback: {cloudformation: {stack: shop}}
    within: 15m
  - id: flags-back
    rollback:
      appconfig: {application: shop, environment: live, triggered_by: CLOUDWATCH_ALARM}
    within: 10m
  - id: service-back
    rollback: {ecs: {cluster: shop, service: checkout}}
    within: 10m
",
        evidence: "The service's own log with its own times: CodeDeploy's deployment that rolled back, by \
                   its chain of ids; the stack's events; AppConfig's event log; the service deployments of \
                   ECS. They are shown at once.",
        limits: &[
            "A rollback is the system's, never the drill's: a deployment that a person started over is none.",
            "What was on its way before the drill counts only for what it reaches after that.",
        ],
    },
    Observation {
        kind: "event",
        example: r"expect:
  - id: announced
    event:
      bus: shop
      pattern: {source: [shop.orders], detail-type: [Order Cancelled]}
    within: 1m
",
        evidence: "A rule of the drill's own with this pattern puts the events into a queue of the drill's \
                   own, with their ids and times. It is there within seconds.",
        limits: &[
            "It shows that an event that matches came to the bus, and not that your rule acted: `rule` does.",
            "It makes a rule and a queue in the account, named after the run, and removes them.",
        ],
    },
    Observation {
        kind: "notification",
        example: r"expect:
  - id: paged
    notification: {topic: oncall, contains: checkout}
    within: 1m
",
        evidence: "A queue of the drill's own is subscribed to the topic. A message is there within seconds, \
                   with SNS's id and time.",
        limits: &[
            "It shows that SNS delivers what was published, and not that a phone rang.",
            "It makes a queue and a subscription, and removes them.",
        ],
    },
    Observation {
        kind: "experiment",
        example: r"stop_conditions:
  - alarm: checkout-errors-critical
faults:
  - id: tunnel-down
    fis: {template: vpn-tunnel-outage}
expect:
  - id: guarded
    experiment: {fault: tunnel-down, state: stopped}
    within: 10m
",
        evidence: "The experiment's own record in FIS, with its times and its reason. It is shown at once.",
        limits: &[
            "Only experiments of this drill's `fis` faults.",
            "Of the states on the way only those that a look finds are told; a state at the end is never \
             lost.",
        ],
    },
    Observation {
        kind: "finding",
        example: r"expect:
  - id: reported
    finding: {source: securityhub, title: 'A bucket *', severity: high, workflow: NOTIFIED}
    within: 10m
",
        evidence: "The finding itself, read from GuardDuty or Security Hub. Of GuardDuty it is shown at once; \
                   into Security Hub it usually comes within five minutes after the product's own time, so \
                   that a miss there, and a `never`, is judged that much later.",
        limits: &[
            "Some products take longer to tell Security Hub (IAM Access Analyzer up to half an hour): leave \
             time for it in `within`.",
            "Neither service says when a finding was archived or its workflow moved: that happened between \
             two looks, and the report says between which.",
            "GuardDuty tells another occurrence of a finding at the detector's frequency, up to six hours \
             later.",
        ],
    },
    Observation {
        kind: "ops_item",
        example: r"expect:
  - id: tracked
    ops_item: {title: 'Checkout *', severity: 2}
    within: 5m
",
        evidence: "The OpsItem itself, read from OpsCenter, with its times. It is shown at once.",
        limits: &[
            "One that stood before the drill is no answer.",
            "Changes between two looks are seen by its version: if one was missed, the state between is not \
             known.",
        ],
    },
    Observation {
        kind: "incident",
        example: r"expect:
  - id: opened
    incident: {title: 'VPN *', response_plan: vpn-down, impact: 2, runbook: Diagnose-Vpn}
    within: 5m
",
        evidence: "The incident's record in Incident Manager, with its times and its runbooks. It is shown \
                   at once.",
        limits: &[
            "A trigger that Incident Manager folds into an incident that stood open before opens none.",
        ],
    },
    Observation {
        kind: "api_call",
        example: r"expect:
  - id: isolated
    api_call: {name: ModifyInstanceAttribute, source: ec2, user: 'responder*'}
    within: 5m
",
        evidence: "CloudTrail's event history: who called what, when (to the second), and with which error.",
        limits: &[
            "Management events of this account and region only, as the history has them; no data events.",
            "Calls of IAM and of other global services are shown in us-east-1 alone. Elsewhere a call without \
             `source`, and one of STS or of the sign-in, counts where it is seen, and is inconclusive where it \
             is not.",
            "CloudTrail takes two lookups a second: many names in one drill are looked up in turn.",
        ],
    },
    Observation {
        kind: "compliance",
        example: r"expect:
  - id: noticed
    compliance: {rule: restricted-ssh, resource: sg-0123456789abcdef0, state: NON_COMPLIANT}
    within: 15m
",
        evidence: "The rule's results in AWS Config, with the time at which Config recorded them. They are \
                   shown at once; how soon Config evaluates is up to the rule.",
        limits: &[
            "Config keeps the last result of each resource: a state that came and went between two looks is \
             not seen.",
        ],
    },
    Observation {
        kind: "metric",
        example: r"expect:
  - id: errors-seen
    metric:
      expression: 100 * errors / requests
      metrics:
        errors: {namespace: Shop, name: Errors, statistic: Sum}
        requests: {namespace: Shop, name: Requests, statistic: Sum}
      threshold: '>= 5'
    within: 10m
",
        evidence: "GetMetricData, period by period: what happened, happened somewhere in its period. A \
                   period counts once its data must be there, three minutes after its end.",
        limits: &[
            "A period without a value is a blind spot, unless `missing: ignore` says that it means nothing.",
        ],
    },
    Observation {
        kind: "queue",
        example: r"expect:
  - id: backlog
    queue: {name: orders, at_least: 10, messages: visible}
    within: 5m
  - id: none-lost
    never: {queue: {name: orders-dead-letters}}
    for: 10m
",
        evidence: "The approximate counts of SQS, which may be a minute old. SQS has no moments: a change \
                   lies between the look that did not show it and the one that did, and the report says so.",
        limits: &[
            "The messages themselves are never received: that would hide them from those whom they are for.",
        ],
    },
    Observation {
        kind: "deployment",
        example: r"expect:
  - id: code-out
    deployment: {codedeploy: {application: shop, group: web}, state: Succeeded}
    within: 10m
  - id: stack-out
    deployment: {cloudformation: {stack: shop}}
    within: 15m
  - id: flags-out
    deployment: {appconfig: {application: shop, environment: live}}
    within: 10m
  - id: service-out
    deployment: {ecs: {cluster: shop, service: checkout}}
    within: 10m
",
        evidence: "The service's own log with its own times (deployments, stack events, AppConfig's event \
                   log, service deployments). It is shown at once.",
        limits: &[
            "What was on its way before the drill counts only for what it reaches after that.",
        ],
    },
    Observation {
        kind: "log",
        example: r#"expect:
  - id: told
    log: {group: /shop/checkout, pattern: '{ $.level = "error" }'}
    within: 5m
  - id: told-by-query
    log:
      groups: [/shop/checkout, /shop/orders]
      query: fields @timestamp, @message | filter @message like /no stock/
    within: 10m
"#,
        evidence: "The log events themselves, with the times that their senders gave them. They are told a \
                   minute after that time (with a query two), when what came in late is there too.",
        limits: &[
            "A query costs by the bytes that it scans, and is asked once a minute at most.",
            "A search that is cut off (50 pages, 10,000 rows of a query) is a blind spot.",
        ],
    },
    Observation {
        kind: "execution",
        example: r"expect:
  - id: mended
    execution:
      state_machine: mend-checkout
      status: SUCCEEDED
      output: {path: $.mended, equals: true}
    within: 5m
",
        evidence: "The execution's own record in Step Functions, with its times. Lists of executions follow \
                   within seconds (AWS has no figure).",
        limits: &[
            "Executions of standard state machines; Step Functions keeps no record of express ones.",
            "An execution that a rule started is known to be ours by the event's id in its name.",
        ],
    },
    Observation {
        kind: "http",
        example: r#"expect:
  - id: ticket
    http:
      url: https://tickets.example.com/api/incidents?tag=checkout
      headers: {Authorization: "Bearer ${env.TICKETS_TOKEN}"}
      path: $.incidents[*].number
      time: $.incidents[*].opened_at
    within: 5m
"#,
        evidence: "The answer of the URL, asked every `every`. Each value that fits is one occurrence; those \
                   of the first look are no answer to the drill. Without `time` it happened between two \
                   looks.",
        limits: &[
            "An answer that is not JSON, or has another status, is a blind spot.",
            "At most 50 occurrences of one look are told. A rehearsal asks only with `--allow-http`.",
        ],
    },
];
