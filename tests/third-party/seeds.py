"""What stands in an account before a drill, made through boto3: one function a scenario."""

import json

import boto3
import botocore.config


class Account:
    """One region of a server, as boto3 sees it."""

    def __init__(self, url, account, region):
        self.url, self.account, self.region = url, account, region

    def client(self, service):
        config = botocore.config.Config(
            retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60, signature_version="v4"
        )
        return boto3.session.Session().client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.account,
            aws_secret_access_key="dummy",
            config=config,
        )


def queue(account, name):
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def orders(account):
    """A bus whose large orders go to a queue, with a queue for dead letters."""
    work, dead = queue(account, "orders-work"), queue(account, "orders-dead")
    events = account.client("events")
    events.create_event_bus(Name="orders")
    pattern = {"source": ["shop.orders"], "detail": {"amount": [{"numeric": [">", 5]}]}}
    events.put_rule(Name="large-orders", EventBusName="orders", EventPattern=json.dumps(pattern))
    target = {"Id": "work", "Arn": work, "DeadLetterConfig": {"Arn": dead}}
    events.put_targets(Rule="large-orders", EventBusName="orders", Targets=[target])


def topic(account):
    account.client("sns").create_topic(Name="pager")


def nothing(_account):
    """An account with nothing in it."""


def dead_end(account):
    """A bus whose rule sends to a queue that is gone, with a queue for dead letters."""
    orders(account)
    sqs = account.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="orders-work")["QueueUrl"])


def work(account):
    queue(account, "work")


def machine(account):
    """A state machine that says what it was asked."""
    definition = {
        "StartAt": "Say",
        "States": {"Say": {"Type": "Pass", "Parameters": {"said.$": "$.order"}, "End": True}},
    }
    role = f"arn:aws:iam::{account.account}:role/machine"
    account.client("stepfunctions").create_state_machine(name="echo", definition=json.dumps(definition), roleArn=role)


def log_group(account):
    account.client("logs").create_log_group(logGroupName="/shop/log")


def alarm(account):
    """An alarm in OK that tells a topic."""
    arn = account.client("sns").create_topic(Name="pager")["TopicArn"]
    cloudwatch = account.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
        AlarmActions=[arn],
    )
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="seeded")


def experiment(account):
    """A template with one action that would break something; nobody here carries it out."""
    instance = f"arn:aws:ec2:{account.region}:{account.account}:instance/i-0123456789abcdef0"
    account.client("fis").create_experiment_template(
        clientToken="seed",
        description="an outage",
        roleArn=f"arn:aws:iam::{account.account}:role/fis",
        stopConditions=[{"source": "none"}],
        targets={"web": {"resourceType": "aws:ec2:instance", "resourceArns": [instance], "selectionMode": "ALL"}},
        actions={"stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "web"}}},
        tags={"Name": "outage"},
    )


def security_hub(account):
    account.client("securityhub").enable_security_hub()


def detector(account):
    account.client("guardduty").create_detector(Enable=True)


def document(account):
    """An Automation document."""
    content = {
        "schemaVersion": "0.3",
        "parameters": {"Service": {"type": "String"}},
        "mainSteps": [{"name": "wait", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
    }
    account.client("ssm").create_document(
        Name="Mend", Content=json.dumps(content), DocumentType="Automation", DocumentFormat="JSON"
    )


def configuration(account):
    """An AppConfig environment whose alarm is in ALARM, and a slow strategy."""
    alarm(account)
    cloudwatch = account.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="seeded")
    arn = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["AlarmArn"]
    appconfig = account.client("appconfig")
    application = appconfig.create_application(Name="shop")["Id"]
    appconfig.create_environment(ApplicationId=application, Name="production", Monitors=[{"AlarmArn": arn}])
    profile = appconfig.create_configuration_profile(ApplicationId=application, Name="flags", LocationUri="hosted")["Id"]
    appconfig.create_hosted_configuration_version(
        ApplicationId=application, ConfigurationProfileId=profile, Content=b"{}", ContentType="application/json"
    )
    appconfig.create_deployment_strategy(
        Name="slow", DeploymentDurationInMinutes=1, GrowthFactor=50, FinalBakeTimeInMinutes=1, ReplicateTo="NONE"
    )
