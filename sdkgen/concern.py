"""Which changes concern an organization, as far as its own records say: calls in the ledger by client library and
endpoint, and what management keys changed in the audit trail. Only what the asker may see counts.

The records hold endpoints and not fields, writes and not reads; what follows from that is said (`LIMITS`), not guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, Max

from analytics.answers.questions import Questions
from analytics.query import Filter, Query
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.models import AuditEvent, Organization, VirtualKey
from sdkgen.ir.nodes import Api, Method
from sdkgen.versions import Change

State = Literal["concerns", "maybe", "not_seen", "unknown"]
WINDOW = timedelta(days=90)
MOST = 1_000
OBJECTS: Mapping[str, str] = {
    "alertrule": "alerts", "allocationrule": "allocation_rules", "annotation": "annotations",
    "bodypolicy": "body_policies",
    "budget": "budgets", "cachepolicy": "cache_policies", "commitment": "commitments", "costcenter": "cost_centers",
    "declaredtag": "declared_tags", "exchangerate": "exchange_rates", "guardrail": "guardrails",
    "invitation": "invitations", "invoice": "invoices", "membership": "memberships", "model": "models",
    "organization": "organizations", "priceoverride": "prices", "project": "projects", "provider": "providers",
    "ratelimit": "rate_limits", "report": "reports", "route": "routes", "team": "teams",
    "tuningjob": "fine_tuning", "tuningfile": "fine_tuning", "unitmetric": "unit_metrics", "virtualkey": "api_keys",
}  # fmt: skip
"""Kind of an audited object → the place below `client.manage` that writes it."""
LIMITS = (
    "The ledger keeps the endpoint of a call and not its fields: a change counts as yours when its endpoint was called "
    "by this language's SDK, whether or not the field was used.",
    "Reads over the management API leave no record; of writes the kind of object is known, and not which library sent "
    "them.",
    "Files, uploads and batches are not calls of models and are not counted by library.",
    "Clients that switched their telemetry header off, and other libraries, are not among the calls of this SDK.",
)


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one endpoint by one version of the SDK. `last_seen`: the day."""

    endpoint: str
    version: str
    requests: int
    keys: tuple[UUID, ...]
    models: tuple[str, ...]
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Writes:
    """What management keys changed of one kind of object."""

    place: str
    count: int
    keys: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Records:
    """What is known. `writes` None: the asker may not read the audit trail. `key_names` of the keys the asker sees."""

    language: str
    start: datetime
    end: datetime
    uses: tuple[Use, ...]
    writes: tuple[Writes, ...] | None
    key_names: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Concern:
    """Of one change. Counts are of the window; `text` is a sentence."""

    state: State
    text: str
    requests: int = 0
    last_seen: datetime | None = None
    versions: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def records(user: Any, organization: Organization, language: str, now: datetime | None = None) -> Records:
    """Up to four statements."""
    end = now or datetime.now(UTC)
    start = end - WINDOW
    uses = _uses(Questions(user, organization), language, start, end)
    keys = {key for use in uses for key in use.keys}
    rows = VirtualKey.objects.visible_to(user).filter(organization=organization, pk__in=keys) if keys else []
    return Records(language, start, end, uses, _writes(user, organization, start), {row.pk: row.name for row in rows})


def _uses(questions: Questions, language: str, start: datetime, end: datetime) -> tuple[Use, ...]:
    query = Query(
        measures=("requests",), dimensions=("sdk", "endpoint", "api_key", "model_requested"), granularity="day",
        filters=(Filter("sdk", "contains", [f"{language}/"]),), start=start, end=end, limit=MOST,
    )  # fmt: skip
    found: dict[tuple[str, str], list[Any]] = {}
    for point in questions.ask(query).series:
        sdk, endpoint = str(point.dimensions.get("sdk") or ""), str(point.dimensions.get("endpoint") or "")
        requests = int(point.measures["requests"] or 0)
        name, _, version = sdk.partition("/")
        if name != language or not requests:
            continue
        kept = found.setdefault((endpoint, version), [0, set(), set(), point.time])
        kept[0] += requests
        if key := point.dimensions.get("api_key"):
            kept[1].add(UUID(str(key)))
        if model := point.dimensions.get("model_requested"):
            kept[2].add(str(model))
        kept[3] = max(kept[3], point.time)
    return tuple(
        Use(endpoint, version, count, tuple(sorted(keys)), tuple(sorted(models)), last)
        for (endpoint, version), (count, keys, models, last) in sorted(found.items())
    )


def _writes(user: Any, organization: Organization, start: datetime) -> tuple[Writes, ...] | None:
    rows = AuditEvent.objects.visible_to(user).filter(organization=organization, at__gte=start)
    found = rows.exclude(actor_key_id=None).values("object_type").annotate(
        count=Count("id"), keys=Count("actor_key_id", distinct=True), last=Max("at")
    )  # fmt: skip
    kept = [Writes(OBJECTS[row["object_type"]], row["count"], row["keys"], row["last"]) for row in found
            if row["object_type"] in OBJECTS]  # fmt: skip
    if not kept and not rows.exists():
        return None
    return tuple(kept)


def concerns(changes: Iterable[Change], apis: tuple[Api, Api], known: Records, to_version: str) -> list[Concern]:
    """One for each change, in their order."""
    methods: dict[str, tuple[tuple[str, ...], Method]] = {}
    for api in apis:
        methods |= {method.id: (one.path, method) for one in api.resources for method in one.methods}
    uses = [use for use in known.uses if _is_older(use.version, to_version)]
    return [_concern([methods[one] for one in change.operations if one in methods], uses, known) for change in changes]


def _concern(reached: Sequence[tuple[tuple[str, ...], Method]], uses: Sequence[Use], known: Records) -> Concern:
    paths = {method.path for _, method in reached}
    mine = [use for use in uses if use.endpoint in paths]
    if mine:
        return _called(mine, known)
    places = {path[1] for path, _ in reached if path[0] == "manage" and len(path) > 1}
    written = [one for one in known.writes or () if one.place in places]
    if written:
        count, last = sum(one.count for one in written), max(one.last_seen for one in written)
        return Concern(
            "maybe", f"Management keys changed such objects {count} times; with which library is not known.",
            requests=count, last_seen=last,
        )  # fmt: skip
    if reached and paths <= set(ENDPOINTS):
        return Concern("not_seen", f"No call of it by this SDK within {WINDOW.days} days that you may see.")
    if places:
        return Concern("unknown", "Whether you call it is not recorded: it belongs to the management API.")
    return Concern("unknown", "Whether you use it is not recorded.")


def _called(mine: Sequence[Use], known: Records) -> Concern:
    requests = sum(use.requests for use in mine)
    keys = {key for use in mine for key in use.keys}
    last = max((use.last_seen for use in mine if use.last_seen is not None), default=None)
    versions = tuple(sorted({use.version for use in mine}))
    return Concern(
        "concerns",
        f"{requests:,} calls of it by this SDK ({', '.join(versions)}), last on {last:%Y-%m-%d}." if last else "",
        requests, last, versions, tuple(sorted({use.endpoint for use in mine})),
        tuple(sorted({model for use in mine for model in use.models})),
        tuple(sorted(known.key_names[key] for key in keys if key in known.key_names)),
    )  # fmt: skip


def _is_older(version: str, than: str) -> bool:
    """A version that is no three numbers is taken for an older one: it may be."""
    try:
        return [int(part) for part in version.split(".")] < [int(part) for part in than.split(".")]
    except ValueError:
        return True
