"""Callers, a small ledger of March, and the document that every answer must fit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import resolve

from analytics.rollups.marks import drain_marks
from tests import openapi
from tests.factories import Acme, book_lines, line, use_once
from tests.gateway.api.conftest import Caller, _fresh_throttles, caller  # noqa: F401

DAY = datetime(2026, 3, 10, tzinfo=UTC)
URL = "/api/v1"
Fits = Callable[[Any], Any]
Ask = Callable[..., Any]


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour, minutes=minute)


def window(start: datetime = DAY, end: datetime | None = None) -> dict[str, str]:
    return {"start": start.isoformat(), "end": (end or at(0, 0, 3)).isoformat()}


def book(*lines: dict[str, Any]) -> None:
    """Into the ledger and the rollups."""
    book_lines(*lines)
    drain_marks()


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Nine requests of three days: six of the assistant (bob's key), three of banner (a key without owner), and one
    attempt that failed before its request succeeded elsewhere."""
    use_once("busy", lambda: _use(company), DAY)
    return company


def _use(company: Acme) -> None:
    ads: dict[str, Any] = {"project": company.banner}
    book(
        line(company, at=at(0, 5), duration_ms=100.0),
        line(company, at=at(9), duration_ms=200.0, is_stream=True),
        line(company, at=at(9, 20), duration_ms=300.0, status="timeout", http_status=504, error_type="idle_timeout"),
        line(company, at=at(23, 59), duration_ms=400.0, model_served="mini", provider="other"),
        line(company, at=at(1, 0, 1), duration_ms=500.0, status="cancelled"),
        line(company, at=at(1, 30, 1), kind="cache_hit", duration_ms=5.0, cost=Decimal(0), cache_status="hit",
             provider=None, input_tokens=0, output_tokens=0, charges=[], price_status="free"),
        line(company, at=at(2, 0, 1), duration_ms=1000.0, model_served="mini", cost=Decimal("1"), **ads),
        line(company, at=at(3, 0, 2), duration_ms=2000.0, cost=None, list_cost=None, charges=[],
             price_status="unpriced", **ads),
        line(company, at=at(4, 0, 2), duration_ms=50.0, is_final=False, status="upstream_error", http_status=503,
             error_type="upstream_503", cost=Decimal(0), input_tokens=0, output_tokens=0, charges=[],
             price_status="free", **ads),
        line(company, at=at(4, 1, 2), duration_ms=3000.0, model_served="large", provider="other", cost=Decimal("0.5"),
             **ads),
    )  # fmt: skip


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return openapi.document()


@pytest.fixture
def fits(document: dict[str, Any]) -> Fits:
    """`fits(response)`: its JSON, checked against the OpenAPI document."""
    operations: dict[str, dict[str, str]] = {}
    for path, item in document["paths"].items():
        sample = re.sub(r"\{(user_id|id|delivery|file_id)\}", "0192f0c4-0000-7000-8000-000000000000", path)
        sample = sample.replace("{model_id}", "x").replace("{base_model_id}/{fine_tuned_model_id}", "x/ft:x")
        if "{" not in sample:
            operations.setdefault(resolve(sample).view_name, {}).update(dict.fromkeys(item, path))

    def check(response: Any) -> Any:
        request = response.wsgi_request
        method, kind = request.method.lower(), response["Content-Type"].partition(";")[0]
        path, status = operations[resolve(request.path).view_name][method], str(response.status_code)
        assert kind in document["paths"][path][method]["responses"][status]["content"]
        body = response.json()
        place = ("paths", path, method, "responses", status, "content", kind, "schema")
        assert openapi.faults(body, *place) == []
        return body

    return check


@pytest.fixture
def ask(caller: Caller, fits: Fits) -> Ask:  # noqa: F811
    """`ask("owner", "admin/analytics/query", measures=[…])` → JSON that fits the document; GET without fields."""

    def question(role: str, path: str, method: str = "post", **fields: Any) -> Any:
        client = caller(role)
        if method == "get":
            return fits(client.get(f"{URL}/{path}", fields))
        return fits(client.post(f"{URL}/{path}", {**window(), **fields}))

    return question
