"""Every action of every model admin × role × whose row is selected: what may run, and what leaves the row as it was.

Rows: search and ads are the teams' of Acme, acme the whole company's, platform nobody's, globex another tenant's.
Callers: dev bob · ana carol · man dave (team Search) · adm adam · own alice · sup root · mal mallory, owner of Globex.
`+` runs, `.` changes nothing: people are listed by the chosen organization, and a task that nobody knows is not run.
Actions come from the registry: one without a line fails.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from analytics.annotations import create_annotation
from analytics.models import Annotation, DeclaredTag
from analytics.services import declare_tag
from costs.models import Budget, PriceOverride
from costs.services import set_price_override
from costs.services.budgets import create_budget
from gateway.choices import Role, Scope
from gateway.models import (
    AllowedUpstream,
    AuditEvent,
    BodyPolicy,
    CachePolicy,
    Guardrail,
    Heartbeat,
    ImportRun,
    Invitation,
    Job,
    Membership,
    Model,
    Organization,
    OutboxMessage,
    Project,
    Provider,
    QuarantinedLine,
    RateLimit,
    Route,
    SecondFactor,
    SecurityEvent,
    SpoolCursor,
    Team,
    User,
    VirtualKey,
)
from gateway.services import bodies, cache, catalog, guardrails, identity, keys, people
from gateway.services.rate_limits import create_rate_limit
from tests import factories

BACKEND = "django.contrib.auth.backends.ModelBackend"
CALLERS = {
    "anon": "", "dev": "bob", "ana": "carol", "man": "dave", "adm": "adam", "own": "alice", "sup": "root",
    "mal": "mallory",
}  # fmt: skip
TABLE = """
model                       action               row       anon dev ana man adm own sup mal
analytics.Annotation        delete_selected      search    .    .   .   +   +   +   +   .
analytics.Annotation        delete_selected      ads       .    .   .   .   +   +   +   .
analytics.Annotation        delete_selected      acme      .    .   .   .   +   +   +   .
analytics.Annotation        delete_selected      globex    .    .   .   .   .   .   +   +
analytics.DeclaredTag       delete_selected      acme      .    .   .   .   +   +   +   .
analytics.DeclaredTag       delete_selected      globex    .    .   .   .   .   .   +   +
auth.Group                  delete_selected      platform  .    .   .   .   .   .   +   .
axes.AccessAttempt          delete_selected      platform  .    .   .   .   .   .   +   .
axes.AccessFailureLog       delete_selected      platform  .    .   .   .   .   .   +   .
axes.AccessLog              delete_selected      platform  .    .   .   .   .   .   +   .
costs.Budget                delete_selected      search    .    .   .   .   .   .   .   .
costs.Budget                archive              search    .    .   .   .   +   +   +   .
costs.Budget                archive              acme      .    .   .   .   +   +   +   .
costs.Budget                archive              globex    .    .   .   .   .   .   +   +
costs.PriceOverride         delete_selected      acme      .    .   .   .   .   .   .   .
costs.PriceOverride         end_now              acme      .    .   .   .   +   +   +   .
costs.PriceOverride         end_now              platform  .    .   .   .   .   .   +   .
costs.PriceOverride         end_now              globex    .    .   .   .   .   .   +   +
django_celery_beat.ClockedSchedule  delete_selected platform .  .   .   .   .   .   +   .
django_celery_beat.CrontabSchedule  delete_selected platform .  .   .   .   .   .   +   .
django_celery_beat.IntervalSchedule delete_selected platform .  .   .   .   .   .   +   .
django_celery_beat.SolarSchedule    delete_selected platform .  .   .   .   .   .   +   .
django_celery_beat.PeriodicTask     delete_selected platform .  .   .   .   .   .   +   .
django_celery_beat.PeriodicTask     enable_tasks    platform .  .   .   .   .   .   +   .
django_celery_beat.PeriodicTask     disable_tasks   platform .  .   .   .   .   .   +   .
django_celery_beat.PeriodicTask     toggle_tasks    platform .  .   .   .   .   .   +   .
django_celery_beat.PeriodicTask     run_tasks       platform .  .   .   .   .   .   .   .
gateway.AllowedUpstream     delete_selected      platform  .    .   .   .   .   .   +   .
gateway.AuditEvent          delete_selected      acme      .    .   .   .   .   .   .   .
gateway.BodyPolicy          delete_selected      acme      .    .   .   .   +   +   +   .
gateway.BodyPolicy          delete_selected      globex    .    .   .   .   .   .   +   +
gateway.CachePolicy         delete_selected      acme      .    .   .   .   +   +   +   .
gateway.CachePolicy         delete_selected      globex    .    .   .   .   .   .   +   +
gateway.CachePolicy         erase                acme      .    .   .   .   +   +   +   .
gateway.CachePolicy         erase                globex    .    .   .   .   .   .   +   +
gateway.Guardrail           delete_selected      acme      .    .   .   .   +   +   +   .
gateway.Guardrail           delete_selected      globex    .    .   .   .   .   .   +   +
gateway.Heartbeat           delete_selected      platform  .    .   .   .   .   .   .   .
gateway.ImportRun           delete_selected      acme      .    .   .   .   .   .   .   .
gateway.Invitation          delete_selected      acme      .    .   .   .   +   +   +   .
gateway.Invitation          delete_selected      globex    .    .   .   .   .   .   +   +
gateway.Job                 delete_selected      acme      .    .   .   .   .   .   .   .
gateway.Membership          delete_selected      search    .    .   .   .   .   .   .   .
gateway.Membership          end                  search    .    .   .   .   +   +   +   .
gateway.Membership          end                  owner     .    .   .   .   .   +   +   .
gateway.Membership          end                  globex    .    .   .   .   .   .   +   +
gateway.Membership          reset_second_factor  search    .    .   .   .   .   +   +   .
gateway.Membership          reset_second_factor  owner     .    .   .   .   .   +   +   .
gateway.Membership          reset_second_factor  both      .    .   .   .   .   .   +   .
gateway.Membership          reset_second_factor  globex    .    .   .   .   .   .   +   +
gateway.Model               delete_selected      acme      .    .   .   .   +   +   +   .
gateway.Model               delete_selected      platform  .    .   .   .   .   .   +   .
gateway.Model               delete_selected      globex    .    .   .   .   .   .   +   +
gateway.Organization        delete_selected      acme      .    .   .   .   .   .   .   .
gateway.Organization        archive              acme      .    .   .   .   .   .   +   .
gateway.Organization        archive              globex    .    .   .   .   .   .   +   .
gateway.OutboxMessage       delete_selected      platform  .    .   .   .   .   .   .   .
gateway.OutboxMessage       retry                platform  .    .   .   .   .   .   +   .
gateway.Project             delete_selected      search    .    .   .   .   .   .   .   .
gateway.Project             archive              search    .    .   .   .   +   +   +   .
gateway.Project             archive              ads       .    .   .   .   +   +   +   .
gateway.Project             archive              globex    .    .   .   .   .   .   +   +
gateway.Provider            delete_selected      acme      .    .   .   .   +   +   +   .
gateway.Provider            delete_selected      platform  .    .   .   .   .   .   +   .
gateway.Provider            delete_selected      globex    .    .   .   .   .   .   +   +
gateway.QuarantinedLine     delete_selected      platform  .    .   .   .   .   .   .   .
gateway.QuarantinedLine     resolve              platform  .    .   .   .   .   .   +   .
gateway.RateLimit           delete_selected      search    .    .   .   +   +   +   +   .
gateway.RateLimit           delete_selected      ads       .    .   .   .   +   +   +   .
gateway.RateLimit           delete_selected      acme      .    .   .   .   +   +   +   .
gateway.RateLimit           delete_selected      globex    .    .   .   .   .   .   +   +
gateway.Route               delete_selected      acme      .    .   .   .   +   +   +   .
gateway.Route               delete_selected      platform  .    .   .   .   .   .   +   .
gateway.Route               delete_selected      globex    .    .   .   .   .   .   +   +
gateway.SecurityEvent       delete_selected      acme      .    .   .   .   .   .   .   .
gateway.SpoolCursor         delete_selected      platform  .    .   .   .   .   .   .   .
gateway.Team                delete_selected      search    .    .   .   .   .   .   .   .
gateway.Team                archive              acme      .    .   .   .   +   +   +   .
gateway.Team                archive              globex    .    .   .   .   .   .   +   +
gateway.User                delete_selected      search    .    .   .   .   .   .   .   .
gateway.User                send_reset           search    .    .   .   .   .   .   +   .
gateway.User                send_reset           globex    .    .   .   .   .   .   .   .
gateway.User                archive              search    .    .   .   .   .   .   +   .
gateway.User                archive              globex    .    .   .   .   .   .   .   .
gateway.User                restore              archived  .    .   .   .   .   .   +   .
gateway.User                erase                archived  .    .   .   .   .   .   +   .
gateway.User                erase                search    .    .   .   .   .   .   .   .
gateway.VirtualKey          delete_selected      search    .    .   .   .   .   .   .   .
gateway.VirtualKey          rotate               search    .    +   .   +   +   +   +   .
gateway.VirtualKey          rotate               mate      .    .   .   +   +   +   +   .
gateway.VirtualKey          rotate               ads       .    .   .   .   +   +   +   .
gateway.VirtualKey          rotate               manage    .    .   .   .   +   +   +   .
gateway.VirtualKey          rotate               globex    .    .   .   .   .   .   +   +
gateway.VirtualKey          revoke               search    .    +   .   +   +   +   +   .
gateway.VirtualKey          revoke               mate      .    .   .   +   +   +   +   .
gateway.VirtualKey          revoke               ads       .    .   .   .   +   +   +   .
gateway.VirtualKey          revoke               manage    .    .   .   .   +   +   +   .
gateway.VirtualKey          revoke               globex    .    .   .   .   .   .   +   +
"""
Cell = tuple[str, str, str]


def expected() -> dict[Cell, dict[str, bool]]:
    found = {}
    for line in TABLE.strip().splitlines()[1:]:
        model, action, row, *marks = line.split()
        assert set(marks) <= {"+", "."}, line
        found[model, action, row] = dict(zip(CALLERS, (mark == "+" for mark in marks), strict=True))
    return found


EXPECTED = expected()


def registered() -> set[tuple[str, str]]:
    """Every action that a model admin knows, whoever may see it."""
    return {
        (model._meta.label, name)
        for model, model_admin in admin.site._registry.items()
        for _, name, _ in model_admin._get_base_actions()  # type: ignore[attr-defined]
    }


def test_every_action_has_a_line() -> None:
    assert registered() == {(model, action) for model, action, _ in EXPECTED}


def test_what_tenants_have_is_tried_with_anothers_row() -> None:
    """Where somebody of Acme may do something, there is a line for Globex' row, too."""
    for model, action, row in EXPECTED:
        if row not in ("platform", "globex") and any(EXPECTED[model, action, row].values()):
            assert (model, action, "globex") in EXPECTED or row == "archived", f"{model} {action}"


# ---- rows ------------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


def owner_of(company: factories.Acme, row: str) -> Any:
    return {"globex": company.globex, "platform": None}.get(row, company.organization)


def team_of(company: factories.Acme, row: str) -> Any:
    return {"search": company.search, "ads": company.ads}.get(row)


def member(company: factories.Acme, row: str) -> Membership:
    """Somebody with a second factor; `owner` is one of two owners, `both` belongs to Globex as well."""
    person = factories.UserFactory()
    role = Role.OWNER if row == "owner" else Role.DEVELOPER
    made = people.add_member(
        organization=owner_of(company, row), actor=None, user=person, role=role, team=team_of(company, row),
        may_grant_owner=True,
    )  # fmt: skip
    if row == "both":
        people.add_member(organization=company.globex, actor=None, user=person, role=role, may_grant_owner=True)
    SecondFactor.objects.create(user=person, secret=b"x", confirmed_at=timezone.now())
    return made


def user(company: factories.Acme, row: str) -> User:
    made: User = member(company, "search" if row == "archived" else row).user
    if row == "archived":
        people.archive_user(user=made, actor=None)
    return made


def key(company: factories.Acme, row: str) -> VirtualKey:
    place = {"ads": company.banner, "manage": company.banner, "globex": company.globex_project}.get(
        row, company.assistant
    )
    owner = {"search": company.people["bob"], "mate": member(company, "search").user}.get(row)
    scopes = [Scope.MANAGE_READ, Scope.MANAGE_WRITE] if row == "manage" else [Scope.INFERENCE]
    return keys.create_key(
        organization=place.organization, project=place, actor=None, name=row, user=owner, scopes=scopes
    ).key


def scoped(company: factories.Acme, row: str) -> dict[str, Any]:
    """Organization and scope of a limit or budget."""
    team = team_of(company, row)
    return {
        "organization": owner_of(company, row), "actor": None, "name": row, "scope": "team" if team else "organization",
        "scope_value": str(team.pk) if team else "",
    }  # fmt: skip


def model(company: factories.Acme, row: str) -> Model:
    made: Model = factories.ModelFactory(organization=owner_of(company, row), provider=provider(company, row))
    return made


def provider(company: factories.Acme, row: str) -> Provider:
    made: Provider = factories.ProviderFactory(organization=owner_of(company, row))
    return made


def schedule() -> IntervalSchedule:
    return IntervalSchedule.objects.create(every=1, period="days")


def attempt(kind: Any, **values: Any) -> Any:
    return kind.objects.create(username="x", ip_address="192.0.2.1", user_agent="x", http_accept="x", path_info="/",
                               **values)  # fmt: skip


def policy(kind: Any, company: factories.Acme, row: str) -> Any:
    """Of one of its projects: the organization has one already."""
    makers: dict[Any, Callable[..., Any]] = {
        BodyPolicy: bodies.create_body_policy, CachePolicy: cache.create_cache_policy,
    }  # fmt: skip
    place = company.globex_project if row == "globex" else company.assistant
    return makers[kind](organization=place.organization, project=place, actor=None)


MAKERS: dict[Any, Callable[[factories.Acme, str], Any]] = {
    Annotation: lambda c, row: create_annotation(
        organization=owner_of(c, row), actor=None, kind="deploy", text=row, team=team_of(c, row)
    ),
    DeclaredTag: lambda c, row: declare_tag(organization=owner_of(c, row), actor=None, key="customer"),
    Group: lambda c, row: Group.objects.create(name="x"),
    AccessAttempt: lambda c, row: attempt(AccessAttempt, failures_since_start=1),
    AccessFailureLog: lambda c, row: attempt(AccessFailureLog),
    AccessLog: lambda c, row: attempt(AccessLog),
    Budget: lambda c, row: create_budget(amount=Decimal(10), **scoped(c, row)),
    PriceOverride: lambda c, row: set_price_override(
        organization=owner_of(c, row),
        provider="acme",
        model="m",
        actor=None,
        discount_percent=Decimal(5),
        valid_from=datetime(2026, 11, 1, tzinfo=UTC),
    ),
    ClockedSchedule: lambda c, row: ClockedSchedule.objects.create(clocked_time=timezone.now()),
    CrontabSchedule: lambda c, row: CrontabSchedule.objects.create(),
    IntervalSchedule: lambda c, row: schedule(),
    SolarSchedule: lambda c, row: SolarSchedule.objects.create(event="sunrise", latitude=0, longitude=0),
    PeriodicTask: lambda c, row: PeriodicTask.objects.create(name="x", task="gateway.nothing", interval=schedule()),
    AllowedUpstream: lambda c, row: AllowedUpstream.objects.create(host="192.0.2.77", port=1),
    AuditEvent: lambda c, row: c.event,
    BodyPolicy: lambda c, row: policy(BodyPolicy, c, row),
    CachePolicy: lambda c, row: policy(CachePolicy, c, row),
    Guardrail: lambda c, row: guardrails.create_guardrail(
        organization=owner_of(c, row), actor=None, name="x", kind="secrets", action="block"
    ),
    Heartbeat: lambda c, row: Heartbeat.objects.create(name="x", at=timezone.now()),
    ImportRun: lambda c, row: ImportRun.objects.create(organization=c.organization.pk, source="x", format="csv"),
    Invitation: lambda c, row: people.invite(
        organization=owner_of(c, row), actor=None, email="zoe@example.com", role=Role.ANALYST, may_grant_owner=True
    ),
    Job: lambda c, row: Job.objects.create(kind="x", period="x", organization=c.organization),
    Membership: member,
    Model: model,
    Organization: owner_of,
    OutboxMessage: lambda c, row: OutboxMessage.objects.create(
        topic="mail", dedupe_key="x", payload={}, due_at=timezone.now(), dead_at=timezone.now()
    ),
    Project: lambda c, row: identity.create_project(
        organization=owner_of(c, row), actor=None, slug=f"new-{row}", name="x", team=team_of(c, row)
    ),
    Provider: provider,
    QuarantinedLine: lambda c, row: QuarantinedLine.objects.create(source="x", position="0", payload=b"", reason="x"),
    RateLimit: lambda c, row: create_rate_limit(rpm=60, **scoped(c, row)),
    Route: lambda c, row: catalog.create_route(
        organization=owner_of(c, row), actor=None, alias="x", targets=[catalog.Target(model(c, row))]
    ),
    SecurityEvent: lambda c, row: SecurityEvent.objects.create(
        at=timezone.now(), kind="x", organization=c.organization.pk
    ),
    SpoolCursor: lambda c, row: SpoolCursor.objects.create(spool_id="x"),
    Team: lambda c, row: identity.create_team(organization=owner_of(c, row), actor=None, slug="x", name="x"),
    User: user,
    VirtualKey: key,
}


# ---- trying it -------------------------------------------------------------------------------------------------------
def seen(row: Any, sent: list[Any]) -> dict[str, Any]:
    """All that an action could leave behind."""
    kind = type(row)
    return {
        "row": list(kind._default_manager.filter(pk=row.pk).values()),
        "factor": SecondFactor.objects.count(), "keys": VirtualKey.objects.count(),
        "events": AuditEvent.objects.count(), "mail": OutboxMessage.objects.count(), "sent": len(sent),
    }  # fmt: skip


@pytest.mark.parametrize(("model_name", "action"), sorted(registered()))
def test_who_may_run_it(model_name: str, action: str, company: factories.Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda *args, **kwargs: sent.append(args) or _Sent())
    kind = next(model for model in admin.site._registry if model._meta.label == model_name)
    where = reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_changelist")
    if any(field.name == "organization" and field.is_relation for field in kind._meta.fields):
        where += "?organizations=all"  # as far as anybody's list goes
    wrong = []
    for (name, listed, place), callers in EXPECTED.items():
        if (name, listed) != (model_name, action):
            continue
        row = MAKERS[kind](company, place)
        if (name, action) == ("django_celery_beat.PeriodicTask", "enable_tasks"):
            PeriodicTask.objects.filter(pk=row.pk).update(enabled=False)
        form = {"action": action, "_selected_action": [str(row.pk)], "post": "yes", "confirmed": "1", "overlap_s": "0"}
        for caller, may in callers.items():
            client = Client(raise_request_exception=False)
            with transaction.atomic():
                if CALLERS[caller]:
                    client.force_login(company.people[CALLERS[caller]], backend=BACKEND)
                before = seen(row, sent)
                answer = client.post(where, form)
                has_run = seen(row, sent) != before
                transaction.set_rollback(True)
            is_broken = answer.status_code >= 500
            if has_run is not may or is_broken:
                wrong.append(f"{place}, {caller}: {'ran' if has_run else 'did not run'} ({answer.status_code})")

    assert wrong == []


class _Sent:
    task_id = id = "x"


def test_every_kind_of_row_can_be_made() -> None:
    assert {kind._meta.label for kind in MAKERS} == {model for model, _, _ in EXPECTED}


def test_a_row_of_another_tenant_among_ones_own_is_left_alone(company: factories.Acme) -> None:
    own, foreign = key(company, "ads"), key(company, "globex")
    client = Client()
    client.force_login(company.people["alice"], backend=BACKEND)

    client.post(
        reverse("admin:gateway_virtualkey_changelist") + "?organizations=all",
        {"action": "revoke", "_selected_action": [str(own.pk), str(foreign.pk)], "select_across": "1"},
    )

    own.refresh_from_db()
    foreign.refresh_from_db()
    assert own.revoked_at is not None
    assert foreign.revoked_at is None
