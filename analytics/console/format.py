"""Numbers, money, durations and changes as people read them. Pure: no Django, no query; None is shown as a dash."""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

DASH = "—"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
NARROW = "\u202f"  # narrow no-break space between a number and its unit
MOST_TIMES = 100
"""A window that just touches the first day of use has next to nothing before it."""

Number = int | float | Decimal


def number(value: Number | None) -> str:
    """`1234567` → `1,234,567`; fractions keep up to two places."""
    if value is None:
        return DASH
    whole = Decimal(str(value))
    return f"{int(whole):,}" if whole == whole.to_integral_value() else f"{whole:,.2f}"


def compact(value: Number | None) -> str:
    """`1234567` → `1.23 M`: at most three significant digits beyond ten thousand, exact below."""
    if value is None:
        return DASH
    size = Decimal(str(value))
    if abs(size) < 10_000:
        return number(size)
    for unit, factor in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if abs(size) >= factor * Decimal("0.9995"):
            return f"{_three_digits(size / factor)}{NARROW}{unit}"
    return f"{_three_digits(size / 1000)}{NARROW}k"


def money(value: Number | None, currency: str = "USD") -> str:
    """`1234.5` → `$1,234.50`; amounts below ten cents keep three significant digits and are never written as 2e-7."""
    if value is None:
        return DASH
    amount = Decimal(str(value))
    if amount == 0 or abs(amount) >= Decimal("0.1"):
        text = f"{abs(amount):,.2f}"
    else:
        step = Decimal(1).scaleb(amount.adjusted() - 2)
        text = f"{abs(amount).quantize(step, ROUND_HALF_EVEN).normalize():f}"
    return _with_currency(text, currency, negative=amount < 0)


def money_column(value: Number | None, currency: str = "USD") -> str:
    """Like `money`, with six decimals below one unit so that the digits of a column stand under each other."""
    if value is None or not Decimal("0.000001") <= abs(Decimal(str(value))) < 1:
        return money(value, currency)
    amount = Decimal(str(value))
    return _with_currency(f"{abs(amount):.6f}", currency, negative=amount < 0)


def money_short(value: Number | None, currency: str = "USD") -> str:
    """Like `money`, and compact from a hundred thousand on: `$1.23 M`."""
    if value is None or abs(Decimal(str(value))) < 100_000:
        return money(value, currency)
    amount = Decimal(str(value))
    return _with_currency(compact(abs(amount)), currency, negative=amount < 0)


def money_axis(top: Number, currency: str = "USD") -> dict[str, str]:
    """Plotly's ticks of a money axis that ends at `top`: as many decimals as tell five steps apart, up to ten."""
    step = Decimal(str(top)) / 5
    places = 0 if step >= 2 or step <= 0 else 2 if step >= Decimal("0.01") else min(-step.adjusted(), 10)
    symbol = SYMBOLS.get(currency, "")
    return {
        "tickprefix": symbol,
        "ticksuffix": "" if symbol else f"{NARROW}{currency}",
        "tickformat": f",.{places}f",
    }


def exact_money(value: Decimal | str | None, currency: str = "USD") -> str:
    """Every digit that is stored, without trailing zeros: `$0.0000125`."""
    if value is None:
        return DASH
    amount = Decimal(str(value))
    text = f"{abs(amount).normalize():,f}"
    whole, _, fraction = text.partition(".")
    return _with_currency(f"{whole}.{fraction.ljust(2, '0')}", currency, negative=amount < 0)


def duration(ms: Number | None) -> str:
    """Milliseconds → `842 ms`, `1.24 s`, `2 min 5 s`, `3 h 5 min`, `9 d 11 h`."""
    if ms is None:
        return DASH
    value = float(ms)
    if value < 999.5:
        return f"{value:.0f}{NARROW}ms" if value >= 10 or value == 0 else f"{value:.1f}{NARROW}ms"
    seconds = value / 1000
    if seconds < 59.95:
        return f"{seconds:.2f}{NARROW}s" if seconds < 10 else f"{seconds:.1f}{NARROW}s"
    units = ("min", 60, "s", 1) if seconds < 3_599.5 else ("h", 3_600, "min", 60)
    if seconds >= 2 * 86_400 - 30:
        units = ("d", 86_400, "h", 3_600)
    name, size, smaller, least = units
    whole, rest = divmod(round(seconds / least), size // least)
    return f"{whole}{NARROW}{name} {rest}{NARROW}{smaller}"


def percent(ratio: Number | None) -> str:
    """`0.0213` → `2.13 %`; what is not quite all is never written as 100 %."""
    if ratio is None:
        return DASH
    value = Decimal(str(ratio)) * 100
    if Decimal("99.95") <= abs(value) < 100:
        return f"{value.quantize(Decimal('0.01'), ROUND_DOWN)}{NARROW}%"
    places = 0 if value == 0 or abs(value) >= 99.95 else 1 if abs(value) >= 10 else 2
    return f"{value:.{places}f}{NARROW}%"


def level(probability: float) -> str:
    """`0.8` → `80 %`, of an interval."""
    return f"{probability * 100:.0f}{NARROW}%"


def signed_percent(change: float | None) -> str:
    """`0.153` → `+15.3 %`, with a true minus."""
    return DASH if change is None else f"{change * 100:+,.1f}{NARROW}%".replace("-", "\N{MINUS SIGN}")


def signed_money(amount: Decimal, currency: str = "USD") -> str:
    """`12.5` → `+$12.50`, with a true minus."""
    return f"{'+' if amount > 0 else ''}{money(amount, currency)}"


def lag(seconds: float | None) -> str:
    """Age of the rollups in words: `3 s`, `4 min`, `2 h`."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{NARROW}{unit}"
    return f"{max(seconds, 0):.0f}{NARROW}s"


class Local(datetime):
    """A time that templates show in its own zone: their filters would make UTC of any other."""

    convert_to_local_time = False


def local(at: datetime, zone: str = "UTC") -> datetime:
    """`at` in the IANA zone; an unknown zone is UTC."""
    try:
        found = at.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        found = at.astimezone(UTC)
    return Local.combine(found.date(), found.timetz()).replace(fold=found.fold)  # which `combine` of a subclass forgets


def change_words(change: Number | None, compared_with: str, *, more: str = "more", less: str = "less") -> str:
    """A relative change as a sentence part: `0.12` → `12 % more than the 7 days before`."""
    if change is None:
        return f"nothing to compare with in {compared_with}"
    value = Decimal(str(change)) * 100
    if abs(value) < Decimal("0.5"):
        return f"about the same as {compared_with}"
    if value > MOST_TIMES * 100:
        return f"more than {number(MOST_TIMES)} times {compared_with}"
    if value >= 900:
        return f"{number(round(value / 100 + 1))} times {compared_with}"
    return f"{abs(value):.0f}{NARROW}% {more if value > 0 else less} than {compared_with}"


def points_words(difference: Number | None, compared_with: str) -> str:
    """A difference of two ratios in percentage points: `0.004` → `0.4 points higher than the 7 days before`."""
    if difference is None:
        return f"nothing to compare with in {compared_with}"
    value = Decimal(str(difference)) * 100
    if abs(value) < Decimal("0.005"):
        return f"about the same as {compared_with}"
    places = 1 if abs(value) >= Decimal("0.1") else 2
    word = "points higher" if value > 0 else "points lower"
    return f"{abs(value):.{places}f} {word} than {compared_with}"


def _three_digits(value: Decimal) -> str:
    places = 2 if abs(value) < Decimal("9.995") else 1 if abs(value) < Decimal("99.95") else 0
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_currency(text: str, currency: str, *, negative: bool) -> str:
    sign = "−" if negative else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text}{NARROW}{currency}"
