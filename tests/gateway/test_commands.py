"""`create_key`, `set_provider`, `add_model` as scripts call them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gateway import credentials
from gateway.models import AllowedUpstream, AuditEvent, Model, Provider, VirtualKey
from gateway.services import identity, keys

pytestmark = pytest.mark.django_db


def run(name: str, *args: str) -> tuple[dict[str, Any], str]:
    out, err = StringIO(), StringIO()
    call_command(name, *args, "--json", stdout=out, stderr=err)
    return json.loads(out.getvalue()), err.getvalue()


def test_create_key_makes_a_key_of_the_default_project() -> None:
    organization = identity.create_organization(actor=None, slug="demo", name="Demo")
    organization.projects.all().delete()

    made, _ = run("create_key", "--organization", "demo", "--budget", "10.00", "--rpm", "60")

    key = VirtualKey.objects.get(pk=made["id"])
    assert made.keys() == {"id", "prefix", "secret"}
    assert keys.authenticate(made["secret"]) == key
    assert (key.project.slug, key.rpm_limit, str(key.budget_amount)) == ("default", 60, "10.0000000000")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--organization", "none"], "No organization 'none'. There are: demo."),
        (["--organization", "demo", "--project", "x"], "No project 'x' in 'demo'."),
        (["--organization", "demo", "--budget", "NaN"], "--budget 'NaN' is not an amount."),
        (["--organization", "demo", "--user", "x"], "No user 'x'."),
        (["--organization", "demo", "--rpm", "-1"], "greater than or equal to 0"),
        (["--organization", "demo", "--tpm", "3000000000"], "less than or equal to 2147483647"),
        (["--organization", "demo", "--scopes", "root"], "Scopes are one or more of"),
    ],
)
def test_create_key_fails_in_one_line(args: list[str], words: str) -> None:
    identity.create_organization(actor=None, slug="demo", name="Demo")

    with pytest.raises(CommandError, match=words):
        call_command("create_key", *args)


def test_set_provider_allows_a_private_address_and_says_so(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.GATEWAY_PRIVATE_UPSTREAMS = []
    monkeypatch.setenv("UPSTREAM_KEY", "sk-0123456789")
    args = ("sim", "--kind", "openai", "--base-url", "http://127.0.0.1:9100/v1", "--api-key-env", "UPSTREAM_KEY")

    first, said = run("set_provider", *args)
    again, silent = run("set_provider", *args)

    assert (first["created"], again["created"], first["id"]) == (True, False, again["id"])
    assert "127.0.0.1:9100 is a private address" in said
    assert silent == ""
    assert AllowedUpstream.objects.filter(host="127.0.0.1", port=9100).count() == 1
    provider = Provider.objects.get(slug="sim")
    assert credentials.decrypt(bytes(provider.credential or b"")) == "sk-0123456789"
    assert provider.organization is None


def test_set_provider_says_that_no_credential_is_stored() -> None:
    _, said = run("set_provider", "local", "--kind", "vllm", "--base-url", "https://93.184.216.34/v1")

    assert said.startswith("No credential is stored for it: --api-key-env stores one.")


def test_set_provider_does_not_allow_a_metadata_address() -> None:
    with pytest.raises(CommandError, match="is a link-local address or a cloud's metadata service"):
        call_command("set_provider", "x", "--base-url", "http://169.254.169.254/v1")
    assert not AllowedUpstream.objects.exists()


def test_set_provider_with_an_empty_variable_fails() -> None:
    with pytest.raises(CommandError, match="NOT_SET is empty or not set"):
        call_command("set_provider", "x", "--base-url", "https://93.184.216.34/v1", "--api-key-env", "NOT_SET")


def test_add_model_is_an_upsert_and_prefers_the_own_provider() -> None:
    organization = identity.create_organization(actor=None, slug="demo", name="Demo")
    run("set_provider", "sim", "--base-url", "https://93.184.216.34/v1")
    run("set_provider", "sim", "--base-url", "https://93.184.216.35/v1", "--organization", "demo")

    args = ("gpt-4o", "--provider", "sim", "--upstream", "gpt-4o-2024", "--organization", "demo")
    first, _ = run("add_model", *args)
    run("add_model", *args)
    again, _ = run("add_model", *args, "--context", "128000")

    model = Model.objects.get()
    assert (first["created"], again["created"]) == (True, False)
    assert (model.provider.organization, model.upstream_name, model.context_tokens) == (
        organization, "gpt-4o-2024", 128000
    )  # fmt: skip
    assert AuditEvent.objects.filter(verb="model.update").count() == 1  # the run that changed nothing left nothing


def test_add_model_names_the_remedy() -> None:
    with pytest.raises(CommandError, match=r"manage\.py set_provider nowhere"):
        call_command("add_model", "x", "--provider", "nowhere")


def test_add_model_refuses_sizes_that_cannot_be() -> None:
    run("set_provider", "sim", "--base-url", "https://93.184.216.34/v1")
    args = ("add_model", "gpt-4o", "--provider", "sim", "--context")

    with pytest.raises(CommandError, match="greater than or equal to 0"):
        call_command(*args, "-1")
    run(*args, "128000")
    with pytest.raises(CommandError, match="less than or equal to 2147483647"):
        call_command(*args, "3000000000")
