"""OpenTelemetry in and out: GenAI spans become ledger lines, settled lines become spans and metrics."""
