"""Begins the deployment of the scenario `deployment`: a version of the only configuration of `shop`."""

import boto3

appconfig = boto3.client("appconfig")
application = appconfig.list_applications()["Items"][0]["Id"]
environment = appconfig.list_environments(ApplicationId=application)["Items"][0]["Id"]
profile = appconfig.list_configuration_profiles(ApplicationId=application)["Items"][0]["Id"]
strategy = next(one["Id"] for one in appconfig.list_deployment_strategies()["Items"] if one["Name"] == "slow")
begun = appconfig.start_deployment(
    ApplicationId=application,
    EnvironmentId=environment,
    DeploymentStrategyId=strategy,
    ConfigurationProfileId=profile,
    ConfigurationVersion="1",
)
print(begun["DeploymentNumber"], begun["State"])
