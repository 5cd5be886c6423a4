"""Declares in `ready()`."""

from django.apps import AppConfig

from analytics.metrics import Dimension, Measure, declare

DECLARED = (
    Measure(
        "tokens_per_request", "Tokens per request", "tokens", "tokens", "ratio", "total_tokens ÷ requests.",
        numerator={"input_tokens": 1, "output_tokens": 1}, denominator={"requests": 1},
    ),
    Dimension("model_family", "Family", "text", "First part of the model.", "split_part(model, '-', 1)", ("model",)),
    Dimension(
        "department", "Department", "text", "Who pays for the project.",
        "SELECT t.slug FROM gateway_project p JOIN gateway_team t ON t.id = p.team_id WHERE p.id = rows.project",
        ("project",),
    ),
)  # fmt: skip


class PluginConfig(AppConfig):
    name = "tests.analytics.plugin"
    label = "plugin"

    def ready(self) -> None:
        declare(*DECLARED)
