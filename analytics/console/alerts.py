"""Alerts: rules, what fires, what happened and who was told; a form for a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.alerts import services
from analytics.alerts.evaluation import is_muted_at
from analytics.alerts.forecast import ForecastSource
from analytics.alerts.machine import FIXED
from analytics.alerts.metric import MetricSource, shown
from analytics.alerts.models import AlertEvent, AlertRule, AlertState, Baseline
from analytics.alerts.openings import open_alerts
from analytics.alerts.sources import find
from analytics.console.alertforms import REPEATS, WEEKDAYS, WINDOWS, RuleForm
from analytics.metrics import MEASURES
from gateway.api import ownership
from gateway.api.organization import access_of_organization
from gateway.choices import LimitScope, Role
from gateway.console import ConsoleSite
from gateway.console.names import names_of
from gateway.console.parts import Pair
from gateway.console.scope import actor, frame, person
from gateway.models import Organization
from gateway.scopes import is_each
from gateway.services.errors import ServiceError
from gateway.services.scopes import checked_scope

EVENTS = 50
TONES = {"firing": "bad", "pending": "warn", "resolved": "ok", "ok": "ok", "off": ""}
MUTES = (
    (1, "an hour"), (4, "4 hours"), (24, "a day"), (72, "3 days"), (168, "a week"), (720, "30 days"),
)  # fmt: skip
"""Hours, and how they are called."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as the list shows it."""

    rule: AlertRule
    about: str
    state: str
    tone: str
    condition: str
    channels: Sequence[str]
    muted: bool


@require_safe
def alert_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Rules that the person sees, what fires and what happened. Eight queries at most."""
    context, organization = frame(request, site, "Alerts")
    rules = list(_rules(request, organization)[:200])
    names = names_of({(rule.scope, rule.scope_value) for rule in rules})
    context |= {
        "rows": [_row(rule, names, organization.currency) for rule in rules],
        "open": open_alerts(person(request), organization),
        "events": _events(request, organization)[:EVENTS] if rules else [],
        "show_rule": True,
        "may_write": _may_write(request, organization),
    }
    return render(request, "console/alerts.html", context)


@require_safe
def alert_page(request: HttpRequest, site: ConsoleSite, rule_id: UUID) -> HttpResponse:
    """One rule: where it stands, its settings, what happened."""
    context, organization = frame(request, site, "Alert")
    rule = get_object_or_404(_rules(request, organization), pk=rule_id)
    names = names_of({(rule.scope, rule.scope_value)})
    row = _row(rule, names, organization.currency)
    context |= {
        "title": rule.name,
        "rule": rule,
        "row": row,
        "alerts": rule.alerts.all(),
        "is_firing": any(one.state == AlertState.FIRING and not one.acknowledged_at for one in rule.alerts.all()),
        "is_muted": rule.muted_until is not None and rule.muted_until > timezone.now(),
        "pairs": _pairs(rule, row),
        "mutes": [(hours, words, hours == 24) for hours, words in MUTES],
        "events": _events(request, organization).filter(rule=rule)[:EVENTS],
        "secrets": request.session.pop(_session_key(rule), []),
        "may_write": _may_change(request, organization, rule),
    }
    return render(request, "console/alert.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def alert_add(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The form of a new rule."""
    context, organization = frame(request, site, "New alert rule")
    form = RuleForm(request.POST or None, organization=organization, user=person(request))
    if request.method == "POST" and form.is_valid():
        try:
            scope = form.scope()
            team = checked_scope(organization, scope=scope["scope"], value=scope["scope_value"])[1]
            access = access_of_organization(request.user, organization)
            ownership.check_new(access, scope["scope"], team, "alerts")
            made = services.create_rule(
                organization=organization, actor=actor(request), channels=form.channels(), **scope, **form.options()
            )
            return _saved(request, made)
        except ServiceError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    return render(request, "console/alert_form.html", context | {"form": form, "cancel": reverse("admin:alerts")})


@require_http_methods(["GET", "HEAD", "POST"])
def alert_edit(request: HttpRequest, site: ConsoleSite, rule_id: UUID) -> HttpResponse:
    """The form of a rule; what it is about stays."""
    context, organization = frame(request, site, "Edit the alert rule")
    rule = _changeable(request, organization, rule_id)
    form = RuleForm(request.POST or None, organization=organization, user=person(request), rule=rule)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.update_rule(rule=rule, actor=actor(request), channels=form.channels(), **form.options())
            return _saved(request, made)
        except ServiceError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    cancel = reverse("admin:alert", args=[rule.pk])
    return render(request, "console/alert_form.html", context | {"form": form, "cancel": cancel, "rule": rule})


@require_POST
def alert_do(request: HttpRequest, site: ConsoleSite, rule_id: UUID) -> HttpResponse:
    """Acknowledge, test, mute, end."""
    _, organization = frame(request, site, "")
    rule = _changeable(request, organization, rule_id)
    who, verb = actor(request), request.POST.get("do", "")
    try:
        match verb:
            case "acknowledge":
                services.acknowledge(rule=rule, actor=who)
                messages.success(request, "Acknowledged: nobody is told again until it fires anew.")
            case "test":
                services.send_test(rule=rule, actor=who)
                messages.success(request, "A test is on its way; its deliveries are below.")
            case "mute" | "unmute":
                hours = _hours(request)
                until = timezone.now() + timedelta(hours=hours) if verb == "mute" else None
                services.update_rule(rule=rule, actor=who, muted_until=until)
                messages.success(request, f"Muted for {dict(MUTES)[hours]}." if until else "The mute has ended.")
            case "archive":
                services.archive_rule(rule=rule, actor=who)
                messages.success(request, f"The rule {rule.name} has ended.")
                return redirect("admin:alerts")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:alert", rule_id=rule.pk)


def _hours(request: HttpRequest) -> int:
    """How long to mute; a day where nothing known is asked for."""
    asked = request.POST.get("hours", "")
    return int(asked) if asked in {str(hours) for hours, _ in MUTES} else 24


def _rules(request: HttpRequest, organization: Organization) -> Any:
    rows = AlertRule.objects.visible_to(request.user).filter(organization=organization, archived_at=None)
    return rows.prefetch_related("channels", "alerts__acknowledged_by")


def _events(request: HttpRequest, organization: Organization) -> Any:
    rows = AlertEvent.objects.visible_to(request.user).filter(rule__organization=organization)
    return rows.select_related("rule", "by_user").prefetch_related("deliveries__channel", "deliveries__message")


def _may_write(request: HttpRequest, organization: Organization) -> bool:
    return person(request).is_superuser or getattr(organization, "role", None) in (
        Role.OWNER, Role.ADMIN, Role.MANAGER,
    )  # fmt: skip


def _may_change(request: HttpRequest, organization: Organization, rule: AlertRule) -> bool:
    try:
        ownership.check_change(access_of_organization(request.user, organization), rule.team_id, "alerts")
    except ServiceError:
        return False
    return True


def _changeable(request: HttpRequest, organization: Organization, rule_id: UUID) -> AlertRule:
    rule: AlertRule = get_object_or_404(_rules(request, organization), pk=rule_id)
    if not _may_change(request, organization, rule):
        raise PermissionDenied
    return rule


def _session_key(rule: AlertRule) -> str:
    return f"alert_secrets_{rule.pk}"


def _saved(request: HttpRequest, made: services.Made) -> HttpResponse:
    if made.secrets:
        request.session[_session_key(made.rule)] = list(made.secrets.values())
    messages.success(request, f"The rule {made.rule.name} is saved.")
    return redirect("admin:alert", rule_id=made.rule.pk)


def _row(rule: AlertRule, names: Any, currency: str) -> Row:
    states = {alert.state for alert in rule.alerts.all()}
    state = next((one for one in ("firing", "pending", "resolved") if one in states), "ok")
    if not rule.is_enabled:
        state = "off"
    channels = [str(channel.shown) for channel in rule.channels.all() if channel.archived_at is None]
    return Row(
        rule, _about(rule, names), {"ok": "OK"}.get(state, state.title()), TONES[state], _condition(rule, currency),
        channels, is_muted_at(rule, timezone.now()),
    )  # fmt: skip


def _about(rule: AlertRule, names: Any) -> str:
    if rule.scope == LimitScope.ORGANIZATION:
        return "The whole organization"
    kind = rule.get_scope_display()
    if is_each(rule.scope_value):
        return f"Each {kind.lower()}"
    return f"{kind} {names.get((rule.scope, rule.scope_value), rule.scope_value)}"


def _condition(rule: AlertRule, currency: str) -> str:
    """`Error rate over 1 hour is above 5 %`."""
    if rule.source == ForecastSource.name and rule.threshold is not None and rule.measure in MEASURES:
        limit = shown(rule.measure, rule.threshold, currency)
        return f"{MEASURES[rule.measure].label} expected in the month is {rule.get_comparison_display()} {limit}"
    if rule.source != MetricSource.name or rule.threshold is None or rule.measure not in MEASURES:
        source = find(rule.source)
        return f"{source.label if source else rule.source} reach a threshold"
    span = dict(WINDOWS).get(rule.window_minutes, f"{rule.window_minutes} minutes")
    limit = shown(rule.measure, rule.threshold, currency)
    if rule.baseline != Baseline.STATIC:
        against = Baseline(rule.baseline).label
        change = f"{rule.get_comparison_display()} {rule.threshold:+.0%}"
        return f"{MEASURES[rule.measure].label} over {span} is {change} against {against}"
    return f"{MEASURES[rule.measure].label} over {span} is {rule.get_comparison_display()} {limit}"


def _mute(window: Mapping[str, Any], zone: str) -> str:
    """`Sat, Sun 22:00 to 06:00`, `2026-12-24 12:00 to 2026-12-27 00:00`."""
    if FIXED[0] in window:
        moments = (datetime.fromisoformat(window[name]).astimezone(ZoneInfo(zone)) for name in FIXED)
        return " to ".join(f"{at:%Y-%m-%d %H:%M}" for at in moments)
    days = ", ".join(dict(WEEKDAYS)[day] for day in window["weekdays"])
    return f"{days} {window['start']} to {window['end']}"


def _pairs(rule: AlertRule, row: Row) -> list[Pair]:
    muted = [_mute(window, rule.timezone) for window in rule.mute_windows]
    if rule.muted_until and rule.muted_until > timezone.now():
        muted.append(f"until {rule.muted_until:%Y-%m-%d %H:%M} UTC")
    filters = [f"{item['dimension']} {item['op']} {', '.join(map(str, item['values']))}" for item in rule.filters]
    return [
        Pair("About", row.about),
        Pair("Severity", rule.get_severity_display()),
        Pair("Filters", "; ".join(filters) or "none"),
        Pair("Minutes in a row", str(rule.after)),
        Pair("Tells again", dict(REPEATS).get(rule.repeat_minutes, f"every {rule.repeat_minutes} minutes")),
        Pair("Fewest requests", str(rule.minimum_requests)),
        Pair("Without data", rule.get_no_data_display()),
        Pair("Muted", "; ".join(muted) or "no"),
        Pair("Tells", ", ".join(row.channels) or "nobody"),
    ]
