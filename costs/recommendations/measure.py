"""The measure `realized_savings` of the metrics layer. Pure."""

from analytics.metrics import Beside, Measure

REALIZED_SAVINGS = Measure(
    "realized_savings",
    "Realized savings",
    "currency",
    "money",
    "sum",
    "Σ of what applied recommendations have saved, as measured last, by the calls that each is about.",
    numerator={"realized_savings": 1},
    beside=Beside("costs_realizedhour", ("organization", "team", "project", "provider", "model")),
)
