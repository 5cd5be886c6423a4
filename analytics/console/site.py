"""The console: `django.contrib.admin`'s site with the project's skin and pages."""

from django.contrib.admin import AdminSite


class ConsoleSite(AdminSite):
    """Model admin and dashboards under one login, navigation and theme."""

    site_header = "LLM Gateway"
    site_title = "LLM Gateway"
    index_title = "Home"
