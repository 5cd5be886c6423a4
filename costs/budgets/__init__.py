"""Budgets: periods, worst cases, leases in memory and in PostgreSQL, booking. No models: the data plane imports it.

How they hold, and why: docs/decisions/0010-budget-leases.md.
"""
