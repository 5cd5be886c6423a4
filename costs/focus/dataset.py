"""The export dataset `focus`: charges of a window as FOCUS 1.4 Cost and Usage rows, of what the requester may see."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from analytics.exports.datasets.base import WINDOW, View, window_of
from analytics.exports.table import Table
from costs.focus import reading
from costs.focus.rows import COLUMNS, Names, Vendor, row_of
from gateway.choices import ProviderKind
from gateway.models import Organization, Project, Provider, Team, VirtualKey
from gateway.services.errors import Invalid

_CLOUDS = {ProviderKind.BEDROCK.value: "Amazon Web Services", ProviderKind.AZURE.value: "Microsoft"}
_OWN = {
    ProviderKind.VLLM.value, ProviderKind.OLLAMA.value, ProviderKind.COMPATIBLE.value, ProviderKind.LOCAL_HEAD.value,
}  # fmt: skip
"""Kinds that are a wire format, or this installation, and no vendor."""


class FocusDataset:
    """One row for each hour, key, model, meter and price. Oldest first."""

    name = "focus"
    label = "FOCUS 1.4 cost and usage"
    formats: tuple[str, ...] = ("csv", "ndjson", "json", "parquet")
    asks_window = True

    def check(self, question: Mapping[str, Any], view: View) -> None:
        window(question)

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        start, end = window(question)
        missing = reading.unpriced(view.scope, start, end)
        return Table(
            title=f"FOCUS 1.4 cost and usage, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", columns=COLUMNS,
            rows=_rows(view, start, end), currency=view.scope.currency,
            notes=[f"{missing:,} lines have no price and are not in it."] if missing else [],
        )  # fmt: skip


def window(question: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Start and exclusive end. Raises `Invalid`."""
    unknown = sorted(set(question) - set(WINDOW))
    if unknown:
        raise Invalid("filter_unknown", f"There is no filter {unknown[0]!r}.", field=f"query.{unknown[0]}")
    return window_of(question)


def _rows(view: View, start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
    names = names_of(view.organization)
    for item in reading.read(view.scope, start, end):
        row = row_of(item, names)
        if row is not None:
            yield [row[column.name] for column in COLUMNS]


def names_of(organization: Organization) -> Names:
    """What the rows' ids are called today. Five queries."""
    return Names(
        organization=organization.name,
        teams=dict(Team.objects.filter(organization=organization).values_list("pk", "name")),
        projects=dict(Project.objects.filter(organization=organization).values_list("pk", "name")),
        keys=dict(VirtualKey.objects.filter(organization=organization).values_list("pk", "name")),
        vendors=_vendors(organization),
    )


def _vendors(organization: Organization) -> dict[str, Vendor]:
    """By slug; the organization's own provider stands before the platform's."""
    found = {}
    for own in (None, organization):
        for provider in Provider.objects.filter(organization=own).only("slug", "name", "kind", "options"):
            cloud = _CLOUDS.get(provider.kind)
            seller = cloud or (provider.name if provider.kind in _OWN else provider.get_kind_display())
            region = str((provider.options or {}).get("region") or "")
            found[provider.slug] = Vendor(provider.name, seller, cloud or seller, region)
    return found
