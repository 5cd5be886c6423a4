"""Anomalies of organizations: scanning their hourly figures, keeping what was found, what people say of it.

The algorithms are in `analytics.anomaly` and `analytics.explain`, which know no database.
"""
