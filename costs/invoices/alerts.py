"""Invoices as a source of alerts: each one whose drift is above the organization's threshold."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from analytics.alerts.models import AlertRule
from analytics.alerts.reading import Reading
from costs.models import DriftPolicy, Invoice, InvoiceState
from costs.services.invoices import drift_policy_of, drift_share, exceeds, unforeseen
from gateway.choices import LimitScope
from gateway.services.errors import Invalid

SUBJECTS = 100


class InvoiceSource:
    """The source `invoices`. One subject for each invoice, so that each is told once; it resolves when the drift goes
    below the threshold (a price was stated, late usage came) or the invoice is deleted."""

    name = "invoices"
    label = "Invoices"

    def check(self, rule: AlertRule) -> None:
        """Raises `Invalid` for any parameter, and for a scope narrower than the organization."""
        if rule.parameters:
            raise Invalid("parameters_invalid", "Invoices take no parameters.", field="parameters")
        if rule.scope != LimitScope.ORGANIZATION:
            raise Invalid("scope_invalid", "Invoices are of the whole organization.", field="scope")

    def readings(self, rule: AlertRule, now: datetime) -> list[Reading]:
        """The newest invoices. Two statements."""
        policy = drift_policy_of(rule.organization)
        rows = Invoice.objects.filter(organization=rule.organization_id, state=InvoiceState.READY)
        return [_reading(row, policy) for row in rows.order_by("-created_at")[:SUBJECTS]]


def _reading(row: Invoice, policy: DriftPolicy) -> Reading:
    drift = unforeseen(row) or Decimal(0)
    percent = drift_share(row, drift) * 100
    cause = next((one for one in row.causes if one["kind"] != "credit"), None)
    why = f" Mostly: {cause['title'].lower()} ({Decimal(cause['amount']):+,.2f})." if cause else ""
    text = (
        f"{row.file_name}: {row.billed_usage or 0:,.2f} {row.currency} were billed and {row.ledger or 0:,.2f} are in "
        f"the ledger, {drift:+,.2f} ({percent:.1f} %).{why}"
    )
    return Reading(
        str(row.pk), f"Invoice {row.file_name}", exceeds(row, policy), round(percent, 10), policy.percent, text
    )
