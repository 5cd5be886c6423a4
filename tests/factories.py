"""The people and things of the tests: Acme with everybody in it, and Globex, where mallory is the owner.

Factories make single rows without audit events; `acme()` makes the whole company through the services.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.db import connection, transaction

from analytics.anomalies.models import Anomaly
from costs.models import Recommendation
from gateway.choices import Role, Scope
from gateway.ledger.booking import book
from gateway.ledger.ids import ms_of, uuid7
from gateway.ledger.partitions import ensure_partitions
from gateway.models import (
    AuditEvent,
    BodyPolicy,
    CachePolicy,
    Guardrail,
    Invitation,
    Membership,
    Model,
    Organization,
    Project,
    Provider,
    Route,
    Team,
    User,
    VirtualKey,
)
from gateway.services import bodies, cache, catalog, guardrails, identity, keys, people
from tests import caches
from tests.remember import remembered

PASSWORD = "correct horse battery staple"
UPSTREAM = "https://192.0.2.10/v1"  # TEST-NET-1: never answers, resolves without DNS


class UserFactory(factory.django.DjangoModelFactory):
    """A person without a password; `with_password=True` gives them PASSWORD (slow: argon2)."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}@example.com")
    email = factory.SelfAttribute("username")
    first_name = factory.Faker("first_name")
    password = "!"


class OrganizationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Organization

    slug = factory.Sequence(lambda n: f"organization-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.title())


class TeamFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Team

    organization = factory.SubFactory(OrganizationFactory)
    slug = factory.Sequence(lambda n: f"team-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.title())


class ProjectFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Project

    organization = factory.SubFactory(OrganizationFactory)
    slug = factory.Sequence(lambda n: f"project-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.title())


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.DEVELOPER


class ProviderFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Provider

    slug = factory.Sequence(lambda n: f"provider-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.title())
    base_url = UPSTREAM


class ModelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Model

    provider = factory.SubFactory(ProviderFactory)
    name = factory.Sequence(lambda n: f"model-{n}")
    upstream_name = factory.SelfAttribute("name")


@dataclass
class Acme:
    """The company. `secrets`: of the keys `bob`, `ads`, `read`, `write`."""

    organization: Organization
    globex: Organization
    people: dict[str, User] = field(default_factory=dict)
    members: dict[str, Membership] = field(default_factory=dict)
    search: Team = None  # type: ignore[assignment]
    ads: Team = None  # type: ignore[assignment]
    assistant: Project = None  # type: ignore[assignment]
    banner: Project = None  # type: ignore[assignment]
    keys: dict[str, VirtualKey] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    provider: Provider = None  # type: ignore[assignment]
    shared_provider: Provider = None  # type: ignore[assignment]
    model: Model = None  # type: ignore[assignment]
    route: Route = None  # type: ignore[assignment]
    body_policy: BodyPolicy = None  # type: ignore[assignment]
    cache_policy: CachePolicy = None  # type: ignore[assignment]
    guardrail: Guardrail = None  # type: ignore[assignment]
    invitation: Invitation = None  # type: ignore[assignment]
    globex_project: Project = None  # type: ignore[assignment]
    globex_team: Team = None  # type: ignore[assignment]

    @property
    def event(self) -> AuditEvent:
        return AuditEvent.objects.filter(organization=self.organization).order_by("id")[0]


def acme() -> Acme:
    """Alice owns, Adam administrates, Dave manages the team Search, Carol analyses, Bob develops in Search; root is a
    platform superuser; Mallory owns Globex. The rows are of the process's first company: their times may be minutes
    old."""
    made = remembered("acme", _make_acme)
    caches.clear()
    return made


def _make_acme() -> Acme:
    company = Acme(
        identity.create_organization(actor=None, slug="acme", name="Acme"),
        identity.create_organization(actor=None, slug="globex", name="Globex"),
    )
    company.search = identity.create_team(organization=company.organization, actor=None, slug="search", name="Search")
    company.ads = identity.create_team(organization=company.organization, actor=None, slug="ads", name="Ads")
    _add_people(company)
    _add_projects(company)
    _add_keys(company)
    _add_catalog(company)
    alice = company.people["alice"]
    company.invitation = people.invite(
        organization=company.organization, actor=alice, email="eve@example.com", role=Role.ANALYST
    )
    return company


def _add_people(company: Acme) -> None:
    roles = {
        "alice": Role.OWNER,
        "adam": Role.ADMIN,
        "dave": Role.MANAGER,
        "carol": Role.ANALYST,
        "bob": Role.DEVELOPER,
    }
    for name, role in roles.items():
        company.people[name] = UserFactory(username=f"{name}@acme.example", first_name=name.title())
        team = company.search if name in ("dave", "bob") else None
        company.members[name] = people.add_member(
            organization=company.organization, actor=None, user=company.people[name], role=role, team=team,
            may_grant_owner=True,
        )  # fmt: skip
    company.people["root"] = UserFactory(username="root@platform.example", is_superuser=True, is_staff=True)
    company.people["mallory"] = UserFactory(username="mallory@globex.example", first_name="Mallory")
    company.members["mallory"] = people.add_member(
        organization=company.globex, actor=None, user=company.people["mallory"], role=Role.OWNER, may_grant_owner=True
    )


def _add_projects(company: Acme) -> None:
    own = company.organization
    company.assistant = identity.create_project(
        organization=own, actor=None, slug="assistant", name="Assistant", team=company.search
    )
    company.banner = identity.create_project(
        organization=own, actor=None, slug="banner", name="Banner", team=company.ads
    )
    company.globex_team = identity.create_team(organization=company.globex, actor=None, slug="lab", name="Lab")
    company.globex_project = identity.create_project(
        organization=company.globex, actor=None, slug="lab", name="Lab", team=company.globex_team
    )


def _add_keys(company: Acme) -> None:
    wanted: dict[str, tuple[Project, User | None, list[str]]] = {
        "bob": (company.assistant, company.people["bob"], [Scope.INFERENCE]),
        "ads": (company.banner, None, [Scope.INFERENCE]),
        "read": (company.banner, None, [Scope.MANAGE_READ]),
        "write": (company.banner, None, [Scope.MANAGE_READ, Scope.MANAGE_WRITE]),
    }
    for name, (project, user, scopes) in wanted.items():
        company.keys[name], company.secrets[name] = keys.create_key(
            organization=company.organization, project=project, actor=None, name=f"{name} key", user=user, scopes=scopes
        )


def _add_catalog(company: Acme) -> None:
    company.provider = ProviderFactory(organization=company.organization, slug="upstream")
    company.shared_provider = ProviderFactory(organization=None, slug="shared")
    company.model = ModelFactory(organization=company.organization, provider=company.provider, name="gpt-4o")
    company.route = catalog.create_route(
        organization=company.organization, actor=None, alias="fast", targets=[catalog.Target(company.model)]
    )
    company.guardrail = guardrails.create_guardrail(
        organization=company.organization, actor=None, name="secrets", kind="secrets", action="block"
    )
    company.body_policy = bodies.create_body_policy(
        organization=company.organization, actor=None, allows_training=True
    )  # fmt: skip
    company.cache_policy = cache.create_cache_policy(organization=company.organization, actor=None)


def offer(company: Acme, *names: str) -> None:
    """Models of these names at Acme's provider."""
    for name in names:
        ModelFactory(organization=company.organization, provider=company.provider, name=name)


def line(
    company: Acme, *, project: Project | None = None, at: datetime | None = None, **columns: Any
) -> dict[str, Any]:
    """A priced attempt of the assistant (by bob's key), a minute ago; `columns` replace what they name."""
    where = project or company.assistant
    started = at or datetime.now(UTC) - timedelta(minutes=1)
    key = company.keys["bob"] if where == company.assistant else company.keys["ads"]
    return {
        "id": uuid7(ms_of(started)), "request_id": f"req_{uuid.uuid4().hex}", "organization": where.organization_id,
        "project": where.pk, "team": where.team_id, "api_key": key.pk, "user": key.user_id, "kind": "attempt",
        "endpoint": "chat/completions", "provider": "upstream", "model_requested": "gpt-4o", "model_served": "gpt-4o",
        "status": "ok", "http_status": 200, "duration_ms": 800.0, "ttft_ms": 200.0, "input_tokens": 1000,
        "output_tokens": 100, "usage_source": "reported", "price_status": "priced", "cost": Decimal("0.0035"),
        "list_cost": Decimal("0.0035"),
        "charges": [
            {"meter": "input_tokens", "rate_id": "book:in", "quantity": "1000", "unit_price": "0.0000025",
             "cost": "0.0025", "currency": "USD"},
            {"meter": "output_tokens", "rate_id": "book:out", "quantity": "100", "unit_price": "0.00001",
             "cost": "0.0010", "currency": "USD"},
        ],
        **columns,
    }  # fmt: skip


def book_lines(*lines: dict[str, Any]) -> list[dict[str, Any]]:
    """Put lines into the ledger as the writer does; returns them."""
    connection.ensure_connection()
    raw: Any = connection.connection
    times = {datetime.fromtimestamp((item["id"].int >> 80) / 1000, UTC) for item in lines}
    with transaction.atomic():
        ensure_partitions(raw, times)
        booked = book(raw, lines)
    assert len(booked.inserted) == len(lines)
    return list(lines)


def use_once(key: str, use: Callable[[], None], *times: datetime) -> None:
    """`use()` books lines of Acme in the months of `times` and rolls them up: once in a process for each `times`."""
    connection.ensure_connection()
    raw: Any = connection.connection
    ensure_partitions(raw, times)
    remembered((key, times), use)


def anomaly(organization: Organization, **values: Any) -> Anomaly:
    """A stored anomaly of cost, ten times what was expected, with one cause."""
    start = values.pop("started_at", datetime(2026, 11, 16, 22, tzinfo=UTC))
    cause = {
        "dimension": "api_key", "value": "k", "name": "lgw_k", "share": 1.0,
        "text": "key lgw_k: $20.00 instead of $0.00, 100 % of the change",
    }  # fmt: skip
    effects = dict.fromkeys(("price", "mix", "size", "cache", "retry"), "0.0000000000")
    member = {
        "metric": values.get("metric", "cost"), "dimension": values.get("dimension", "organization"),
        "value": values.get("value", ""), "start": start.isoformat(), "last": start.isoformat(),
        "actual": 20.0, "expected": 2.0, "hours": 1,
    }  # fmt: skip
    given = {
        "metric": "cost", "dimension": "organization", "value": "", "started_at": start, "last_seen_at": start,
        "actual": 20.0, "expected": 2.0, "lower": 0.5, "upper": 6.0, "score": 0.8, "severity": "high",
        "impact_amount": Decimal(18), "currency": "USD", "causes": [cause],
        "effects": {**effects, "volume": "18.0000000000", "change": "18.0000000000"},
        "explanation": "Cost has been above what was expected.", "members": [member],
    }  # fmt: skip
    return Anomaly.objects.create(organization=organization, **{**given, **values})


def recommendation(
    organization: Organization, *, team: Team | None = None, is_applied: bool = False, **values: Any
) -> Recommendation:
    """A stored saving of 90 USD a month that is made by hand: prompts that a provider's cache would take."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    given: dict[str, Any] = {
        "key": f"prompt_caching:{uuid.uuid4()}", "category": "prompt_caching", "title": "Mark what prompts share",
        "team": team and team.pk, "slice": {"team": str(team.pk)} if team else {}, "change": {"settings": {}},
        "start": start, "end": start + timedelta(days=30), "lines": 400, "requests": 390, "currency": "USD",
        "actual_cost": Decimal(120), "replayed_cost": Decimal(20), "saving": Decimal(100),
        "interval_level": Decimal("0.9"), "interval_lower": Decimal(95), "interval_upper": Decimal(105),
        "joint_saving": Decimal(90), "monthly_saving": Decimal(90), "effort": "low", "risk": "none",
        "evidence": [{"kind": "prefix", "text": "Prompts share 900 tokens.", "figures": {"tokens": "900"}, "url": ""}],
        "steps": ["Mark them."], "affected": ["Search"], "seen_at": start,
    }  # fmt: skip
    if is_applied:
        given |= {"state": "applied", "applied_at": start, "applied": {"how": "hand"}}
    return Recommendation.objects.create(organization=organization, **(given | values))
