"""What OpenAI says the demo company was billed last month: its own ledger, with small gaps planted in it.

The same demo gives the same file. Planted: the detail of cached input is lost for three days, a key is used beside the
gateway on one, and a credit of 25 is on the bill.
"""

import io
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from config.demo.company import Company
from costs.invoices import reading
from costs.invoices.items import ZERO, Booked
from costs.services import invoices
from costs.services.repricing import targets_of
from gateway.models import Job, Organization

NOTE = "invoices"
VENDOR = "openai"
ITEMS = {"input": "input", "cache_read": "cached input", "output": "output"}
LOST_DAYS = (8, 9, 10)
"""Days of the month on which the bill has cached input as other input."""
OUTSIDE_DAY = 17
OUTSIDE_SHARE = Decimal("0.35")
CREDIT = Decimal(25)
LIMIT_BYTES = 64 << 20


@transaction.atomic
def ensure_invoices(job: Job, company: Company) -> bool:
    """Upload it once, when every day is in; nothing for a demo that is shorter than its last month."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    end = company.calendar.until.astimezone(UTC).date().replace(day=1)
    start = (end - timedelta(days=1)).replace(day=1)
    data = bill(organization, start, end)
    if data is not None:
        upload = invoices.Upload(
            io.BytesIO(data), f"openai-costs-{start:%Y-%m}.json", providers=(VENDOR,), start=start, end=end
        )
        invoices.upload_invoice(
            organization=organization, actor=None, upload=upload, limit_bytes=LIMIT_BYTES, at_once_bytes=LIMIT_BYTES
        )
    locked.result = {**result, NOTE: int(data is not None)}
    locked.save(update_fields=["result", "updated_at"])
    return True


def bill(organization: Organization, start: date, end: date) -> bytes | None:
    """A page of the costs API for `[start, end)`; None without usage."""
    side = reading.read(
        organization, [VENDOR], start, end, currency=organization.currency, targets=targets_of(organization)
    )
    by_day: dict[date, list[Booked]] = defaultdict(list)
    for row in sorted(side.booked, key=lambda one: (one.day, one.model, one.meter)):
        by_day[row.day].append(row)
    if not by_day:
        return None
    buckets = [_bucket(start + timedelta(days=index), by_day) for index in range((end - start).days)]
    return json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None}).encode()


def _bucket(day: date, by_day: dict[date, list[Booked]]) -> dict[str, Any]:
    at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    results = [result for model, rows in _models(by_day[day]).items() for result in _results(day, model, rows)]
    if day.day == 1:
        results.append(_result("free credit", -CREDIT))
    return {"object": "bucket", "start_time": at, "end_time": at + 86_400, "results": results}


def _models(rows: list[Booked]) -> dict[str, dict[str, Booked]]:
    found: dict[str, dict[str, Booked]] = defaultdict(dict)
    for row in rows:
        found[row.model][row.meter] = row
    return found


def _results(day: date, model: str, rows: dict[str, Booked]) -> list[dict[str, Any]]:
    quantities = {meter: row.quantity for meter, row in rows.items() if row.quantity}
    prices = {meter: row.cost / row.quantity for meter, row in rows.items() if row.quantity}
    if day.day in LOST_DAYS and "cache_read" in quantities and "input" in quantities:
        quantities["input"] += quantities.pop("cache_read")
    if day.day == OUTSIDE_DAY:
        quantities = {meter: (count * (1 + OUTSIDE_SHARE)).to_integral_value() for meter, count in quantities.items()}
    return [
        _result(f"{model}, {ITEMS.get(meter, meter)}", (count * prices[meter]).quantize(Decimal("1e-10")), count)
        for meter, count in quantities.items()
        if count != ZERO
    ]


def _result(item: str, amount: Decimal, quantity: Decimal | None = None) -> dict[str, Any]:
    return {
        "object": "organization.costs.result", "amount": {"value": str(amount), "currency": "usd"}, "line_item": item,
        "quantity": None if quantity is None else int(quantity), "project_id": None,
    }  # fmt: skip
