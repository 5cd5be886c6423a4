"""Answers composed of several questions: what the API and pages show of one topic. Read through `analytics.query`."""
