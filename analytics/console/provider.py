"""The console's own pages: home's parts, requests, settings, status, component gallery."""

from analytics.console import gallery, views
from analytics.console.performance.views import performance, performance_csv
from analytics.console.usage.views import usage, usage_csv
from gateway.console import EVERYBODY, ConsoleProvider, NavEntry, Page, Section

SUPERUSERS: frozenset = frozenset()  # no role suffices


class AnalyticsConsole(ConsoleProvider):
    """What every person works with."""

    pages = (
        Page("requests/", views.requests, "requests"),
        Page("requests/recent/", views.recent_requests, "recent_requests", cacheable=True),
        Page("requests/<str:request_id>/", views.request_detail, "request"),
        Page("usage/", usage, "usage"),
        Page("usage/data.csv", usage_csv, "usage_csv"),
        Page("performance/", performance, "performance"),
        Page("performance/data.csv", performance_csv, "performance_csv"),
        Page("settings/", views.settings, "settings"),
        Page("status/", views.system_status, "status"),
        Page("status/demo/", views.demo_progress, "demo_progress"),
        Page("theme/", views.set_theme, "theme"),
        Page("components/", gallery.components, "components", SUPERUSERS),
    )
    navigation = (
        NavEntry("Home", "admin:index", "home", Section.OVERVIEW, 10, EVERYBODY),
        NavEntry("Requests", "admin:requests", "list", Section.OVERVIEW, 20),
        NavEntry("Usage", "admin:usage", "chart", Section.OVERVIEW, 30),
        NavEntry("Performance", "admin:performance", "pulse", Section.OVERVIEW, 40),
        NavEntry("Settings", "admin:settings", "sliders", Section.SYSTEM, 10),
    )
