"""Verbs of alerts: make, change, archive a rule; test, acknowledge, mute."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from analytics.alerts import delivery
from analytics.alerts.forecast import ForecastSource
from analytics.alerts.machine import FIXED
from analytics.alerts.metric import MetricSource
from analytics.alerts.models import Alert, AlertChannel, AlertEvent, AlertRule, AlertState, ChannelKind, EventKind
from analytics.alerts.sources import find, sources
from gateway import credentials, outbound
from gateway.models import Organization, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields
from gateway.services.scopes import checked_scope

OPTIONS = (
    "name", "source", "parameters", "measure", "filters", "window_minutes", "comparison", "baseline", "threshold",
    "minimum_requests", "severity", "after", "repeat_minutes", "no_data", "mute_windows", "timezone", "muted_until",
    "is_enabled",
)  # fmt: skip
AUDITED = (*OPTIONS, "scope", "scope_value")
MEASURED = (MetricSource.name, ForecastSource.name)
"""Sources whose rules have a measure and a threshold."""
CHANNELS = 10
OWNERS = "owners of the organization"
FILTERS = 20
OPERATORS = frozenset({"eq", "in", "ne", "not_in", "contains", "gt", "lt"})
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Made:
    """A rule and the signing secrets of its new webhooks by channel id, shown this once."""

    rule: AlertRule
    secrets: Mapping[str, str]


@transaction.atomic
def create_rule(
    *, organization: Organization, actor: Actor, channels: Sequence[Mapping[str, str]] = (),
    scope: str = "organization", scope_value: str = "", default: str | None = None, **options: Any,
) -> Made:  # fmt: skip
    """Make a rule; it is looked at within the minute. `channels`: {kind, target} each. `default`: which of the rules
    that an organization begins with it is. Raises `Invalid`."""
    value, team = checked_scope(organization, scope, scope_value.strip())
    rule = AlertRule(
        organization=organization, scope=scope, scope_value=value, team=team,
        timezone=organization.reporting_timezone, created_by=actor if isinstance(actor, User) else None,
        default=default,
    )  # fmt: skip
    _fill(rule, options)
    _check(rule)
    rule.save(force_insert=True)
    shown = _set_channels(rule, channels)
    audit.record(
        organization=organization, actor=actor, verb="alert_rule.create", target=rule,
        after=_values(rule) | {"channels": _shown(rule)},
    )  # fmt: skip
    return Made(rule, shown)


@transaction.atomic
def update_rule(
    *, rule: AlertRule, actor: Actor, channels: Sequence[Mapping[str, str]] | None = None, **options: Any
) -> Made:
    """Change a rule; its alerts begin anew when what it looks at changes. `channels` None: they stay; a channel given
    by its `id` stays as it is. Raises `Invalid`, `Conflict` when it is archived."""
    locked = _live(rule)
    before = _values(locked) | {"channels": _shown(locked)}
    _fill(locked, options)
    _check(locked)
    shown = {} if channels is None else _set_channels(locked, channels)
    old, new = audit.differences(before, _values(locked) | {"channels": _shown(locked)})
    if new:
        locked.problem = ""
        locked.save()
        audit.record(
            organization=locked.organization, actor=actor, verb="alert_rule.update", target=locked, before=old,
            after=new,
        )  # fmt: skip
        if new.keys() & {"source", "parameters", "measure", "filters", "window_minutes", "comparison", "baseline"}:
            Alert.objects.filter(rule=locked).delete()
    return Made(locked, shown)


@transaction.atomic
def archive_rule(*, rule: AlertRule, actor: Actor) -> None:
    """End a rule; its history stays. Raises `Conflict` when it is archived already."""
    locked = _live(rule)
    locked.archived_at = timezone.now()
    locked.save(update_fields=["archived_at", "updated_at"])
    Alert.objects.filter(rule=locked).delete()
    audit.record(organization=locked.organization, actor=actor, verb="alert_rule.archive", target=locked)


@transaction.atomic
def send_test(*, rule: AlertRule, actor: Actor) -> AlertEvent:
    """Send a test by every channel, once a minute at most. Raises `Conflict`, `Invalid` without a channel."""
    locked = _live(rule)
    if not locked.channels.filter(archived_at=None).exists():
        raise Invalid("channels_missing", "The rule has no channel to test.", field="channels")
    minute = timezone.now().replace(second=0, microsecond=0)
    event, is_new = AlertEvent.objects.get_or_create(
        rule=locked, window=minute, subject="", kind=EventKind.TEST,
        defaults={"text": "This is a test: nothing happened.", "by_user": actor if isinstance(actor, User) else None},
    )  # fmt: skip
    if is_new:
        delivery.send(event)
        audit.record(organization=locked.organization, actor=actor, verb="alert_rule.test", target=locked)
    return event


@transaction.atomic
def acknowledge(*, rule: AlertRule, actor: Actor, subject: str | None = None) -> int:
    """Take what fires in hand: it is told no more until it fires again. Returns how many. Raises `Conflict` when
    nothing fires."""
    locked = _live(rule)
    firing = Alert.objects.select_for_update().filter(rule=locked, state=AlertState.FIRING)
    if subject is not None:
        firing = firing.filter(subject=subject)
    rows = list(firing.order_by("id"))
    if not rows:
        raise Conflict("alert_not_firing", "Nothing of this alert is firing now.")
    now = timezone.now()
    person = actor if isinstance(actor, User) else None
    for alert in rows:
        if alert.acknowledged_at is None:
            alert.acknowledged_at, alert.acknowledged_by = now, person
            alert.save(update_fields=["acknowledged_at", "acknowledged_by", "updated_at"])
            AlertEvent.objects.get_or_create(
                rule=locked, window=now, subject=alert.subject, kind=EventKind.ACKNOWLEDGED,
                defaults={"label": alert.label, "text": alert.text, "value": alert.value, "by_user": person},
            )  # fmt: skip
    audit.record(organization=locked.organization, actor=actor, verb="alert.acknowledge", target=locked)
    return len(rows)


# ---- checks --------------------------------------------------------------------------------------------------------
def _check(rule: AlertRule) -> None:
    check_fields(rule, "name", "comparison", "baseline", "severity", "no_data", "threshold")
    source = find(rule.source)
    if source is None:
        known = ", ".join(sources())
        raise Invalid("source_unknown", f"The source is one of {known}.", field="source")
    if not 1 <= rule.after <= 60:
        raise Invalid("after_invalid", "It takes 1 to 60 looks in a row.", field="after")
    if rule.repeat_minutes and not 5 <= rule.repeat_minutes <= 44_640:
        raise Invalid("repeat_invalid", "Repeat every 5 minutes to 31 days, or 0: never.", field="repeat_minutes")
    try:
        ZoneInfo(rule.timezone)
    except (ValueError, KeyError, OSError):
        raise Invalid("timezone", f"No time zone {rule.timezone!r}.", field="timezone") from None
    _check_filters(rule.filters)
    for window in rule.mute_windows:
        _check_mute(window)
    if rule.source != MetricSource.name:
        rule.filters = []
    if rule.source not in MEASURED:
        rule.measure, rule.threshold = "", None
    source.check(rule)


def _check_filters(filters: object) -> None:
    is_list = isinstance(filters, list) and len(filters) <= FILTERS
    for item in filters if is_list else [None]:  # type: ignore[attr-defined]
        known = isinstance(item, dict) and set(item) == {"dimension", "op", "values"} and item["op"] in OPERATORS
        if not known or not isinstance(item["values"], list) or not 1 <= len(item["values"]) <= 100:
            message = f"At most {FILTERS} filters {{dimension, op, values}}, op one of {', '.join(sorted(OPERATORS))}."
            raise Invalid("filters_invalid", message, field="filters")


def _check_mute(window: object) -> None:
    if isinstance(window, dict) and set(window) == set(FIXED):
        _check_fixed(window)
        return
    is_known = isinstance(window, dict) and set(window) == {"weekdays", "start", "end"}
    if is_known:
        assert isinstance(window, dict)
        days = window["weekdays"]
        is_known = isinstance(days, list) and bool(days) and set(days) <= set(range(1, 8))
        is_known = is_known and all(_CLOCK.fullmatch(str(window[name])) for name in ("start", "end"))
    if not is_known:
        message = 'A mute window is {weekdays: [1 to 7], start: "HH:MM", end: "HH:MM"} or {starts_at, ends_at}.'
        raise Invalid("mute_window_invalid", message, field="mute_windows")


def _check_fixed(window: Mapping[str, object]) -> None:
    try:
        start, end = (datetime.fromisoformat(str(window[name])) for name in FIXED)
        is_right = start.tzinfo is not None and end.tzinfo is not None and start < end
    except ValueError:
        is_right = False
    if not is_right:
        message = "A mute starts before it ends; both are given in ISO 8601 with an offset."
        raise Invalid("mute_window_invalid", message, field="mute_windows")


# ---- storing -------------------------------------------------------------------------------------------------------
def _fill(rule: AlertRule, options: Mapping[str, Any]) -> None:
    for name in OPTIONS:
        if name in options:
            setattr(rule, name, options[name])


def _set_channels(rule: AlertRule, channels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if len(channels) > CHANNELS:
        raise Invalid("channels_too_many", f"At most {CHANNELS} channels.", field="channels")
    live = {str(row.pk): row for row in AlertChannel.objects.filter(rule=rule, archived_at=None)}
    kept = {str(channel["id"]) for channel in channels if channel.get("id")}
    if kept - set(live):
        raise Invalid("channel_not_found", "No such channel of this rule.", field="channels")
    gone = [row.pk for key, row in live.items() if key not in kept]
    AlertChannel.objects.filter(pk__in=gone).update(archived_at=timezone.now())
    shown = {}
    for channel in channels:
        if not channel.get("id"):
            row, secret = _new_channel(rule, channel.get("kind", ""), channel.get("target", "").strip())
            if secret:
                shown[str(row.pk)] = secret
    return shown


def _new_channel(rule: AlertRule, kind: str, target: str) -> tuple[AlertChannel, str]:
    secret = ""
    if kind == ChannelKind.EMAIL:
        try:
            validate_email(target)
        except ValidationError:
            raise Invalid("address_invalid", f"{target!r} is no e-mail address.", field="channels") from None
        shown = target
    elif kind == ChannelKind.OWNERS:
        target, shown = "", OWNERS
    elif kind in (ChannelKind.SLACK, ChannelKind.WEBHOOK):
        shown = _checked_url(target)
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}" if kind == ChannelKind.WEBHOOK else ""
    else:
        raise Invalid("channel_unknown", f"A channel is one of {', '.join(ChannelKind.values)}.", field="channels")
    sealed = credentials.encrypt(secret) if secret else None
    row = AlertChannel.objects.create(
        rule=rule, kind=kind, target=credentials.encrypt(target), shown=shown[:200], secret=sealed
    )
    return row, secret


def _checked_url(url: str) -> str:
    """What may be shown of it: the path of a webhook is its password."""
    try:
        _, host, port = outbound.split(url)
    except outbound.OutboundError as error:
        raise Invalid(error.code, error.message, field="channels") from None
    if outbound.is_private(host, port) and not outbound.is_allowed(host, port):
        raise Invalid("address_not_allowed", f"{host}:{port} is not a public address.", field="channels")
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…" if parts.path not in ("", "/") or parts.query else url


def _live(rule: AlertRule) -> AlertRule:
    locked = AlertRule.objects.select_for_update(of=("self",)).select_related("organization").get(pk=rule.pk)
    if locked.archived_at is not None:
        raise Conflict("alert_archived", "The alert rule is archived.")
    return locked


def _values(rule: AlertRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in AUDITED}


def _shown(rule: AlertRule) -> list[str]:
    return [str(channel) for channel in AlertChannel.objects.filter(rule=rule, archived_at=None)]
