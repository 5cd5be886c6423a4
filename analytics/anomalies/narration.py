"""The summary of an anomaly by a configured model, off by default; the template's stands until it answers well.

The model is sent what each placeholder stands for: no figure, no name, nothing of any request. Runs outside of the
scan's transaction: a model that is slow, away or wrong delays and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.conf import settings

from analytics.anomalies import wording
from analytics.anomalies.models import Anomaly, AnomalyState
from analytics.anomaly.frame import WHOLE
from analytics.explain.narrator import Client, Refused, narrate
from analytics.explain.words import EFFECTS, NAMES
from gateway.models import Organization

log = structlog.get_logger(__name__)
MOST = 10
"""Summaries of an organization asked for after one scan, the costliest anomalies first."""
TIMEOUT_S = 15.0
LONGEST = timedelta(minutes=3)
"""After which no further summary is asked for."""
MEANINGS = {
    "metric": "what was measured", "scope": "whose figures they are", "actual": "the figure of the worst hour",
    "expected": "what was expected of that hour", "since": "when it began", "cause": "what carries most of the change",
    "share": "the share of the change that it carries", "effect": "which part of the cost moved most",
    "effect_amount": "by how much money that part moved", "impact": "the effect on the cost in all",
}  # fmt: skip


def is_on() -> bool:
    """Whether a model is configured."""
    return bool(settings.NARRATOR_URL and settings.NARRATOR_MODEL)


def narrate_new(changed: Mapping[Organization, Sequence[UUID]]) -> int:
    """Replace the templates of these anomalies where the model answers well; returns how many. Never raises.

    A row that has changed meanwhile keeps what it says.
    """
    if not is_on() or not any(changed.values()):
        return 0
    done, until = 0, datetime.now(UTC) + LONGEST
    try:
        with client() as asked:
            for organization, row in _rows(changed):
                if datetime.now(UTC) < until:
                    done += _narrate(asked, organization, row)
    except Exception:  # a narrator that cannot even be made must not fail the scan
        log.exception("narrator_failed")
    return done


def _rows(changed: Mapping[Organization, Sequence[UUID]]) -> Iterator[tuple[Organization, Anomaly]]:
    for organization, anomalies in changed.items():
        rows = Anomaly.objects.filter(organization=organization, pk__in=anomalies, state=AnomalyState.OPEN)
        for row in sorted(rows.defer("chart"), key=lambda row: -abs(row.impact_amount))[:MOST]:
            yield organization, row


def client() -> Client:
    from openai import OpenAI  # 0.6 s that only those who ask for it pay

    return OpenAI(
        base_url=settings.NARRATOR_URL, api_key=settings.NARRATOR_KEY or "none", max_retries=0, timeout=TIMEOUT_S
    )


def _narrate(client: Client, organization: Organization, row: Anomaly) -> bool:
    said = facts(organization, row)
    try:
        text = narrate(client, settings.NARRATOR_MODEL, said, {name: MEANINGS[name] for name in said})
    except Refused as reason:
        log.warning("narrator_refused", anomaly=str(row.pk), reason=str(reason))
        return False
    except Exception as error:  # the client's own errors, and answers of any shape
        log.warning("narrator_failed", anomaly=str(row.pk), error=f"{type(error).__name__}: {error}"[:300])
        return False
    same = Anomaly.objects.filter(pk=row.pk, explanation=row.explanation)
    return bool(same.update(explanation=text, updated_at=datetime.now(UTC)))


def facts(organization: Organization, row: Anomaly) -> dict[str, str]:
    """What the placeholders are replaced with, as people read it. A query for each dimension of ids in the scope."""
    scope, currency = (row.dimension, row.value), row.currency
    names = wording.names_of(organization, [scope, WHOLE])
    since = wording.format.local(row.started_at, organization.reporting_timezone)
    found = {
        "metric": NAMES.get(row.metric, row.metric), "scope": wording.called(scope, names),
        "actual": wording.value_words(row.metric, row.actual, currency),
        "expected": wording.value_words(row.metric, row.expected, currency), "since": f"{since:%-d %b, %H:%M}",
        "impact": wording.format.money(row.impact_amount, currency),
    }  # fmt: skip
    if row.causes:
        first = row.causes[0]
        found["cause"] = wording.called((first["dimension"], first["value"]), {_scope(first): first["name"]})
        found["share"] = wording.format.percent(first["share"])
    moved = {name: Decimal(amount) for name, amount in row.effects.items() if name in EFFECTS and Decimal(amount)}
    if moved:
        most = max(moved, key=lambda name: abs(moved[name]))
        found |= {"effect": EFFECTS[most], "effect_amount": wording.format.money(moved[most], currency)}
    return found


def _scope(cause: dict[str, str]) -> tuple[str, str]:
    return cause["dimension"], cause["value"]
