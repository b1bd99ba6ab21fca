"""What stands in an account: enough of it to see that a drill has left nothing behind."""

import botocore.exceptions


def of(account):
    """Each kind of thing that a drill makes, by name. What a server does not have is told in its own words."""
    return {name: ask(look, account) for name, look in LOOKS.items()}


def ask(look, account):
    try:
        return sorted(look(account))
    except (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError, ValueError) as error:
        return [f"not to be had: {type(error).__name__}"]


def queues(account):
    return account.client("sqs").list_queues().get("QueueUrls", [])


def rules(account):
    events = account.client("events")
    for bus in events.list_event_buses()["EventBuses"]:
        for rule in events.list_rules(EventBusName=bus["Name"])["Rules"]:
            targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]
            ids = ",".join(sorted(target["Id"] for target in targets))
            yield f"{bus['Name']}/{rule['Name']} {rule['State']} -> {ids}"


def subscriptions(account):
    # LocalEmu lists those of every region.
    every = account.client("sns").list_subscriptions()["Subscriptions"]
    return [one["Endpoint"] for one in every if f":{account.region}:" in one["TopicArn"]]


def parameters(account):
    return [one["Name"] for one in account.client("ssm").describe_parameters()["Parameters"]]


def templates(account):
    return [one["id"] for one in account.client("fis").list_experiment_templates()["experimentTemplates"]]


def experiments(account):
    over = ("completed", "stopped", "failed", "cancelled")
    every = account.client("fis").list_experiments()["experiments"]
    return [one["id"] for one in every if one["state"]["status"] not in over]


LOOKS = {
    "queues": queues,
    "rules": rules,
    "subscriptions": subscriptions,
    "parameters": parameters,
    "templates": templates,
    "experiments": experiments,
}
