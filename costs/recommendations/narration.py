"""The summary of a recommendation by a configured model, off by default; the title stands until it answers well.

The model is sent what each placeholder stands for: no figure, no name, nothing of any request. Runs after the search is
stored: a model that is slow, away or wrong delays and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.conf import settings

from analytics.anomalies.narration import LONGEST, client, is_on
from analytics.console.format import money, percent
from analytics.explain.narrator import Client, Refused, narrate
from costs.models import Recommendation
from gateway.models import Organization

log = structlog.get_logger(__name__)
MOST = 10
TASK = (
    "You tell the owner of applications that use language models about one way to spend less, in at most three plain "
    "sentences. You are given placeholders and what each stands for. Write each figure and name as its placeholder in "
    "braces, such as {actual}. Write no digits and no number words. Use {actual} and {saving}."
)
MEANINGS = {
    "title": "what is proposed", "actual": "what these calls cost in the searched window",
    "replayed": "what they would have cost under the change", "saving": "what that saves in a month",
    "share": "the saving as a share of what these calls cost", "risk": "how much the answers may change",
    "effort": "how much work it is",
}  # fmt: skip


def narrate_new(organization: Organization, fresh: Sequence[UUID]) -> int:
    """Word what a search has found anew, the largest first; returns how many the model answered well for. Never
    raises."""
    if not is_on() or not fresh:
        return 0
    done, until = 0, datetime.now(UTC) + LONGEST
    rows = Recommendation.objects.filter(organization=organization, pk__in=fresh).order_by("-monthly_saving")[:MOST]
    try:
        with client() as asked:
            for row in rows:
                if datetime.now(UTC) < until:
                    done += _narrate(asked, row)
    except Exception:  # a narrator that cannot even be made must not fail the search
        log.exception("narrator_failed")
    return done


def _narrate(asked: Client, row: Recommendation) -> bool:
    said = facts(row)
    try:
        text = narrate(asked, settings.NARRATOR_MODEL, said, {name: MEANINGS[name] for name in said}, task=TASK)
    except Refused as reason:
        log.warning("narrator_refused", recommendation=str(row.pk), reason=str(reason))
        return False
    except Exception as error:  # the client's own errors, and answers of any shape
        log.warning("narrator_failed", recommendation=str(row.pk), error=f"{type(error).__name__}: {error}"[:300])
        return False
    same = Recommendation.objects.filter(pk=row.pk, monthly_saving=row.monthly_saving)
    return bool(same.update(summary=text, updated_at=datetime.now(UTC)))


def facts(row: Recommendation) -> dict[str, str]:
    """What the placeholders are replaced with, as people read it."""
    return {
        "title": row.title, "actual": money(row.actual_cost, row.currency),
        "replayed": money(row.replayed_cost, row.currency), "saving": money(row.monthly_saving, row.currency),
        "share": percent(float(row.saving / row.actual_cost)) if row.actual_cost else "—",
        "risk": row.get_risk_display().lower(), "effort": row.get_effort_display().lower(),
    }  # fmt: skip
