"""App configuration of costs."""

from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "costs"
    verbose_name = "Costs"

    def ready(self) -> None:
        """What costs adds to the metrics layer and to exports."""
        from analytics.exports.datasets import register
        from analytics.metrics import declare
        from costs.allocation.dimension import COST_CENTER
        from costs.focus.dataset import FocusDataset
        from costs.recommendations.measure import REALIZED_SAVINGS

        declare(COST_CENTER, REALIZED_SAVINGS)
        register(FocusDataset())
