"""The Forecasts page: what is to be expected, why, and how earlier forecasts did."""
