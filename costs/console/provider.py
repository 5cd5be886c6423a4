"""Costs' own pages and entries: budgets, and models with what they cost."""

from costs.console import budgets, models
from gateway.console.registry import ConsoleProvider, NavEntry, Page, Section


class CostsConsole(ConsoleProvider):
    """What may be spent, and what things cost."""

    pages = (
        Page("budgets/", budgets.budget_list, "budgets"),
        Page("models/", models.model_list, "models", "gateway.model"),
        Page("models/discover/", models.model_discover, "model_discover", "gateway.model"),
    )
    navigation = (
        NavEntry("Budgets", "admin:budgets", "wallet", Section.OVERVIEW, 30, also=("admin:costs_budget_changelist",)),
        NavEntry("Models", "admin:models", "cube", Section.GATEWAY, 30, also=("admin:gateway_model_changelist",)),
    )
