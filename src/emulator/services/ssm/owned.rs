//! AWS-owned documents that the emulator knows by name.
//!
//! Main functions: [`automation`] and [`command`]. The texts are this project's own stand-ins: the same
//! parameters and the same effect on the account as the document of that name, not AWS's text. Invariant:
//! a document that is not listed does not exist here, and starting it says so.
//! Source: <https://docs.aws.amazon.com/systems-manager-automation-runbooks/latest/userguide/automation-runbook-reference.html>.

use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use crate::emulator::automation::document::Document;

/// The text of an AWS-owned runbook.
pub(super) fn automation(name: &str) -> Option<&'static str> {
    AUTOMATIONS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// An AWS-owned runbook, ready to run; read once.
pub(super) fn runbook(name: &str) -> Option<Arc<Document>> {
    static READ: LazyLock<IndexMap<&'static str, Arc<Document>>> = LazyLock::new(|| {
        let read =
            |text| Document::parse(text).expect("the emulator's own documents parse (tested)");
        AUTOMATIONS.iter().map(|(name, text)| (*name, Arc::new(read(text)))).collect()
    });
    READ.get(name).cloned()
}

/// The names of the AWS-owned runbooks that the emulator knows.
pub(crate) fn automation_names() -> impl Iterator<Item = &'static str> {
    AUTOMATIONS.iter().map(|(name, _)| *name)
}

/// What the emulator knows of an AWS-owned Command document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnedCommand {
    pub(super) name: &'static str,
    /// The parameters that must be given.
    pub(super) required: &'static [&'static str],
}

/// An AWS-owned Command document.
pub(super) fn command(name: &str) -> Option<OwnedCommand> {
    COMMANDS.iter().copied().find(|known| known.name == name)
}

/// The parameter of the AWSFIS documents that says how long they run.
pub(super) const DURATION: &str = "DurationSeconds";

const COMMANDS: &[OwnedCommand] = &[
    OwnedCommand { name: "AWS-RunShellScript", required: &["commands"] },
    OwnedCommand { name: "AWS-RunPowerShellScript", required: &["commands"] },
    OwnedCommand { name: "AWSFIS-Run-CPU-Stress", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Memory-Stress", required: &[DURATION, "Percent"] },
    OwnedCommand { name: "AWSFIS-Run-IO-Stress", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Disk-Fill", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Kill-Process", required: &["ProcessName"] },
    OwnedCommand { name: "AWSFIS-Run-Network-Blackhole-Port", required: &[DURATION, "Port"] },
    OwnedCommand { name: "AWSFIS-Run-Network-Latency", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Network-Latency-Sources", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Network-Packet-Loss", required: &[DURATION] },
    OwnedCommand { name: "AWSFIS-Run-Network-Packet-Loss-Sources", required: &[DURATION] },
];

pub(super) const AUTOMATIONS: &[(&str, &str)] = &[
    ("AWS-StartEC2Instance", START),
    ("AWS-StopEC2Instance", STOP),
    ("AWS-RestartEC2Instance", RESTART),
    ("AWS-TerminateEC2Instance", TERMINATE),
    ("AWSSupport-TroubleshootVPN", TROUBLESHOOT_VPN),
];

const START: &str = r#"
description: Start EC2 instances (a stand-in of the emulated account)
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  InstanceId: {type: StringList, description: (Required) The instances to start}
  AutomationAssumeRole: {type: String, description: (Optional) The role of the automation, default: ""}
mainSteps:
  - name: startInstances
    action: aws:changeInstanceState
    inputs:
      InstanceIds: "{{ InstanceId }}"
      DesiredState: running
"#;

const STOP: &str = r#"
description: Stop EC2 instances (a stand-in of the emulated account)
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  InstanceId: {type: StringList, description: (Required) The instances to stop}
  AutomationAssumeRole: {type: String, description: (Optional) The role of the automation, default: ""}
mainSteps:
  - name: stopInstances
    action: aws:changeInstanceState
    onFailure: Continue
    inputs:
      InstanceIds: "{{ InstanceId }}"
      DesiredState: stopped
  - name: forceStopInstances
    action: aws:changeInstanceState
    inputs:
      InstanceIds: "{{ InstanceId }}"
      CheckStateOnly: false
      DesiredState: stopped
      Force: true
"#;

const RESTART: &str = r#"
description: Restart EC2 instances (a stand-in of the emulated account)
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  InstanceId: {type: StringList, description: (Required) The instances to restart}
  AutomationAssumeRole: {type: String, description: (Optional) The role of the automation, default: ""}
mainSteps:
  - name: stopInstances
    action: aws:changeInstanceState
    inputs:
      InstanceIds: "{{ InstanceId }}"
      DesiredState: stopped
  - name: startInstances
    action: aws:changeInstanceState
    inputs:
      InstanceIds: "{{ InstanceId }}"
      DesiredState: running
"#;

const TERMINATE: &str = r#"
description: Terminate EC2 instances (a stand-in of the emulated account)
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  InstanceId: {type: StringList, description: (Required) The instances to terminate}
  AutomationAssumeRole: {type: String, description: (Optional) The role of the automation, default: ""}
mainSteps:
  - name: terminateInstances
    action: aws:changeInstanceState
    inputs:
      InstanceIds: "{{ InstanceId }}"
      DesiredState: terminated
"#;

/// AWS's own document reads the tunnels' logs with scripts; the stand-in proves that the connection
/// exists and that somebody looked at its tunnels.
const TROUBLESHOOT_VPN: &str = r#"
description: Look at a site-to-site VPN connection (a stand-in of the emulated account)
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  VpnConnectionId: {type: String, description: (Required) The VPN connection, allowedPattern: "^vpn-[0-9a-f]{8,17}$"}
  AutomationAssumeRole: {type: String, description: (Required) The role of the automation}
  S3BucketName: {type: String, description: (Required) The bucket of the findings, default: ""}
  S3Prefix: {type: String, description: (Optional) Their prefix, default: ""}
  LookBackPeriod: {type: String, description: (Optional) Hours to look back, default: "2"}
mainSteps:
  - name: describeVpnConnection
    action: aws:executeAwsApi
    inputs:
      Service: ec2
      Api: DescribeVpnConnections
      VpnConnectionIds: ["{{ VpnConnectionId }}"]
    outputs:
      - {Name: State, Selector: "$.VpnConnections[0].State", Type: String}
      - {Name: TunnelStatus, Selector: "$.VpnConnections[0].VgwTelemetry[*].Status", Type: StringList}
outputs:
  - describeVpnConnection.State
  - describeVpnConnection.TunnelStatus
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_is_a_valid_document() {
        for (name, text) in AUTOMATIONS {
            let document = Document::parse(text);
            assert!(document.is_ok(), "{name}: {document:?}");
        }
    }
}
