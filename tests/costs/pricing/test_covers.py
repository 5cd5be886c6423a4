"""Commitments that cover calls: nothing more to pay, the list cost stays, and only their own calls."""

from datetime import UTC, datetime
from decimal import Decimal

from costs.pricing import Cover, Override, PriceBook, default_book

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
AT = datetime(2026, 11, 10, tzinfo=UTC)
USAGE = {"input_tokens": 1000, "output_tokens": 100}
LISTED = Decimal("0.0035")
"""gpt-4o: 1,000 × 2.5 ÷ 1,000,000 + 100 × 10 ÷ 1,000,000, https://platform.openai.com/docs/pricing."""


def cover(identity: str = "c1", models: tuple[str, ...] = ("gpt-4o*",), **changes: object) -> Cover:
    fields = {"organization": "acme", "served_by": "ptu", "valid_from": START, "valid_to": END}
    return Cover(identity, models=models, **(fields | changes))  # type: ignore[arg-type]


def book(*covers: Cover) -> PriceBook:
    return default_book().with_covers(covers)


def priced(
    shelf: PriceBook, at: datetime = AT, served_by: str = "ptu", organization: str = "acme", model: str = "gpt-4o"
):
    return shelf.price(USAGE, provider="openai", model=model, at=at, organization=organization, served_by=served_by)


def test_a_covered_call_costs_nothing_and_keeps_its_list_cost() -> None:
    found = priced(book(cover()))

    assert (found.total, found.list_total, found.status) == (Decimal(0), LISTED, "priced")
    assert [(line.meter, line.rate_id, line.cost) for line in found.lines] == [
        ("input", "commitment:c1:input:genai-prices@0.2.3:openai/gpt-4o:input:initial", Decimal(0)),
        ("output", "commitment:c1:output:genai-prices@0.2.3:openai/gpt-4o:output:initial", Decimal(0)),
    ]


def test_calls_elsewhere_of_others_and_outside_of_its_time_are_not_covered() -> None:
    shelf = book(cover())

    assert priced(shelf, served_by="openai").total == LISTED
    assert priced(shelf, organization="globex").total == LISTED
    assert priced(shelf, served_by="").total == LISTED
    assert [priced(shelf, at=at).total for at in (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), START, END)] == [
        LISTED, Decimal(0), LISTED
    ]  # fmt: skip
    assert priced(shelf, model="o3").total != 0


def test_of_two_the_exact_name_then_the_longer_prefix_then_the_older_one_covers() -> None:
    later = datetime(2026, 11, 5, tzinfo=UTC)
    ranked = [
        cover("exact", ("gpt-4o",)), cover("longer", ("gpt-4o*",)), cover("older", ("gpt*",)),
        cover("younger", ("gpt*",), valid_from=later),
    ]  # fmt: skip

    for place, expected in enumerate(ranked):
        found = priced(book(*reversed(ranked[place:])))
        assert found.lines[0].rate_id.split(":")[1] == expected.id


def test_a_model_nobody_lists_costs_nothing_either_and_has_no_list_cost() -> None:
    found = priced(book(cover(models=("mine",))), model="mine")

    assert (found.total, found.list_total, found.status) == (Decimal(0), None, "priced")


def test_what_is_no_model_output_keeps_its_price() -> None:
    override = Override(
        "o1", "acme", "openai", "gpt-4o", START, prices={"input": Decimal(1), "web_search": Decimal("0.01")}
    )
    shelf = book(cover()).with_overrides([override])

    found = shelf.price(
        {"input_tokens": 1000, "output_tokens": 5, "web_searches": 2}, provider="openai", model="gpt-4o", at=AT,
        organization="acme", served_by="ptu",
    )  # fmt: skip

    # 2 searches × 0.01; input and output are paid for
    assert (found.total, [line.meter for line in found.lines]) == (Decimal("0.02"), ["input", "output", "web_search"])


def test_the_tiers_of_the_list_stay_in_the_list_cost() -> None:
    shelf = book(cover(models=("gemini-2.5-pro",), served_by="vertex"))

    found = shelf.price(
        {"input_tokens": 200_001, "output_tokens": 1000}, provider="google", model="gemini-2.5-pro", at=AT,
        organization="acme", served_by="vertex",
    )  # fmt: skip

    # above 200,000: 200,001 × 2.5 ÷ 1,000,000 + 1,000 × 15 ÷ 1,000,000 = 0.5000025 + 0.015
    assert (found.total, found.list_total) == (Decimal(0), Decimal("0.5150025"))
    assert found.lines[0].rate_id.endswith(":gt200000")
