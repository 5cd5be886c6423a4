"""Costs' own pages and entries: budgets."""

from costs.console import budgets
from gateway.console.registry import ConsoleProvider, NavEntry, Page, Section


class CostsConsole(ConsoleProvider):
    """What may be spent."""

    pages = (Page("budgets/", budgets.budget_list, "budgets"),)
    navigation = (NavEntry("Budgets", "admin:budgets", "sliders", Section.OVERVIEW, 30),)
