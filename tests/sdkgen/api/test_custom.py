"""Clients made to order over HTTP: chosen operations, what a key may do, what moved since, what is refused."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from costs.models import ExchangeRate
from costs.services import budgets
from costs.services.prices import set_price_override
from gateway.choices import LimitScope
from gateway.models import AuditEvent, Job, VirtualKey
from gateway.services import catalog, keys
from sdkgen import builds
from sdkgen.custom import service
from sdkgen.ir.nodes import Api
from tests.factories import Acme, ModelFactory
from tests.gateway.api.conftest import Caller

URL = "/api/v1/sdk"
PRICE = "4 EUR per 1M input tokens, 4 EUR per 1M tokens read from a cache, 12 EUR per 1M output tokens"
CHOSEN = {"operations": ["chat", "models.list"], "module": "acme_llm"}


@pytest.fixture(autouse=True)
def _representation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the process would make for itself, which takes seconds."""
    monkeypatch.setattr(builds, "representation", lambda: api)


def ask(caller: Caller, role: str = "developer", **changes: Any) -> Any:
    return caller(role).post(f"{URL}/custom-client", {"language": "py", "config": CHOSEN, **changes}, format="json")


def archive(caller: Caller, where: str, role: str = "developer") -> dict[str, str]:
    answer = caller(role).get(f"{where}/download")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def test_chosen_operations(caller: Caller, api: Api) -> None:
    asked = ask(caller, config={**CHOSEN, "auth": ["key"], "headers": {"X-Team": "search"}, "max_retries": 1})
    queued = asked.json()
    assert (asked.status_code, queued["status"], queued["stale"]) == (202, "queued", [])
    size = queued["size"]
    assert (size["operations"], size["types_of"]) == (2, len(api.types))
    assert size["types"] < size["types_of"] / 10
    assert size["bytes"] < size["bytes_of"] / 3

    assert builds.run_waiting() == 1

    files = archive(caller, asked["Location"])
    assert sum(len(text.encode()) for name, text in files.items() if name != "sdk.manifest.json") < size["bytes"]
    assert sum(len(text.encode()) for text in files.values()) == size["bytes"]  # told before it was made
    assert {"acme_llm/resources/chat.py", "acme_llm/resources/models.py"} < set(files)
    assert not [name for name in files if "manage" in name]
    client = files["acme_llm/_client.py"]
    assert 'base_url="http://testserver"' in client
    assert 'headers={"X-Team": "search"}' in client
    assert "max_retries=1" in client
    readme = files["README.md"]
    assert f"Made to order: 2 of {size['operations_of']} operations, " in readme
    assert "`models.list` | `GET /v1/models`" in readme
    assert "client.manage" not in readme
    assert queued["quick_start"].startswith("from acme_llm import Gateway\n")
    assert ask(caller, config={"operations": ["models.list"]}).json()["quick_start"] == ""


@pytest.mark.parametrize(
    ("changes", "code", "field", "said"),
    [
        ({"config": {"operations": ["chat", "embedings"]}}, "unknown_operation", "config.operations",
         "nearest: embedings: embeddings"),
        ({"config": {}}, "invalid_configuration", "config.operations", "choose some"),
        ({"config": {**CHOSEN, "headers": {"Authorization": "x"}}}, "invalid_configuration", "config.headers",
         "secret"),
        ({"config": {**CHOSEN, "headers": {"X-Vendor": "sk-abcdefghijklmnop"}}}, "invalid_configuration",
         "config.headers", "secret"),
        ({"config": {"operations": ["manage.budgets"], "auth": ["key"]}}, "invalid_configuration", "config.auth",
         "need key and management"),
        ({"shape": {}}, "invalid", "shape", "Name a key"),
        ({"shape": {"api_key": "0192f0c1-0000-7000-8000-000000000000"}}, "unknown_key", "shape.api_key", "no such key"),
        ({"shape": {"tenant": True, "api_key": "0192f0c1-0000-7000-8000-000000000000"}}, "contradiction", "shape",
         "not both"),
        ({"language": "cobol"}, "unknown_language", "language", "Languages are"),
    ],
)  # fmt: skip
def test_refusals(caller: Caller, changes: dict[str, Any], code: str, field: str, said: str) -> None:
    refused = ask(caller, **changes)

    assert refused.status_code == 400, refused.json()
    (error,) = refused.json()["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert said in error["message"].replace("need management", "need key and management")
    assert not Job.objects.filter(kind=builds.KIND).exists()


def state(company: Acme, amount: str, at: datetime) -> None:
    set_price_override(
        organization=company.organization, actor=company.people["alice"], provider=company.provider.kind,
        model=company.model.upstream_name, currency="EUR", prices={"input": amount, "output": "12"}, valid_from=at,
        source="contract",
    )  # fmt: skip


def priced(company: Acme) -> None:
    """gpt-4o at 4 and 12 of the organization's currency, which is EUR; `slow` has no price; `both` leads to both."""
    company.organization.currency = "EUR"
    company.organization.save()
    company.model.context_tokens = 128_000
    company.model.save()
    state(company, "4", datetime(2026, 1, 1, tzinfo=UTC))
    slow = ModelFactory(organization=company.organization, provider=company.provider, name="slow", upstream_name="x-0")
    catalog.create_route(
        organization=company.organization, actor=None, alias="both",
        targets=[catalog.Target(company.model), catalog.Target(slow)],
    )  # fmt: skip


def test_what_a_key_may_do(caller: Caller, company: Acme, api: Api) -> None:
    priced(company)
    key = company.keys["bob"]
    VirtualKey.objects.filter(pk=key.pk).update(
        allowed_models=["gpt-4o", "slow", "both"], rpm_limit=60, budget_amount=Decimal(25)
    )
    budgets.create_budget(
        organization=company.organization, actor=None, name="Everything", scope=LimitScope.ORGANIZATION,
        scope_value="", amount=Decimal(500), currency="EUR",
    )  # fmt: skip
    asked = ask(caller, "owner", config={"module": "acme_llm"}, shape={"api_key": str(key.pk)})
    assert asked.status_code == 202, asked.json()
    shape = Job.objects.get(kind=builds.KIND).parameters["custom"]["shape"]
    assert {one["name"]: one["price"] for one in shape["models"]} == {
        "gpt-4o": PRICE,
        "slow": "price unknown",
        "both": f"gpt-4o at upstream: {PRICE}; slow at upstream: price unknown",
    }  # fmt: skip
    builds.run_waiting()

    files = archive(caller, asked["Location"], "owner")
    assert not [name for name in files if "manage" in name]  # its one scope is inference
    types = "".join(text for name, text in files.items() if "/types/" in name)
    assert 'ModelName: TypeAlias = \'Literal["both", "gpt-4o", "slow"] | str\'' in types
    assert f"{PRICE}. Context window: 128,000 tokens." in " ".join(types.split())
    assert "slow: Price unknown. Context window: unknown." in types
    assert "model: ModelName" in "".join(text for name, text in files.items() if "/params/" in name).replace("t.", "")
    readme = files["README.md"]
    for text in ("The key may cost 25 EUR in all.", "At most 60 requests a minute.", "Budget Everything",
                 "500 EUR, month", "Route to gpt-4o, slow."):  # fmt: skip
        assert text in readme, text
    assert "gpt-4o-mini" not in readme + files["examples/chat.py"]
    assert 'model="both"' in files["examples/chat.py"]
    assert 'model="both"' in asked.json()["quick_start"]
    event = AuditEvent.objects.get(verb="sdk.build")
    assert event.after["made_for"] == f"the key bob key ({key.prefix}…)"


def test_a_developer_does_not_learn_own_prices(caller: Caller, company: Acme) -> None:
    """As in `cost/estimate`: own prices are for analysts and above; the list's price of gpt-4o is in USD."""
    priced(company)
    shape = {"api_key": str(company.keys["bob"].pk)}
    ask(caller, config={}, shape=shape)
    said = Job.objects.get(kind=builds.KIND).parameters["custom"]["shape"]
    prices = {one["name"]: one["price"] for one in said["models"]}
    assert prices["gpt-4o"] == "price unknown in EUR: no exchange rate from USD is stated"

    ExchangeRate.objects.create(
        organization=company.organization, base="USD", quote="EUR", rate=Decimal("0.5"), source="treasury",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC).date(),
    )  # fmt: skip
    found = service.shape_of(user=company.people["bob"], organization=company.organization, said=shape)
    assert found is not None
    (offer,) = [one for one in found.models if one.name == "gpt-4o"]
    assert offer.price.startswith("1.25 EUR per 1M input tokens")  # 2.50 USD
    assert offer.price.endswith("from USD by 1 USD = 0.5 EUR from 2026-01-01, treasury")


@pytest.mark.slow
def test_what_moved_since_is_told_at_the_build(caller: Caller, company: Acme, api: Api,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    priced(company)
    key = company.keys["bob"]
    where = ask(caller, "owner", config={}, shape={"api_key": str(key.pk)})["Location"]

    def codes() -> list[str]:
        return [one["code"] for one in caller("owner").get(where).json()["stale"]]

    assert codes() == []
    state(company, "5", timezone.now() - timedelta(seconds=1))
    assert codes() == ["prices"]
    VirtualKey.objects.filter(pk=key.pk).update(scopes=["inference", "manage:read"], tpm_limit=1000)
    catalog.create_route(
        organization=company.organization, actor=None, alias="new", targets=[catalog.Target(company.model)]
    )
    assert codes() == ["scopes", "models_new", "prices", "limits"]
    keys.revoke_key(key=VirtualKey.objects.get(pk=key.pk), actor=company.people["alice"])
    assert codes() == ["key_gone"]
    monkeypatch.setattr(builds, "representation", lambda: replace(api, document_sha="0" * 64))
    assert codes() == ["document", "key_gone"]
    builds.run_waiting()
    assert caller("owner").get(where).json()["status"] == "succeeded"  # of what was asked for then


@pytest.mark.slow
def test_the_tenant_and_management_scopes(caller: Caller, company: Acme) -> None:
    tenant = ask(caller, "analyst", shape={"tenant": True}).json()
    assert tenant["size"]["operations"] == 2
    reads = ask(caller, "owner", config={}, shape={"api_key": str(company.keys["read"].pk)}).json()["size"]
    writes = ask(caller, "owner", config={}, shape={"api_key": str(company.keys["write"].pk)}).json()["size"]
    assert 100 < reads["operations"] < writes["operations"] < writes["operations_of"]
    nothing = ask(caller, "owner", shape={"api_key": str(company.keys["read"].pk)}, config={"operations": ["chat"]})
    assert "may call none of these operations" in nothing.json()["errors"][0]["message"]


def test_keys_of_others_do_not_exist(caller: Caller, company: Acme) -> None:
    shape = {"api_key": str(company.keys["ads"].pk)}
    statuses = {role: ask(caller, role, config={}, shape=shape).status_code for role in ("developer", "mallory")}
    assert statuses == {"developer": 400, "mallory": 400}
    assert ask(caller, "admin", config={}, shape=shape).status_code == 202
    as_key = ask(caller, "key_read", config={}, shape=shape)
    assert as_key.status_code == 202
    assert caller("key_read").get(as_key["Location"]).status_code in (200, 404)


def test_validation_points_and_previews(caller: Caller, company: Acme) -> None:
    said = caller("developer").post(
        f"{URL}/validate",
        {"language": "go", "preview": True,
         "config": {"operations": ["chat", "manage.api_keys.list"], "base_url": "https://gw.example/llm",
                    "auth": ["key"]}},
        format="json",
    ).json()  # fmt: skip
    assert not said["valid"]
    assert [(one["code"], one["pointer"]) for one in said["errors"]] == [("auth_missing", "/config/auth")]
    assert [(one["code"], one["pointer"]) for one in said["warnings"]] == [("path_in_address", "/config/base_url")]
    names = {one["id"]: one["names"] for one in said["preview"]["operations"]}
    assert names["api_keys_list"] == {
        "python": "client.manage.api_keys.list", "typescript": "client.manage.apiKeys.list",
        "java": "gateway.manage().apiKeys().list", "go": "client.Manage.APIKeys.List",
        "csharp": "client.Manage.ApiKeys.ListAsync",
    }  # fmt: skip
    assert {one["id"] for one in said["preview"]["types"]} > {"ChatCompletionRequest", "ChatCompletion"}

    shaped = caller("owner").post(
        f"{URL}/validate", {"language": "go", "config": {}, "shape": {"api_key": str(company.keys["bob"].pk)}},
        format="json",
    ).json()  # fmt: skip
    assert (shaped["valid"], shaped["size"]["operations"], shaped["preview"]) == (True, 38, None)


def test_queries(caller: Caller, company: Acme, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    shape = {"api_key": str(company.keys["bob"].pk)}
    client = caller("developer")
    body = {"language": "py", "config": CHOSEN, "shape": shape}
    where = client.post(f"{URL}/custom-client", body, format="json")["Location"]
    with django_assert_num_queries(34):
        client.post(f"{URL}/custom-client", body, format="json")
    with django_assert_num_queries(17):
        client.get(where)
    plain = client.post(f"{URL}/custom-client", {"language": "py", "config": CHOSEN}, format="json")["Location"]
    with django_assert_num_queries(4):
        client.get(plain)
    assert json.loads(json.dumps(Job.objects.latest("id").parameters["custom"]["shape"])) is None
