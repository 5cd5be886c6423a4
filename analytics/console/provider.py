"""The console's own pages: home's parts, requests, settings, status, component gallery."""

from collections.abc import Sequence
from datetime import datetime

from analytics.alerts.anomalies import AnomalySource
from analytics.alerts.forecast import ForecastSource
from analytics.console import alerts, annotations, comparisons, gallery, ledgerarchive, picker, saved, views
from analytics.console.anomalies import views as feed
from analytics.console.compare import compare_page
from analytics.console.compliancepage import compliance_page
from analytics.console.explorer import views as explorer
from analytics.console.forecasts.ahead import forecast_ahead
from analytics.console.forecasts.views import forecast_csv, forecast_page
from analytics.console.palette import palette
from analytics.console.performance.views import performance, performance_csv
from analytics.console.providers import provider_board
from analytics.console.realtime import realtime, realtime_live
from analytics.console.reports import exports
from analytics.console.reports import views as reports
from analytics.console.safety import security_page
from analytics.console.tour import tour_page
from analytics.console.usage.views import usage, usage_csv
from gateway.choices import Role
from gateway.console import EVERYBODY, ConsoleProvider, NavEntry, Page, Section
from gateway.console.parts import Mark
from gateway.console.scope import ADMINISTRATORS
from gateway.models import Organization, User
from gateway.signin.confirmation import ALWAYS, WRITES

REPORT_READERS, REPORT_WRITERS = reports.READERS, reports.WRITERS
ANALYSTS = ADMINISTRATORS | {Role.ANALYST}
WRITERS = ADMINISTRATORS | {Role.MANAGER}
SUPERUSERS: frozenset = frozenset()  # no role suffices


class AnalyticsConsole(ConsoleProvider):
    """What every person works with."""

    alert_sources = (AnomalySource(), ForecastSource())
    pages = (
        Page("requests/", explorer.requests, "requests"),
        Page("requests/recent/", views.recent_requests, "recent_requests", cacheable=True),
        Page("requests/live/", explorer.tail, "requests_live", cacheable=True),
        Page("requests/values/", explorer.facet, "requests_values"),
        Page("providers/", provider_board, "providers", "gateway.provider"),
        Page("views/", saved.view_save, "view_save"),
        Page("views/<uuid:view_id>/delete/", saved.view_delete, "view_delete"),
        Page("requests/<str:request_id>/", explorer.request_detail, "request"),
        Page("requests/<str:request_id>/bodies/", explorer.request_bodies, "request_bodies", ADMINISTRATORS),
        Page("usage/", usage, "usage"),
        Page("usage/data.csv", usage_csv, "usage_csv", confirm=ALWAYS),
        Page("performance/", performance, "performance"),
        Page("performance/data.csv", performance_csv, "performance_csv", confirm=ALWAYS),
        Page("alerts/", alerts.alert_list, "alerts"),
        Page("alerts/add/", alerts.alert_add, "alert_add", WRITERS, confirm=ALWAYS),
        Page("alerts/<uuid:rule_id>/", alerts.alert_page, "alert"),
        Page("alerts/<uuid:rule_id>/edit/", alerts.alert_edit, "alert_edit", WRITERS, confirm=ALWAYS),
        Page("alerts/<uuid:rule_id>/do/", alerts.alert_do, "alert_do", WRITERS),
        Page("security/", security_page, "security", ANALYSTS),
        Page("compliance/", compliance_page, "compliance", ANALYSTS),
        Page("compare/", compare_page, "compare"),
        Page("forecasts/", forecast_page, "forecasts"),
        Page("forecasts/data.csv", forecast_csv, "forecasts_csv", confirm=ALWAYS),
        Page("forecasts/ahead/", forecast_ahead, "forecasts_ahead"),
        Page("anomalies/", feed.anomalies, "anomalies"),
        Page("anomalies/<uuid:anomaly_id>/", feed.anomaly, "anomaly"),
        Page("anomalies/<uuid:anomaly_id>/state/", feed.anomaly_state, "anomaly_state"),
        Page("realtime/", realtime, "realtime"),
        Page("realtime/now/", realtime_live, "realtime_live", cacheable=True),
        Page("reports/", reports.report_list, "reports", REPORT_READERS),
        Page("reports/add/", reports.report_add, "report_add", REPORT_WRITERS, confirm=ALWAYS),
        Page("reports/preview/", reports.report_preview, "report_preview", REPORT_WRITERS),
        Page("reports/section/", reports.section_row, "report_section", REPORT_WRITERS),
        Page("reports/<uuid:report_id>/", reports.report_page, "report", REPORT_READERS),
        Page("reports/<uuid:report_id>/edit/", reports.report_edit, "report_edit", REPORT_WRITERS, confirm=ALWAYS),
        Page(
            "reports/<uuid:report_id>/run/",
            reports.report_run_now,
            "report_run_now",
            REPORT_READERS,
            confirm=WRITES,
        ),
        Page("reports/<uuid:report_id>/archive/", reports.report_archive, "report_archive", REPORT_WRITERS),
        Page("reports/runs/<uuid:run_id>/", reports.report_run, "report_run", REPORT_READERS),
        Page(
            "reports/runs/<uuid:run_id>/<slug:form>/",
            reports.report_run_file,
            "report_run_file",
            REPORT_READERS,
            confirm=ALWAYS,
        ),
        Page(
            "reports/runs/<uuid:run_id>/mails/<uuid:delivery_id>/",
            reports.report_send_again,
            "report_send_again",
            REPORT_WRITERS,
            confirm=WRITES,
        ),
        Page("exports/", exports.export_list, "exports", confirm=WRITES),
        Page("exports/<uuid:job_id>/file/", exports.export_file, "export_file", confirm=ALWAYS),
        Page("exports/<uuid:job_id>/cancel/", exports.export_cancel, "export_cancel"),
        Page("settings/", views.settings, "settings"),
        Page("status/", views.system_status, "status"),
        Page("status/open/", views.openings, "openings"),
        Page("reconciliation/", comparisons.comparisons, "comparisons", SUPERUSERS),
        Page("ledger-archive/", ledgerarchive.ledger_archive, "ledger_archive", SUPERUSERS, confirm=WRITES),
        Page("status/demo/", views.demo_progress, "demo_progress"),
        Page("theme/", views.set_theme, "theme"),
        Page("tour/", tour_page, "tour"),
        Page("shortcuts/", views.set_shortcuts, "shortcuts"),
        Page("palette/", palette, "palette"),
        Page("picker/", picker.picker, "picker"),
        Page("components/", gallery.components, "components", SUPERUSERS),
    )
    navigation = (
        NavEntry("Home", "admin:index", "home", Section.OVERVIEW, 10, EVERYBODY),
        NavEntry("Requests", "admin:requests", "list", Section.OVERVIEW, 20),
        NavEntry("Usage", "admin:usage", "chart", Section.OVERVIEW, 30),
        NavEntry("Performance", "admin:performance", "pulse", Section.OVERVIEW, 40),
        NavEntry("Alerts", "admin:alerts", "bell", Section.OVERVIEW, 56),
        NavEntry("Security", "admin:security", "lock", Section.OVERVIEW, 64),
        NavEntry("Compliance", "admin:compliance", "check", Section.OVERVIEW, 65),
        NavEntry("Compare", "admin:compare", "gauge", Section.OVERVIEW, 45),
        NavEntry("Forecasts", "admin:forecasts", "trend", Section.OVERVIEW, 50),
        NavEntry("Anomalies", "admin:anomalies", "alert", Section.OVERVIEW, 43),
        NavEntry("Real time", "admin:realtime", "play", Section.OVERVIEW, 15),
        NavEntry(
            "Annotations", "admin:analytics_annotation_changelist", "pin", Section.ORGANIZATION, 80,
            "analytics.annotation",
        ),
        NavEntry("Reconciliation", "admin:comparisons", "equal", Section.SYSTEM, 20),
        NavEntry("Ledger archive", "admin:ledger_archive", "archive", Section.SYSTEM, 22),
        NavEntry("Reports", "admin:reports", "book", Section.OVERVIEW, 60),
        NavEntry("Exports", "admin:exports", "download", Section.OVERVIEW, 62),
        NavEntry("Settings", "admin:settings", "sliders", Section.SYSTEM, 10),
    )  # fmt: skip

    def marks(self, user: User, organization: Organization, start: datetime, end: datetime) -> Sequence[Mark]:
        return annotations.marks(user, organization, start, end)
