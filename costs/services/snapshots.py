"""Public price lists as dated rows: reading a file, believing it or not, and what changes with it.

The first list is the installed `genai-prices`; the second LiteLLM's file, bundled, or read from `PRICES_URL` or a file.
A file that is not believed changes nothing: the rows before it stay, and the refusal is a row that alerts look at.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from costs.choices import PriceSource, SnapshotState
from costs.models import PriceRate, PriceSnapshot
from costs.pricing.catalogue import read_bundle
from costs.pricing.listing import source as genai_source
from costs.pricing.litellm import convert
from costs.pricing.sanity import band_problems, shape_problems
from costs.pricing.statements import Statement, Subject, of_genai_prices, of_litellm
from costs.services import backfill, reviews
from gateway import outbound
from gateway.models import User
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

KIND = "costs.refresh_prices"
BUNDLED = "bundled"
QUANTUM = Decimal("1e-18")
INSERT = 5_000
LARGEST_BYTES = 64 << 20
TIMEOUT_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """Statements of a list and where they come from. `problems`: why they cannot be believed as they are."""

    source: PriceSource
    version: str
    origin: str
    statements: Sequence[Statement]
    problems: Sequence[str] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what is stated, in any order."""
        return hashlib.sha256("\n".join(sorted(map(repr, self.statements))).encode()).hexdigest()


# ---- files ---------------------------------------------------------------------------------------------------------
def bundled_files() -> list[File]:
    """Both lists as this release brings them."""
    bundle = read_bundle()
    return [
        File(PriceSource.GENAI_PRICES, genai_source().partition("@")[2], BUNDLED, _stored(of_genai_prices())),
        File(PriceSource.LITELLM, bundle.version, BUNDLED, _stored(of_litellm(bundle.facts))),
    ]


def litellm_file(content: bytes, origin: str, version: str = "") -> File:
    """LiteLLM's file as somebody sent it; what is wrong with it is in `problems`. `version`: empty for today."""
    version = version or datetime.now(UTC).date().isoformat()
    try:
        document = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        return File(PriceSource.LITELLM, version, origin, (), [f"It is not JSON: {error}."])
    problems = shape_problems(document)
    statements = () if problems else _stored(of_litellm(convert(document)))
    return File(PriceSource.LITELLM, version, origin, statements, problems)


def fetch_litellm(url: str) -> File:
    """Ask `url` once through the guarded client. An answer that is none is a file with a problem."""
    try:
        answer = outbound.request("GET", url, timeout_s=TIMEOUT_S, max_bytes=LARGEST_BYTES)
    except outbound.OutboundError as error:
        return File(PriceSource.LITELLM, datetime.now(UTC).date().isoformat(), url, (), [f"No answer: {error}."])
    if answer.status != 200:
        problem = f"The answer has status {answer.status}."
        return File(PriceSource.LITELLM, datetime.now(UTC).date().isoformat(), url, (), [problem])
    return litellm_file(answer.body, url)


def read_litellm(path: Path, version: str = "") -> File:
    """LiteLLM's file on disk. Raises `Invalid` when it cannot be read."""
    try:
        return litellm_file(path.read_bytes(), str(path)[:500], version)
    except OSError as error:
        raise Invalid("price_file_unreadable", f"The file cannot be read: {error.strerror}.", field="file") from error


def _stored(statements: Iterable[Statement]) -> list[Statement]:
    """As the column keeps them: 18 places."""
    return [one._replace(amount=one.amount.quantize(QUANTUM).normalize()) for one in statements]


# ---- importing -------------------------------------------------------------------------------------------------------
def import_file(file: File, *, actor: Actor = None, force: bool = False) -> PriceSnapshot:
    """Make the file's rates rows; the same facts again are the snapshot that there is.

    Rates that changed end now and begin anew; a rate that was never stated reaches back; one that the file does not
    state any more stays, because vendors' lists drop retired models whose past calls are still explained. Not believed
    and not forced: a rejected snapshot, and no rate changes.
    """
    with transaction.atomic():
        _alone(file.source)
        last = PriceSnapshot.objects.filter(source=file.source, state=SnapshotState.ACCEPTED).first()
        if last is not None and not file.problems and last.digest == file.digest:
            return last
        snapshot = _judged(file, last, actor, force)
        if snapshot.state == SnapshotState.ACCEPTED:
            _book(snapshot, file.statements)
            backfill.offer(None, f"prices:{snapshot.pk}")
        else:
            snapshot.save(force_insert=True)
        audit.record(
            organization=None, actor=actor, verb=f"prices.{snapshot.state}", target=snapshot,
            after={"source": file.source, "version": file.version, "origin": file.origin, "problems": snapshot.problems,
                   "opened": snapshot.opened_count, "closed": snapshot.closed_count},
        )  # fmt: skip
    if snapshot.state == SnapshotState.REJECTED:
        log.error("price_file_rejected", source=file.source, origin=file.origin, problems=snapshot.problems)
    return snapshot


def _judged(file: File, last: PriceSnapshot | None, actor: Actor, force: bool) -> PriceSnapshot:
    problems = list(file.problems)
    if not problems and file.source == PriceSource.LITELLM:
        problems = band_problems(_known(file.source) if last else {}, file.statements)
    is_good = not problems or (force and not file.problems)
    return PriceSnapshot(
        source=file.source, version=file.version[:60], origin=file.origin[:500], digest=file.digest,
        state=SnapshotState.ACCEPTED if is_good else SnapshotState.REJECTED, problems=problems,
        models_count=len({one.subject[:2] for one in file.statements}),
        imported_by=actor if isinstance(actor, User) else None,
    )  # fmt: skip


def _book(snapshot: PriceSnapshot, statements: Sequence[Statement]) -> None:
    now = datetime.now(UTC)
    rows = PriceRate.objects.filter(source=snapshot.source, valid_to=None).defer("snapshot", "currency")
    open_rows = {_subject(row): row for row in rows}
    opened: list[Statement] = []
    closed: dict[datetime, list[UUID]] = {}
    is_first = not open_rows
    for one in statements:
        row = open_rows.get(one.subject)
        if row is None:
            if is_first or one.valid_to is None:
                opened.append(one)
        elif one.valid_to is None and row.amount != one.amount:
            is_later = one.valid_from is not None and (row.valid_from is None or one.valid_from > row.valid_from)
            begins = one.valid_from if is_later and one.valid_from else now
            closed.setdefault(begins, []).append(row.pk)
            opened.append(one._replace(valid_from=begins))
    snapshot.opened_count, snapshot.closed_count = len(opened), sum(map(len, closed.values()))
    snapshot.save(force_insert=True)
    for instant, ids in closed.items():
        PriceRate.objects.filter(pk__in=ids).update(valid_to=instant)
    PriceRate.objects.bulk_create([_row(snapshot, one) for one in opened], batch_size=INSERT)


def _row(snapshot: PriceSnapshot, one: Statement) -> PriceRate:
    subject = one.subject
    return PriceRate(
        source=snapshot.source, provider=subject.provider, model=subject.model, context=subject.context,
        meter=subject.meter, above_tokens=subject.above, amount=one.amount, valid_from=one.valid_from,
        valid_to=one.valid_to, snapshot=snapshot,
    )  # fmt: skip


def _subject(row: PriceRate) -> Subject:
    return Subject(row.provider, row.model, row.context, row.meter, row.above_tokens)


def _known(source: str) -> dict[Subject, Decimal]:
    rows = PriceRate.objects.filter(source=source, valid_to=None)
    columns = ("provider", "model", "context", "meter", "above_tokens", "amount")
    return {Subject(*row[:5]): row[5] for row in rows.values_list(*columns)}


def _alone(source: str) -> None:
    """One import of a list at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"prices:{source}"])


# ---- refreshing ------------------------------------------------------------------------------------------------------
def refresh(files: Iterable[File], *, actor: Actor = None, force: bool = False) -> list[PriceSnapshot]:
    """Import the files and look again where the lists differ."""
    found = [import_file(file, actor=actor, force=force) for file in files]
    reviews.compare_lists()
    return found


def refresh_when_due() -> int:
    """What this release brings, once; `settings.PRICES_URL`, if there is one, once a day. How many files were read."""
    done = 0
    newest = {
        (PriceSource.GENAI_PRICES, genai_source().partition("@")[2]), (PriceSource.LITELLM, read_bundle().version)
    }  # fmt: skip
    known = set(PriceSnapshot.objects.filter(origin=BUNDLED).values_list("source", "version"))
    if not newest <= known:
        done += len(refresh(file for file in bundled_files() if (file.source, file.version) not in known))
    if settings.PRICES_URL:
        job = jobs.claim(KIND, datetime.now(UTC).date().isoformat(), 600.0)
        if job is not None:
            snapshot = refresh([fetch_litellm(settings.PRICES_URL)])[0]
            jobs.finish(job, {"snapshot": str(snapshot.pk), "state": snapshot.state})
            done += 1
    return done
