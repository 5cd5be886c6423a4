"""Who asks and what they may see, as predicates over the cubes; the rules are those of `gateway.querysets`.

Owner, admin, analyst: the organization. Manager: the own team, and own usage elsewhere. Developer: own usage.
Superuser: everything. What is not visible does not exist. One statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Value

from analytics.models import ForeignMinute, ForeignQuarterHour, LedgerHorizon, RollupState
from analytics.query.shapes import Query, QueryError
from gateway.choices import Role
from gateway.models import DirtyMark, Membership, Organization, User, VirtualKey
from gateway.querysets import WIDE_ROLES

if TYPE_CHECKING:
    from gateway.querysets import Person

_STATE = (
    "version", "live_version", "oldest_mark", "local_zone", "local_ready_at", "local_from", "quarters_from",
    "has_foreign",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Organizations in question and the visible part of each: all of it, some teams, or lines of `user`."""

    organizations: tuple[UUID, ...]
    wide: tuple[UUID, ...]
    teams: tuple[UUID, ...]
    own: tuple[UUID, ...]
    user: UUID | None
    currency: str
    version: int
    live_version: int
    lag_s: float
    local_days: tuple[str, tuple[datetime, ...]] | None = None
    """The zone in which days are kept besides UTC, and since when by organization; None where they are not all."""
    local_from: datetime | None = None
    """Where those days begin; None: with the first line."""
    quarters_from: datetime | None = None
    """Where quarter-hours begin, a UTC midnight; before it there are days alone. None: with the first line."""
    has_foreign: bool = False
    """Whether anything was ever charged in another currency than the organization's; the cubes add it up as it is."""
    has_currencies: bool = False
    """Whether the organizations keep different currencies: nothing adds theirs up."""

    @property
    def dimensions(self) -> set[str]:
        """Columns that the predicate needs."""
        needed = {"organization"}
        if self.teams:
            needed.add("team")
        if self.own:
            needed.add("user")
        return needed

    def predicate(self) -> tuple[str, dict[str, Any]]:
        """SQL condition over a cube's columns, and its named parameters."""
        parameters: dict[str, Any] = {"organizations": list(self.organizations)}
        parts = []
        if self.wide:
            parts.append("organization = ANY(%(wide)s::uuid[])")
            parameters["wide"] = list(self.wide)
        if self.teams:
            parts.append("team = ANY(%(teams)s::uuid[])")
            parameters["teams"] = list(self.teams)
        if self.own:
            parts.append('("user" = %(me)s AND organization = ANY(%(own)s::uuid[]))')
            parameters |= {"me": self.user, "own": list(self.own)}
        visible = " OR ".join(parts) or "false"
        return f"organization = ANY(%(organizations)s::uuid[]) AND ({visible})", parameters

    def key(self) -> tuple[object, ...]:
        """Whose view it is, for the cache."""
        return (self.organizations, self.wide, self.teams, self.own, self.user if self.own else None)


def scope_of(user: Person, query: Query) -> Scope:
    """The visible part of the asked organization. Raises QueryError `unknown_organization`, `organization_required`."""
    if not user.is_authenticated or not user.is_active:
        raise QueryError("unknown_organization", "No such organization.")
    rows = list(_rows(user, query))
    if not rows:
        raise QueryError("unknown_organization", "No such organization.")
    superuser = getattr(user, "is_superuser", False)
    if len(rows) > 1 and not superuser:
        raise QueryError("organization_required", "Say which organization: you belong to several.")
    wide = tuple(row["pk"] for row in rows if superuser or row["role"] in WIDE_ROLES)
    narrow = [row for row in rows if row["pk"] not in wide]
    currencies = {row["currency"] for row in rows}
    return Scope(
        organizations=tuple(row["pk"] for row in rows),
        wide=wide,
        teams=tuple(row["team"] for row in narrow if row["role"] == Role.MANAGER),
        own=tuple(row["pk"] for row in narrow if row["role"] != Role.MANAGER or row["has_keys_elsewhere"]),
        user=user.pk,
        currency=min(currencies) if len(currencies) == 1 else "USD",
        version=sum(row["version"] or 0 for row in rows),
        live_version=sum(row["live_version"] or 0 for row in rows),
        lag_s=max(_age(row["oldest_mark"]) for row in rows),
        local_days=_local_days(rows),
        local_from=max((row["local_from"] for row in rows if row["local_from"]), default=None),
        quarters_from=rows[0]["quarters_from"],
        has_foreign=any(row["has_foreign"] for row in rows) or len(currencies) > 1,
        has_currencies=len(currencies) > 1,
    )


def _local_days(rows: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[datetime, ...]] | None:
    found = [(row["local_zone"] or "", row["local_ready_at"]) for row in rows]
    zones = {zone for zone, _ in found}
    if len(zones) != 1 or "" in zones or any(at is None for _, at in found):
        return None
    return zones.pop(), tuple(at for _, at in found)


def whole_of(organization: Organization) -> Scope:
    """All of one organization, for background work that stores what people see narrowed later. One statement."""
    row = _annotated(Organization.objects.filter(pk=organization.pk), "pk").values("currency", *_STATE).get()
    own = (organization.pk,)
    return Scope(
        own, own, (), (), None, row["currency"], row["version"] or 0, row["live_version"] or 0, 0.0,
        quarters_from=row["quarters_from"], has_foreign=row["has_foreign"],
    )  # fmt: skip


def operator() -> User:
    """Whoever runs commands or background work on the server sees everything; never saved."""
    return User(username="operator", is_superuser=True, is_active=True)


def still_kept(scope: Scope) -> bool:
    """Whether the local days that the scope found are the same ones now. One statement: asked after they were read,
    since a change of the reporting zone takes them away at once."""
    states = RollupState.objects.filter(organization__in=scope.organizations)
    rows = states.order_by("organization").values("local_zone", "local_ready_at")
    return _local_days(rows) == scope.local_days


def _age(at: datetime | None) -> float:
    return 0.0 if at is None else max(0.0, (datetime.now(UTC) - at).total_seconds())


def _rows(user: Person, query: Query) -> QuerySet[Any, dict[str, Any]]:
    person: Any = user.pk
    if getattr(user, "is_superuser", False):
        organizations = Organization.objects.filter(**_named(query.organization, "")).annotate(role=F("slug"))
        return _annotated(organizations, "pk").values("pk", "currency", "role", *_STATE)
    elsewhere = VirtualKey.objects.filter(user_id=person, organization=OuterRef("organization")).exclude(
        project__team=OuterRef("team")
    )
    if (own := getattr(user, "key_organization_id", None)) is not None:  # a management key, see `gateway.querysets`
        asked = Organization.objects.filter(**_named(query.organization, ""))
        organizations = asked.filter(pk=own, archived_at=None)
        return _annotated(organizations.annotate(role=Value(Role.ADMIN.value)), "pk").values(
            "pk", "currency", "role", *_STATE
        )
    memberships = Membership.objects.filter(
        user_id=person,
        archived_at=None,
        organization__archived_at=None,
        **_named(query.organization, "organization__"),
    ).annotate(has_keys_elsewhere=Exists(elsewhere))
    return _annotated(memberships, "organization").values(
        "role",
        "team",
        *_STATE,
        "has_keys_elsewhere",
        pk=F("organization"),
        currency=F("organization__currency"),
    )


def _annotated(rows: QuerySet[Any, Any], organization: str) -> QuerySet[Any, Any]:
    states = RollupState.objects.filter(organization=OuterRef(organization))
    foreign = [kept.objects.filter(organization=OuterRef(organization)) for kept in (ForeignQuarterHour, ForeignMinute)]
    marks = DirtyMark.objects.filter(organization=OuterRef(organization)).order_by("pk")
    return rows.annotate(
        version=Subquery(states.values("version")[:1]),
        live_version=Subquery(states.values("live_version")[:1]),
        oldest_mark=Subquery(marks.values("created_at")[:1]),
        local_zone=Subquery(states.values("local_zone")[:1]),
        local_ready_at=Subquery(states.values("local_ready_at")[:1]),
        local_from=Subquery(states.values("local_from")[:1]),
        quarters_from=Subquery(LedgerHorizon.objects.values("quarters_from")[:1]),
        has_foreign=Exists(foreign[0]) | Exists(foreign[1]),
    ).order_by(organization)


def _named(organization: Organization | UUID | str | None, prefix: str) -> dict[str, Any]:
    if organization is None:
        return {}
    if isinstance(organization, Organization):
        return {f"{prefix}pk": organization.pk}
    try:
        return {f"{prefix}pk": UUID(str(organization))}
    except ValueError:
        return {f"{prefix}slug": organization}
