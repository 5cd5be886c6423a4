"""Tests of `analytics`."""
