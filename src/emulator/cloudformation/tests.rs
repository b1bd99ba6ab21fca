//! Templates from text to resources, over the account's real services.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::findings::Findings;
use super::stack::{Given, Stack, deploy, physical_name};
use super::template::Template;
use super::{create_stack, delete_stack};
use crate::diagnostic::{Diagnostic, Severity};
use crate::emulator::account::{Account, Identity};
use crate::emulator::services::Service;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, Timestamp::from_second(1_767_225_600).unwrap(), 1)
}

/// Deploys a template under the name `app`.
fn up(text: &str, parameters: &[(&str, &str)]) -> (Account, Stack, Vec<Diagnostic>) {
    let mut account = account();
    let mut findings = Findings::about("t.yaml");
    let template = Template::parse(text, &mut findings);
    let mut diagnostics = findings.into_list();
    let Some(template) = template else { panic!("no template: {diagnostics:?}") };
    let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given = Given {
        parameters: &pairs.collect::<IndexMap<_, _>>(),
        exports: &IndexMap::from([("net-vpc".to_owned(), "vpc-1".to_owned())]),
        stored: &IndexMap::from([("/aws/service/thing".to_owned(), "a, b".to_owned())]),
    };
    let (stack, findings) = deploy(&mut account, &template, "app", given);
    diagnostics.extend(findings.into_list());
    (account, stack, diagnostics)
}

/// The findings of a template with a topic in it, as `code line: message`.
fn findings(text: &str) -> Vec<String> {
    let (_, _, diagnostics) = up(text, &[]);
    let line = |diagnostic: &Diagnostic| diagnostic.span.map_or(0, |span| span.line);
    diagnostics
        .iter()
        .map(|found| format!("{} {}: {}", found.code, line(found), found.message))
        .collect()
}

/// What an expression comes to, seen through an output.
fn value(expression: &str) -> String {
    let text = format!(
        "Parameters:\n  Word: {{Type: String, Default: hello}}\n  Zones: {{Type: CommaDelimitedList, Default: 'a, b ,c'}}\n  \
         Stored: {{Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /aws/service/thing}}\n\
         Mappings:\n  Sizes:\n    eu-west-1: {{small: 1, names: [x, y]}}\n\
         Conditions:\n  Yes: !Equals [!Ref Word, hello]\n  No: !Not [!Condition Yes]\n  Both: !And [!Condition Yes, !Condition No]\n  Any: !Or [!Condition Yes, !Condition No]\n\
         Resources:\n  Topic: {{Type: AWS::SNS::Topic, Properties: {{TopicName: oncall}}}}\n  Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: dead}}}}\n\
         Outputs:\n  Out:\n    Value: {expression}\n"
    );
    let (_, stack, diagnostics) = up(&text, &[]);
    let errors: Vec<_> =
        diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{expression}: {errors:?}");
    stack.outputs.get("Out").cloned().unwrap_or_else(|| "(nothing)".to_owned())
}

#[test]
fn functions_come_to_what_aws_documents() {
    for (expression, expected) in [
        ("!Ref Word", "hello"),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref Topic", "arn:aws:sns:eu-west-1:111122223333:oncall"),
        ("!GetAtt Topic.TopicName", "oncall"),
        ("!GetAtt [Queue, Arn]", "arn:aws:sqs:eu-west-1:111122223333:dead"),
        ("{Fn::GetAtt: [Queue, QueueName]}", "dead"),
        (
            "!Sub '${Word}-${AWS::AccountId}-${Queue.Arn}-${!Word}'",
            "hello-111122223333-arn:aws:sqs:eu-west-1:111122223333:dead-${Word}",
        ),
        ("!Sub ['${A}/${Word}', {A: !Ref Word}]", "hello/hello"),
        ("!Sub 'a $ b ${ Word } {x}'", "a $ b hello {x}"),
        ("!Join ['-', [a, !Ref Word, 7]]", "a-hello-7"),
        ("!Join [',', !Ref Zones]", "a,b,c"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select ['0', !Split ['|', 'x|y']]", "x"),
        ("!Join [',', !Split ['.', a.b.c]]", "a,b,c"),
        ("!Join [',', !Ref Stored]", "a,b"),
        ("!FindInMap [Sizes, !Ref AWS::Region, small]", "1"),
        ("!Select [1, !FindInMap [Sizes, eu-west-1, names]]", "y"),
        ("!FindInMap [Sizes, mars, small, {DefaultValue: none}]", "none"),
        ("!If [Yes, a, b]", "a"),
        ("!If [No, a, !If [Any, c, d]]", "c"),
        ("!If [Both, a, b]", "b"),
        ("!ImportValue net-vpc", "vpc-1"),
        ("!ImportValue {Fn::Sub: 'net-${Pick}'}", "vpc-1"),
        ("!Base64 hello", "aGVsbG8="),
        ("!Select [2, !GetAZs '']", "eu-west-1c"),
        ("!Select [2, !Cidr [10.0.0.0/16, 4, 8]]", "10.0.2.0/24"),
        ("{Fn::Length: [a, b]}", "2"),
        ("{Fn::ToJsonString: {a: [1, x]}}", "{\"a\":[1,\"x\"]}"),
        ("!If [No, x, !Ref AWS::NoValue]", "(nothing)"),
    ] {
        let expression = expression.replace("'net-${Pick}'", "['net-${Pick}', {Pick: vpc}]");
        assert_eq!(value(&expression), expected, "{expression}");
    }
}

#[test]
fn what_aws_refuses_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Nmae}}\n",
            "unknown-reference 2: the template has no parameter or resource `Nmae`",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic}\n  B: {Type: AWS::SNS::Topic, DependsOn: [A, C]}\n",
            "unknown-reference 3: the template has no resource `C`",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Condition: Nope}\n",
            "unknown-reference 2: the template has no condition `Nope`",
        ),
        (
            "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Properties: {DisplayName: !GetAtt B.Arn}\n  B: {Type: AWS::SQS::Queue, DependsOn: A}\n",
            "reference-cycle 2: circular dependency between resources: A -> B -> A",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Propertys: {}}\n",
            "unknown-attribute 2: the resource `A` has an attribute `Propertys` that CloudFormation does not know",
        ),
        (
            "Resources:\n  A: {Properties: {}}\n",
            "resource-without-type 2: the resource `A` has no `Type`",
        ),
        (
            "Resource:\n  A: {Type: AWS::SNS::Topic}\nResources: {}\n",
            "unknown-section 1: a template has no section `Resource`",
        ),
        (
            "Resources:\n  A-1: {Type: AWS::SNS::Topic}\n",
            "logical-id 2: `A-1` is no logical id: letters and digits only",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue nobody}}\n",
            "unknown-export 2: no stack exports `nobody`",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !FindInMap [M, a, b]}}\n",
            "unknown-mapping 2: the mapping `M` has no value for `a`, `b`",
        ),
        (
            "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Select [3, [a]]}}\n",
            "function 2: index 3 of a list with 1 items",
        ),
        (
            "Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: soon}}\n",
            "property-type 2: AWS::SQS::Queue: `DelaySeconds` is a whole number, not `soon`",
        ),
        (
            "Conditions: {C: !Condition D, D: !Condition C}\nResources:\n  A: {Type: AWS::SNS::Topic, Condition: C}\n",
            "condition 1: the condition `C` depends on itself, or can't be told",
        ),
        (
            "Conditions: {Off: !Equals [a, b]}\nResources:\n  A: {Type: AWS::SNS::Topic, Condition: Off}\nOutputs:\n  Out: {Value: !Ref A}\n",
            "unresolved-reference 5: the resource `A` is not made, because its condition `Off` is false",
        ),
        (
            "Parameters:\n  P: {Type: String}\nResources:\n  A: {Type: AWS::SNS::Topic}\n",
            "parameter-without-value 2: the parameter `P` has no default and no value",
        ),
    ] {
        let found = findings(text);
        assert!(found.iter().any(|found| found == expected), "{expected}\n{found:#?}");
    }
}

#[test]
fn what_nobody_emulates_is_a_note_and_the_rest_is_made() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
  Key:
    Type: AWS::KMS::Key
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayNmae: typo
      DisplayName: !Rain::Embed name.txt
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub 'q-${Key}'}
";
    let (mut account, _, diagnostics) = up(text, &[]);
    let seen: Vec<(&str, usize)> =
        diagnostics.iter().map(|found| (found.code.as_str(), found.span.unwrap().line)).collect();
    assert_eq!(
        seen,
        [
            ("not-emulated-transform", 2),
            ("not-emulated-type", 5),
            ("not-emulated-type", 7),
            ("not-emulated-function", 12),
            ("not-emulated-property", 11),
        ]
    );
    assert!(diagnostics.iter().all(|found| found.severity == Severity::Note));
    assert_eq!(diagnostics[4].hint.as_deref(), Some("did you mean `DisplayName`?"));
    let answer = account.call(Service::Sqs, "ListQueues", json!({})).unwrap();
    assert!(answer["QueueUrls"][0].as_str().unwrap().contains("/q-app-Key-"), "{answer}");
}

#[test]
fn parameters_are_checked_against_their_constraints() {
    for (declaration, value, refusal) in [
        ("{Type: Number, MinValue: 1, MaxValue: 9}", "10", Some("above the maximum of 9")),
        ("{Type: Number}", "ten", Some("not a number")),
        ("{Type: 'List<Number>'}", "1, 2,x", Some("not a number")),
        ("{Type: String, AllowedValues: [a, b]}", "c", Some("the allowed values are a, b")),
        ("{Type: String, AllowedValues: [true, false]}", "true", None),
        (
            "{Type: String, AllowedPattern: '[a-z]+'}",
            "abC",
            Some("does not match the pattern [a-z]+"),
        ),
        ("{Type: String, AllowedPattern: '^[\\w-\\+]+$|^$'}", "a+b-c", None),
        ("{Type: String, MinLength: 3}", "ab", Some("shorter than 3")),
        ("{Type: String, MaxLength: 3}", "abcd", Some("longer than 3")),
        ("{Type: 'AWS::EC2::VPC::Id'}", "vpc-1", None),
    ] {
        let text = format!(
            "Parameters:\n  P: {declaration}\nResources:\n  A: {{Type: AWS::SNS::Topic}}\n"
        );
        let (_, _, diagnostics) = up(&text, &[("P", value)]);
        match refusal {
            None => assert!(diagnostics.is_empty(), "{declaration}: {diagnostics:?}"),
            Some(words) => {
                assert!(diagnostics[0].message.contains(words), "{declaration}: {diagnostics:?}");
            }
        }
    }
}

#[test]
fn a_secret_parameter_is_never_shown() {
    let text = "Parameters:\n  P: {Type: String, NoEcho: true, MinLength: 20}\nResources:\n  A: {Type: AWS::SNS::Topic}\n";
    let (_, _, diagnostics) = up(text, &[("P", "hunter2")]);
    assert!(diagnostics[0].message.contains("****"));
    assert!(!format!("{diagnostics:?}").contains("hunter2"));
}

#[test]
fn resources_are_made_in_the_order_of_their_references() {
    let text = "
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [app.orders]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: 'sqs:SendMessage', Resource: '*'}]
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: '45'}}
  Dead: {Type: AWS::SQS::Queue}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
";
    let (mut account, stack, diagnostics) = up(text, &[]);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let order: Vec<&str> = stack.resources.keys().map(String::as_str).collect();
    assert_eq!(order, ["Queue", "QueuePolicy", "Dead", "Bus", "Rule"]);
    let name = physical_name("app", "Rule", 64);
    assert_eq!(stack.resources["Rule"].reference, format!("orders|{name}"));
    let input = json!({ "EventBusName": "orders", "Rule": name });
    let answer = account.call(Service::Events, "ListTargetsByRule", input).unwrap();
    assert_eq!(answer["Targets"][0]["Arn"], stack.resources["Queue"].attributes["Arn"]);
    let url = &stack.resources["Queue"].reference;
    let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let answer = account.call(Service::Sqs, "GetQueueAttributes", input).unwrap();
    assert_eq!(answer["Attributes"]["VisibilityTimeout"], "45");
    assert!(answer["Attributes"]["Policy"].as_str().unwrap().contains("events.amazonaws.com"));
}

#[test]
fn a_refused_resource_is_one_error_with_the_message_of_the_service() {
    let text = "
Resources:
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: App, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: Above}
  Both:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmRule: !Sub 'ALARM(${Alarm})'}
";
    let found = findings(text);
    assert_eq!(
        found.iter().filter(|found| found.starts_with("resource-refused 3:")).count(),
        1,
        "{found:#?}"
    );
    assert!(found[0].contains("PutMetricAlarm was refused"), "{found:#?}");
}

#[test]
fn names_depend_on_the_stack_and_the_logical_id_alone() {
    assert_eq!(physical_name("app", "Queue", 80), physical_name("app", "Queue", 80));
    assert_ne!(physical_name("app", "Queue", 80), physical_name("app", "Topic", 80));
    for max in [20, 32, 64] {
        let name = physical_name(&"s".repeat(100), &"L".repeat(100), max);
        assert!(name.len() <= max, "{name}");
    }
}

#[test]
fn text_that_multiplies_itself_is_stopped() {
    let mut text = String::from("Parameters:\n  P: {Type: String}\nResources:\n");
    for n in 0..100 {
        let sub = "${P}".repeat(500);
        let properties = format!("{{DisplayName: !Sub '{sub}'}}");
        text = format!("{text}  A{n}: {{Type: AWS::SNS::Topic, Properties: {properties}}}\n");
    }
    let long = "x".repeat(4000);
    let (_, _, diagnostics) = up(&text, &[("P", &long)]);
    assert!(diagnostics.iter().any(|found| found.code == "stack-too-large"));
}

#[test]
fn a_stack_is_created_whole_or_not_at_all_and_deleted_newest_first() {
    let mut account = account();
    let topics = |account: &mut Account| -> usize {
        let answer = account.call(Service::Sns, "ListTopics", json!({})).unwrap();
        answer["Topics"].as_array().map_or(0, Vec::len)
    };
    let body = "{\"Parameters\": {\"Name\": {\"Type\": \"String\"}}, \"Resources\": {\"T\": {\"Type\": \"AWS::SNS::Topic\", \"Properties\": {\"TopicName\": {\"Ref\": \"Name\"}}}}}";
    let name = [("Name".to_owned(), "oncall".to_owned())];
    let id = create_stack(&mut account, "app", body, &name).unwrap();
    assert!(id.starts_with("arn:aws:cloudformation:eu-west-1:111122223333:stack/app/"), "{id}");
    assert_eq!(topics(&mut account), 1);
    for (stack, body, parameters, code, words) in [
        ("app", body, &name[..], "AlreadyExistsException", "already exists"),
        ("1app", body, &name[..], "ValidationError", "stackName"),
        ("b", body, &[][..], "ValidationError", "Parameters: [Name] must have values"),
        ("b", "Resources: [", &[][..], "ValidationError", "Template format error"),
        (
            "b",
            "Resources:\n  T: {Type: AWS::SNS::Topic}\n",
            &name[..],
            "ValidationError",
            "Parameters: [Name] do not exist",
        ),
        (
            "b",
            "Resources:\n  T: {Type: AWS::SNS::Topic}\n  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: -5}}\n",
            &[][..],
            "ValidationError",
            "could not be created",
        ),
    ] {
        let error = create_stack(&mut account, stack, body, parameters).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    assert_eq!(topics(&mut account), 1, "what a failed stack had made is gone");
    delete_stack(&mut account, "app").unwrap();
    delete_stack(&mut account, "app").unwrap();
    assert_eq!(topics(&mut account), 0);
}

#[test]
fn deployments_with_one_seed_are_equal() {
    let text = "Resources:\n  A: {Type: AWS::SNS::Topic}\n  I: {Type: AWS::EC2::Instance, Properties: {ImageId: ami-1}}\n";
    let references = |(_, stack, _): (Account, Stack, Vec<Diagnostic>)| -> Vec<Value> {
        stack.resources.values().map(|made| json!(made.reference)).collect()
    };
    assert_eq!(references(up(text, &[])), references(up(text, &[])));
}
