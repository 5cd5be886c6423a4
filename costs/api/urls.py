"""Paths of costs under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from costs.api.views import analysis
from costs.api.views.allocation import (
    AllocationRuleViewSet,
    AllocationView,
    CostCenterViewSet,
    ShowbackView,
    StatementViewSet,
)
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
from costs.api.views.recommendations import OptimizationView, RecommendationViewSet, WhatIfView
from costs.api.views.records import CostRecordViewSet
from costs.api.views.units import UnitMetricViewSet
from gateway.api.views.base import ID_PATTERN

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
router.register("cost/recommendations", RecommendationViewSet, "recommendation")
router.register("cost/statements", StatementViewSet, "statement")
router.register("invoices", InvoiceViewSet, "invoice")
router.register("cost/records", CostRecordViewSet, "cost-record")
router.register("unit-metrics", UnitMetricViewSet, "unit-metric")

app_name = "costs-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^prices/settings/?$", PriceSettingView.as_view(), name="price-settings"),
    re_path(r"^invoices/drift-policy/?$", DriftPolicyView.as_view(), name="drift-policy"),
    *router.urls,
    re_path(r"^cost/allocation/?$", AllocationView.as_view(), name="cost-allocation"),
    re_path(rf"^cost/showback/(?P<team_id>{ID_PATTERN})/?$", ShowbackView.as_view(), name="cost-showback"),
    re_path(r"^cost/report/?$", analysis.CostReportView.as_view(), name="cost-report"),
    re_path(r"^cost/breakdown/?$", analysis.CostBreakdownView.as_view(), name="cost-breakdown"),
    re_path(r"^cost/trends/?$", analysis.CostTrendsView.as_view(), name="cost-trends"),
    re_path(r"^cost/efficiency/?$", analysis.CostEfficiencyView.as_view(), name="cost-efficiency"),
    re_path(r"^cost/providers/compare/?$", analysis.CostProvidersView.as_view(), name="cost-providers-compare"),
    re_path(r"^admin/cost/forecast/?$", analysis.CostForecastView.as_view(), name="cost-forecast"),
    re_path(r"^admin/cost/realtime/?$", analysis.RealtimeCostView.as_view(), name="cost-realtime"),
    re_path(r"^admin/cost/anomalies/?$", analysis.CostAnomaliesView.as_view(), name="cost-anomalies"),
    re_path(
        rf"^admin/cost/anomalies/(?P<anomaly_id>{ID_PATTERN})/feedback/?$",
        analysis.CostAnomalyFeedbackView.as_view(),
        name="cost-anomaly-feedback",
    ),
    re_path(r"^cost/what-if/?$", WhatIfView.as_view(), name="cost-what-if"),
    re_path(
        rf"^admin/cost/optimization/(?P<user_id>{ID_PATTERN})/?$", OptimizationView.as_view(), name="cost-optimization"
    ),
    re_path(r"^cost/exports/?$", CostExportViewSet.as_view({"post": "create"}), name="cost-exports"),
]
