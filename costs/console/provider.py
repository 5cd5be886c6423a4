"""Costs' own pages and entries: budgets, keys with what they spend, models with what they cost."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from costs.alerts import BudgetSource, PriceFileSource
from costs.console import (
    allocation,
    budgets,
    commitments,
    efficiency,
    home,
    invoices,
    keys,
    marks,
    models,
    pricepreview,
    prices,
    recommendations,
    showback,
    whatif,
)
from costs.console.explorer import views as explorer
from costs.console.limits import limits_of
from costs.invoices.alerts import InvoiceSource
from costs.pricesahead import price_steps
from gateway.console.parts import Mark, PriceStep, SpendingLimit, Use
from gateway.console.registry import ConsoleProvider, NavEntry, Page, Section
from gateway.models import Organization, User
from gateway.signin.confirmation import ALWAYS, WRITES


class CostsConsole(ConsoleProvider):
    """What may be spent, and what things cost."""

    alert_sources = (BudgetSource(), PriceFileSource(), InvoiceSource())
    pages = (
        Page("costs/", home.costs_home, "costs"),
        Page("costs/month/", home.month_card, "cost_month"),
        Page("costs/explorer/", explorer.explorer, "cost_explorer"),
        Page("costs/explorer/csv/", explorer.explorer_csv, "cost_explorer_csv", confirm=ALWAYS),
        Page("costs/efficiency/", efficiency.efficiency_page, "cost_efficiency"),
        Page("costs/efficiency/units/<uuid:metric_id>/", efficiency.unit_values, "unit_values"),
        Page("budgets/", budgets.budget_list, "budgets"),
        Page("keys/", keys.key_list, "keys", "gateway.virtualkey"),
        Page("keys/add/", keys.key_add, "key_add", "gateway.virtualkey", confirm=ALWAYS),
        Page("keys/<uuid:key_id>/", keys.key_page, "key", "gateway.virtualkey"),
        Page("keys/<uuid:key_id>/edit/", keys.key_edit, "key_edit", "gateway.virtualkey", confirm=ALWAYS),
        Page("keys/<uuid:key_id>/rotate/", keys.key_rotate, "key_rotate", "gateway.virtualkey", confirm=WRITES),
        Page("keys/<uuid:key_id>/revoke/", keys.key_revoke, "key_revoke", "gateway.virtualkey"),
        Page("prices/", prices.price_list, "prices"),
        Page("prices/history/", prices.price_history, "price_history"),
        Page("prices/preview/", pricepreview.price_preview, "price_preview"),
        Page("prices/reviews/", prices.price_reviews, "price_reviews", confirm=WRITES),
        Page("prices/repricing/", prices.price_repricing, "price_repricing", confirm=WRITES),
        Page("prices/commitments/", commitments.commitment_page, "price_commitments", confirm=WRITES),
        Page(
            "prices/commitments/<uuid:commitment_id>/end/",
            commitments.commitment_end,
            "price_commitment_end",
            confirm=WRITES,
        ),
        Page("prices/rates/", commitments.rate_page, "price_rates", confirm=WRITES),
        Page("allocation/", allocation.allocation_page, "allocation"),
        Page("allocation/statements/", allocation.statement_make, "statement_make"),
        Page("allocation/statements/<uuid:statement_id>/", allocation.statement_page, "statement"),
        Page(
            "allocation/statements/<uuid:statement_id>/mail/",
            allocation.statement_mail,
            "statement_mail",
            confirm=WRITES,
        ),
        Page(
            "allocation/statements/<uuid:statement_id>/<str:form>/",
            allocation.statement_file,
            "statement_file",
            confirm=ALWAYS,
        ),
        Page("allocation/rules/<uuid:rule_id>/end/", allocation.rule_end, "allocation_rule_end"),
        Page("showback/", showback.showback_home, "showbacks"),
        Page("showback/<uuid:team_id>/", showback.showback_page, "showback"),
        Page("recommendations/", recommendations.recommendation_list, "recommendations", recommendations.READERS),
        Page(
            "recommendations/search/",
            recommendations.recommendation_search,
            "recommendation_search",
            recommendations.READERS,
        ),
        Page(
            "recommendations/<uuid:recommendation_id>/",
            recommendations.recommendation_page,
            "recommendation",
            recommendations.READERS,
        ),
        Page(
            "recommendations/<uuid:recommendation_id>/do/",
            recommendations.recommendation_do,
            "recommendation_do",
            recommendations.READERS,
        ),
        Page("what-if/", whatif.what_if_page, "what_if", whatif.READERS),
        Page("invoices/", invoices.invoice_list, "invoices", invoices.READERS),
        Page("invoices/<uuid:invoice_id>/", invoices.invoice_page, "invoice", invoices.READERS),
        Page(
            "invoices/<uuid:invoice_id>/compare/",
            invoices.invoice_reconcile,
            "invoice_reconcile",
            invoices.READERS,
        ),
        Page("invoices/<uuid:invoice_id>/delete/", invoices.invoice_delete, "invoice_delete", invoices.READERS),
        Page(
            "invoices/<uuid:invoice_id>/<str:form>/",
            invoices.invoice_file,
            "invoice_file",
            invoices.READERS,
            confirm=ALWAYS,
        ),
        Page("models/", models.model_list, "models", "gateway.model"),
        Page("models/discover/", models.model_discover, "model_discover", "gateway.model"),
    )
    navigation = (
        NavEntry("Costs", "admin:costs", "coin", Section.COSTS, 10),
        NavEntry("Explorer", "admin:cost_explorer", "grid", Section.COSTS, 12),
        NavEntry("Efficiency", "admin:cost_efficiency", "percent", Section.COSTS, 14),
        NavEntry("Budgets", "admin:budgets", "wallet", Section.COSTS, 54, also=("admin:costs_budget_changelist",)),
        NavEntry("Allocation", "admin:allocation", "split", Section.COSTS, 55, also=("admin:statement",)),
        NavEntry("Showback", "admin:showbacks", "user", Section.COSTS, 55, also=("admin:showback",)),
        NavEntry(
            "Recommendations", "admin:recommendations", "arrow-down", Section.COSTS, 56, also=("admin:recommendation",)
        ),
        NavEntry("What-if", "admin:what_if", "branch", Section.COSTS, 57),
        NavEntry("Invoices", "admin:invoices", "receipt", Section.COSTS, 58, also=("admin:invoice",)),
        NavEntry("Keys", "admin:keys", "key", Section.GATEWAY, 10, also=("admin:gateway_virtualkey_changelist",)),
        NavEntry(
            "Prices",
            "admin:prices",
            "tag",
            Section.GATEWAY,
            35,
            also=(
                "admin:price_history",
                "admin:price_reviews",
                "admin:price_repricing",
                "admin:price_commitments",
                "admin:price_rates",
                "admin:costs_priceoverride_changelist",
            ),
        ),
        NavEntry("Models", "admin:models", "cube", Section.GATEWAY, 30, also=("admin:gateway_model_changelist",)),
    )

    home_parts = ("admin:cost_month",)
    report_sections: Mapping[str, str] = {
        "budgets": "costs.reportsections.draw_budgets",
        "showback": "costs.reportsections.draw_showback",
        "statement": "costs.reportsections.draw_statement",
    }

    def marks(self, user: User, organization: Organization, start: datetime, end: datetime) -> Sequence[Mark]:
        stated = marks.price_changes(user, organization, start, end)
        return [*stated, *marks.list_changes(user, organization, start, end)]

    def spending_limits(self, user: User, organization: Organization, at: datetime) -> Sequence[SpendingLimit]:
        return limits_of(user, organization, at)

    def price_steps(
        self,
        organization: Organization,
        uses: Callable[[], Sequence[Use]],
        start: datetime,
        origin: datetime,
        end: datetime,
    ) -> Sequence[PriceStep]:
        return price_steps(organization, uses, start, origin, end)
