"""The kinds of guardrails, one a file; each is built from its configuration."""
