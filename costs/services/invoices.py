"""Invoices: take a provider's export, read it, set it against the ledger.

A small file is read and compared at once, a large one by the background process. An export is stored whole or not at
all: its sums, what is compared and the state are written in one transaction under the invoice's lock, so that the same
upload at the same time, or a process that is killed, leaves one invoice.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from costs.bookshelf import book_of
from costs.invoices import reading, zones
from costs.invoices.book import BookPrices
from costs.invoices.causes import Cause, Outcome, reconcile
from costs.invoices.formats import AUTO, FORMATS, BadFileError, Document, read_document
from costs.invoices.formats.reading import MOST_WORD
from costs.invoices.items import BilledLine, LineKey, Zoned, currencies
from costs.invoices.words import ADVICE, TITLES
from costs.models import DriftPolicy, Invoice, InvoiceCell, InvoiceChunk, InvoiceLine, InvoiceState
from costs.services.repricing import Targets, targets_of
from gateway import credentials
from gateway.imports.records import UnreadableFileError
from gateway.models import Job, Organization, User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid, TooLarge

KIND = "costs.invoice"
AT_ONCE_BYTES = 2 << 20
CHUNK_BYTES = 1 << 20
LEASE_S = 900.0
MAX_TRIES = 3
STANDARD = "standard"
LONGEST = timedelta(days=400)
RECENT = timedelta(days=45)
"""How long after its period an invoice is compared anew each day: usage and prices come late."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sent it. `format`: one of `FORMATS` or `auto`. `providers`: of the ledger; empty: those of the
    vendor. `start`, `end` (the first day after it): the period that the export is of; else the days it has."""

    file: BinaryIO
    name: str
    format: str = AUTO
    mapping: Mapping[str, str] | None = None
    providers: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None


def upload_invoice(
    *, organization: Organization, actor: Actor, upload: Upload, limit_bytes: int, at_once_bytes: int = AT_ONCE_BYTES
) -> tuple[Invoice, bool]:
    """The invoice, and whether it is new; its state is `queued` when the file is read in the background. Raises
    `TooLarge`, `Invalid` (`invoice_unreadable` with the lines at fault, `unknown_format`, `empty_file`, `period`)."""
    if upload.format not in (AUTO, *FORMATS):
        raise Invalid("unknown_format", f"There is no format {upload.format!r}.", field="format")
    if upload.start and upload.end and upload.end <= upload.start:
        raise Invalid("period", "The period must end after it begins.", field="end")
    digest, size = _inspect(upload.file, limit_bytes)
    if not size:
        raise Invalid("empty_file", "The file is empty.", field="file")
    known = Invoice.objects.filter(organization=organization, digest=digest).exclude(state=InvoiceState.FAILED).first()
    if known is not None:
        return known, False
    document = None if size > at_once_bytes else _parsed(upload.file, upload.format, upload.mapping or {})
    try:
        return _store(organization, actor, upload, digest, size, document)
    except IntegrityError:  # the same upload came twice at once
        return Invoice.objects.get(organization=organization, digest=digest), False


@transaction.atomic
def _store(
    organization: Organization, actor: Actor, upload: Upload, digest: str, size: int, document: Document | None
) -> tuple[Invoice, bool]:
    Invoice.objects.filter(organization=organization, digest=digest, state=InvoiceState.FAILED).delete()
    row = Invoice.objects.create(
        organization=organization, file_name=upload.name[:300], format=upload.format, digest=digest, size_bytes=size,
        mapping=dict(upload.mapping or {}), providers=list(upload.providers), start=upload.start, end=upload.end,
        requested_by=actor if isinstance(actor, User) else None,
    )  # fmt: skip
    if document is not None:
        _take(row, document)
        _compare(row)
    else:
        for number, block in enumerate(_blocks(upload.file)):
            InvoiceChunk.objects.create(invoice=row, number=number, data=credentials.encrypt_bytes(block))
        jobs.enqueue(KIND, str(row.pk), organization=organization, requested_by=row.requested_by)
    after = {"file_name": row.file_name, "format": row.format, "digest": digest, "bytes": size}
    audit.record(organization=organization, actor=actor, verb="invoice.uploaded", target=row, after=after)
    return row, True


@transaction.atomic
def delete_invoice(*, invoice: Invoice, actor: Actor) -> None:
    """Forget it; the ledger is not touched."""
    locked = Invoice.objects.select_for_update().filter(pk=invoice.pk).first()
    if locked is None:
        return
    before = {"file_name": locked.file_name, "digest": locked.digest, "billed": locked.billed}
    audit.record(organization=locked.organization, actor=actor, verb="invoice.deleted", target=locked, before=before)
    locked.delete()


@transaction.atomic
def reconcile_invoice(*, invoice: Invoice) -> Invoice:
    """Compare it with the ledger and the prices of now. Raises `Conflict` before it is read."""
    locked = Invoice.objects.select_for_update(of=("self",)).select_related("organization").get(pk=invoice.pk)
    if locked.state != InvoiceState.READY:
        raise Conflict("invoice_not_ready", "The export is not read yet." if locked.state == InvoiceState.QUEUED
                       else f"The export could not be read: {locked.error}")  # fmt: skip
    _compare(locked)
    return locked


@transaction.atomic
def set_drift_policy(*, organization: Organization, actor: Actor, percent: Decimal, minimum: Decimal) -> DriftPolicy:
    """From which drift on the organization is told. Raises `Invalid`."""
    if not 0 <= percent <= 100 or minimum < 0:
        raise Invalid("drift_policy", "A percentage lies between 0 and 100, and an amount is not negative.")
    row, _ = DriftPolicy.objects.update_or_create(
        organization=organization, defaults={"percent": percent, "minimum": minimum}
    )
    audit.record(
        organization=organization, actor=actor, verb="drift_policy.set", target=row,
        after={"percent": percent, "minimum": minimum},
    )  # fmt: skip
    return row


def drift_policy_of(organization: Organization) -> DriftPolicy:
    """Its own, or the one that stands without. One query."""
    found = DriftPolicy.objects.filter(organization=organization).first()
    return found or DriftPolicy(organization=organization, percent=Decimal(5), minimum=Decimal(1))


def exceeds(invoice: Invoice, policy: DriftPolicy) -> bool:
    """Whether its drift is one to be told about. Credits, taxes and fees count as drift of the bill only where they
    are not named on it, so they are left out."""
    drift = unforeseen(invoice)
    if drift is None:
        return False
    return abs(drift) > policy.minimum and drift_share(invoice, drift) * 100 > policy.percent


def drift_share(invoice: Invoice, drift: Decimal) -> Decimal:
    """Of the billed usage, of the ledger's where nothing was billed; 0 where there is neither. Without a sign."""
    base = abs(invoice.billed_usage or Decimal(0)) or abs(invoice.ledger or Decimal(0))
    return abs(drift) / base if base else Decimal(0)


def unforeseen(invoice: Invoice) -> Decimal | None:
    """The drift without credits, taxes and fees; None before it is compared."""
    if invoice.drift is None:
        return None
    named = sum((Decimal(one["amount"]) for one in invoice.causes if one["kind"] == "credit"), Decimal(0))
    return invoice.drift - named


# ---- background ------------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Read the files that wait, oldest first; returns how many were finished."""
    done = 0
    for period in jobs.waiting(KIND):
        job = jobs.claim(KIND, period, LEASE_S)
        if job is not None:
            _run(job)
            done += 1
    return done


def refresh_recent(now: datetime | None = None) -> int:
    """Compare invoices of late periods anew, each once a day; returns how many."""
    at = now or timezone.now()
    rows = Invoice.objects.filter(
        state=InvoiceState.READY, end__gt=(at - RECENT).date(), computed_at__lt=at - timedelta(days=1)
    )
    done = 0
    for row in rows.order_by("computed_at")[:50]:
        try:
            reconcile_invoice(invoice=row)
        except Exception:  # it was deleted meanwhile, or cannot be compared: the others are all the same
            log.exception("invoice_not_compared", invoice=str(row.pk))
        else:
            done += 1
    return done


def _run(job: Job) -> None:
    row = Invoice.objects.select_related("organization").filter(pk=job.period).first()
    try:
        if row is None:
            jobs.fail(job, "the invoice is gone")
        else:
            _read_waiting(job, row)
    except jobs.ClaimLost:
        log.warning("invoice_taken_over", invoice=job.period)


def _read_waiting(job: Job, row: Invoice) -> None:
    """Raises `ClaimLost` when another process has the job by now, also where the file turns out bad."""
    try:
        with tempfile.TemporaryFile(prefix="invoice-") as file:
            for number in range(InvoiceChunk.objects.filter(invoice=row).count()):
                piece = InvoiceChunk.objects.get(invoice=row, number=number)
                file.write(credentials.decrypt_bytes(bytes(piece.data)))
            document = _parsed(file, row.format, row.mapping)
        with transaction.atomic():
            jobs.finish(job, {"invoice": str(row.pk)})
            locked = Invoice.objects.select_for_update(of=("self",)).select_related("organization").get(pk=row.pk)
            _take(locked, document)
            _compare(locked)
            InvoiceChunk.objects.filter(invoice=row).delete()
    except jobs.ClaimLost:
        raise
    except Invalid as error:
        _fail(job, row, error.message)
    except Exception as error:
        log.exception("invoice_failed", invoice=str(row.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            _fail(job, row, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


@transaction.atomic
def _fail(job: Job, row: Invoice, error: str) -> None:
    jobs.fail(job, error)
    Invoice.objects.filter(pk=row.pk).update(state=InvoiceState.FAILED, error=error)
    InvoiceChunk.objects.filter(invoice=row).delete()


# ---- reading and comparing -------------------------------------------------------------------------------------------
def _inspect(file: BinaryIO, limit_bytes: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for block in _blocks(file):
        size += len(block)
        if size > limit_bytes:
            raise TooLarge("file_too_large", f"A file may have up to {limit_bytes // 1024 // 1024} MiB.", field="file")
        digest.update(block)
    return digest.hexdigest(), size


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(CHUNK_BYTES):
        yield block


def _parsed(file: BinaryIO, name: str, mapping: Mapping[str, str]) -> Document:
    file.seek(0)
    try:
        document = read_document(file, datetime.now(UTC), format=name, mapping=mapping)
    except BadFileError as error:
        raise Invalid("invoice_unreadable", _capital(str(error)), field="file") from error
    except UnreadableFileError as error:
        raise Invalid("invoice_unreadable", f"{_capital(str(error))}. Nothing was stored.", field="file") from error
    start, end = document.start, document.end
    if start and end and end - start > LONGEST:
        raise Invalid("invoice_unreadable", f"It covers {(end - start).days} days; 400 at most.", field="file")
    return document


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _take(row: Invoice, document: Document) -> None:
    """The sums of the file, and what it says about itself. Raises `Invalid` for a period that cannot be compared."""
    lines = list(document.collector.lines.values())
    row.start, row.end = row.start or document.start, row.end or document.end
    assert row.start is not None
    assert row.end is not None
    if not timedelta(0) < row.end - row.start <= LONGEST:
        text = f"The period from {row.start} to before {row.end} has {(row.end - row.start).days} days; it may have 1"
        raise Invalid("period", f"{text} to {LONGEST.days}.", field="end")
    row.format, row.rows, row.skipped = document.format, document.collector.rows, document.skipped
    row.decimals = document.collector.decimals or 10
    row.vendor = next(iter(document.vendors))[:MOST_WORD] if len(document.vendors) == 1 else ""
    found = currencies(lines)
    row.has_costs = bool(found)
    row.currency = found[0] if found else row.organization.currency
    row.providers = row.providers or sorted(
        {name for vendor in document.vendors for name in reading.providers_of(row.organization, vendor)}
    )
    row.state, row.error = InvoiceState.READY, ""
    row.lines.all().delete()
    InvoiceLine.objects.bulk_create(
        (
            InvoiceLine(
                invoice=row, **{**line.key._asdict(), "tier": _stored_tier(line.key.tier)}, quantity=line.quantity,
                cost=line.cost, rows=line.rows,
                repeated_rows=line.repeated_rows, repeated_quantity=line.repeated_quantity,
                repeated_cost=line.repeated_cost,
            )
            for line in lines
        ),
        batch_size=2_000,
    )  # fmt: skip


def _compare(row: Invoice) -> None:
    """Read the ledger's side and store how the two stand."""
    assert row.start is not None
    assert row.end is not None
    targets = targets_of(row.organization)
    side = reading.read(row.organization, row.providers, row.start, row.end, currency=row.currency, targets=targets)
    lines, beyond = _lines(row)
    used = [line for line in lines if line.cost is None or line.key.currency == row.currency]
    zoned = _zoned(row, used, side, targets)
    book = BookPrices(
        book_of(row.organization), row.organization, targets, side.sources,
        row.providers[0] if row.providers else row.vendor,
    )  # fmt: skip
    found = reconcile(used, side.booked, book, decimals=row.decimals, zoned=zoned)
    row.billed, row.billed_usage = found.billed, found.billed_usage
    row.ledger, row.drift, row.drift_percent = found.ledger, found.drift, found.drift_percent
    row.unpriced_share = found.unpriced_share
    row.causes = [cause_json(cause) for cause in found.causes]
    row.ledger_models = {name: sorted(models) for name, models in side.names.items()}
    row.notes = _notes(row, lines, beyond, side, found, zoned.ahead if zoned else 0)
    row.computed_at = timezone.now()
    row.save()
    _store_cells(row, found)


def _zoned(row: Invoice, lines: list[BilledLine], side: reading.LedgerSide, targets: Targets) -> Zoned | None:
    """The ledger by the vendor's days, where they are clearly others than UTC's. Two more reads then."""
    if row.start is None or row.end is None or not zones.is_suspect(lines, side.booked):
        return None
    window = row.organization, row.providers, row.start, row.end
    ahead = zones.offset(lines, reading.hours(*window, targets=targets))
    if not ahead:
        return None
    return Zoned(ahead, reading.read(*window, currency=row.currency, targets=targets, ahead=ahead).booked)


def _lines(row: Invoice) -> tuple[list[BilledLine], list[BilledLine]]:
    """Of the stated period, and beyond it."""
    assert row.start is not None
    assert row.end is not None
    lines: list[BilledLine] = []
    beyond: list[BilledLine] = []
    for one in row.lines.all():
        line = BilledLine(
            LineKey(one.day, one.model, one.meter, _read_tier(one.tier), one.kind, one.currency, one.label),
            one.quantity, one.cost, one.rows, one.repeated_rows, one.repeated_quantity, one.repeated_cost,
        )  # fmt: skip
        (lines if row.start <= one.day < row.end else beyond).append(line)
    return lines, beyond


def _stored_tier(tier: str | None) -> str:
    return "" if tier is None else tier or STANDARD


def _read_tier(stored: str) -> str | None:
    return None if not stored else "" if stored == STANDARD else stored


def _store_cells(row: Invoice, found: Outcome) -> None:
    row.cells.all().delete()
    InvoiceCell.objects.bulk_create(
        (
            InvoiceCell(
                invoice=row, day=cell.day, model=cell.model, meter=cell.meter, billed_quantity=cell.billed_quantity,
                ledger_quantity=cell.ledger_quantity, billed_cost=cell.billed_cost, ledger_cost=cell.ledger_cost,
                drift=cell.drift, cause=cell.cause,
                causes={kind: f"{amount:f}" for kind, amount in cell.causes.items()},
            )
            for cell in found.cells
        ),
        batch_size=2_000,
    )  # fmt: skip


def cause_json(cause: Cause) -> dict[str, Any]:
    """A cause as it is stored and answered; amounts as text."""
    return {
        "kind": cause.kind, "title": TITLES[cause.kind], "amount": f"{cause.amount:f}", "share": round(cause.share, 6),
        "first_on": cause.first_on.isoformat(), "last_on": cause.last_on.isoformat(), "days": cause.days,
        "text": cause.text, "advice": ADVICE[cause.kind],
        "parts": [
            {"model": part.model, "meter": part.meter, "amount": f"{part.amount:f}", "days": part.days,
             "quantity": f"{part.quantity.normalize():f}", "arithmetic": part.arithmetic}
            for part in cause.parts
        ],
    }  # fmt: skip


def _notes(
    row: Invoice, lines: list[BilledLine], beyond: list[BilledLine], side: reading.LedgerSide, found: Outcome,
    ahead: int,
) -> list[dict[str, str]]:  # fmt: skip
    notes = []
    if beyond:
        notes.append({"code": "outside_period", "message": _beyond_text(row, beyond)})
    if ahead:
        text = f"The vendor's days look like those of UTC{ahead:+}; the ledger is compared by those days."
        notes.append({"code": "vendor_zone", "message": text})
    if not found.has_costs:
        text = "The export states quantities and no money: they are valued at the ledger's prices."
        notes.append({"code": "no_costs", "message": text})
    for currency in currencies(lines):
        if currency != row.currency:
            amount = sum((line.cost or 0 for line in lines if line.key.currency == currency), Decimal(0))
            text = f"{amount:,.2f} {currency} on the bill are left out: it is compared in {row.currency}."
            notes.append({"code": "other_currency", "message": text})
    for currency, cost in sorted(side.left_out.items()):
        text = f"{cost:,.2f} {currency} in the ledger are left out: no rate to {row.currency} is known."
        notes.append({"code": "rate_missing", "message": text})
    if not row.providers:
        text = "The export does not say who sells it, and no provider was chosen: nothing of the ledger is compared."
        notes.append({"code": "no_provider", "message": text})
    elif not side.booked:
        text = f"The ledger has no usage of {', '.join(row.providers)} in this period."
        notes.append({"code": "no_ledger", "message": text})
    if row.skipped:
        text = f"{row.skipped:,} records are of other products or without usage and were left out."
        notes.append({"code": "skipped", "message": text})
    return notes


def _beyond_text(row: Invoice, beyond: list[BilledLine]) -> str:
    rows = sum(line.rows for line in beyond)
    amounts = [
        f"{sum((line.cost or 0 for line in beyond if line.key.currency == currency), Decimal(0)):,.2f} {currency}"
        for currency in currencies(beyond)
    ]
    what = "1 record of the export is of a day outside the period and is" if rows == 1 else (
        f"{rows:,} records of the export are of days outside the period and are"
    )  # fmt: skip
    money = f", {' and '.join(amounts)} in all" if amounts else ""
    return f"{what} left out{money}: it was stated as {row.start} to before {row.end}."
