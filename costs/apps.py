"""App configuration of costs."""

from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "costs"
    verbose_name = "Costs"

    def ready(self) -> None:
        """What costs adds to the metrics layer."""
        from analytics.metrics import declare
        from costs.allocation.dimension import COST_CENTER

        declare(COST_CENTER)
