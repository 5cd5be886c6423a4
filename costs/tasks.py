"""Celery tasks of costs: thin, idempotent, safe to run many at once."""

from celery import shared_task

from costs import outlook
from costs.recommendations import search
from costs.services import backfill, commitments, invoices, repricing, snapshots


@shared_task(name="costs.refresh_prices")
def refresh_prices() -> int:
    """Import price files that are due; returns how many."""
    return snapshots.refresh_when_due()


@shared_task(name="costs.repricing", time_limit=6 * 3600 + 60)
def run_repricing() -> int:
    """Begin what a new price asks for, then count and apply re-pricings that wait; returns how many were finished."""
    backfill.run_waiting()
    return repricing.run_waiting()


@shared_task(name="costs.commitments")
def book_commitments() -> int:
    """Book the days of commitments that are over; returns how many lines were new."""
    return commitments.run_waiting()


@shared_task(name="costs.invoices", time_limit=3660)
def read_invoices() -> int:
    """Read uploaded invoices that wait, and compare those of late periods anew; returns how many of both."""
    return invoices.run_waiting() + invoices.refresh_recent()


@shared_task(name="costs.budget_forecasts", time_limit=7_200)
def forecast_budgets() -> int:
    """Forecasts of budgets that have none of the last hour; returns of how many."""
    return outlook.forecast_all()


@shared_task(name="costs.find_savings", time_limit=3_500)
def find_savings() -> int:
    """Search for savings where somebody asks, and everywhere once a day; returns of how many organizations."""
    return search.search_all()
