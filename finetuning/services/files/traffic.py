"""A training file of what a project's applications asked and were answered: with consent, redacted, sampled.

Three things have to agree: the body policy of the project allows training, whoever asks says so too, and the request
was not tagged `consent=no`. Bodies are read through `gateway.services.bodies`, so every reading is an audit event.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO, cast
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Avg, QuerySet
from django.utils import timezone

from finetuning.choices import FileOrigin, FilePurpose
from finetuning.models import TuningFile
from finetuning.quality.mend.repairs import redacted
from finetuning.quality.text import hashed, normalized
from finetuning.services.files.storing import create_file
from finetuning.traffic import TRAITS, Drift, NotAnExample, drift, example_of, sample, traits_of
from finetuning.traffic.sampling import PROPORTIONAL
from gateway.choices import LineKind, LineStatus
from gateway.guardrails.texts import change_every
from gateway.models import LedgerLine, Project, QualityScore, User
from gateway.services import bodies
from gateway.services.audit import Actor
from gateway.services.bodies import Bodies
from gateway.services.errors import Conflict, Forbidden, Invalid

CHUNK = 200
MAX_CANDIDATES = 100_000
"""Of a window with more requests the newest are looked at."""
COMPARED = 1_000
COMPARED_FOR = timedelta(days=7)
CONSENT_TAG = "consent"
WITHDRAWN = frozenset({"no", "false", "0", "denied", "withdrawn", "none"})
MODEL = "model"
STRATA = (MODEL, *TRAITS)
COLUMNS = ("id", "request_id", "tag_set", "model_served")
Say = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which requests. The window is half-open and in UTC; what is empty does not restrict. `tags`: all have to be on
    the request. A score: the average of those named so (and of that source) is at least `min_score`, or one of them
    has one of `labels`. `is_successful`: only requests that ended well."""

    start: datetime
    end: datetime
    models: Sequence[str] = ()
    routes: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    score_name: str = ""
    score_source: str = ""
    min_score: Decimal | None = None
    labels: Sequence[str] = ()
    is_successful: bool = True

    @property
    def is_by_score(self) -> bool:
        return self.min_score is not None or bool(self.labels)


@dataclass(frozen=True, slots=True)
class Sampling:
    """At most `size` examples (None: all), in the shares of their strata. `stratify_by`: of `STRATA`."""

    size: int | None = None
    stratify_by: Sequence[str] = TRAITS
    allocation: str = PROPORTIONAL
    seed: int = 0


@dataclass(slots=True)
class _Found:
    """Candidates in a temporary file, and what is known of each."""

    spool: BinaryIO
    places: list[tuple[int, int]] = field(default_factory=list)
    traits: list[dict[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    redactions: int = 0

    def add(self, record: Mapping[str, Any], model: str) -> None:
        clean = change_every(dict(record), redacted)
        raw = orjson.dumps(clean)
        key = hashed(normalized(orjson.dumps(clean["messages"]).decode()))
        if key in self.seen:
            self.skipped["duplicate"] += 1
            return
        self.seen.add(key)
        self.redactions += clean != record
        self.places.append((self.spool.tell(), len(raw)))
        self.traits.append({**traits_of(clean), MODEL: model})
        self.spool.write(raw)

    def lines(self, taken: Sequence[int]) -> Iterator[bytes]:
        for place in taken:
            start, size = self.places[place]
            self.spool.seek(start)
            yield self.spool.read(size) + b"\n"


def check_consent(*, project: Project, consent: bool) -> None:
    """Raises `Invalid` (`consent_required`), `Forbidden` (`training_not_allowed`)."""
    if not consent:
        message = "Say `consent: true` when those whose words these are have agreed to their use for training."
        raise Invalid("consent_required", message, field="consent")
    policy = bodies.policy_of(project)
    if policy is None or not policy.allows_training:
        message = "The project's body policy does not allow training: an administrator sets `allows_training`."
        raise Forbidden("training_not_allowed", message, field="project")


def requests_of(project: Project, chosen: Chosen) -> QuerySet[LedgerLine]:
    """Final lines of the requests that are meant, newest first; tags and scores are looked at later."""
    rows = LedgerLine.objects.filter(
        organization=project.organization_id, project=project.pk, started_at__gte=chosen.start,
        started_at__lt=chosen.end, is_final=True,
    ).exclude(kind=LineKind.DENIED)  # fmt: skip
    if chosen.is_successful:
        rows = rows.filter(status=LineStatus.OK)
    if chosen.models:
        rows = rows.filter(model_served__in=chosen.models)
    if chosen.routes:
        rows = rows.filter(route__in=chosen.routes)
    for key, value in chosen.tags.items():
        rows = rows.filter(tag_set__contains={key: value})
    return rows.order_by("-started_at", "-id")


def build_from_traffic(
    *, project: Project, name: str, chosen: Chosen, consent: bool, sampling: Sampling | None = None,
    created_by: User | None, actor: Actor, parent: TuningFile | None = None, say: Say = lambda share: None,
    then: Callable[[TuningFile], None] = lambda file: None,
) -> TuningFile:  # fmt: skip
    """Store the file; its lineage says how it was made. `say`: called with how far it is, 0 to 1; `then`: in the
    transaction that stores the file, and not in that of the readings, whose audit events stay whatever happens. Raises
    as `check_consent`, `Conflict` (`nothing_found`), and as `create_file`."""
    check_consent(project=project, consent=consent)
    sampling = sampling or Sampling()
    with tempfile.TemporaryFile(prefix="traffic-") as spool:
        found = _Found(cast("BinaryIO", spool))
        _gather(project, chosen, found, actor, say)
        if not found.places:
            told = ", ".join(f"{code} {count:,}" for code, count in found.skipped.most_common() if count)
            message = f"No request of the window can be an example ({told or 'no request'})."
            raise Conflict("nothing_found", message)
        taken = _sampled(found, sampling)
        now = timezone.now()
        compared = drift([found.traits[place] for place in taken], _traffic(project, now, actor))
        say(0.95)
        lineage = _lineage(chosen, sampling, found, len(taken), compared, now)
        with transaction.atomic():
            file = create_file(
                project=project, name=name, purpose=FilePurpose.FINE_TUNE, content=found.lines(taken),
                created_by=created_by, origin=FileOrigin.TRAFFIC, parent=parent, lineage=lineage, actor=actor,
            )  # fmt: skip
            then(file)
        return file


def sample_traffic(*, project: Project, chosen: Chosen, size: int, seed: int, actor: Actor) -> list[dict[str, Any]]:
    """Examples of a sample of the requests, redacted and without repeats, oldest first; nothing is stored. Raises as
    `check_consent`, of which the caller has the word, and `Conflict` (`nothing_found`)."""
    check_consent(project=project, consent=True)
    with tempfile.TemporaryFile(prefix="traffic-") as spool:
        found = _Found(cast("BinaryIO", spool))
        _gather(project, chosen, found, actor, lambda share: None)
        if not found.places:
            raise Conflict("nothing_found", "No request of the window can be an example.")
        taken = _sampled(found, Sampling(size=size, seed=seed))
        return [orjson.loads(line) for line in found.lines(sorted(taken))]


def _sampled(found: _Found, sampling: Sampling) -> list[int]:
    size = len(found.places) if sampling.size is None else sampling.size
    strata = [tuple(traits[name] for name in sampling.stratify_by) for traits in found.traits]
    return sample(strata, size, seed=sampling.seed, allocation=sampling.allocation)


def _gather(project: Project, chosen: Chosen, found: _Found, actor: Actor, say: Say) -> None:
    """Oldest first within the newest `MAX_CANDIDATES`. Five queries for each `CHUNK` requests."""
    lines = list(
        requests_of(project, chosen).values_list("id", "request_id", "tag_set", "model_served")[:MAX_CANDIDATES]
    )
    lines.reverse()
    for start in range(0, len(lines), CHUNK):
        for model, body in _bodies(project, lines[start : start + CHUNK], chosen, found.skipped, actor):
            try:
                found.add(_example(body), model)
            except NotAnExample as error:
                found.skipped[error.code] += 1
        say(0.9 * min(1.0, (start + CHUNK) / len(lines)))


def _bodies(
    project: Project, lines: Sequence[tuple[Any, ...]], chosen: Chosen, skipped: Counter[str], actor: Actor
) -> Iterator[tuple[str, Bodies]]:
    """With the model that answered; of a request id that was used twice the newest body."""
    wanted = [line for line in lines if not is_withdrawn(line[2])]
    skipped["consent_withdrawn"] += len(lines) - len(wanted)
    if chosen.is_by_score:
        liked = _liked(project, [line[0] for line in wanted], chosen)
        skipped["score"] += sum(line[0] not in liked for line in wanted)
        wanted = [line for line in wanted if line[0] in liked]
    ids = [line[1] for line in wanted]
    kept = {
        body.request_id: body
        for body in bodies.read_for(project=project, request_ids=ids, actor=actor, purpose="training file")
    }
    for _, request_id, _, model in wanted:
        if (body := kept.pop(request_id, None)) is not None:
            yield model or "", body
        else:
            skipped["no_body"] += 1


def is_withdrawn(tags: Mapping[str, Any] | None) -> bool:
    """Whether a request was tagged as one that may not be learned from."""
    return str((tags or {}).get(CONSENT_TAG, "")).strip().lower() in WITHDRAWN


def _liked(project: Project, lines: Sequence[UUID], chosen: Chosen) -> set[UUID]:
    rows = QualityScore.objects.filter(organization=project.organization_id, line__in=lines)
    if chosen.score_name:
        rows = rows.filter(name=chosen.score_name)
    if chosen.score_source:
        rows = rows.filter(source=chosen.score_source)
    liked: set[UUID] = set()
    if chosen.min_score is not None:
        averages = rows.order_by().values("line").annotate(mean=Avg("score")).filter(mean__gte=chosen.min_score)
        liked |= set(averages.values_list("line", flat=True))
    if chosen.labels:
        liked |= set(rows.filter(label__in=chosen.labels).values_list("line", flat=True))
    return liked


def _example(body: Bodies) -> dict[str, Any]:
    if body.request is None or body.response is None:
        raise NotAnExample("unreadable")
    return example_of(body.endpoint, body.request, body.response)


def _traffic(project: Project, now: datetime, actor: Actor) -> list[dict[str, str]]:
    """Traits of the newest requests of the last week that ended well, whatever was chosen."""
    recent = Chosen(now - COMPARED_FOR, now)
    lines = list(requests_of(project, recent).values_list(*COLUMNS)[:COMPARED])
    found = []
    for start in range(0, len(lines), CHUNK):
        for _, body in _bodies(project, lines[start : start + CHUNK], recent, Counter(), actor):
            try:
                found.append(traits_of(_example(body)))
            except NotAnExample:
                continue
    return found


def _lineage(
    chosen: Chosen, sampling: Sampling, found: _Found, taken: int, compared: Drift, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """Plain JSON."""
    told = {
        "made_by": "from-traffic", "filter": asdict(chosen), "consent": True, "consented_at": now,
        "sample": {**asdict(sampling), "taken": taken}, "candidates": len(found.places),
        "redacted": found.redactions, "skipped": {code: count for code, count in found.skipped.items() if count},
        "drift": asdict(compared),
    }  # fmt: skip
    plain: dict[str, Any] = orjson.loads(orjson.dumps(told, default=str))
    return plain
