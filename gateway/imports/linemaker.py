"""Usage records → ledger lines: ids, names of the catalogue, prices."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Q

from gateway.choices import LineKind, LineStatus, PriceStatus
from gateway.dataplane.protocols import Pricer
from gateway.imports.identity import Identifier
from gateway.imports.records import Amount, UsageRecord
from gateway.models import Project, Provider

DEFAULT_ENDPOINT = "/v1/chat/completions"
DEFAULT_PROVIDER = "openai"
UNKNOWN_MODEL = "unknown"
STATED_METER = "stated"


class Lines:
    """Makes ledger lines of one source's records.

    `label` names the source in the charges of stated costs. `uses_file_prices`: a cost that the file states is kept as
    what it says; else everything is priced by the price book.
    """

    def __init__(
        self, project: Project, source: str, pricer: Pricer, *, label: str = "file", uses_file_prices: bool = True
    ) -> None:
        self._project = project
        self._identifier = Identifier(project.organization_id, source)
        self._pricer = pricer
        self._label = label
        self._uses_file_prices = uses_file_prices
        self._ids = {
            "organization": str(project.organization_id),
            "project": str(project.pk),
            "team": str(project.team_id) if project.team_id else None,
        }

    @cached_property
    def _price_lists(self) -> dict[str, str]:
        """Provider slug → vendor whose list applies; the organization's own provider wins over the platform's."""
        scope = Q(organization=None) | Q(organization=self._project.organization_id)
        rows = Provider.objects.filter(scope).order_by("organization_id")
        known = sorted(rows, key=lambda row: row.organization_id is not None)
        return {row.slug: row.price_list or row.kind for row in known}

    def identify(self, record: UsageRecord) -> UUID:
        """Must be called for every record in order: an id depends on the equal records before it."""
        return self._identifier.identify(record)

    def line(self, record: UsageRecord, identity: UUID) -> dict[str, Any]:
        """The priced line of one record."""
        line: dict[str, Any] = {
            **self._ids,
            "id": identity,
            "request_id": str(identity),
            "kind": LineKind.ATTEMPT.value,
            "is_final": True,
            "endpoint": DEFAULT_ENDPOINT,
            "model_requested": record.model or UNKNOWN_MODEL,
            "model_served": record.model,
            "provider": (record.provider or DEFAULT_PROVIDER) if record.model else record.provider,
            "status": LineStatus.OK.value,
            "usage_source": "imported",
            "origin": "import",
            **record.counts,
            **record.values,
        }
        return {**line, **self._prices(line, record)}

    def _prices(self, line: Mapping[str, Any], record: UsageRecord) -> Mapping[str, Any]:
        if line["kind"] == LineKind.CACHE_HIT:  # its list cost is what the answer would have cost: what was saved
            saved = self._listed(line, record)["list_cost"] or "0"
            return {"price_status": PriceStatus.FREE.value, "cost": "0", "list_cost": saved}
        if record.amount is not None and self._uses_file_prices:
            return self._stated(line, record, record.amount)
        return self._listed(line, record)

    def _listed(self, line: Mapping[str, Any], record: UsageRecord) -> Mapping[str, Any]:
        """At the record's own time. Without a model nothing can be priced: cost stays unknown, never 0."""
        if record.model is None:
            return {"price_status": PriceStatus.UNPRICED.value, "cost": None, "list_cost": None}
        requests = max(1, int(line.get("request_count", 1)))
        return self._pricer.price(
            record.counts if requests == 1 else {**record.counts, "requests": requests},
            price_list=self._price_lists.get(line["provider"], line["provider"]),
            served_by=line["provider"] or "",
            model=record.model,
            at=record.at,
            organization=self._ids["organization"] or "",
            context=record.context,
        )

    def _stated(self, line: Mapping[str, Any], record: UsageRecord, amount: Amount) -> Mapping[str, Any]:
        """What the file says it cost: one charge of that many units of money, since it does not say for what.

        An estimate at list prices is cost and list cost. Of what was billed, the list cost is the price book's, unknown
        without used tokens.
        """
        text = format(amount.value, "f")
        listed: str | None = text
        if not amount.is_list:
            listed = self._listed(line, record)["list_cost"] if any(record.counts.values()) else None
        charge = {
            "meter": STATED_METER,
            "rate_id": f"import:{self._label}",
            "quantity": text,
            "unit_price": "1",
            "cost": text,
            "currency": amount.currency,
        }
        return {
            "charges": [charge] if amount.value else [],
            "cost": text,
            "list_cost": listed,
            "currency": amount.currency,
            "price_status": PriceStatus.PRICED.value,
        }


def cost_of(line: Mapping[str, Any]) -> Decimal | None:
    """The line's cost; None when its price is unknown."""
    return None if line["cost"] is None else Decimal(str(line["cost"]))
