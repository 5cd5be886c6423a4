"""Every kind's list of models, by the real client from the simulated provider; addresses and headers by kind."""

import json
from typing import Any

import pytest

from gateway import credentials
from gateway.choices import ProviderKind
from gateway.models import Provider
from gateway.services import catalog, listing, upstreams
from gateway.services.errors import Invalid
from gateway.simulator.process import SimulatorProcess
from gateway.simulator.wire.sigv4 import SECRET

pytestmark = pytest.mark.django_db

AWS = json.dumps({"access_key_id": "AKIASIM1", "secret_access_key": SECRET})


def provider(kind: str, base_url: str, credential: str = "sk-test", **options: str) -> Provider:
    return catalog.set_provider(
        organization=None, actor=None, slug=kind, kind=kind, base_url=base_url, credential=credential, options=options
    ).row


@pytest.mark.parametrize(
    ("kind", "path", "credential", "options", "name"),
    [
        ("openai", "/v1", "sk-test", {}, "gpt-4o"),
        ("anthropic", "/v1", "sk-test", {}, "claude-haiku-4-5"),
        ("google", "", "sk-test", {}, "gemini-2.5-flash"),
        ("google", "/v1beta", "sk-test", {}, "gemini-2.5-flash"),
        ("azure", "", "sk-test", {}, "gpt-4o"),
        ("azure", "/openai/v1", "sk-test", {"authentication": "entra-id"}, "gpt-4o"),
        ("azure", "", "sk-test", {"api_version": "2024-10-21"}, "gpt-4o"),
        ("bedrock", "", AWS, {"region": "us-east-1"}, "amazon.nova-lite-v1:0"),
        ("bedrock", "", "an-api-key", {"region": "us-east-1"}, "amazon.nova-lite-v1:0"),
        ("cohere", "/compatibility/v1", "sk-test", {}, "gpt-4o"),
        ("huggingface", "/v1", "sk-test", {}, "gpt-4o"),
    ],
)
def test_a_kind_is_listed(
    simulator: SimulatorProcess, kind: str, path: str, credential: str, options: dict[str, str], name: str
) -> None:
    found = upstreams.list_models(provider(kind, simulator.url + path, credential, **options))

    assert (found.error, found.http_status) == (None, 200)
    assert name in found.names


def test_every_kind_has_an_address() -> None:
    for kind in ProviderKind.values:
        row = Provider(kind=kind, base_url="https://bedrock-runtime.us-east-1.amazonaws.com/v1", options={})
        assert listing.listing_request(row)[0].startswith("https://")


def test_bedrock_is_asked_on_its_control_plane() -> None:
    row = Provider(
        kind="bedrock", base_url="https://bedrock-runtime.us-east-1.amazonaws.com", options={},
        credential=credentials.encrypt(AWS),
    )  # fmt: skip
    url, headers = listing.listing_request(row)

    assert url == "https://bedrock.us-east-1.amazonaws.com/foundation-models"
    assert "/us-east-1/bedrock/aws4_request" in headers["Authorization"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "bedrock", "base_url": "https://proxy.example.org"}, "options"),
        ({"kind": "bedrock", "base_url": "https://bedrock-runtime.us-east-1.amazonaws.com", "credential": "{"},
         "credential"),
        ({"kind": "openai", "base_url": "https://api.openai.com/v1", "options": {"region": "us-east-1"}}, "options"),
        ({"kind": "bedrock", "base_url": "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/"}, "base_url"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        catalog.set_provider(organization=None, actor=None, slug="x", **fields)

    assert caught.value.field == field
    assert not Provider.objects.exists()


def test_options_must_fit_the_new_kind() -> None:
    row = provider("azure", "https://x.openai.azure.com", api_version="2024-10-21")

    with pytest.raises(Invalid):
        catalog.update_provider(provider=row, actor=None, kind="openai")
    changed = catalog.update_provider(provider=row, actor=None, kind="openai", options={})
    assert (changed.kind, changed.options) == ("openai", {})
