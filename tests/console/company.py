"""A small company with a deterministic ledger, for page tests in-process and behind a real server.

`python -m tests.console.company --days 30 --per-day 200` fills the database of DATABASE_URL.
"""

import argparse
import os
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from analytics.rollups.refresh import refresh
from gateway.choices import Role
from gateway.credentials import digest, new_secret, prefix_of
from gateway.ledger.booking import book
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions
from gateway.models import (
    Heartbeat,
    Membership,
    Model,
    Organization,
    Project,
    Provider,
    Route,
    RouteTarget,
    Team,
    User,
    VirtualKey,
)  # fmt: skip
from tests.remember import remembered

PASSWORD = "correct horse battery staple"
# public name → (provider, price of a million input and output tokens, tokens per second, weight)
CATALOG: dict[str, tuple[str, str, str, int, int]] = {
    "gpt-4o": ("openai", "2.50", "10.00", 80, 24),
    "gpt-4o-mini": ("openai", "0.15", "0.60", 120, 40),
    "text-embedding-3-small": ("openai", "0.02", "0", 0, 10),
    "claude-sonnet-4-5": ("anthropic", "3.00", "15.00", 70, 18),
    "claude-haiku-4-5": ("anthropic", "1.00", "5.00", 140, 12),
    "gemini-2.5-flash": ("google", "0.30", "2.50", 160, 14),
}
PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic", "google": "Google Gemini"}
PROJECTS = {
    "assistant": ("Customer assistant", "product"),
    "search": ("Semantic search", "product"),
    "review": ("Code review", "engineering"),
    "triage": ("Ticket triage", "support"),
}


@dataclass
class Company:
    """What was made, by slug or first name."""

    organization: Organization
    people: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    keys: dict[str, VirtualKey] = field(default_factory=dict)


def make_company(slug: str = "acme", name: str = "Acme Robotics") -> Company:
    """Teams, projects, people of every role, catalogue and keys; no traffic."""
    company = Company(Organization.objects.create(slug=slug, name=name))
    for team in ("product", "engineering", "support"):
        company.teams[team] = Team.objects.create(organization=company.organization, slug=team, name=team.title())
    for project, (label, team) in PROJECTS.items():
        company.projects[project] = Project.objects.create(
            organization=company.organization, slug=project, name=label, team=company.teams[team]
        )
    _people(company)
    _catalog(company)
    for project in PROJECTS:
        company.keys[project] = make_key(company, project, "production")
    company.keys["bob"] = make_key(company, "triage", "bob's key", user=company.people["bob"])
    return company


def make_key(company: Company, project: str, name: str, user: User | None = None) -> VirtualKey:
    secret = new_secret()
    version, hashed = digest(secret)
    return VirtualKey.objects.create(
        organization=company.organization,
        project=company.projects[project],
        user=user,
        name=name,
        prefix=prefix_of(secret),
        digest=hashed,
        pepper_version=version,
    )


def make_person(name: str, **more: Any) -> User:
    """A person who signs in with PASSWORD, which is hashed once: doing so is slow on purpose."""
    return User.objects.create(username=f"{name}@example.com", email=f"{name}@example.com", password=_hashed(), **more)


@lru_cache
def _hashed() -> str:
    return make_password(PASSWORD)


def _people(company: Company) -> None:
    roles = {
        "alice": Role.OWNER,
        "adam": Role.ADMIN,
        "dave": Role.MANAGER,
        "carol": Role.ANALYST,
        "bob": Role.DEVELOPER,
    }
    for name, role in roles.items():
        person = company.people[name] = make_person(name, first_name=name.title())
        team = company.teams["support"] if role == Role.MANAGER else None
        Membership.objects.create(organization=company.organization, user=person, role=role, team=team)


def _catalog(company: Company) -> None:
    providers = {
        slug: Provider.objects.create(
            organization=company.organization, slug=slug, name=name, base_url=f"https://{slug}.example.com/v1"
        )
        for slug, name in PROVIDERS.items()
    }
    models = {
        name: Model.objects.create(
            organization=company.organization,
            provider=providers[entry[0]],
            name=name,
            upstream_name=name,
            context_tokens=128_000,
        )
        for name, entry in CATALOG.items()
    }
    route = Route.objects.create(organization=company.organization, alias="fast", description="Cheapest that answers")
    RouteTarget.objects.create(route=route, model=models["gpt-4o-mini"])
    RouteTarget.objects.create(route=route, model=models["gemini-2.5-flash"], priority=1)


def line(company: Company, at: datetime, rng: random.Random, **changes: Any) -> dict[str, Any]:
    """One settled attempt at `at`, priced from `CATALOG`; `changes` replace columns of the ledger."""
    model = changes.get("model_served") or rng.choices(list(CATALOG), [entry[4] for entry in CATALOG.values()])[0]
    provider, input_price, output_price, speed, _ = CATALOG[model]
    project = changes.pop("project_slug", None) or rng.choices(list(PROJECTS), [8, 5, 4, 3])[0]
    tokens_in = int(rng.lognormvariate(6.6, 0.9)) + 20
    tokens_out = int(rng.lognormvariate(5.2, 0.8)) + 1 if speed else 0
    ttft = rng.lognormvariate(5.9, 0.45) if speed else None
    output_ms = tokens_out * 1000 / speed if speed else None
    cached = tokens_in // 4 // 128 * 128 if rng.random() < 0.3 else 0
    key = company.keys["bob"] if project == "triage" and rng.random() < 0.3 else company.keys[project]
    base = {
        "id": uuid7(ms_of(at), rng.getrandbits(74)),
        "request_id": f"req_{uuid.UUID(int=rng.getrandbits(128)).hex}",
        "organization": company.organization.pk,
        "team": company.projects[project].team_id,
        "project": company.projects[project].pk,
        "api_key": key.pk,
        "user": key.user_id,
        "kind": "attempt",
        "is_final": True,
        "duration_ms": (ttft + output_ms)
        if ttft is not None and output_ms is not None
        else rng.lognormvariate(4.5, 0.3),
        "ttft_ms": ttft,
        "output_ms": output_ms,
        "endpoint": "/v1/chat/completions" if speed else "/v1/embeddings",
        "is_stream": bool(speed),
        "provider": provider,
        "model_requested": model,
        "model_served": model,
        "status": "ok",
        "http_status": 200,
        "input_tokens": tokens_in,
        "cache_read_tokens": cached,
        "output_tokens": tokens_out,
        "usage_source": "reported",
        "price_status": "priced",
        "finish_reason": "stop" if speed else None,
        "sdk": "openai-python/3.54.0",
        **_priced(provider, model, tokens_in - cached, cached, tokens_out, input_price, output_price),
    }
    return {**base, **changes}


def _priced(
    provider: str, model: str, fresh: int, cached: int, output: int, input_price: str, output_price: str
) -> dict[str, Any]:
    per_token = Decimal("0.000001")
    meters = [
        ("input", fresh, Decimal(input_price) * per_token),
        ("cache_read", cached, Decimal(input_price) / 2 * per_token),
        ("output", output, Decimal(output_price) * per_token),
    ]
    charges = [
        {
            "meter": meter,
            "rate_id": f"genai-prices@0.2.3:{provider}/{model}:{meter}:",
            "quantity": str(quantity),
            "unit_price": str(price),
            "cost": str((quantity * price).quantize(Decimal("1e-10"))),
            "currency": "USD",
        }
        for meter, quantity, price in meters
        if quantity
    ]
    cost = sum((Decimal(charge["cost"]) for charge in charges), Decimal(0))
    return {"charges": charges, "cost": cost, "list_cost": cost}


UNPRICED: dict[str, Any] = {"charges": [], "cost": None, "list_cost": None, "price_status": "unpriced"}
UNCHARGED: dict[str, Any] = {
    "charges": [],
    "cost": Decimal(0),
    "list_cost": Decimal(0),
    "price_status": "free",
    "output_tokens": 0,
}


def traffic(company: Company, days: int, per_day: int, until: datetime, seed: int = 7) -> list[dict[str, Any]]:
    """Lines over `days` up to `until`, with a daily rhythm and every kind of ending."""
    rng = random.Random(seed)
    lines = []
    for _ in range(days * per_day):
        back = rng.random() ** 0.9 * days
        at = until - timedelta(days=back)
        if rng.random() > 0.35 + 0.65 * max(0.0, 1 - abs(at.hour - 14) / 9):
            at = at.replace(hour=9 + at.minute % 9)
        if at >= until:
            at -= timedelta(days=1)
        lines.extend(_ending(company, at, rng))
    return lines


def _ending(company: Company, at: datetime, rng: random.Random) -> list[dict[str, Any]]:
    dice = rng.random()
    if dice < 0.015:
        return with_retry(company, at, rng)
    if dice < 0.02:
        return [
            line(company, at, rng, status="upstream_error", http_status=503, error_type="server_error", **UNCHARGED)
        ]
    if dice < 0.025:
        denied = {
            "kind": "denied",
            "status": "denied",
            "http_status": 429,
            "error_type": "rate_limit",
            "provider": None,
        }
        return [
            line(company, at, rng, **{**UNCHARGED, **denied, "model_served": None, "input_tokens": 0, "ttft_ms": None})
        ]
    if dice < 0.03:
        return [
            line(company, at, rng, status="cancelled", http_status=None, usage_source="counted", finish_reason=None)
        ]
    if dice < 0.034:
        return [line(company, at, rng, **UNPRICED)]
    return [line(company, at, rng)]


def with_retry(company: Company, at: datetime, rng: random.Random) -> list[dict[str, Any]]:
    """A request whose first attempt failed and whose second, at another provider, answered."""
    request_id = f"req_{uuid.UUID(int=rng.getrandbits(128)).hex}"
    first = line(
        company, at, rng, request_id=request_id, model_served="gpt-4o-mini", model_requested="fast", route="fast",
        is_final=False, status="upstream_error", http_status=503, error_type="server_error", duration_ms=412.0,
        ttft_ms=None, output_ms=None, project_slug="assistant", finish_reason=None, **UNCHARGED,
    )  # fmt: skip
    targets = [{"provider": "openai", "model": "gpt-4o-mini"}, {"provider": "google", "model": "gemini-2.5-flash"}]
    chosen = {"strategy": "priority", "targets": targets}
    first |= {"route_decision": {"attempt": 1, "why": "first choice", **chosen}}
    decision = {"attempt": 2, "why": "after server_error of openai", **chosen}
    second = line(
        company, at + timedelta(milliseconds=430), rng, request_id=request_id, model_served="gemini-2.5-flash",
        model_requested="fast", route="fast", route_decision=decision, project_slug="assistant",
    )  # fmt: skip
    return [first, second]


def load(company: Company, lines: list[dict[str, Any]]) -> None:
    """Book `lines` and roll them up."""
    with transaction.atomic():
        raw = _raw()
        times = [datetime.fromtimestamp((uuid.UUID(str(each["id"])).int >> 80) / 1000, UTC) for each in lines]
        ensure_partitions(raw, times)
        booked = book(raw, lines)
        assert booked.quarantined == 0
    refresh(company.organization.pk, min(times), max(times) + timedelta(seconds=1))


def load_days(company: Company, days: int, per_day: int) -> None:
    """Traffic of so many days up to now: the same rows for all tests of a minute."""
    now = timezone.now()
    ensure_partitions(_raw(), [now - timedelta(days=back) for back in range(days + 1)])
    remembered(
        ("traffic", company.organization.pk, days, per_day, int(now.timestamp()) // 60),
        lambda: load(company, traffic(company, days=days, per_day=per_day, until=now)),
    )


def load_now(company: Company, **changes: Any) -> None:
    """One line of this second: the first of a month has little else of it."""
    load(company, [line(company, timezone.now(), random.Random(4), **changes)])


def _raw() -> Any:
    connection.ensure_connection()
    return connection.connection


def beat() -> None:
    """All processes are alive now."""
    for name in ("writer", "background", "dataplane:test"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now(), "info": {"lag_s": 1}})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--per-day", type=int, default=200)
    options = parser.parse_args()
    make_person("root", is_staff=True, is_superuser=True)
    company = make_company()
    Organization.objects.create(slug="newcomer", name="Newcomer Ltd")
    load(company, traffic(company, options.days, options.per_day, datetime.now(UTC)))
    beat()


if __name__ == "__main__":
    main()
