"""The radar of last days: which models that are in use will be switched off, when, and what depends on them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Q

from analytics.answers.questions import Questions
from analytics.query import Filter, Query
from costs.pricing.listing import canonical_provider
from finetuning.choices import Backend, FileOrigin
from finetuning.estimates import sunset_of
from finetuning.models import TunedModel, TuningFile
from gateway.choices import LineKind
from gateway.models import Organization, Provider
from gateway.tokens.names import base_model

WINDOW = timedelta(days=30)
MODELS = 1_000
NO_CALLS = (LineKind.TRAINING, LineKind.GRADER, LineKind.HOSTING, LineKind.COMMITMENT)
SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Row:
    """`answers_until` None: only new jobs end. `requests`, `cost`: of the last 30 days, as far as the asker sees them.
    `golden_at`: when answers of it were last recorded; `state`: off, soon (60 days), later, or jobs_only."""

    model: str
    provider: str
    base_model: str
    is_tuned: bool
    new_jobs_until: date | None
    answers_until: date | None
    source: str
    days_left: int | None
    state: str
    requests: int
    cost: Decimal
    share: float | None
    projects: tuple[str, ...]
    golden_at: datetime | None
    golden_file: str | None
    advice: str


def radar(questions: Questions, now: datetime) -> list[Row]:
    """Models in use and tuned models that have a last day, the nearest first, the most requests first among equals.
    Four statements besides the scope's."""
    organization = questions.organization
    today = now.date()
    used, total = _traffic(questions, now)
    lists = {
        row.slug: canonical_provider(row.price_list or row.kind)
        for row in Provider.objects.filter(Q(organization=organization) | Q(organization=None))
    }
    tuned = {row.name: row for row in TunedModel.objects.visible_to(questions.user).filter(
        organization=organization, archived_at=None).select_related("provider")}  # fmt: skip
    golden = _golden(questions.user, organization)
    found: dict[str, Row] = {}
    for (provider, model), (requests, cost, projects) in used.items():
        row = _row(model, provider, lists.get(provider, provider), tuned.get(model), today)
        if row is not None:
            former = found.get(model)
            before = (former.requests, former.cost, former.projects) if former else (0, Decimal(0), ())
            found[model] = replace(
                row, requests=before[0] + requests, cost=before[1] + cost,
                projects=tuple(sorted({*before[2], *projects})),
            )  # fmt: skip
    for name, one in tuned.items():
        if name not in found:
            slug = one.provider.slug if one.provider else one.backend
            row = _row(name, slug, lists.get(slug, one.backend), one, today)
            if row is not None:
                found[name] = row
    rows = [_with_golden(row, golden, total) for row in found.values()]
    return sorted(rows, key=lambda row: (row.answers_until or date.max, -row.requests, row.model))


Used = dict[tuple[str, str], tuple[int, Decimal, set[str]]]


def _traffic(questions: Questions, now: datetime) -> tuple[Used, int]:
    query = Query(
        measures=("requests", "cost"), dimensions=("provider", "model", "project"),
        filters=(Filter("kind", "not_in", NO_CALLS),), start=now - WINDOW, end=now, limit=MODELS,
    )  # fmt: skip
    result = questions.ask(query)
    used: Used = {}
    for group in result.groups:
        provider, model = group.dimensions["provider"], group.dimensions["model"]
        if group.is_other or not provider or not model:
            continue
        requests, cost, projects = used.setdefault((str(provider), str(model)), (0, Decimal(0), set()))
        measures = group.measures
        if group.dimensions["project"]:
            projects.add(str(group.dimensions["project"]))
        used[str(provider), str(model)] = (
            requests + int(measures["requests"] or 0), cost + Decimal(measures["cost"] or 0), projects,
        )  # fmt: skip
    return used, int(result.totals["requests"] or 0)


def _row(model: str, provider: str, vendor: str, tuned: TunedModel | None, today: date) -> Row | None:
    is_tuned = tuned is not None or model.startswith("ft:")
    base = tuned.base_model if tuned is not None else base_model(model)
    off, jobs, source = None, None, ""
    if tuned is not None and tuned.sunset_on is not None:
        off, source = tuned.sunset_on, tuned.sunset_source
    elif tuned is None or tuned.backend not in (Backend.LOCAL_HEAD, Backend.DICL, Backend.RUNNER):
        sunset = sunset_of(vendor, base)
        if sunset is not None and (is_tuned or sunset.is_with_base):
            off, jobs, source = sunset.answers_until, sunset.new_jobs_until, sunset.source
    if off is None and jobs is None:
        return None
    days = (off - today).days if off else None
    state = "jobs_only" if days is None else "off" if days <= 0 else "soon" if days <= SOON.days else "later"
    return Row(
        model, provider, base, is_tuned, jobs, off, source, days, state, 0, Decimal(0), None, (), None, None, ""
    )  # fmt: skip


def _golden(user: object, organization: Organization) -> Mapping[str, tuple[datetime, str]]:
    """Model → its newest file of recorded answers."""
    rows = TuningFile.objects.live().visible_to(user).filter(organization=organization, origin=FileOrigin.GOLDEN)  # type: ignore[arg-type]
    newest = rows.values("lineage__model").annotate(at=Max("created_at"))
    times = {row["lineage__model"]: row["at"] for row in newest}
    files = rows.filter(created_at__in=list(times.values())).only("id", "created_at", "lineage")
    return {str(file.lineage.get("model")): (file.created_at, str(file.pk)) for file in files}


def _with_golden(row: Row, golden: Mapping[str, tuple[datetime, str]], total: int) -> Row:
    at, file = golden.get(row.model, (None, None))
    share = row.requests / total if total else None
    return replace(row, golden_at=at, golden_file=file, share=share, advice=_advice(row, at))


def _advice(row: Row, golden_at: datetime | None) -> str:
    if row.state == "jobs_only":
        return f"It goes on answering. Start the last trainings before {row.new_jobs_until}."
    if row.state == "off":
        return "It does not answer any more." + (
            "" if golden_at else " Take its answers from the logs, if they are kept."
        )
    if golden_at is None:
        return f"Record its answers now: after {row.answers_until} nobody can."
    return "Its answers are recorded. Tune or choose a successor and compare them."
