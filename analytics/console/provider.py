"""The console's own pages: home's parts, requests, settings, status, component gallery."""

from analytics.console import gallery, views
from gateway.console import EVERYBODY, ConsoleProvider, NavEntry, Page, Section

SUPERUSERS: frozenset = frozenset()  # no role suffices


class AnalyticsConsole(ConsoleProvider):
    """What every person works with."""

    pages = (
        Page("requests/", views.requests, "requests"),
        Page("requests/recent/", views.recent_requests, "recent_requests", cacheable=True),
        Page("requests/<str:request_id>/", views.request_detail, "request"),
        Page("settings/", views.settings, "settings"),
        Page("status/", views.system_status, "status"),
        Page("status/demo/", views.demo_progress, "demo_progress"),
        Page("theme/", views.set_theme, "theme"),
        Page("components/", gallery.components, "components", SUPERUSERS),
    )
    navigation = (
        NavEntry("Home", "admin:index", "home", Section.OVERVIEW, 10, EVERYBODY),
        NavEntry("Requests", "admin:requests", "list", Section.OVERVIEW, 20),
        NavEntry("Settings", "admin:settings", "sliders", Section.SYSTEM, 10),
    )
