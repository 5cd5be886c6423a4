"""What people and programs are answered: every page, every call of the API, MCP, metrics, errors."""

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from gateway.services import catalog, people
from tests import leaks
from tests.canaries.planting import CONTENT, LIGHT, Planted
from tests.console.permissions import CALLERS, expected, path_of, routes
from tests.factories import Acme
from tests.gateway.api.conftest import client_of
from tests.gateway.api.matrix import rows
from tests.gateway.api.places import Places
from tests.gateway.api.test_matrix import _content, body

pytestmark = pytest.mark.slow
OWN_PAGES: dict[str, Collection[str]] = {
    "tuning_": CONTENT, "fine-tuning/": CONTENT, "privacy": {"erased end user"},
    "end-user-erasures": {"erased end user"}, "gateway_enduser": {"erased end user"},
    "usage-records/{request}/bodies": {"logged prompt", "logged answer"},
}  # fmt: skip
"""Where content is shown to whom it belongs, by the beginning of a route's name or a call's path."""


def own(name: str) -> frozenset[str]:
    return frozenset(one for start, shown in OWN_PAGES.items() if name.startswith(start) for one in shown)


def whole(response: Any) -> bytes:
    """Head and body as they leave."""
    if response.streaming:
        content = b"" if response.is_async else b"".join(response)
    else:
        content = response.content
    return str(response.headers).encode() + content


def shown(company: Acme, places: Places) -> Iterator[tuple[str, str, str]]:
    """Who sees which page at what path: the owner, and the operators where she may not look."""
    table, callers = expected(), list(CALLERS.values())
    for url in routes():
        answers = dict(zip(callers, table[url.name, "GET"], strict=True))
        who = next((who for who, role in (("alice", "owner"), ("root", "superuser")) if answers[role] == "200"), None)
        if who:
            yield who, url.name, path_of(url, company, places)


def test_no_page_shows_a_secret(planted: Planted, sweep: leaks.Sweep) -> None:
    clients = {who: Client() for who in ("alice", "root")}
    closed: set[str] = set()
    lit: set[str] = set()
    for who, client in clients.items():
        client.force_login(planted.company.people[who], backend="django.contrib.auth.backends.ModelBackend")
    clients["root"].get("/admin/?organization=acme")

    for who, name, path in list(shown(planted.company, planted.places)):
        response = clients[who].get(path)
        content = whole(response)
        if response.status_code != 200:
            closed.add(name)
        sweep.look(f"page {name} for {who}", content, "", but=own(name))
        if LIGHT.encode() in content:
            lit.add(name)

    assert closed == {"ledger-metrics"}  # without its token, which another test has
    assert lit >= {"alert", "guardrails", "audit_file", "keys", "gateway_auditevent_changelist", "tuning_jobs"}
    assert len(lit) > 60


def test_no_answer_of_the_api_has_a_secret(planted: Planted, sweep: leaks.Sweep) -> None:
    statuses: set[int] = set()
    lit: set[str] = set()

    for row in rows():
        path = f"/api/v1/{row.path.format_map(planted.places)}"
        with transaction.atomic():
            response = client_of(planted.company, "owner").generic(
                row.method, path, **_content(body(planted.company, row)), HTTP_ACCEPT="application/json"
            )
            content = whole(response)
            transaction.set_rollback(True)
        statuses.add(response.status_code)
        sweep.look(str(row), content, "", but=own(row.path))
        if LIGHT.encode() in content:
            lit.add(str(row))

    assert {"GET teams", "GET alerts", "GET fine-tuning/jobs", "GET audit-events/export", "GET guardrails"} <= lit
    assert statuses >= {200, 201, 202, 204, 400, 403, 409}
    assert len(lit) > 35


def test_no_metric_and_no_tool_has_a_secret(planted: Planted, sweep: leaks.Sweep, settings: Any) -> None:
    settings.GATEWAY_INTERNAL_URL = "http://127.0.0.1:9"
    key = {"HTTP_AUTHORIZATION": f"Bearer {planted.company.secrets['write']}"}

    def ask(method: str, **parameters: Any) -> bytes:
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters}
        return whole(Client().post("/mcp?write=true", message, content_type="application/json", **key))

    sweep.look("tools", ask("tools/list"), '"tools"')
    sweep.look("a tool that fails", ask("tools/call", name="teams_list", arguments={}), '"isError":true')
    scrape = Client().get("/metrics/ledger", headers={"authorization": f"Bearer {settings.METRICS_TOKEN}"})
    sweep.look("metrics", whole(scrape), "gateway_outbox_waiting")


FIELDS = ("password", "new_password", "current_password", "credential", "secret", "token", "refresh", "code", "api_key",
          "username", "target", "channels", "webhook", "notification")  # fmt: skip


def test_no_refusal_repeats_a_secret(planted: Planted, logged: Callable[[], bytes]) -> None:
    """Of what was sent under names that secrets have, whatever its type."""
    said = planted.add("sent to the wrong place", "Ps-")
    sweep = leaks.Sweep({"sent to the wrong place": said})
    statuses: set[int] = set()

    for row in rows():
        if row.method in ("POST", "PUT", "PATCH"):
            path = f"/api/v1/{row.path.format_map(planted.places)}"
            sent = {name: (said, [said], {"x": said})[number % 3] for number, name in enumerate(FIELDS)}
            with transaction.atomic():
                response = client_of(planted.company, "owner").generic(
                    row.method, path, json.dumps(sent), content_type="application/json"
                )
                transaction.set_rollback(True)
            statuses.add(response.status_code)
            if response.status_code >= 400:
                sweep.look(str(row), whole(response), "")

    sweep.look("log", logged(), "POST /api/v1/")
    assert statuses >= {400, 401, 403, 409}
    assert sweep.wrong == []


def test_no_failure_tells_a_secret(
    planted: Planted, sweep: leaks.Sweep, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    """Neither its answer nor the log, which has the traceback, repeats what was sent or what was at hand."""

    def fail(**given: Any) -> None:
        assert given
        raise RuntimeError("the harbour is closed")

    sent = {name: planted.secrets[name] for name in ("provider's credential", "password", "wrong password")}
    monkeypatch.setattr(catalog, "update_provider", fail)
    monkeypatch.setattr(people, "change_password", fail)
    alice = client_of(planted.company, "owner")
    provider = f"/api/v1/providers/{planted.company.provider.pk}"
    words = {"current_password": sent["password"], "new_password": sent["wrong password"]}

    answers = [
        alice.patch(provider, {"credential": sent["provider's credential"]}, format="json"),
        alice.post("/api/v1/me/password", words, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [500, 500]
    for answer in answers:
        sweep.look("failure of the API", whole(answer), "server_error")
    assert mailoutbox == []


@pytest.mark.parametrize("url", ["/admin/nothing/", "/api/v1/nothing", "/admin/login/"])
def test_no_page_of_an_error_shows_the_address_or_the_form(url: str, planted: Planted, sweep: leaks.Sweep) -> None:
    """Not found, and refused for want of a CSRF token."""
    form = {"username": "alice@acme.example", "password": planted.secrets["password"]}
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    refused = client.post(f"{url}?token={planted.secrets['refresh token']}", form)
    missing = client.get(f"{url}{planted.secrets['refresh token']}/{planted.secrets['metrics token']}")

    assert refused.status_code in (403, 404)
    assert missing.status_code in (302, 404)
    sweep.look("refused", whole(refused), "")
    sweep.look(
        "missing", whole(missing), "", but={"refresh token", "metrics token"} if missing.status_code == 302 else ()
    )
