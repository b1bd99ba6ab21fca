//! What a request says, whichever protocol it is said in.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::emulator::Identity;

fn account() -> Account {
    let identity = Identity {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
    };
    Account::new(identity, "2026-01-05T09:00:00Z".parse::<Timestamp>().unwrap(), 1)
}

fn signed(service: &str, region: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let scope = format!("AKIAEXAMPLE/20260105/{region}/{service}/aws4_request");
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    let mut all = vec![("authorization".to_owned(), authorization)];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers: all,
        body: body.as_bytes().to_vec(),
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

fn form(account: &mut Account, body: &str) -> (u16, String) {
    let response = answer(account, &signed("monitoring", "eu-west-1", &[FORM], body));
    (response.status, String::from_utf8(response.body).unwrap())
}

fn json(account: &mut Account, operation: &str, input: &Value) -> (u16, Value) {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let headers =
        [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
    let request = signed("monitoring", "eu-west-1", &headers, &input.to_string());
    let response = answer(account, &request);
    let kind = response.headers.iter().find(|(name, _)| *name == "content-type");
    assert_eq!(kind.unwrap().1, "application/x-amz-json-1.0");
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

#[test]
fn cloudwatch_is_spoken_to_in_forms() {
    let mut account = account();
    let put = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=errors&Namespace=Shop\
        &MetricName=Errors&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=9.5\
        &ComparisonOperator=GreaterThanThreshold&ActionsEnabled=false\
        &Dimensions.member.1.Name=Value&Dimensions.member.1.Value=7&Tags.member.1.Key=a&Tags.member.1.Value=1";
    let (status, body) = form(&mut account, put);
    assert_eq!(status, 200, "{body}");
    let (status, body) = form(&mut account, "Action=DescribeAlarms&AlarmNames.member.1=errors");
    assert_eq!(status, 200, "{body}");
    for part in [
        "<DescribeAlarmsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">",
        "<MetricAlarms><member>",
        "<Threshold>9.5</Threshold>",
        "<ActionsEnabled>false</ActionsEnabled>",
        "<Name>Value</Name><Value>7</Value>",
        "<StateUpdatedTimestamp>2026-01-05T09:00:00Z</StateUpdatedTimestamp>",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[test]
fn datapoints_in_a_form_are_numbers_and_moments() {
    let mut account = account();
    let put = "Action=PutMetricData&Namespace=Shop&MetricData.member.1.MetricName=Errors\
        &MetricData.member.1.Value=12.5&MetricData.member.1.Timestamp=2026-01-05T08:59:00Z\
        &MetricData.member.2.MetricName=Errors&MetricData.member.2.Values.member.1=3\
        &MetricData.member.2.Counts.member.1=2&MetricData.member.2.Timestamp=2026-01-05T08:59:00Z";
    let (status, body) = form(&mut account, put);
    assert_eq!(status, 200, "{body}");
    let get = "Action=GetMetricStatistics&Namespace=Shop&MetricName=Errors&Period=60\
        &StartTime=2026-01-05T08:50:00Z&EndTime=2026-01-05T09:00:00Z&Statistics.member.1=Sum";
    let (status, body) = form(&mut account, get);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<Timestamp>2026-01-05T08:59:00Z</Timestamp>"), "{body}");
    assert!(body.contains("<Sum>18.5</Sum>"), "{body}");
}

#[test]
fn cloudwatch_is_spoken_to_in_json() {
    let mut account = account();
    let alarm = json!({"AlarmName": "errors", "Namespace": "Shop", "MetricName": "Errors",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 9.5,
        "ComparisonOperator": "GreaterThanThreshold"});
    assert_eq!(json(&mut account, "PutMetricAlarm", &alarm), (200, json!({})));
    let (status, told) = json(&mut account, "DescribeAlarms", &json!({"AlarmNames": ["errors"]}));
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["MetricAlarms"][0]["Threshold"], 9.5);
    assert_eq!(told["MetricAlarms"][0]["StateUpdatedTimestamp"], 1_767_603_600.0);
    let (status, told) = json(&mut account, "NoSuchOperation", &json!({}));
    assert_eq!((status, &told["__type"]), (501, &json!("NotImplemented")), "{told}");
}

#[test]
fn what_can_not_be_routed_is_refused_in_the_requests_own_protocol() {
    let mut account = account();
    let unsigned = Request { headers: Vec::new(), ..signed("sts", "eu-west-1", &[], "") };
    let told = |response: &Response| String::from_utf8(response.body.clone()).unwrap();
    let response = answer(&mut account, &unsigned);
    assert_eq!(response.status, 403);
    assert!(told(&response).contains("MissingAuthenticationToken"), "{}", told(&response));
    let response = answer(&mut account, &signed("nosuch", "eu-west-1", &[], ""));
    assert_eq!(response.status, 501);
    assert!(told(&response).contains("the service `nosuch`"), "{}", told(&response));
    let response = answer(&mut account, &signed("nosuch", "eu-west-1", &[FORM], "Action=A"));
    assert!(told(&response).starts_with("<ErrorResponse"), "{}", told(&response));
    for response in [response, answer(&mut account, &unsigned)] {
        let named = |wanted: &str| response.headers.iter().any(|(name, _)| *name == wanted);
        assert!(named("date") && named("x-amzn-requestid"), "{:?}", response.headers);
    }
}

#[test]
fn a_request_that_is_signed_for_another_region_is_refused() {
    let mut account = account();
    let request = signed("sts", "us-east-1", &[FORM], "Action=GetCallerIdentity");
    let response = answer(&mut account, &request);
    let body = String::from_utf8(response.body).unwrap();
    assert_eq!(response.status, 403, "{body}");
    assert!(body.contains("<Code>SignatureDoesNotMatch</Code>"), "{body}");
    assert!(body.contains("not &apos;us-east-1&apos;") && body.contains("eu-west-1"), "{body}");
    let request = signed("sts", "eu-west-1", &[FORM], "Action=GetCallerIdentity");
    assert_eq!(answer(&mut account, &request).status, 200);
}
