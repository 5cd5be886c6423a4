"""What the demo company has decided: guardrails, rate limits, kept bodies, routes; its budgets, made at the end."""

from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from config.demo.company import Company
from costs.budgets.periods import PeriodRule
from costs.services.budgets import create_budget, hold_bookings
from gateway.models import Job, LedgerLine, Model, Organization, Project
from gateway.services import bodies, catalog, guardrails, rate_limits

# name → (kind, direction, action, project); of a project each, so that a first call of one's own meets none of them
GUARDRAILS: dict[str, tuple[str, str, str, str]] = {
    "Customers' data": ("pii", "both", "redact", "support-assistant"),
    "Secrets in code": ("secrets", "input", "block", "dev-copilot"),
    "Prompt injection": ("prompt_injection", "input", "flag", "answer-search"),
}
KEPT_DAYS = 14
# name → (project, what is limited, shadow)
RATE_LIMITS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "Developer copilot": ("dev-copilot", {"rpm": 600, "tpm": 2_000_000}, False),
    "Fleet telemetry, trial": ("fleet-telemetry", {"rpm": 120, "concurrency": 20}, True),
}
# alias → (description, strategy, config, models with priority, further fields)
ROUTES: dict[str, tuple[str, str, dict[str, Any], dict[str, int], dict[str, Any]]] = {
    "best-price": (
        "Whichever is cheapest for the prompt at hand",
        "cost-optimized",
        {"overrides": ["latency-optimized"], "retry": {"base_ms": 250, "cap_ms": 4000}},
        {"gpt-5.4-mini": 0, "gemini-2.5-flash": 0, "mistral-large-2512": 0, "gpt-4o-mini": 1},
        {"retries": 1, "deadline_ms": 30_000},
    ),
    "writer": (
        "Long documents to a long context, a tenth of the people to the next model",
        "content-based",
        {
            "sticky": "end_user",
            "rules": [
                {"name": "long", "when": {"min_prompt_tokens": 100_000}, "use": [{"provider": "google"}]},
                {
                    "name": "trial",
                    "by": "end_user",
                    "split": [
                        {"name": "present", "weight": 90, "use": [{"model": "claude-haiku-4-5"}]},
                        {"name": "next", "weight": 10, "use": [{"model": "claude-opus-5-5"}]},
                    ],
                },
            ],
        },
        {"claude-haiku-4-5": 0, "claude-opus-5-5": 0, "gemini-2.5-flash": 1},
        {"output_cap": 8_192, "hedge_after_ms": 4_000},
    ),
}
# name, scope, what it is about, enforcement, shadow, period, how far it is used when it is made, amount without lines
BUDGETS: tuple[tuple[str, str, str, str, bool, str, str, str], ...] = (
    ("Whole company", "organization", "", "soft", False, "month", "0.55", "9000"),
    ("Engineering", "team", "engineering", "hard", False, "month", "0.94", "4000"),
    ("Developer copilot, trial", "project", "dev-copilot", "hard", True, "month", "1.18", "1500"),
    ("Contracts", "project", "contract-extraction", "hard", False, "quarter", "0.31", "3000"),
    ("Each end user, a day", "end_user", "*", "soft", False, "day", "", "0.50"),
)
THRESHOLDS = [{"percent": 80, "basis": "actual"}, {"percent": 100, "basis": "forecast"}]
NOTE = "budgets"
LEAST = Decimal("0.5")
"""Of a usual period's cost: the least that a budget of it allows."""


def create(organization: Organization) -> None:
    """Guardrails, rate limits, the policy of kept bodies and the routes; through the services, with audit events."""
    projects = {project.slug: project for project in Project.objects.filter(organization=organization)}
    for position, (name, (kind, direction, action, project)) in enumerate(GUARDRAILS.items(), start=1):
        guardrails.create_guardrail(
            organization=organization, actor=None, project=projects[project], name=name, kind=kind, action=action,
            direction=direction, position=position,
        )  # fmt: skip
    for name, (project, fields, is_shadow) in RATE_LIMITS.items():
        rate_limits.create_rate_limit(
            organization=organization, actor=None, scope="project", scope_value=str(projects[project].pk), name=name,
            is_shadow=is_shadow, **fields,
        )  # fmt: skip
    bodies.create_body_policy(
        organization=organization, actor=None, project=projects["support-assistant"], retention_days=KEPT_DAYS
    )
    models = {model.name: model for model in Model.objects.filter(organization=organization)}
    for alias, (description, strategy, config, targets, options) in ROUTES.items():
        catalog.create_route(
            organization=organization, actor=None, alias=alias, description=description, strategy=strategy,
            config=config, targets=[catalog.Target(models[name], rank) for name, rank in targets.items()], **options,
        )  # fmt: skip


@transaction.atomic
def ensure_budgets(job: Job, company: Company) -> bool:
    """Make the budgets once, when every day is in: a budget counts the lines of its period as it is made. Amounts
    follow what the running period has cost, so that the same states are shown on most days of a month; on its first
    ones they would be out of all proportion to it, and follow what such a period costs."""
    hold_bookings()  # before the job's row, as a day that is loaded does
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    for name, scope, about, enforcement, is_shadow, period, used, otherwise in BUDGETS:
        value = _value(company, scope, about)
        amount = _amount(organization, scope, value, period, used) or Decimal(otherwise)
        create_budget(
            organization=organization, actor=None, name=name, scope=scope, scope_value=value, amount=amount,
            period=period, enforcement=enforcement, is_shadow=is_shadow, alert_thresholds=THRESHOLDS,
        )  # fmt: skip
    locked.result = {**result, NOTE: len(BUDGETS)}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _value(company: Company, scope: str, about: str) -> str:
    of = {"team": company.team, "project": company.project}
    return str(of[scope](about)) if scope in of else about


def _amount(organization: Organization, scope: str, value: str, period: str, used: str) -> Decimal | None:
    """What makes the period's cost so far `used` of it, at least `LEAST` of what as many days up to now have cost; on
    three digits, None when they have cost nothing."""
    if not used:
        return None
    now = timezone.now()
    start, end = PeriodRule(period, organization.reporting_timezone).window(now)
    so_far = _spent(organization, scope, value, start, end)
    usual = _spent(organization, scope, value, now - (end - start), now)
    amount = max(so_far / Decimal(used), usual * LEAST)
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() - 2), ROUND_CEILING) if amount else None


def _spent(organization: Organization, scope: str, value: str, start: datetime, end: datetime) -> Decimal:
    lines = LedgerLine.objects.in_window(start, end).filter(
        organization=organization.pk, currency=organization.currency
    )
    if scope in ("team", "project"):
        lines = lines.filter(**{scope: value})
    return lines.aggregate(total=Sum("cost"))["total"] or Decimal(0)
