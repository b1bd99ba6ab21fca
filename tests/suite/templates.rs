//! Real CloudFormation templates, written by others, load as they stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firedrill::diagnostic::{Diagnostic, Severity};
use firedrill::emulator::environment::{Environment, Inventory};
use jiff::Timestamp;

/// The folder of real templates beside the project, where there is one.
fn folder() -> Option<PathBuf> {
    // Beside the checkout, or one further up where the checkout is a worktree.
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).take(2);
    above
        .by_ref()
        .map(|above| above.join("shared/templates/cloudformation"))
        .find(|folder| folder.is_dir())
}

/// Loads an environment that names a real template, and builds its account.
fn build(environment: &str) -> Option<(Inventory, Vec<Diagnostic>)> {
    let folder = folder()?;
    let read = |path: &Path| match path.to_str() {
        Some("environment.yaml") => Ok(environment.as_bytes().to_vec()),
        _ => std::fs::read(folder.join(path)),
    };
    let (loaded, mut diagnostics) = Environment::load(Path::new("environment.yaml"), &read);
    let epoch: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let (account, more) = loaded.expect("the environment can be read").account(epoch, 7);
    diagnostics.extend(more);
    Some((Inventory::of(&account), diagnostics))
}

fn errors(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("{:?}: {}", diagnostic.span, diagnostic.message))
        .collect()
}

/// What a template's notes name, by code: the line of each.
fn lines(diagnostics: &[Diagnostic], code: &str) -> BTreeMap<usize, String> {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == code)
        .map(|diagnostic| (diagnostic.span.unwrap().line, diagnostic.message.clone()))
        .collect()
}

#[test]
fn show() {
    for text in [FIS_CPU_STRESS, FIS_INTRO, STACKSETS, NEPTUNE, AUTOSCALING] {
        let Some((inventory, diagnostics)) = build(text) else { return };
        for d in &diagnostics {
            println!(
                "{:?} {} {}:{:?} {} {:?}",
                d.severity,
                d.code,
                d.file,
                d.span.map(|s| (s.line, s.column)),
                d.message,
                d.hint
            );
        }
        println!("{inventory:#?}\n--------");
    }
}

const FIS_CPU_STRESS: &str = "
version: 1
account: '111122223333'
region: eu-west-1
templates: [{path: fis-cpu-stress.yaml, stack: FisCpuStress}]
";

const FIS_INTRO: &str = "
version: 1
account: '111122223333'
region: eu-west-1
templates: [fis-intro.json]
";

const STACKSETS: &str = "
version: 1
account: '111122223333'
region: us-east-1
templates: [stacksets-events.yaml]
";

const NEPTUNE: &str = "
version: 1
account: '111122223333'
region: us-east-1
resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  OnCall:
    Type: AWS::SNS::Topic
exports:
  vpc-VPCID: ${Vpc}
  vpc-PrivateSubnet1: subnet-0a
  vpc-PrivateSubnet2: subnet-0b
templates:
  - path: neptune-alarms.yaml
    stack: neptune
    parameters:
      DBClusterIdentifier: graph
      NeptuneDBSubnetGroupName: graph-subnets
      NeptuneSNSTopicArn: ${OnCall}
      SNSEmailSubscription: oncall@example.com
";

const AUTOSCALING: &str = "
version: 1
account: '111122223333'
region: eu-west-1
resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  SubnetA:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: eu-west-1a}
  WebGroup:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: web, VpcId: !Ref Vpc}
templates:
  - path: autoscaling-notifications.yaml
    stack: web
    parameters:
      OperatorEMail: oncall@example.com
      KeyName: oncall
      KmsKeyArn: arn:aws:kms:eu-west-1:111122223333:key/1234
      CertificateArn: arn:aws:acm:eu-west-1:111122223333:certificate/1234
      SecurityGroups: ${WebGroup}
      Subnets: ${SubnetA}
      AZs: eu-west-1a
      VPC: ${Vpc}
";
