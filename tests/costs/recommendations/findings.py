"""Findings made by hand: what a search over Acme's calls of June could answer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from costs.savings.proposals import (
    Category,
    Change,
    Effort,
    Evidence,
    Findings,
    Interval,
    Proposal,
    Quality,
    Risk,
    Slice,
)
from tests.factories import Acme

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=30)


def proposal(company: Acme, **changes: Any) -> Proposal:
    """The assistant's calls of gpt-4o on gpt-4o-mini: 100 of 120 USD saved, 90 of them jointly."""
    fields: dict[str, Any] = {
        "key": f"cheaper_model:{company.assistant.pk}:gpt-4o", "category": Category.CHEAPER_MODEL,
        "title": "Move Assistant to gpt-4o-mini",
        "slice": Slice(project=str(company.assistant.pk), provider="upstream", model="gpt-4o"),
        "change": Change(Category.CHEAPER_MODEL, provider="upstream", model="gpt-4o-mini"),
        "lines": 40_000, "requests": 39_000, "actual_cost": Decimal(120), "replayed_cost": Decimal(20),
        "saving": Decimal(100), "interval": Interval(Decimal("0.9"), Decimal(95), Decimal(105)),
        "joint_saving": Decimal(90), "monthly_saving": Decimal(90), "effort": Effort.LOW, "risk": Risk.MEDIUM,
        "evidence": (Evidence("price", "gpt-4o-mini costs 6 % of gpt-4o.", {"ratio": "0.06"}, "/admin/requests/"),),
        "steps": ("Apply it for a share first.", "Watch the scores."), "affected": ("Assistant",),
        "quality": Quality(0.9, 0.88, 120, 45, "Scores differ by less than their intervals."),
    }  # fmt: skip
    return Proposal(**(fields | changes))


def repeated(company: Acme, **changes: Any) -> Proposal:
    """Repeated calls of the banner, which a cache would answer: 10 USD."""
    fields: dict[str, Any] = {
        "key": f"duplicate_caching:{company.banner.pk}", "category": Category.DUPLICATE_CACHING,
        "title": "Serve repeated calls of Banner from the cache", "slice": Slice(project=str(company.banner.pk)),
        "change": Change(Category.DUPLICATE_CACHING, settings={"ttl_s": "600"}), "risk": Risk.NONE,
        "actual_cost": Decimal(40), "replayed_cost": Decimal(30), "saving": Decimal(10), "quality": None,
        "interval": Interval(Decimal("0.9"), Decimal(8), Decimal(12)), "joint_saving": Decimal(10),
        "monthly_saving": Decimal(10), "affected": ("Banner",),
    }  # fmt: skip
    return proposal(company, **(fields | changes))


def by_hand(company: Acme, **changes: Any) -> Proposal:
    """Prompts of the assistant whose beginning is the same, which the application would have to mark: 5 USD."""
    fields: dict[str, Any] = {
        "key": f"prompt_caching:{company.assistant.pk}", "category": Category.PROMPT_CACHING,
        "title": "Mark the common beginning of Assistant's prompts",
        "slice": Slice(project=str(company.assistant.pk)), "change": Change(Category.PROMPT_CACHING),
        "risk": Risk.NONE, "effort": Effort.HIGH, "saving": Decimal(5), "joint_saving": Decimal(5),
        "monthly_saving": Decimal(5), "interval": Interval(Decimal("0.9"), Decimal(4), Decimal(6)), "quality": None,
    }  # fmt: skip
    return proposal(company, **(fields | changes))


def findings(*proposals: Proposal, end: datetime = END, **changes: Any) -> Findings:
    """Of the 30 days up to `end`."""
    total = sum((one.joint_saving for one in proposals), Decimal(0))
    fields: dict[str, Any] = {
        "start": end - timedelta(days=30), "end": end, "currency": "USD", "spend": Decimal(500), "lines": 90_000,
        "proposals": proposals, "joint_saving": total,
        "joint_interval": Interval(Decimal("0.9"), total * Decimal("0.9"), total * Decimal("1.1")),
        "notes": (("unpriced", "12 lines have no price."),),
    }  # fmt: skip
    return Findings(**(fields | changes))
