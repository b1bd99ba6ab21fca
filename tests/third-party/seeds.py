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
