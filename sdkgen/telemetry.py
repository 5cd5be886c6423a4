"""Who calls with which library, read from the ledger and the audit trail: versions in use, retries, how soon a new key
works. What callers do not send (other libraries, `telemetry=False`) is not known and not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import quantiles
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Func, Max, Min, Q, QuerySet, Sum, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Concat, TruncHour

from analytics.answers.questions import Questions
from analytics.query import Note, Query
from gateway.choices import LineKind, LineStatus, Role
from gateway.models import AuditEvent, Job, LedgerLine, VirtualKey
from gateway.querysets import organizations_of
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release

MOST_LINES = 2_000_000
STORM_RETRIES = 20
STORM_SHARE = 0.2
MOST_ROWS = 200
SAID = 12
"""Digits of a document's hash that SDKs say."""
REQUEST = ~Q(kind=LineKind.DENIED)
FAILED = Q(status__in=[LineStatus.CLIENT_ERROR, LineStatus.UPSTREAM_ERROR, LineStatus.TIMEOUT, LineStatus.INTERRUPTED])
OURS, REPEAT = Q(sdk_about__isnull=False), Q(sdk_about__retry__gt=0)
SHORTER = "The window holds more than 2,000,000 requests; the figures are of its newest days, since {since:%Y-%m-%d}."
NOT_AUDITED = Note("downloads_for_administrators", "downloads is null: they are read from the audit trail.")
NOT_SAID = Note("other_libraries", "Retries and runtimes are known of this gateway's own SDKs alone.")


@dataclass(frozen=True, slots=True)
class Used:
    """One library and version. `requests` and `errors` as everywhere, `denied` besides; `clients` are keys at
    addresses. `retries` of requests and denied together; null for libraries that do not tell."""

    sdk: str | None
    language: str | None
    version: str | None
    standing: str
    requests: int
    errors: int
    error_rate: float | None
    denied: int
    clients: int
    keys: int
    retries: int | None
    retry_rate: float | None
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where one of our SDKs runs."""

    sdk: str
    runtime: str | None
    os: str | None
    requests: int


@dataclass(frozen=True, slots=True)
class Storm:
    """An hour in which a fifth or more of a library's requests were repeats."""

    sdk: str
    hour: datetime
    requests: int
    retries: int
    share: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Requests of SDKs that were made from one document of the API; `version`: the release that has it, if one has."""

    document: str
    version: str | None
    is_current: bool
    requests: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class FirstSuccess:
    """From making a key to its first good answer, of the keys made in the window. Seconds."""

    keys: int
    succeeded: int
    failed_only: int
    unused: int
    p50_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Packages that were fetched."""

    language: str
    version: str
    count: int
    last_at: datetime


def telemetry(questions: Questions, query: Query, document_sha: str) -> dict[str, Any]:
    """Answers for `[query.start, query.end)`. `document_sha`: of the document that runs now. Ten statements at most
    besides the scope's."""
    start = _since(questions, query)
    lines = _lines(questions, start, query.end)
    latest = Release.objects.values_list("version", flat=True).first()
    used = _used(lines, latest)
    if any(one.language is None for one in used):
        questions.note(NOT_SAID)
    return {
        "start": start, "end": query.end, "latest": latest, "sdks": used, "runtimes": _runtimes(lines),
        "helpers": _helpers(lines), "retry_storms": _storms(lines), "documents": _documents(lines, document_sha),
        "time_to_first_success": _first_success(questions, query.start, query.end),
        "downloads": _downloads(questions, query.start, query.end), "notes": list(questions.notes),
    }  # fmt: skip


def _since(questions: Questions, query: Query) -> datetime:
    """The start, or the first of the newest days that together hold no more than MOST_LINES; the newest always."""
    asked = replace(query, measures=("requests",), dimensions=(), granularity="day", timezone="UTC", compare_to="none")
    days = questions.ask(asked).series
    total = 0
    for point, later in zip(reversed(days[:-1]), reversed(days[1:]), strict=True):
        total += int(later.measures["requests"] or 0)
        if total + int(point.measures["requests"] or 0) > MOST_LINES:
            since = max(query.start, later.time)
            questions.note(Note("shorter_window", SHORTER.format(since=since)))
            return since
    return query.start


def _lines(questions: Questions, start: datetime, end: datetime) -> QuerySet[LedgerLine]:
    kinds = (LineKind.ATTEMPT, LineKind.CACHE_HIT, LineKind.DENIED)
    lines = LedgerLine.objects.visible_to(questions.user).in_window(start, end)
    found: QuerySet[LedgerLine] = lines.filter(
        organization=questions.organization.pk, is_final=True, kind__in=kinds, origin="gateway"
    ).order_by()
    return found


def _used(lines: QuerySet[LedgerLine], latest: str | None) -> list[Used]:
    address: Any = Func(F("client_ip_hash"), Value("hex"), function="encode", output_field=TextField())
    nothing, blank = (Value(text, output_field=TextField()) for text in ("", " "))
    client = Concat(Cast("api_key", TextField()), blank, Coalesce(address, nothing), output_field=TextField())
    rows = lines.values("sdk").annotate(
        n=Coalesce(Sum("request_count", filter=REQUEST), 0), errors=Count("id", filter=FAILED & REQUEST),
        denied=Count("id", filter=~REQUEST), clients=Count(client, distinct=True),
        keys=Count("api_key", distinct=True), ours=Count("id", filter=OURS), retries=Count("id", filter=REPEAT),
        first=Min("started_at"), last=Max("started_at"),
    )  # fmt: skip
    found = []
    for row in rows.order_by("-n", "sdk")[:MOST_ROWS]:
        language, version = named_sdk(row["sdk"])
        retries = row["retries"] if row["ours"] else None
        found.append(
            Used(
                sdk=row["sdk"],
                language=language,
                version=version,
                standing=standing_of(version, latest),
                requests=row["n"],
                errors=row["errors"],
                error_rate=_share(row["errors"], row["n"]),
                denied=row["denied"],
                clients=row["clients"],
                keys=row["keys"],
                retries=retries,
                retry_rate=None if retries is None else _share(retries, row["n"] + row["denied"]),
                first_seen=row["first"],
                last_seen=row["last"],
            )
        )
    return found


def named_sdk(sdk: str | None) -> tuple[str | None, str | None]:
    """`python/1.0.0` → `("python", "1.0.0")`; other libraries → `(None, None)`."""
    language, _, version = (sdk or "").partition("/")
    return (language, version or None) if language in LANGUAGES else (None, None)


def standing_of(version: str | None, latest: str | None) -> str:
    """`latest`, `older`, `newer` (a package with a version of its own), or `other` where versions say nothing."""
    mine, newest = _numbers(version), _numbers(latest)
    if mine is None or newest is None:
        return "other"
    return "latest" if mine == newest else "older" if mine < newest else "newer"


def _numbers(version: str | None) -> tuple[int, ...] | None:
    parts = (version or "").partition("-")[0].split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(part.isdecimal() for part in parts) else None


def _runtimes(lines: QuerySet[LedgerLine]) -> list[Runtime]:
    rows = lines.filter(OURS).values("sdk", runtime=KT("sdk_about__runtime"), os=KT("sdk_about__os"))
    counted = rows.annotate(n=Count("id")).order_by("-n", "sdk", "runtime", "os")[:MOST_ROWS]
    return [Runtime(row["sdk"] or "", row["runtime"], row["os"], row["n"]) for row in counted]


def _helpers(lines: QuerySet[LedgerLine]) -> list[dict[str, Any]]:
    rows = lines.filter(OURS).values("sdk", helper=KT("sdk_about__helper")).annotate(requests=Count("id"))
    return [dict(row) for row in rows.order_by("-requests", "sdk", "helper")[:MOST_ROWS]]


def _storms(lines: QuerySet[LedgerLine]) -> list[Storm]:
    rows = lines.filter(OURS).annotate(hour=TruncHour("started_at")).values("sdk", "hour")
    counted = rows.annotate(n=Count("id"), retries=Count("id", filter=REPEAT)).filter(retries__gte=STORM_RETRIES)
    found = [
        Storm(row["sdk"] or "", row["hour"], row["n"], row["retries"], row["retries"] / row["n"]) for row in counted
    ]
    storms = [storm for storm in found if storm.share >= STORM_SHARE]
    return sorted(storms, key=lambda storm: (-storm.retries, storm.hour, storm.sdk))[:MOST_ROWS]


def _is_of(said: str, sha: str) -> bool:
    """What SDKs say is the beginning; less of it could be of any document."""
    return len(said) >= SAID and sha.startswith(said)


def _documents(lines: QuerySet[LedgerLine], sha: str) -> list[Drift]:
    rows = lines.filter(OURS, sdk_about__has_key="document").values(document=KT("sdk_about__document"))
    counted = rows.annotate(n=Count("id"), last=Max("started_at")).order_by("-n", "document")[:MOST_ROWS]
    released = Release.objects.values_list("document_sha256", "version")
    return [
        Drift(
            row["document"], next((name for kept, name in released if _is_of(row["document"], kept)), None),
            _is_of(row["document"], sha), row["n"], row["last"],
        )
        for row in counted
    ]  # fmt: skip


def _first_success(questions: Questions, start: datetime, end: datetime) -> FirstSuccess:
    made = VirtualKey.objects.visible_to(questions.user).filter(
        organization=questions.organization, created_at__gte=start, created_at__lt=end
    )
    keys = dict(made.values_list("pk", "created_at"))
    lines = LedgerLine.objects.visible_to(questions.user).in_window(start, end)
    lines = lines.filter(organization=questions.organization.pk, api_key__in=keys, origin="gateway").order_by()
    good = Q(status=LineStatus.OK)
    called = {
        row["api_key"]: row["first"]
        for row in lines.values("api_key").annotate(first=Min("started_at", filter=good))
    }  # fmt: skip
    waits = sorted(
        max(0.0, (first - keys[key]).total_seconds()) for key, first in called.items() if first is not None
    )  # fmt: skip
    return FirstSuccess(
        keys=len(keys), succeeded=len(waits), failed_only=len(called) - len(waits), unused=len(keys) - len(called),
        p50_s=_quantile(waits, 50), p90_s=_quantile(waits, 90),
    )  # fmt: skip


def _downloads(questions: Questions, start: datetime, end: datetime) -> list[Downloaded] | None:
    """By language and version, from the audit trail; None for those who may not read it."""
    administered = organizations_of(questions.user, Role.OWNER, Role.ADMIN)
    if not questions.user.is_superuser and questions.organization.pk not in _ids(administered):
        questions.note(NOT_AUDITED)
        return None
    events = AuditEvent.objects.visible_to(questions.user).filter(
        organization=questions.organization, verb="sdk.download", at__gte=start, at__lt=end
    )
    fetched = {
        UUID(row["object_id"]): row
        for row in events.order_by().values("object_id").annotate(n=Count("id"), last=Max("at"))
    }
    jobs = Job.objects.visible_to(questions.user).filter(pk__in=fetched).values_list("pk", "parameters")
    sums: dict[tuple[str, str], tuple[int, datetime]] = {}
    for pk, parameters in jobs:
        place = (parameters["language"], parameters["config"]["version"])
        count, last = sums.get(place, (0, start))
        sums[place] = (count + fetched[pk]["n"], max(last, fetched[pk]["last"]))
    found = [Downloaded(*place, count, last) for place, (count, last) in sums.items()]
    return sorted(found, key=lambda one: (-one.count, one.language, one.version))


def _ids(organizations: Any) -> set[Any]:
    return {row["organization_id"] if isinstance(row, dict) else row for row in organizations}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quantile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]
