"""The export dataset `focus`: charges of a window as FOCUS 1.4 Cost and Usage rows, of what the requester may see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from analytics.exports.datasets.base import WINDOW, View, window_of
from analytics.exports.table import Table
from costs.focus import reading, worth
from costs.focus.committed import Agreed, Shares
from costs.focus.rows import COLUMNS, Names, Summed, Vendor, billed_in, purchase_of, row_of, unused_of
from costs.focus.values import is_currency
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
        read_question(question)

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        asked = read_question(question)
        source = _Source(view, asked, worth.agreed_of(view.organization), worth.Prices(view.organization))
        return Table(
            title=f"FOCUS 1.4 cost and usage, {asked.start:%Y-%m-%d %H:%M} to {asked.end:%Y-%m-%d %H:%M} UTC",
            columns=COLUMNS, rows=source.rows(), currency=asked.currency or view.scope.currency,
            notes=list(source.notes()),
        )  # fmt: skip


class Question(NamedTuple):
    """`currency`: what every row is billed in, converted by the day's rate; empty: as the ledger has it."""

    start: datetime
    end: datetime
    currency: str


def read_question(question: Mapping[str, Any]) -> Question:
    """Raises `Invalid`."""
    unknown = sorted(set(question) - {*WINDOW, "currency"})
    if unknown:
        raise Invalid("filter_unknown", f"There is no filter {unknown[0]!r}.", field=f"query.{unknown[0]}")
    currency = str(question.get("currency") or "").strip().upper()
    if currency and not is_currency(currency):
        raise Invalid("currency", "The currency is a three-letter ISO 4217 code.", field="query.currency")
    return Question(*window_of(question), currency)


@dataclass(frozen=True, slots=True)
class _Source:
    view: View
    asked: Question
    agreed: Mapping[UUID, Agreed]
    prices: worth.Prices

    def rows(self) -> Iterator[Sequence[Any]]:
        for row in self._of_charges():
            billed = self._billed(row) if self.asked.currency else row
            yield [billed[column.name] for column in COLUMNS]

    def _of_charges(self) -> Iterator[dict[str, Any]]:
        names = names_of(self.view.organization)
        shares = worth.shares_of(self.view.organization, self.agreed, self.prices)
        for item in reading.read(self.view.scope, self.asked.start, self.asked.end):
            bought = shares.bought(item)
            if bought is not None:
                yield from _purchase(item, bought, names, shares)
            elif (row := row_of(item, names, shares.covered(item))) is not None:
                yield row

    def _billed(self, row: dict[str, Any]) -> dict[str, Any]:
        """In the currency that is asked for; as it is without a rate of that day."""
        table = self.prices.table(row["BillingCurrency"], self.asked.currency)
        stated = table.on(row["ChargePeriodStart"].date())
        return row if stated is None else billed_in(row, self.asked.currency, stated.factor)

    def notes(self) -> Iterator[str]:
        scope, start, end = self.view.scope, self.asked.start, self.asked.end
        if missing := reading.unpriced(scope, start, end):
            yield f"{missing:,} lines have no price and are not in it."
        if self.asked.currency:
            yield f"Billed in {self.asked.currency} by the rate of each day; without one a row keeps its currency."
        for identity, currency, calls, unlisted in reading.covered_calls(scope, start, end) if self.agreed else ():
            one = self.agreed.get(identity)
            if one is None:
                continue
            if unlisted:
                yield f"{unlisted:,} calls that {one.name} covers have no list price; they carry nothing of its fee."
            if self.prices.table(currency, one.currency).on(start.astimezone(UTC).date()) is None:
                yield (
                    f"{calls:,} calls that {one.name} covers are priced in {currency}; where no exchange rate to "
                    f"{one.currency} is stated they carry nothing of its fee."
                )


def _purchase(item: Summed, bought: Agreed, names: Names, shares: Shares) -> Iterator[dict[str, Any]]:
    """A commitment's day, and what no call reached of it."""
    day = item.bucket.astimezone(UTC).date()
    row = purchase_of(item, names, bought.named("", bought.quantity(day)) if bought.covers else None)
    yield row
    if bought.covers and (left := shares.unused(bought, item.bucket)) is not None:
        yield unused_of(row, *left)


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
