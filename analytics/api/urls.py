"""Paths of analytics under `/api/v1/`; a slash at the end is optional."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from analytics.api.views import (
    alerts,
    anomalies,
    compliance,
    exports,
    forecasts,
    models,
    overview,
    people,
    query,
    realtime,
    reconciliation,
    reports,
    security,
)
from gateway.api.views.base import ID_PATTERN

USER = rf"(?P<user_id>{ID_PATTERN})"
ANOMALY = rf"(?P<anomaly_id>{ID_PATTERN})"
MODEL = r"(?P<model_id>[^\s\x00]{1,200}?)"  # names of models have slashes

router = SimpleRouter()
router.trailing_slash = "/?"  # the constructor knows only with and without
router.register("analytics/exports", exports.ExportViewSet, "export")
router.register("reports/runs", reports.ReportRunViewSet, "report-run")
router.register("reports", reports.ReportViewSet, "report")
router.register("alerts", alerts.AlertViewSet, "alert")

app_name = "analytics-api"
urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^admin/token-usage/?$", overview.TokenUsageView.as_view(), name="token-usage"),
    re_path(rf"^admin/token-usage/user/{USER}/?$", overview.UserTokenUsageView.as_view(), name="token-usage-user"),
    re_path(rf"^admin/token-usage/model/{MODEL}/?$", overview.ModelTokenUsageView.as_view(), name="token-usage-model"),
    re_path(r"^admin/provider-health/?$", overview.ProviderHealthView.as_view(), name="provider-health"),
    re_path(r"^admin/dashboard/?$", overview.DashboardView.as_view(), name="dashboard"),
    re_path(r"^admin/dashboard/realtime/?$", realtime.RealtimeView.as_view(), name="dashboard-realtime"),
    re_path(r"^admin/dashboard/stream/?$", realtime.StreamView.as_view(), name="dashboard-stream"),
    re_path(r"^admin/reconciliation/?$", reconciliation.ReconciliationView.as_view(), name="reconciliation"),
    re_path(r"^admin/analytics/query/?$", query.QueryView.as_view(), name="analytics-query"),
    re_path(r"^admin/analytics/advanced/?$", query.AdvancedView.as_view(), name="analytics-advanced"),
    re_path(r"^admin/analytics/cost/?$", overview.CostView.as_view(), name="analytics-cost"),
    re_path(r"^admin/analytics/performance/?$", overview.PerformanceView.as_view(), name="analytics-performance"),
    re_path(r"^analytics/security/?$", security.SecurityView.as_view(), name="analytics-security"),
    re_path(r"^analytics/compliance/?$", compliance.ComplianceView.as_view(), name="analytics-compliance"),
    re_path(r"^analytics/models/compare/?$", models.ModelCompareView.as_view(), name="analytics-models-compare"),
    re_path(
        r"^analytics/providers/compare/?$", models.ProviderCompareView.as_view(), name="analytics-providers-compare"
    ),
    re_path(r"^analytics/models/?$", models.ModelsView.as_view(), name="analytics-models"),
    re_path(rf"^analytics/models/{MODEL}/?$", models.ModelView.as_view(), name="analytics-model"),
    re_path(r"^analytics/predictive/?$", forecasts.PredictiveView.as_view(), name="analytics-predictive"),
    re_path(r"^analytics/forecast/?$", forecasts.ForecastView.as_view(), name="analytics-forecast"),
    re_path(r"^admin/analytics/anomalies/?$", anomalies.AnomaliesView.as_view(), name="anomalies"),
    re_path(
        r"^admin/analytics/anomalies/settings/?$", anomalies.AnomalySettingsView.as_view(), name="anomaly-settings"
    ),
    re_path(rf"^admin/analytics/anomalies/{ANOMALY}/?$", anomalies.AnomalyView.as_view(), name="anomaly"),
    re_path(
        rf"^admin/analytics/anomalies/{ANOMALY}/state/?$", anomalies.AnomalyStateView.as_view(), name="anomaly-state"
    ),
    re_path(rf"^analytics/users/{USER}/?$", people.PersonView.as_view(), name="analytics-user"),
    re_path(r"^analytics/users/?$", people.PeopleView.as_view(), name="analytics-users"),
    *router.urls,
]
