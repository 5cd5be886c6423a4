"""Tests of `analytics.query`."""
