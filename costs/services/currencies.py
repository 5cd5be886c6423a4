"""Exchange rates: stated one at a time or from a file, never changed. Each writes its audit row."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.db import connection, transaction

from costs.models import ExchangeRate
from gateway.models import Organization, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

MOST_ROWS = 20_000
MOST_BYTES = 2_000_000
MOST_PROBLEMS = 20
HEADER = ("base", "quote", "rate", "valid_from", "source")


@dataclass(frozen=True, slots=True)
class NewRate:
    """One unit of `base` is `rate` of `quote` from the UTC day `valid_from` on."""

    base: str
    quote: str
    rate: Decimal
    valid_from: date
    source: str

    def checked(self) -> "NewRate":
        """Codes in capitals. Raises `Invalid`."""
        base, quote = (_code(name, value) for name, value in (("base", self.base), ("quote", self.quote)))
        if base == quote:
            raise Invalid("rate_pair", "A rate is between two currencies.", field="quote")
        if not self.rate.is_finite() or not 0 < self.rate < Decimal("1e14"):
            raise Invalid("rate_amount", "A rate is more than 0.", field="rate")
        if int(self.rate.as_tuple().exponent) < -14:
            raise Invalid("rate_amount", "A rate has at most 14 decimal places.", field="rate")
        source = self.source.strip()
        if not source or len(source) > 200:
            raise Invalid("rate_source", "Say in up to 200 characters who states the rate.", field="source")
        return NewRate(base, quote, self.rate, self.valid_from, source)


def state_rate(*, organization: Organization | None, actor: Actor, stated: NewRate) -> ExchangeRate:
    """State one rate; the very same one that stands already is given as it is. Raises `Invalid`."""
    return state_rates(organization=organization, actor=actor, stated=[stated]).rows[0]


@dataclass(frozen=True, slots=True)
class Taken:
    """Rates of a file in its order; `known` of them stood already."""

    rows: list[ExchangeRate]
    known: int


@transaction.atomic
def state_rates(*, organization: Organization | None, actor: Actor, stated: Iterable[NewRate]) -> Taken:
    """State all of them or, when one cannot be, none. What stands already in just these words is not stated again, so
    a file taken twice adds nothing. Raises `Invalid`."""
    wanted = [one.checked() for one in stated]
    _alone(organization)
    days = {one.valid_from for one in wanted}
    pairs = {(one.base, one.quote) for one in wanted}
    standing: dict[tuple[str, str, date], ExchangeRate] = {}
    rows = ExchangeRate.objects.filter(organization=organization, valid_from__in=days, base__in={b for b, _ in pairs})
    for row in rows.order_by("created_at", "id"):
        standing[row.base, row.quote, row.valid_from] = row
    found, new = list[ExchangeRate](), list[ExchangeRate]()
    for one in wanted:
        known = standing.get((one.base, one.quote, one.valid_from))
        if known is None or (known.rate, known.source) != (one.rate, one.source):
            known = ExchangeRate(
                organization=organization, base=one.base, quote=one.quote, rate=one.rate, valid_from=one.valid_from,
                source=one.source, created_by=actor if isinstance(actor, User) else None,
            )  # fmt: skip
            new.append(known)
            standing[one.base, one.quote, one.valid_from] = known
        found.append(known)
    ExchangeRate.objects.bulk_create(new)
    if new:
        facts = {"rates": [str(row) for row in new[:MOST_PROBLEMS]], "count": len(new)}
        audit.record(organization=organization, actor=actor, verb="exchange_rate.state", target=new[0], after=facts)
    return Taken(found, len(found) - len({row.pk for row in new}))


def read_csv(content: bytes, source: str = "") -> list[NewRate]:
    """The rates of a CSV file with the columns base, quote, rate, valid_from and source (or `source` for all rows).
    Raises `Invalid` that names the rows that cannot be read."""
    if len(content) > MOST_BYTES:
        raise Invalid("rates_file", f"The file is larger than {MOST_BYTES:,} bytes.", field="file")
    try:
        reader = csv.DictReader(content.decode("utf-8-sig").splitlines())
        given = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("rates_file", f"The file is no CSV in UTF-8: {error}.", field="file") from None
    missing = [name for name in HEADER if name not in (reader.fieldnames or ()) and not (name == "source" and source)]
    if missing:
        raise Invalid(
            "rates_file", f"The first row must name the columns; missing: {', '.join(missing)}.", field="file"
        )
    if len(given) > MOST_ROWS:
        raise Invalid("rates_file", f"The file has more than {MOST_ROWS:,} rows.", field="file")
    found, problems = list[NewRate](), list[str]()
    for number, row in enumerate(given, 2):
        try:
            found.append(_row(row, source))
        except (Invalid, ValueError, InvalidOperation) as error:
            problems.append(f"row {number}: {error if isinstance(error, Invalid) else 'no number, or no day'}")
    if problems:
        more = f" and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
        raise Invalid("rates_file", "; ".join(problems[:MOST_PROBLEMS]) + more, field="file")
    if not found:
        raise Invalid("rates_file", "The file has no rates.", field="file")
    return found


def _row(row: dict[str, str | None], source: str) -> NewRate:
    value = {name: (row.get(name) or "").strip() for name in HEADER}
    day, rate = date.fromisoformat(value["valid_from"]), Decimal(value["rate"])
    return NewRate(value["base"], value["quote"], rate, day, value["source"] or source).checked()


def _code(field: str, value: str) -> str:
    code = value.strip().upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Invalid("price_currency", "The currency is a three-letter ISO 4217 code.", field=field)
    return code


def _alone(organization: Organization | None) -> None:
    """Rates of an organization are stated one after another."""
    with connection.cursor() as cursor:
        subject = f"rates:{organization.pk if organization else ''}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])
