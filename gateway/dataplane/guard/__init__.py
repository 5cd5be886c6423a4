"""Guardrails on the way of a call: what goes to a provider is screened by a stage, what comes back by a filter."""
