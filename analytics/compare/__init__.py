"""Like-for-like comparison of models or providers: what differs, by how much, and how sure that is. Pure."""

from analytics.compare.metrics import METRICS, Metric
from analytics.compare.pairs import Pair, compare
from analytics.compare.ranking import Best, Standing, best_for, standings
from analytics.compare.samples import Sample

__all__ = ["METRICS", "Best", "Metric", "Pair", "Sample", "Standing", "best_for", "compare", "standings"]
