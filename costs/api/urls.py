"""Paths of costs under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from costs.api.views.allocation import AllocationRuleViewSet, AllocationView, CostCenterViewSet, StatementViewSet
from costs.api.views.budgets import BudgetViewSet
from costs.api.views.commitments import CommitmentViewSet
from costs.api.views.currencies import ExchangeRateViewSet
from costs.api.views.exports import CostExportViewSet
from costs.api.views.invoices import DriftPolicyView, InvoiceViewSet
from costs.api.views.prices import (
    EstimateViewSet,
    OverrideViewSet,
    PriceSettingView,
    PriceViewSet,
    RepricingViewSet,
    ReviewViewSet,
    UnpricedViewSet,
)

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("budgets", BudgetViewSet, "budget")
router.register("prices/overrides", OverrideViewSet, "price-override")
router.register("prices/reviews", ReviewViewSet, "price-review")
router.register("prices/reprice", RepricingViewSet, "repricing")
router.register("prices/unpriced", UnpricedViewSet, "unpriced")
router.register("prices", PriceViewSet, "price")
router.register("commitments", CommitmentViewSet, "commitment")
router.register("exchange-rates", ExchangeRateViewSet, "exchange-rate")
router.register("cost/estimate", EstimateViewSet, "cost-estimate")
router.register("cost-centers", CostCenterViewSet, "cost-center")
router.register("allocation-rules", AllocationRuleViewSet, "allocation-rule")
router.register("cost/statements", StatementViewSet, "statement")
router.register("invoices", InvoiceViewSet, "invoice")

app_name = "costs-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^prices/settings/?$", PriceSettingView.as_view(), name="price-settings"),
    re_path(r"^invoices/drift-policy/?$", DriftPolicyView.as_view(), name="drift-policy"),
    *router.urls,
    re_path(r"^cost/allocation/?$", AllocationView.as_view(), name="cost-allocation"),
    re_path(r"^cost/exports/?$", CostExportViewSet.as_view({"post": "create"}), name="cost-exports"),
]
