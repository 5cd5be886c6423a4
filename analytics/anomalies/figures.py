"""Hourly figures of an organization as the watch wants them, read through the metrics layer, kept between scans."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from analytics.anomaly.frame import PERCENTILES, SUMS, WHOLE, Frame, Scope, empty
from analytics.query import Filter, Query, Result, run
from analytics.query import scope as scopes
from gateway.models import Model, Organization, VirtualKey

HOUR = timedelta(hours=1)
MEASURES = {
    "requests": "requests", "errors": "errors", "tokens": "total_tokens", "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens", "cache_hits": "cache_hits", "cost": "cost", "list_cost": "list_cost",
}  # fmt: skip
DIMENSIONS = ("team", "project", "api_key", "provider", "model")
WITH_PERCENTILES = ("organization", "provider", "model")
MOST_POINTS = 190_000
MOST_VALUES = 200
assert set(MEASURES) == set(SUMS)


def read(organization: Organization, start: datetime, end: datetime) -> Frame:
    """Whole hours of `[start, end)` by every dimension: the dearest `MOST_VALUES` values of each. Money of other
    currencies is converted. One statement for each dimension, and one for which model served. Raises QueryError."""
    hours = round((end - start) / HOUR)
    view = scopes.whole_of(organization)
    results = {WHOLE[0]: _ask(organization, view, start, end, ())}
    results |= {name: _ask(organization, view, start, end, (name,)) for name in DIMENSIONS}
    found = [WHOLE]
    for name in DIMENSIONS:
        found += [
            (name, str(group.dimensions[name]))
            for group in results[name].groups
            if not group.is_other and group.dimensions[name] is not None
        ]
    frame = empty(start, found, hours)
    rows = {scope: row for row, scope in enumerate(found)}
    for name, result in results.items():
        _fill(frame, rows, name, result)
    return replace(frame, served=_served(organization, view, start, end, hours))


def _ask(
    organization: Organization, view: scopes.Scope, start: datetime, end: datetime, dimensions: tuple[str, ...]
) -> Result:
    hours = round((end - start) / HOUR)
    name = dimensions[0] if dimensions else WHOLE[0]
    measures = [*MEASURES.values(), *(PERCENTILES if name in WITH_PERCENTILES else ())]
    query = Query(
        measures=measures, start=start, end=end, granularity="hour", dimensions=dimensions, order="-cost",
        limit=max(1, min(MOST_VALUES, MOST_POINTS // hours - 1)), organization=organization,
    )  # fmt: skip
    return run(AnonymousUser(), query, scope=view, is_fresh=True)


def _fill(frame: Frame, rows: Mapping[Scope, int], dimension: str, result: Result) -> None:
    for point in result.series:
        value = point.dimensions.get(dimension, "")
        row = rows.get((dimension, str(value)) if dimension != WHOLE[0] else WHOLE)
        if row is None:
            continue
        hour = round((point.time - frame.start) / HOUR)
        for figure, measure in MEASURES.items():
            frame.figures[figure][row, hour] = float(point.measures[measure] or 0)
        for name in PERCENTILES:
            measured = point.measures.get(name)
            if measured is not None:
                frame.figures[name][row, hour] = float(measured)


def _served(
    organization: Organization, view: scopes.Scope, start: datetime, end: datetime, hours: int
) -> dict[str, dict[str, np.ndarray]]:
    """Requests by hour of what was asked for and what served it."""
    query = Query(
        measures=["requests"], start=start, end=end, granularity="hour", dimensions=("model_requested", "model"),
        filters=(Filter("kind", "eq", ("attempt",)),), limit=max(1, min(MOST_VALUES, MOST_POINTS // hours - 1)),
        organization=organization,
    )  # fmt: skip
    found: dict[str, dict[str, np.ndarray]] = {}
    for point in run(AnonymousUser(), query, scope=view, is_fresh=True).series:
        alias, model = point.dimensions["model_requested"], point.dimensions["model"]
        if alias is None or model is None or not point.measures["requests"]:
            continue
        series = found.setdefault(str(alias), {}).setdefault(str(model), np.zeros(hours))
        series[round((point.time - start) / HOUR)] = float(point.measures["requests"] or 0)
    return found


def joined(kept: Frame, fresh: Frame, since: datetime) -> Frame:
    """`kept` up to the start of `fresh`, then `fresh`; from `since` on."""
    end = fresh.start + fresh.hours * HOUR
    hours = round((end - since) / HOUR)
    named = list(dict.fromkeys([WHOLE, *kept.scopes, *fresh.scopes]))
    frame = empty(since, named, hours)
    rows = {scope: row for row, scope in enumerate(named)}
    served: dict[str, dict[str, np.ndarray]] = {}
    for part, until in ((kept, fresh.start), (fresh, end)):
        first, last = round((part.start - since) / HOUR), round((until - since) / HOUR)
        at, of = slice(max(0, first), last), slice(max(0, -first), last - first)
        mine = [rows[scope] for scope in part.scopes]
        for name, values in part.figures.items():
            frame.figures[name][mine, at] = values[:, of]
        for alias, models in part.served.items():
            for model, series in models.items():
                served.setdefault(alias, {}).setdefault(model, np.zeros(hours))[at] = series[of]
    return replace(frame, served=served)


def packed(frame: Frame) -> bytes:
    """For keeping. Figures to single precision are exact enough to compare hours by."""
    names = [(alias, model) for alias, models in sorted(frame.served.items()) for model in sorted(models)]
    served = np.array([frame.served[alias][model] for alias, model in names]).reshape(len(names), frame.hours)
    head = {"start": frame.start.isoformat(), "scopes": list(frame.scopes), "served": names}
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in frame.figures.items()}
    np.savez_compressed(file, head=np.array(json.dumps(head)), served=served.astype(np.float32), **arrays)
    return file.getvalue()


def unpacked(kept: bytes) -> Frame:
    with np.load(io.BytesIO(kept), allow_pickle=False) as file:
        head = json.loads(str(file["head"]))
        figures = {name: file[name].astype(np.float64) for name in (*SUMS, *PERCENTILES)}
        counts = file["served"].astype(np.float64)
    served: dict[str, dict[str, np.ndarray]] = {}
    for (alias, model), series in zip(head["served"], counts, strict=True):
        served.setdefault(alias, {})[model] = series
    scopes_ = [(str(dimension), str(value)) for dimension, value in head["scopes"]]
    return Frame(datetime.fromisoformat(head["start"]).astimezone(UTC), scopes_, figures, served)


def parents(organization: Organization, named: Iterable[Scope]) -> dict[Scope, set[Scope]]:
    """What lies in what: keys in projects and teams, models in their provider. Two queries."""
    found: dict[Scope, set[Scope]] = {}
    keys = VirtualKey.objects.filter(organization=organization).values_list("pk", "project_id", "project__team_id")
    for key, project, team in keys:
        above: set[Scope] = {("project", str(project)), ("team", str(team))}
        found["api_key", str(key)] = above
        found["project", str(project)] = {("team", str(team))}
    models = Model.objects.filter(Q(organization=organization) | Q(organization=None))
    for name, upstream, provider in models.values_list("name", "upstream_name", "provider__slug"):
        for called in (name, upstream):
            found.setdefault(("model", called), set()).add(("provider", provider))
    return {scope: above for scope, above in found.items() if scope in set(named)}


def owner(organization: Organization, scope: Scope) -> tuple[UUID | None, UUID | None]:
    """The team that a scope lies in and the person whose key it is, for who may see it. One query at most."""
    dimension, value = scope
    if dimension == "team":
        return UUID(value), None
    if dimension not in ("project", "api_key"):
        return None, None
    column = "pk" if dimension == "api_key" else "project"
    row = (
        VirtualKey.objects.filter(organization=organization, **{column: value})
        .values_list("project__team_id", "user_id")
        .first()
    )
    if row is None:
        return None, None
    return row[0], row[1] if dimension == "api_key" else None
