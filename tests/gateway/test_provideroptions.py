"""Options by kind, and what Bedrock's credential may be."""

import json

import pytest

from gateway.provideroptions import (
    OPTIONS,
    AwsCredential,
    AzureCredential,
    OptionError,
    aws_credential,
    azure_credential,
    bedrock_region,
    checked,
)


@pytest.mark.parametrize(
    ("kind", "options", "found"),
    [
        ("azure", {"api_version": "2024-10-21", "authentication": "entra-id"},
         {"api_version": "2024-10-21", "authentication": "entra-id"}),
        ("azure", {"api_version": "2025-04-01-preview"}, {"api_version": "2025-04-01-preview"}),
        ("azure", {"api_version": "v1", "authentication": ""}, {"api_version": "v1"}),
        ("bedrock", {"region": "us-gov-west-1"}, {"region": "us-gov-west-1"}),
        ("openai", {}, {}),
        ("openai", {"region": None}, {}),
    ],
)  # fmt: skip
def test_options_that_fit(kind, options, found):
    assert checked(kind, options) == found


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("openai", {"api_version": "v1"}, "api_version"),
        ("azure", {"region": "us-east-1"}, "region"),
        ("azure", {"api_version": "latest"}, "api_version"),
        ("azure", {"api_version": 7}, "api_version"),
        ("azure", {"authentication": "basic"}, "authentication"),
        ("bedrock", {"region": "us-east-1/../x"}, "region"),
        ("azure", {"unheard": "x"}, "unheard"),
        ("azure", {"resource": "/subscriptions/a/../b"}, "resource"),
        ("azure", {"deployment_type": "Provisioned"}, "deployment_type"),
        ("openai", {"deployment_type": "Standard"}, "deployment_type"),
    ],
)
def test_options_that_do_not(kind, options, field):
    with pytest.raises(OptionError) as caught:
        checked(kind, options)

    assert caught.value.field == field


def test_every_option_is_explained():
    assert all(option.help and option.shape for option in OPTIONS.values())


def test_credentials():
    keys = {"access_key_id": "A", "secret_access_key": "S"}

    assert aws_credential("abc") == AwsCredential(bearer="abc")
    assert aws_credential(json.dumps(keys)) == AwsCredential("A", "S")
    assert aws_credential(json.dumps({**keys, "session_token": "T"})) == AwsCredential("A", "S", "T")


def test_what_manages_azure_stands_beside_the_key():
    given = {"api_key": "K", "tenant_id": "acme.example", "client_id": "C", "client_secret": "S"}

    assert azure_credential("sk-1") == AzureCredential(api_key="sk-1")
    assert azure_credential(json.dumps(given)) == AzureCredential("K", "acme.example", "C", "S")


@pytest.mark.parametrize(
    "secret",
    [
        "{",
        '{"api_key": "canary"}',
        '{"api_key": "K", "tenant_id": "T", "client_id": "C", "client_secret": 1}',
        '{"api_key": "K", "tenant_id": "../canary", "client_id": "C", "client_secret": "S"}',
    ],
)
def test_a_bad_credential_of_azure_is_not_repeated(secret):
    with pytest.raises(OptionError) as caught:
        azure_credential(secret)

    assert caught.value.field == "credential"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "{",
        "{}",
        '{"access_key_id": "A"}',
        '{"access_key_id": 1, "secret_access_key": "S"}',
        '{"access_key_id": "A", "secret_access_key": "canary", "role": "x"}',
    ],
)
def test_bad_credentials_are_not_repeated(secret):
    with pytest.raises(OptionError) as caught:
        aws_credential(secret)

    assert caught.value.field == "credential"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "options", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", {}, "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", {}, "us-gov-west-1"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", {"region": "eu-west-1"}, "eu-west-1"),
        ("vpce-1.bedrock.internal", {"region": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_region(host, options, region):
    assert bedrock_region(host, options) == region


def test_host_without_a_region():
    with pytest.raises(OptionError, match="does not name a region"):
        bedrock_region("proxy.example.org", {})
