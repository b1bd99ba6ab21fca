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
    let epoch = Timestamp::constant(1_772_442_000, 0);
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
        .map(|diagnostic| (diagnostic.span.map_or(0, |span| span.line), diagnostic.message.clone()))
        .collect()
}

#[test]
fn the_cpu_stress_workshop_stands_as_it_is() {
    let Some((inventory, diagnostics)) = build(FIS_CPU_STRESS) else { return };
    assert_eq!(errors(&diagnostics), Vec::<String>::new());
    let images = lines(&diagnostics, "not-emulated-parameter");
    assert_eq!(images.keys().collect::<Vec<_>>(), [&17, &21]);
    let policies = lines(&diagnostics, "not-emulated-policy");
    assert!(policies[&51].contains("AmazonSSMManagedInstanceCore"), "{policies:?}");
    let alarm = &inventory.alarms["FisCpuStress-CPUHigh"];
    assert_eq!((alarm.period, alarm.evaluation_periods), (60, 1));
    assert_eq!(alarm.state, "OK");
    let (name, value) = &alarm.metrics[0].dimensions[0];
    assert_eq!(name, "InstanceId");
    assert!(value.starts_with("i-"), "{value}");
    assert!(alarm.metrics[0].published);
    let template = &inventory.experiment_templates[0];
    assert_eq!(template.name.as_deref(), Some("StopConditionBurnCPUViaSSM"));
    assert!(template.has_stop_condition);
    let document = inventory.documents.iter().next().unwrap();
    assert!(document.0.starts_with("FisCpuStress-WinStressDocument-"), "{document:?}");
    assert_eq!(document.1.kind, "Command");
}

#[test]
fn a_template_in_json_stands_as_it_is() {
    let Some((inventory, diagnostics)) = build(FIS_INTRO) else { return };
    assert_eq!(errors(&diagnostics), Vec::<String>::new());
    let template = &inventory.experiment_templates[0];
    assert_eq!(template.name.as_deref(), Some("FisWorkshop-Exp1-CloudFormation"));
    assert!(!template.has_stop_condition);
}

#[test]
fn what_the_stack_set_template_has_beyond_the_emulator_is_listed_by_line() {
    let Some((inventory, diagnostics)) = build(STACKSETS) else { return };
    assert_eq!(errors(&diagnostics), Vec::<String>::new());
    let transforms = lines(&diagnostics, "not-emulated-transform");
    assert!(transforms[&3].contains("AWS::LanguageExtensions"), "{transforms:?}");
    let types = lines(&diagnostics, "not-emulated-type");
    assert_eq!(types.keys().collect::<Vec<_>>(), [&60, &101, &109, &171]);
    assert!(types[&60].contains("AWS::KMS::Key"), "{types:?}");
    let functions = lines(&diagnostics, "not-emulated-function");
    assert!(functions[&177].contains("!Rain::Embed"), "{functions:?}");
    let rule = &inventory.buses["central-cloudformation"].rules["CloudFormationLogs"];
    assert_eq!(rule.pattern.as_deref(), Some(r#"{"source":[{"prefix":""}]}"#));
    assert_eq!((rule.state.as_str(), rule.targets), ("ENABLED", 1));
    assert!(inventory.queues.contains_key("central-cloudformation-DLQ"));
}

#[test]
fn alarms_on_a_database_that_is_not_emulated_stand_all_the_same() {
    let Some((inventory, diagnostics)) = build(NEPTUNE) else { return };
    assert_eq!(errors(&diagnostics), Vec::<String>::new());
    let types = lines(&diagnostics, "not-emulated-type");
    assert_eq!(types.keys().collect::<Vec<_>>(), [&296, &341, &376, &408, &437]);
    assert_eq!(inventory.alarms.len(), 4);
    let fed = lines(&diagnostics, "alarm-without-signal");
    assert_eq!(fed.keys().collect::<Vec<_>>(), [&579, &606, &632], "{fed:?}");
    let cpu = inventory.alarms.iter().find(|(name, _)| name.contains("PrimaryCpuAlarm"));
    let (_, cpu) = cpu.unwrap();
    assert_eq!(cpu.state, "OK", "its signal is declared");
    assert!(cpu.actions["ALARM"][0].contains(":environment-OnCall-"), "{:?}", cpu.actions);
    assert_eq!(cpu.actions["ALARM"], cpu.actions["INSUFFICIENT_DATA"]);
}

#[test]
fn a_parameter_without_a_value_says_where_to_give_it() {
    let text = "version: 1\naccount: '111122223333'\nregion: us-east-1\ntemplates: [neptune-alarms.yaml]\n";
    let Some((_, diagnostics)) = build(text) else { return };
    let missing: Vec<&Diagnostic> =
        diagnostics.iter().filter(|found| found.code == "parameter-without-value").collect();
    assert_eq!(missing.len(), 4, "{missing:#?}");
    assert_eq!(
        missing[0].hint.as_deref(),
        Some("give it where the template is listed: `parameters: {DBClusterIdentifier: …}`")
    );
    assert!(diagnostics.iter().any(|found| found.code == "unknown-export"));
}

#[test]
fn the_scaling_group_with_notifications_stands_as_it_is() {
    let Some((inventory, diagnostics)) = build(AUTOSCALING) else { return };
    assert_eq!(errors(&diagnostics), Vec::<String>::new());
    let types = lines(&diagnostics, "not-emulated-type");
    assert_eq!(types.keys().collect::<Vec<_>>(), [&262, &282, &295]);
    assert_eq!(inventory.alarms.len(), 2);
    assert!(inventory.topics.keys().any(|name| name.starts_with("web-NotificationTopic-")));
}

const FIS_CPU_STRESS: &str = "
version: 1
account: '111122223333'
region: eu-west-1
templates: [{path: fis-cpu-stress.yaml, stack: FisCpuStress}]
signals:
  - metric:
      namespace: AWS/EC2
      name: CPUUtilization
      dimensions: {InstanceId: '${LinuxInstance}'}
    every: 60s
    baseline: 3
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
signals:
  - metric:
      namespace: AWS/Neptune
      name: CPUUtilization
      dimensions: {DBClusterIdentifier: '${NeptuneDBCluster}'}
      unit: Percent
    every: 5m
    baseline: 20
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
