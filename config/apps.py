"""App configuration of the wiring layer and of the console's admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    """Installs the project's own commands and checks."""

    name = "config"

    def ready(self) -> None:
        from config import checks, logs  # noqa: F401  (checks register on import)

        logs.configure()


class ConsoleAdminConfig(AdminConfig):
    """`django.contrib.admin` with the console's own `AdminSite`."""

    default_site = "analytics.console.site.ConsoleSite"

    def ready(self) -> None:
        super().ready()  # finds every app's admin module
        from gateway.admin.hiding import hide
        from gateway.admin.labels import name_fields

        hide()
        name_fields()
