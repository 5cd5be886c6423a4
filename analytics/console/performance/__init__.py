"""The Performance page: percentiles over time, errors by type, models compared, health of providers."""
