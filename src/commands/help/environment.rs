//! The page about environments: what stands in the emulated account.
//!
//! Main function: [`page`]. Invariant: every section that an environment may have stands on it (a test
//! holds it against the reader's own list), and the facts are those that the emulator announces.

use crate::emulator::facts::KINDS;

const SECTIONS: &str = r#"
An environment is a YAML file that a scenario names (`environment: environments/vpn.yaml`,
relative to the scenario). It says what stands in the emulated account. A drill on a real account
ignores it.

version: 1
account: "111122223333"     twelve digits, in quotes
region: eu-west-1
partition: aws              optional; made from the region
organization: o-abc123      optional; the organization that the account belongs to

templates:                  CloudFormation templates, YAML or JSON, deployed in this order
  - ../templates/vpn.yaml
  - path: ../templates/web.yaml
    stack: web              default: the file's name
    parameters: {Size: t3.micro}
                            What is not emulated in a template is listed by the check, by line.
resources:                  more resources, as in a template: the stack `environment`
exports:                    values for Fn::ImportValue, by name
parameters:                 Systems Manager parameters, by name

`${LogicalId}`, `${LogicalId.Attribute}` and `${stack/LogicalId}` stand for physical ids wherever
text stands below.

caller:                     what whoever drills may do; without it, everything is allowed
  policies:                 IAM policies, which the account enforces: is your drill's role enough?
    - Version: "2012-10-17"
      Statement: [{Effect: Allow, Action: "cloudwatch:DescribeAlarms", Resource: "*"}]

setup:                      API calls made in the half hour before the drill, as a first deployment
  - at: -20m                from -30m to 0s
    service: codedeploy     its IAM prefix
    operation: CreateDeployment
    input: {}               in the API's own spelling

signals:                    how faults reach metrics: what nobody declares here does not move
  - metric:
      namespace: AWS/VPN
      name: TunnelState
      dimensions: {VpnId: "${vpn/OfficeVpn}"}
      unit: Count           optional
    every: 1m               a datapoint at every multiple
    delay: 2s               until a datapoint can be read; optional
    baseline: 1             the value where no effect applies; null: no datapoint
    spread: 0.2             how far a value may be off, either way; default 0
    samples: 1              samples in a datapoint; default 1
    effects:                the first that applies wins
      - while: {fact: fis-action, action: "aws:network:*", target: "*"}
        value: 0            null makes the metric silent
        after: 30s          after its cause began; default 0s
      - from: {event: {source: [aws.ec2], detail: {state: [shutting-down]}}}
        until: {api_call: {service: ssm, operation: StartAutomationExecution, input: {}}}
        for: 4m             instead of `until`, or together with it
        value: 2

functions:                  what Lambda functions do, by name: their code does not run
  triage:
    duration: 900ms         default 100ms
    role: ARN               who makes the calls, where no template says
    calls:                  in order; the first that is refused fails the function
      - {service: ec2, operation: DescribeInstances, input: {}, save_as: found}
      - service: ssm
        operation: StartAutomationExecution
        input:
          DocumentName: Isolate
          Parameters: {Id: ["{{ found.Reservations[0].Instances[0].InstanceId }}"]}
        when: {pattern: {detail: {severity: [{numeric: [">=", 7]}]}}, over: event}
    returns: {done: true}
    returns_when: [{when: {pattern: {detail: {dry: [true]}}}, value: {done: false}}]
    fails: {error: RuntimeError, message: no, first: 1}

commands:                   what Run Command documents come to on instances
  - document: AWS-RunShellScript
    contains: restart       only where the command's text contains this; optional
    instance: i-1           only there; optional
    duration: 45s
    outcome: failed         or success, the default
    output: no such service
scripts:                    what `aws:executeScript` steps return: their code does not run
  - {document: Diagnose, step: look, outputs: {Cause: disk}, duration: 3s}
  - {document: Diagnose, step: tell, failure: "KeyError: 'x'"}
updates:                    what stack updates come to: they change no resource
  - stack: shop             an update that nobody declared is refused
    parameters: {Release: "42"}
    resources: [Service]    logical ids
    lasts: 3m               without the monitoring time of rollback triggers
    fails: out of capacity  why the last resource fails; optional
tasks:                      what tasks of ECS services come to: they run, unless it is said here
  - task_definition: web:2  family and revision, which may be registered later
    fails: "CannotPullContainerError: web:broken not found"
buses:                      event buses of other accounts, with their policy and rules
  - arn: arn:aws:events:eu-west-1:444455556666:event-bus/partner
    policy: {}              who may put events there; without one nobody may
    rules: [{name: all, pattern: {source: [{prefix: ""}]}}]
"#;

/// The page.
pub(super) fn page() -> String {
    let mut text = format!(
        "Environments\n{SECTIONS}\nFacts that `while` can name, with their attributes (globs)\n"
    );
    for (kind, attributes) in KINDS {
        let attributes = attributes.join(", ");
        for part in ["  ", kind, ": ", &attributes, "\n"] {
            text.push_str(part);
        }
    }
    text.push_str(
        "\n`firedrill emulator --coverage` lists the operations, resource types and actions that are supported.",
    );
    text
}
