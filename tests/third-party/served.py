"""The served account (`firedrill emulate`) against clients that others wrote: boto3 and the AWS CLI.

botocore parses every answer by AWS's own models, and the two speak different protocols to some services, so
each call's parsed answer is compared with what must come of it. A shipped scenario is drilled on it as well.
"""

import contextlib
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import checks
import seeds
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "tests" / "data" / "every-fault" / "environment.yaml"
ACCOUNT, REGION = "111122223333", "eu-west-1"


@contextlib.contextmanager
def account(check, environment, *more):
    """The URL of an account that is served until this is left."""
    words = [check.binary, "emulate", environment, "--port", "0", *more]
    with (check.folder / "emulate.log").open("wb") as log:
        process = checks.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=check.environment())
        try:
            line = process.stdout.readline().decode()
            yield re.search(r"AWS_ENDPOINT_URL=(\S+)", line)[1]
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class Wrong(list):
    """What is not as it must be, so far."""

    def expect(self, what, found, expected):
        if found != expected:
            self.append(f"{what}: expected {expected!r}, found {found!r}")


def clients(check):
    """Every call of the client that the table names."""
    wrong = Wrong()
    with account(check, ENVIRONMENT) as url:
        call = {"boto3": boto3_calls, "cli": cli_calls}[check.entry["client"]](check, url)
        identity(call, wrong)
        alarms(call, wrong)
        events(call, wrong)
        automation(call, wrong)
        experiments(call, wrong)
        queues(call, wrong)
    return wrong


def boto3_calls(_check, url):
    """Calls through boto3, answered by what it has parsed."""
    there = seeds.Account(url, ACCOUNT, REGION)

    def call(service, operation, **parameters):
        answer = getattr(there.client(service), operation)(**parameters)
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        if status not in (200, 201):
            raise AssertionError(f"{service} {operation}: status {status}")
        return answer

    return call


def cli_calls(check, url):
    """The same calls through the AWS CLI, answered by the JSON that it prints."""

    def call(service, operation, **parameters):
        words = [sys.executable, Path(sys.executable).with_name("aws"), "--endpoint-url", url, "--region", REGION]
        words += ["--output", "json", service, operation.replace("_", "-"), "--cli-input-json", json.dumps(parameters)]
        process = checks.start(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=check.environment()
        )
        out, err = process.communicate(timeout=60)
        if process.returncode != 0 or err:
            raise AssertionError(f"aws {service} {operation}: exit {process.returncode}: {err.decode()}")
        return json.loads(out) if out.strip() else {}

    return call


def identity(call, wrong):
    found = call("sts", "get_caller_identity")
    wrong.expect("account", found["Account"], ACCOUNT)
    wrong.expect("partition and account of the caller", found["Arn"].split(":")[:5:4], ["arn", ACCOUNT])
    wrong.expect("members of the identity", sorted(found), ["Account", "Arn", "UserId"])


def alarms(call, wrong):
    # Without the types, AWS answers metric alarms alone.
    wrong.expect("composite alarms unasked", call("cloudwatch", "describe_alarms")["CompositeAlarms"], [])
    found = call("cloudwatch", "describe_alarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    metric = {one["AlarmName"]: one for one in found["MetricAlarms"]}
    wrong.expect("metric alarms", sorted(metric), ["errors", "reachable"])
    wrong.expect("threshold", metric["errors"]["Threshold"], 10.0)
    wrong.expect("period", metric["errors"]["Period"], 60)
    wrong.expect("actions", metric["errors"]["AlarmActions"], [f"arn:aws:sns:{REGION}:{ACCOUNT}:pager"])
    wrong.expect("actions enabled", metric["errors"]["ActionsEnabled"], True)
    wrong.expect("dimensions", metric["errors"]["Dimensions"], [])
    composite = [(one["AlarmName"], one["AlarmRule"]) for one in found["CompositeAlarms"]]
    wrong.expect("composite alarms", composite, [("either", 'ALARM("reachable") AND ALARM("errors")')])
    reason = "from a client: <&> \u00fc"
    # At the turn of a minute the alarm is evaluated, and leaves the state that was set: it is set again then.
    for _ in range(2):
        answer = call("cloudwatch", "set_alarm_state", AlarmName="errors", StateValue="ALARM", StateReason=reason)
        wrong.expect("answer of set_alarm_state", answer, {})
        (errors,) = call("cloudwatch", "describe_alarms", AlarmNames=["errors"])["MetricAlarms"]
        if errors["StateReason"] == reason:
            break
    wrong.expect("state", (errors["StateValue"], errors["StateReason"]), ("ALARM", reason))
    history = call("cloudwatch", "describe_alarm_history", AlarmName="errors", HistoryItemType="StateUpdate")
    items = history["AlarmHistoryItems"]
    ours = [one for one in items if json.loads(one["HistoryData"])["newState"]["stateReason"] == reason]
    newest = (ours or items)[0]
    wrong.expect("history", (newest["AlarmName"], newest["AlarmType"]), ("errors", "MetricAlarm"))
    wrong.expect("its type", newest["HistoryItemType"], "StateUpdate")
    new = json.loads(newest["HistoryData"])["newState"]
    wrong.expect("its data", (new["stateValue"], new["stateReason"]), ("ALARM", reason))


def events(call, wrong):
    entry = {"Source": "shop.orders", "DetailType": "Placed", "Detail": json.dumps({"order": 1}), "EventBusName": "shop"}
    broken = entry | {"Detail": "no JSON"}
    found = call("events", "put_events", Entries=[entry, broken])
    wrong.expect("refused entries", found["FailedEntryCount"], 1)
    members = [sorted(one) for one in found["Entries"]]
    wrong.expect("members of the entries", members, [["EventId"], ["ErrorCode", "ErrorMessage"]])
    wrong.expect("why one was refused", found["Entries"][1]["ErrorCode"], "MalformedDetail")
    rules = sorted(call("events", "list_rules", EventBusName="shop")["Rules"], key=lambda one: one["Name"])
    states = [(one["Name"], one["State"], one["EventBusName"]) for one in rules]
    wrong.expect("rules", states, [("idle", "ENABLED", "shop"), ("orders", "ENABLED", "shop")])
    wrong.expect("its pattern", json.loads(rules[-1]["EventPattern"]), {"source": ["shop.orders"]})
    wrong.expect("its ARN", rules[-1]["Arn"], f"arn:aws:events:{REGION}:{ACCOUNT}:rule/shop/orders")


def automation(call, wrong):
    document = call("ssm", "describe_document", Name="Break")["Document"]
    wrong.expect("document", (document["Name"], document["DocumentType"], document["Status"]), ("Break", "Automation", "Active"))
    parameters = [(one["Name"], one["Type"]) for one in document["Parameters"]]
    wrong.expect("its parameters", parameters, [("Service", "String")])
    begun = call("ssm", "start_automation_execution", DocumentName="Break", Parameters={"Service": ["web"]})
    found = call("ssm", "describe_automation_executions")["AutomationExecutionMetadataList"]
    wrong.expect("executions", [one["AutomationExecutionId"] for one in found], [begun["AutomationExecutionId"]])
    wrong.expect("its state", (found[0]["DocumentName"], found[0]["AutomationExecutionStatus"]), ("Break", "InProgress"))


def experiments(call, wrong):
    (template,) = call("fis", "list_experiment_templates")["experimentTemplates"]
    wrong.expect("template", (template["description"], template["tags"]["Name"]), ("Cuts the subnet off.", "cut"))
    begun = call("fis", "start_experiment", experimentTemplateId=template["id"], tags={"by": "client"}, clientToken="once")
    again = call("fis", "start_experiment", experimentTemplateId=template["id"], tags={"by": "client"}, clientToken="once")
    wrong.expect("the same token again", again["experiment"]["id"], begun["experiment"]["id"])
    found = call("fis", "get_experiment", id=begun["experiment"]["id"])["experiment"]
    wrong.expect("experiment", (found["experimentTemplateId"], found["tags"]), (template["id"], {"by": "client"}))
    wrong.expect("its action", found["actions"]["cut"]["actionId"], "aws:network:disrupt-connectivity")
    underway = found["state"]["status"] in ("pending", "initiating", "running")
    wrong.expect(f"its state {found['state']['status']} is one of an experiment under way", underway, True)


def queues(call, wrong):
    url = call("sqs", "create_queue", QueueName="mail")["QueueUrl"]
    wrong.expect("the queue's name", url.rsplit("/", 2)[1:], [ACCOUNT, "mail"])
    body = 'a "body" with <&> and \u00fc'
    attributes = {"kind": {"DataType": "String", "StringValue": "test"}}
    # botocore compares the MD5 of the body with ours too, and refuses an answer whose digest is another.
    sent = call("sqs", "send_message", QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    got = call("sqs", "receive_message", QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=2)["Messages"]
    wrong.expect("messages", [(one["MessageId"], one["Body"]) for one in got], [(sent["MessageId"], body)])
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    wrong.expect("its MD5", (sent["MD5OfMessageBody"], got[0]["MD5OfBody"]), (digest, digest))
    wrong.expect("its attributes", got[0]["MessageAttributes"], attributes)
    call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])


def shipped(check):
    """A shipped scenario on its served environment, at a speed at which minutes pass in seconds.

    What only our own clock can close (the entry's `without`, and every `sustain`) is left out: at a speed
    it would take as long as in real time.
    """
    source = ROOT / "scenarios" / check.entry["shipped"]
    scenario = yaml.safe_load(source.read_text())
    known = {one["id"] for one in scenario["expect"]}
    if not known.issuperset(check.entry["without"]):
        return [f"{source.name} has no longer all of {check.entry['without']}"]
    scenario["expect"] = [one for one in scenario["expect"] if one["id"] not in check.entry["without"]]
    for one in scenario["recovery"]:
        one.pop("sustain", None)
    environment = source.parent / scenario["environment"]
    scenario["environment"] = str(environment)
    path = check.folder / source.name
    path.write_text(yaml.safe_dump(scenario, sort_keys=False))
    with account(check, environment, "--speed", str(check.entry["speed"])) as url:
        words = [check.binary, "run", path, "--yes", "--endpoint-url", url, "--region", REGION]
        said = check.say([*words, "--reports", check.folder / "reports", "--run-id", "run"])
    found = {"exit": said.code}
    if said.code != 2:
        found |= check.report()
    return checks.differences(check.entry, found, said)
