"""Ready-made reports: what a report made from each of them begins with."""

from dataclasses import dataclass, field
from typing import Any

from gateway.choices import Role

_TEAM_SECTIONS = (
    {"kind": "metrics", "title": "Usage", "measures": ["cost", "requests", "total_tokens", "error_rate"],
     "chart": "bar", "dimensions": ["model"], "limit": 6, "own_team": True},
    {"kind": "metrics", "title": "Projects", "measures": ["cost", "requests", "error_rate"], "dimensions": ["project"],
     "chart": "ranking", "limit": 10, "own_team": True},
    {"kind": "metrics", "title": "People", "measures": ["cost", "requests", "total_tokens"], "dimensions": ["user"],
     "chart": "none", "limit": 20, "own_team": True},
    {"kind": "metrics", "title": "Speed", "measures": ["latency_p50", "latency_p95"], "dimensions": [],
     "chart": "line", "own_team": True},
    {"kind": "budgets", "title": "Budgets", "own_team": True},
)  # fmt: skip
_EXECUTIVE = (
    {"kind": "metrics", "title": "Spending", "measures": ["cost", "requests", "cost_per_request", "saved_by_cache"],
     "chart": "bar", "dimensions": ["team"], "limit": 8},
    {"kind": "metrics", "title": "Models", "measures": ["cost", "requests", "cost_per_1k_tokens"],
     "dimensions": ["model"], "chart": "ranking", "limit": 10},
    {"kind": "metrics", "title": "Reliability", "measures": ["error_rate", "availability", "requests"],
     "dimensions": [], "chart": "line"},
    {"kind": "budgets", "title": "Budgets"},
)  # fmt: skip
_HEALTH = (
    {"kind": "provider_health", "title": "Providers"},
    {"kind": "metrics", "title": "Failures", "measures": ["errors", "error_rate"], "dimensions": ["error_type"],
     "chart": "bar", "limit": 8},
    {"kind": "metrics", "title": "Latency", "measures": ["latency_p95", "latency_p50", "requests"],
     "dimensions": ["provider"], "chart": "line", "limit": 6},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """A report to begin with. `roles`: who may be given the whole of it."""

    slug: str
    name: str
    description: str
    sections: tuple[dict[str, Any], ...]
    period: str
    cron: str
    formats: tuple[str, ...] = ("pdf",)
    roles: frozenset[Role] = field(default_factory=lambda: frozenset(Role))


TEMPLATES: dict[str, Template] = {
    item.slug: item
    for item in (
        Template(
            "weekly_team", "Weekly team report",
            "What the reader's team used last week: cost by model, projects, people, speed, budgets.", _TEAM_SECTIONS,
            "previous_week", "0 7 * * 1", ("pdf", "xlsx"),
        ),
        Template(
            "monthly_executive", "Monthly executive report",
            "What last month cost and what came of it, by team and model, with budgets.", _EXECUTIVE,
            "previous_month", "0 7 1 * *",
        ),
        Template(
            "monthly_showback", "Monthly showback",
            "What the reader's team spent last month, what its cost centres are charged, its budgets and savings.",
            ({"kind": "showback", "title": "Showback", "own_team": True},
             {"kind": "budgets", "title": "Budgets", "own_team": True}),
            "previous_month", "0 7 2 * *", ("pdf", "xlsx"),
        ),
        Template(
            "monthly_chargeback", "Monthly chargeback",
            "The locked statement of last month: the whole of it, or the reader's own cost centres.",
            ({"kind": "statement", "title": "Statement"},), "previous_month", "0 7 5 * *", ("pdf", "xlsx"),
        ),
        Template(
            "provider_health", "Provider health",
            "How every provider did: state, availability, failures, latency.", _HEALTH, "previous_day", "0 7 * * *",
        ),
        Template(
            "budget_status", "Budget status", "How far every budget is used, and when it runs out.",
            ({"kind": "budgets", "title": "Budgets"},
             {"kind": "metrics", "title": "Spending this month", "measures": ["cost", "requests"],
              "dimensions": ["team"], "chart": "bar", "limit": 8}),
            "month_to_date", "0 7 * * 1",
        ),
        Template(
            "security_digest", "Security digest",
            "Refused calls and credentials, guardrail hits, keys that are old or not used.",
            ({"kind": "security", "title": "Security"},), "previous_week", "0 7 * * 1",
        ),
    )
}  # fmt: skip
