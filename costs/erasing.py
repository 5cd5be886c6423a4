"""Forgetting end users in budgets and allocation rules: who was meant is renamed, what it costs stays."""

from django.db import transaction

from costs.allocation.models import AllocationRule
from costs.models import Budget, BudgetCounter, BudgetForecast
from costs.services.budgets import recount_subjects
from gateway.choices import LimitScope
from gateway.erasure import Found, Subjects, rename_in, rename_in_json
from gateway.services.content import rename_scopes


@transaction.atomic
def erase_budgets(subjects: Subjects) -> Found:
    """Budgets of one end user, and what each of them has used of a budget that stands for each. Their next call, if
    there is one, begins a new counter. Runs after the lines were renamed: what late ones were counted as is counted
    anew."""
    own = Budget.objects.filter(organization=subjects.organization, scope=LimitScope.END_USER)
    budgets = list(own.values_list("pk", flat=True))
    counters = BudgetCounter.objects.filter(budget_id__in=budgets)
    if subjects.since is not None:
        late = counters.filter(subject__in=subjects.names, period_start__lt=subjects.before)
        return Found({"budget_counters": sum(recount_subjects(counter) for counter in late)})
    rules = AllocationRule.objects.filter(organization=subjects.organization)
    return Found({
        "budgets": rename_scopes(own, subjects),
        "budget_counters": rename_in(counters, "subject", subjects),
        "budget_forecasts": rename_in(BudgetForecast.objects.filter(budget__in=budgets), "subject", subjects),
        "allocation_rules": rename_in_json(rules, "conditions", subjects) + rename_in_json(rules, "targets", subjects),
    })  # fmt: skip
