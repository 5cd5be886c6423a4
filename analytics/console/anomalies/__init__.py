"""The anomalies feed, the page of one anomaly, what people say of it."""
