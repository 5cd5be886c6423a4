"""Compliance: the catalogue's checks against what is known of the organization, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import Count, Q, Sum

from analytics.alerts.models import AlertChannel, AlertDelivery, AlertRule
from analytics.answers.questions import Questions
from analytics.compliance import PROBES, Facts, Requirement
from analytics.compliance.catalogue import everything
from analytics.compliance.facts import Key, Rail
from analytics.models import Reconciliation
from analytics.query import Filter, Note, Query
from gateway import credentials
from gateway.choices import GuardrailDirection, Role, Scope
from gateway.models import (
    AllowedUpstream,
    AuditEvent,
    BodyPolicy,
    Guardrail,
    Invitation,
    KeySpend,
    LoggedBody,
    Membership,
    Model,
    Organization,
    Provider,
    QualityScore,
    QuarantinedLine,
    RateLimit,
    Route,
    SecurityEvent,
    VirtualKey,
)
from gateway.services import audit

LATELY = timedelta(days=30)
LONGEST_CHAIN = 50_000
"""Events that are walked for an answer; a longer chain is verify_ledger's."""
MANUAL = Note("manual_checks", "Manual checks are not in the score: only people can tell.")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found. `page`: URL name of the console page that shows it, empty for none."""

    kind: str
    text: str
    figures: Mapping[str, float]
    page: str


@dataclass(frozen=True, slots=True)
class Check:
    """`status`: pass, fail, or manual."""

    requirement: Requirement
    status: str
    evidence: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Score:
    """`value` None: nothing could be tested."""

    catalogue: str
    passed: int
    failed: int
    manual: int

    @property
    def value(self) -> float | None:
        tested = self.passed + self.failed
        return round(100 * self.passed / tested, 1) if tested else None


def compliance(questions: Questions, names: Sequence[str], now: datetime) -> dict[str, Any]:
    """`names`: of catalogues, all by default. About thirty statements. Raises KeyError for an unknown catalogue."""
    facts = read_facts(questions, now)
    checks = [check_of(one, facts) for one in everything(names)]
    questions.note(MANUAL)
    found = list(dict.fromkeys(check.requirement.catalogue for check in checks))
    scope = questions.scope
    return {
        "generated_at": now, "data_version": scope.version, "rollup_lag_s": scope.lag_s, "currency": scope.currency,
        "timezone": "UTC", "notes": list(questions.notes), "stale": False, "checks": checks,
        "catalogues": [_score(name, [one for one in checks if one.requirement.catalogue == name]) for name in found],
        "score": _score("", checks).value,
    }  # fmt: skip


def check_of(requirement: Requirement, facts: Facts) -> Check:
    """One requirement against the facts."""
    if not requirement.test:
        return Check(requirement, "manual", [])
    outcome = PROBES[requirement.test](facts)
    status = "manual" if outcome.passed is None else "pass" if outcome.passed else "fail"
    return Check(requirement, status, [Evidence(requirement.test, outcome.text, outcome.figures, outcome.page)])


def _score(name: str, checks: Sequence[Check]) -> Score:
    counts = [sum(check.status == status for check in checks) for status in ("pass", "fail", "manual")]
    return Score(name, *counts)


# ---- facts ---------------------------------------------------------------------------------------------------------
def read_facts(questions: Questions, now: datetime) -> Facts:
    """What is known of the organization of the questions."""
    organization = questions.organization
    keys = _keys(organization, now)
    return Facts(
        now=now, keys=keys, rails=_rails(organization), served_unknown=_unknown_models(questions, now),
        scored_share=_scored(questions, now), **_people(organization, now), **_audit(organization),
        **_providers(organization), **_bodies(organization, now), **_alerts(organization), **_running(organization),
        failed_auth=_failed_auth(organization, now),
        rate_limits=RateLimit.objects.filter(organization=organization, is_enabled=True, is_shadow=False).count(),
        secure_cookies=bool(settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE), debug=settings.DEBUG,
        any_host="*" in settings.ALLOWED_HOSTS, lockout_after=int(settings.AXES_FAILURE_LIMIT),
    )  # fmt: skip


def _keys(organization: Organization, now: datetime) -> tuple[Key, ...]:
    rows = VirtualKey.objects.filter(organization=organization, revoked_at=None).select_related("user")
    live = list(rows.filter(Q(expires_at=None) | Q(expires_at__gt=now)))
    used = dict(KeySpend.objects.filter(key_id__in=[key.pk for key in live]).values_list("key_id", "last_used_at"))
    return tuple(
        Key(
            id=key.pk, name=key.name, created_at=key.created_at, last_used_at=used.get(key.pk),
            expires_at=key.expires_at, may_call=Scope.INFERENCE in key.scopes,
            may_manage=Scope.MANAGE_WRITE in key.scopes, is_limited_to_models=bool(key.allowed_models),
            has_limit=any(one is not None for one in (key.rpm_limit, key.tpm_limit, key.budget_amount)),
            owner_is_active=key.user is None or key.user.is_active,
        )
        for key in live
    )  # fmt: skip


def _people(organization: Organization, now: datetime) -> dict[str, Any]:
    rows = list(Membership.objects.filter(organization=organization, archived_at=None).select_related("user"))
    active = [row for row in rows if row.user.is_active]
    invitations = Invitation.objects.filter(organization=organization, accepted_at=None, expires_at__lt=now)
    return {
        "owners": sum(row.role == Role.OWNER for row in active),
        "privileged": sum(row.role in (Role.OWNER, Role.ADMIN) for row in active),
        "people": len(active),
        "deactivated_members": tuple(row.user.get_username() for row in rows if not row.user.is_active),
        "open_invitations_old": invitations.count(),
    }


def _audit(organization: Organization) -> dict[str, Any]:
    count = AuditEvent.objects.filter(organization=organization).count()
    if count > LONGEST_CHAIN:
        return {"audit_events": count, "audit_intact": None}
    found = audit.verify(organization)
    return {"audit_events": count, "audit_intact": found.is_intact, "audit_problem": found.problem}


def _providers(organization: Organization) -> dict[str, Any]:
    own = Q(organization=organization) | Q(organization=None)
    providers = list(Provider.objects.filter(own, is_enabled=True))
    allowed = [f"{row.host}:{row.port}" for row in AllowedUpstream.objects.all()[:100]]
    return {
        "provider_urls": {provider.name: provider.base_url for provider in providers},
        "unreadable_credentials": tuple(
            one.name for one in providers if one.credential and not _is_readable(bytes(one.credential))
        ),
        "allowed_private": tuple(sorted({*allowed, *settings.GATEWAY_PRIVATE_UPSTREAMS})),
    }


def _is_readable(sealed: bytes) -> bool:
    try:
        credentials.decrypt(sealed)
    except (InvalidToken, UnicodeDecodeError):
        return False
    return True


def _bodies(organization: Organization, now: datetime) -> dict[str, Any]:
    policies = BodyPolicy.objects.filter(organization=organization, is_enabled=True).select_related("project")
    late = LoggedBody.objects.filter(organization=organization.pk, expires_at__lt=now - timedelta(days=1))
    return {
        "body_days": {policy.project.slug if policy.project else "whole": policy.retention_days for policy in policies},
        "bodies_past_due": late.count(),
    }


def _rails(organization: Organization) -> tuple[Rail, ...]:
    rows = Guardrail.objects.filter(organization=organization, is_enabled=True)
    return tuple(
        Rail(
            rail.kind, rail.action, rail.direction in (GuardrailDirection.INPUT, GuardrailDirection.BOTH),
            rail.direction in (GuardrailDirection.OUTPUT, GuardrailDirection.BOTH), rail.project_id is None,
        )
        for rail in rows
    )  # fmt: skip


def _alerts(organization: Organization) -> dict[str, Any]:
    rules = AlertRule.objects.filter(organization=organization, archived_at=None, is_enabled=True)
    channels = AlertChannel.objects.filter(rule__in=rules, archived_at=None)
    dead = AlertDelivery.objects.filter(event__rule__organization=organization, message__dead_at__isnull=False)
    return {
        "alert_measures": tuple(rule.measure or rule.source for rule in rules),
        "alert_channels": channels.count(),
        "undelivered_alerts": dead.count(),
    }


def _failed_auth(organization: Organization, now: datetime) -> int:
    prefixes = VirtualKey.objects.filter(organization=organization, revoked_at=None).values("prefix")
    rows = SecurityEvent.objects.filter(kind="invalid_key", prefix__in=prefixes, at__gte=now - LATELY)
    return int(rows.aggregate(total=Sum("count"))["total"] or 0)


def _running(organization: Organization) -> dict[str, Any]:
    own = Q(organization=organization) | Q(organization=None)
    routes = Route.objects.filter(own, is_enabled=True).annotate(
        live=Count("targets", filter=Q(targets__model__is_enabled=True))
    )
    latest = Reconciliation.objects.order_by("-finished_at").first()
    return {
        "route_targets": {route.alias: route.live for route in routes},
        "compared_at": latest.finished_at if latest else None,
        "differences": latest.differences if latest else None,
        "quarantined": QuarantinedLine.objects.filter(resolved_at=None).count(),
        "ledger_retention_days": settings.LEDGER_RETENTION_DAYS,
    }


def _unknown_models(questions: Questions, now: datetime) -> tuple[str, ...]:
    """Models that served through the gateway and are in no catalogue that the organization has."""
    groups = questions.ask(
        Query(
            measures=("attempts",), dimensions=("model",), start=now - LATELY, end=now, limit=1_000,
            filters=(Filter("origin", "eq", ("gateway",)),),
        )
    ).groups  # fmt: skip
    own = Q(organization=questions.organization) | Q(organization=None)
    known = {name for row in Model.objects.filter(own).values_list("name", "upstream_name") for name in row}
    served = {str(g.dimensions["model"]) for g in groups if not g.is_other and g.dimensions["model"] is not None
              and g.measures["attempts"]}  # fmt: skip
    return tuple(sorted(served - known))


def _scored(questions: Questions, now: datetime) -> float | None:
    """Share of requests that have a score."""
    totals = questions.ask(Query(measures=("requests",), start=now - LATELY, end=now)).totals
    requests = int(totals["requests"] or Decimal(0))
    scored = QualityScore.objects.filter(
        organization=questions.organization.pk, line_started_at__gte=now - LATELY, line_started_at__lt=now
    )
    return scored.aggregate(lines=Count("line", distinct=True))["lines"] / requests if requests else None
