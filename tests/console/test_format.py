from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template

from analytics.console import format
from analytics.templatetags.console import code_spans

N = format.NARROW


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0"),
        (1234567, "1,234,567"),
        (Decimal("1234.5"), "1,234.50"),
    ],
)
def test_number(value: int | Decimal | None, text: str) -> None:
    assert format.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (9_999, "9,999"),
        (10_000, f"10{N}k"),
        (999_999, f"1{N}M"),
        (1_234_567, f"1.23{N}M"),
        (45_678_901, f"45.7{N}M"),
        (9_876_543_210, f"9.88{N}B"),
        (2_500_000_000_000, f"2.5{N}T"),
    ],
)
def test_compact(value: int | None, text: str) -> None:
    assert format.compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "$0.00"),
        ("1234.5", "$1,234.50"),
        ("0.5", "$0.50"),
        ("0.0123456", "$0.0123"),
        ("0.00000020", "$0.0000002"),
        ("-3.2", "−$3.20"),
        ("9876543210.12", "$9,876,543,210.12"),
    ],
)
def test_money(value: str | None, text: str) -> None:
    assert format.money(None if value is None else Decimal(value)) == text


def test_money_of_another_currency_carries_its_code() -> None:
    assert format.money(Decimal("12"), "CHF") == f"12.00{N}CHF"


def test_money_column_keeps_digits_under_each_other() -> None:
    texts = [format.money_column(Decimal(value)) for value in ("0.004675", "0.00037825", "0.0000001", "1.5")]

    assert texts == ["$0.004675", "$0.000378", "$0.0000001", "$1.50"]


def test_money_short_is_compact_from_a_hundred_thousand() -> None:
    assert format.money_short(Decimal("99999.99")) == "$99,999.99"
    assert format.money_short(Decimal("1234567890")) == f"$1.23{N}B"


def test_exact_money_keeps_every_digit() -> None:
    assert format.exact_money(Decimal("0.0000125000")) == "$0.0000125"
    assert format.exact_money(Decimal("1200")) == "$1,200.00"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "—"),
        (0, f"0{N}ms"),
        (4.2, f"4.2{N}ms"),
        (842, f"842{N}ms"),
        (999.6, f"1.00{N}s"),
        (1240, f"1.24{N}s"),
        (59_960, f"1{N}min 0{N}s"),
        (125_000, f"2{N}min 5{N}s"),
        (3_599_400, f"59{N}min 59{N}s"),
        (3_599_600, f"1{N}h 0{N}min"),
        (11_100_000, f"3{N}h 5{N}min"),
        (2 * 86_400_000 - 31_000, f"47{N}h 59{N}min"),
        (2 * 86_400_000, f"2{N}d 0{N}h"),
        (817_803_000, f"9{N}d 11{N}h"),
    ],
)
def test_duration(ms: float | None, text: str) -> None:
    assert format.duration(ms) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "—"),
        (0, f"0{N}%"),
        (0.0213, f"2.13{N}%"),
        (0.347, f"34.7{N}%"),
        (0.9999, f"99.99{N}%"),
        (1 - 1e-9, f"99.99{N}%"),
        (1, f"100{N}%"),
    ],
)
def test_percent(ratio: float | None, text: str) -> None:
    assert format.percent(ratio) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (None, "nothing to compare with in the 7 days before"),
        (0.12, f"12{N}% more than the 7 days before"),
        (-0.3, f"30{N}% less than the 7 days before"),
        (0.004, "about the same as the 7 days before"),
        (11, "12 times the 7 days before"),
        (99, "100 times the 7 days before"),
        (26_680.2, "more than 100 times the 7 days before"),
    ],
)
def test_change_words(change: float | None, text: str) -> None:
    assert format.change_words(change, "the 7 days before") == text


def test_points_words() -> None:
    assert format.points_words(0.004, "the day before") == "0.4 points higher than the day before"
    assert format.points_words(-0.0002, "the day before") == "0.02 points lower than the day before"


def test_local_time_and_unknown_zone() -> None:
    at = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    assert format.local(at, "Asia/Kathmandu").strftime("%H:%M") == "06:15"
    assert format.local(at, "Nowhere/Town").strftime("%H:%M") == "00:30"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "unknown"), (3.2, f"3{N}s"), (240, f"4{N}min"), (10_000, f"3{N}h"), (-1, f"0{N}s")]
)
def test_lag(seconds: float | None, text: str) -> None:
    assert format.lag(seconds) == text


@pytest.mark.parametrize(
    ("top", "currency", "prefix", "suffix", "decimals"),
    [
        (0, "USD", "$", "", 0),
        (12_000, "USD", "$", "", 0),
        (10, "USD", "$", "", 0),
        (Decimal("9.99"), "EUR", "€", "", 2),
        (Decimal("0.2"), "CHF", "", f"{N}CHF", 2),
        (Decimal("0.0004"), "USD", "$", "", 5),
        (Decimal("0.00000002"), "USD", "$", "", 9),
        (Decimal("1e-15"), "USD", "$", "", 10),
    ],
)
def test_money_axis_tells_its_steps_apart(
    top: int | Decimal, currency: str, prefix: str, suffix: str, decimals: int
) -> None:
    ticks = {"tickprefix": prefix, "ticksuffix": suffix, "tickformat": f",.{decimals}f"}

    assert format.money_axis(top, currency) == ticks


def test_templates_show_local_time_as_it_is() -> None:
    """23:30 UTC in summer, and the second 2:30 of the night in which clocks go back."""
    shown = Template('{{ at|date:"Y-m-d H:i" }}')
    for at, words in (
        (datetime(2026, 6, 30, 22, 30, tzinfo=UTC), "2026-07-01 00:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25 02:30"),
    ):
        local = format.local(at, "Europe/Vienna")
        assert (shown.render(Context({"at": local})), local.timestamp()) == (words, at.timestamp())
        assert local.isoformat() == at.astimezone(ZoneInfo("Europe/Vienna")).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("Plain & <b>", "Plain &amp; &lt;b&gt;"),
        ("Ask `a<b>` or `c`.", "Ask <code>a&lt;b&gt;</code> or <code>c</code>."),
        ("One ` alone", "One ` alone"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str | None, expected: str) -> None:
    assert code_spans(text) == expected
