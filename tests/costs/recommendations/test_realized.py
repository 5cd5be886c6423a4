"""What applied recommendations really save, to the last digit, from lines in the ledger.

OpenAI's list, a million tokens: gpt-4o 2.50 in, 1.25 cached, 10.00 out; gpt-4o-mini 0.15 in, 0.60 out. 1,000 in and
100 out are 0.0025 + 0.0010 = 0.0035 and 0.00015 + 0.00006 = 0.00021: a call that is moved saves 0.00329.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.models import Recommendation
from costs.models import RecommendationState as State
from costs.recommendations import realized, services
from costs.recommendations.changes import name_of
from costs.savings.proposals import Category, Change, Slice
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import END, START, by_hand, proposal, repeated
from tests.factories import Acme, book_lines, line

pytestmark = pytest.mark.django_db
AT = END + timedelta(days=1)
NOW = AT + timedelta(days=3)
MINI = {"model_served": "gpt-4o-mini", "cost": Decimal("0.00021"), "list_cost": Decimal("0.00021")}


def applied(company: Acme, row: Recommendation, share: int = 100) -> Recommendation:
    services.apply_recommendation(recommendation=row, actor=company.people["adam"], share=share)
    Recommendation.objects.filter(pk=row.pk).update(applied_at=AT)
    row.refresh_from_db()
    return row


def moved(company: Acme, row: Recommendation, at: datetime, arm: str = "", **changes: Any) -> dict[str, Any]:
    decision = {"rule": name_of(row), **({"variant": arm} if arm else {})}
    return line(company, at=at, route="gpt-4o", route_decision=decision, **(MINI | changes))


def test_moved_calls_are_priced_at_the_former_model_by_day(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))
    hours = [AT + timedelta(hours=n) for n in (1, 2, 30)]
    book_lines(
        *(moved(company, row, at) for at in hours),
        line(company, at=hours[0]),  # a fallback to the former model
        line(company, at=hours[0], **MINI),  # asked for mini itself
        moved(company, row, AT - timedelta(hours=1)),  # before it was applied
    )

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.method, found.lines, found.unpriced, found.amount) == ("moved", 3, 0, Decimal("0.0098700000"))
    assert (found.lower, found.upper) == (Decimal("0.0098700000"), Decimal("0.0098700000"))
    assert [(day.start, day.lines, day.actual, day.counterfactual) for day in found.days] == [
        (AT, 2, Decimal("0.00042"), Decimal("0.007")),
        (AT + timedelta(days=1), 1, Decimal("0.00021"), Decimal("0.0035")),
    ]


def test_of_a_canary_only_the_arm_that_was_moved_counts(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)), share=10)
    book_lines(
        moved(company, row, AT + timedelta(hours=1), "moved"),
        moved(company, row, AT + timedelta(hours=1), "present", model_served="gpt-4o", cost=Decimal("0.0035")),
    )

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.lines, found.amount, found.lower) == (1, Decimal("0.00329"), None)
    assert found.notes == (("few_hours", "Calls of two hours at least are needed for an interval."),)


def test_an_interval_grows_with_the_difference_of_hours(company: Acme, kept: Kept) -> None:
    """Savings of two hours: 0.00329 and 0.00658; s = 0.00329 / √2, half width t(0.9, 1) · s · √2. The expansion of
    Fisher and Cornish gives t = 6.1 for one degree of freedom, where 6.314 is exact."""
    row = applied(company, kept(proposal(company)))
    book_lines(*(moved(company, row, AT + timedelta(hours=n)) for n in (1, 2, 2)))

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert found.lower is not None
    assert found.upper is not None
    reach = realized.student(0.9, 1) * 0.00329
    assert float(found.upper - found.amount) == pytest.approx(reach, abs=1e-9)
    assert float(found.amount - found.lower) == pytest.approx(reach, abs=1e-9)


def test_a_call_above_a_threshold_is_priced_in_its_tier(company: Acme, kept: Kept) -> None:
    """gemini-2.5-pro: 1.25 in and 10 out up to 200,000 tokens of input, 2.50 and 15 above. 300,000 in, 100 out:
    0.75 + 0.0015; 1,000 in, 100 out: 0.00125 + 0.001."""
    company.provider.price_list = "google"
    company.provider.save()
    company.model.name = company.model.upstream_name = "gemini-2.5-pro"
    company.model.save()
    row = kept(proposal(company))
    Recommendation.objects.filter(pk=row.pk).update(slice=row.slice | {"model": "gemini-2.5-pro"})
    row.refresh_from_db()
    row = applied(company, row)
    long = {"input_tokens": 300_000, "cost": Decimal("0.04506")}
    book_lines(moved(company, row, AT + timedelta(hours=1), **long), moved(company, row, AT + timedelta(hours=1)))

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert [day.counterfactual for day in found.days] == [Decimal("0.7515") + Decimal("0.00225")]


def test_answers_from_the_cache_save_what_they_had_cost(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(repeated(company)))
    hit = {"project": company.banner, "kind": "cache_hit", "price_status": "free", "cost": Decimal(0), "charges": []}
    book_lines(
        line(company, at=AT + timedelta(hours=1), **hit), line(company, at=AT + timedelta(hours=2), **hit),
        line(company, at=AT + timedelta(hours=2), project=company.banner),
    )  # fmt: skip

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.method, found.lines, found.amount) == ("cache", 2, Decimal("0.007"))


def test_answers_from_the_cache_save_what_is_really_billed_of_their_model(company: Acme, kept: Kept) -> None:
    """A fifth off the list of gpt-4o; of a model that no list has, what its calls cost; of the last one nothing."""
    row = applied(company, kept(repeated(company)))
    at = AT + timedelta(hours=1)
    hit = {"at": at, "project": company.banner, "kind": "cache_hit", "price_status": "free", "cost": Decimal(0),
           "charges": []}  # fmt: skip
    own = {"project": company.banner, "model_served": "own", "list_cost": None}
    book_lines(
        line(company, at=AT - timedelta(minutes=5), project=company.banner, cost=Decimal("0.0028")),
        line(company, at=at, **own, cost=Decimal("0.005")), line(company, **hit), line(company, **hit | own),
        line(company, **hit, model_served="gpt-4.1"), line(company, **hit | own | {"model_served": "unknown"}),
    )  # fmt: skip

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.lines, found.unpriced) == (3, 1)
    assert found.amount == Decimal("0.0028") + Decimal("0.005") + Decimal("0.0035")


def test_answers_of_calls_that_another_saving_has_moved_count_too(company: Acme, kept: Kept) -> None:
    """gpt-4o moves to gpt-4o-mini and answers are kept: those of mini are the cache's, where gpt-4o was asked for."""
    cached = repeated(company, slice=Slice(str(company.assistant.pk), provider="upstream", model="gpt-4o"))
    row, _ = applied(company, kept(cached)), applied(company, kept(proposal(company)))
    hit = {"at": AT + timedelta(hours=1), "kind": "cache_hit", "price_status": "free", "charges": []}
    book_lines(
        line(company, **(MINI | hit | {"cost": Decimal(0)}), route="gpt-4o"),
        line(company, **(MINI | hit | {"cost": Decimal(0)})),  # asked for mini itself
        line(company, **(MINI | hit | {"cost": Decimal(0)}), route="gpt-4o", project=company.banner),
        line(company, **hit, cost=Decimal(0)),
    )

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.lines, found.amount) == (2, Decimal("0.0035") + Decimal("0.00021"))
    assert [(day.lines, day.counterfactual) for day in found.days] == [(2, found.amount)]


def test_a_batch_is_measured_against_its_calls_at_the_standard_price(company: Acme, kept: Kept) -> None:
    """200 calls of 2,000 in and 100 out. gpt-5.4 is 2.50 and 15, 1.25 and 7.50 in batches; 400,000 tokens of input
    together are not above the bound of 272,000 that each of them is far below."""
    company.model.name = company.model.upstream_name = "gpt-5.4"
    company.model.save()
    slice = Slice(str(company.assistant.pk), provider="upstream", model="gpt-5.4", endpoint="/v1/chat/completions")
    change = Change(Category.BATCH, "upstream", "gpt-5.4", {"service_tier": "batch"})
    row = applied(company, kept(by_hand(company, key="batch", category=Category.BATCH, change=change, slice=slice)))
    book_lines(
        line(
            company, at=AT + timedelta(hours=1), endpoint="/v1/batches", service_tier_served="batch", request_count=200,
            model_requested="gpt-5.4", model_served="gpt-5.4", input_tokens=400_000, output_tokens=20_000,
            cost=Decimal("0.65"),
        )
    )  # fmt: skip

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.method, found.lines, found.amount) == ("standard", 1, Decimal("1.3") - Decimal("0.65"))


def test_prompt_caching_is_measured_against_the_same_tokens_uncached(company: Acme, kept: Kept) -> None:
    """800 of 1,000 tokens cached: 200 · 2.5 + 800 · 1.25 + 100 · 10 = 2,500 instead of 3,500 millionths."""
    row = applied(company, kept(by_hand(company)))
    cached = {"cache_read_tokens": 800, "cost": Decimal("0.0025")}
    book_lines(line(company, at=AT + timedelta(hours=1), **cached), line(company, at=AT + timedelta(hours=2), **cached))

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.method, found.amount, found.lower) == ("uncached", Decimal("0.002"), Decimal("0.0020000000"))


def test_others_are_measured_by_the_cost_per_request_before(company: Acme, kept: Kept) -> None:
    """Before: two requests of 0.007 with their retries; since: three of 0.0035. 3 · 0.007 − 3 · 0.0035 = 0.0105."""
    retry = by_hand(company, key="retry", category=Category.RETRY_WASTE, change=Change(Category.RETRY_WASTE))
    row = applied(company, kept(retry))
    for at in (START + timedelta(hours=1), START + timedelta(hours=2)):
        failed = line(company, at=at, is_final=False, status="timeout")
        book_lines(failed, line(company, at=at, request_id=failed["request_id"]))
    book_lines(*(line(company, at=AT + timedelta(hours=n)) for n in range(3)))

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.method, found.lines, found.amount) == ("rate", 3, Decimal("0.0105000000"))
    assert (found.lower, found.upper) == (Decimal("0.0105000000"), Decimal("0.0105000000"))


def test_a_request_without_a_price_has_no_cost_of_its_own(company: Acme, kept: Kept) -> None:
    """Before: 0.0035 and 0.0105; since: one of 0.0035, one without a price, one that got its price afterwards."""
    retry = by_hand(company, key="retry", category=Category.RETRY_WASTE, change=Change(Category.RETRY_WASTE))
    row = applied(company, kept(retry))
    unpriced = {"cost": None, "list_cost": None, "price_status": "unpriced", "charges": []}
    late = line(company, at=AT, **unpriced)
    correction = {"kind": "adjustment", "is_final": False, "request_id": late["request_id"], "corrects": late["id"]}
    book_lines(
        line(company, at=START), line(company, at=START, cost=Decimal("0.0105")), line(company, at=START, **unpriced),
        line(company, at=AT), line(company, at=AT, **unpriced), late, line(company, at=AT, **correction),
    )  # fmt: skip

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.lines, found.unpriced, found.amount) == (2, 1, 2 * Decimal("0.007") - 2 * Decimal("0.0035"))
    assert [code for code, _ in found.notes] == ["by_rate", "unpriced"]


def test_what_saves_nothing_is_kept_as_such(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))
    book_lines(*(moved(company, row, AT + timedelta(hours=n), cost=Decimal("0.0035")) for n in (1, 2)))

    assert realized.measure_all(company.organization, now=NOW) == 1

    row.refresh_from_db()
    assert row.realized is not None
    assert [row.realized[name] for name in ("amount", "lower", "upper")] == ["0.0000000000"] * 3


def test_a_call_without_a_price_is_left_out_and_said(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))
    unpriced = {"cost": None, "list_cost": None, "price_status": "unpriced", "charges": []}
    book_lines(*(moved(company, row, AT + timedelta(hours=n)) for n in (1, 2)), moved(company, row, AT, **unpriced))

    found = realized.measure(row, now=NOW)

    assert found is not None
    assert (found.lines, found.unpriced, found.amount) == (2, 1, Decimal("0.00658"))
    assert found.notes == (("unpriced", "Lines without a price on one of the two sides are left out: 1."),)


def test_what_has_no_calls_of_its_own_is_not_measured(company: Acme, kept: Kept) -> None:
    idle = by_hand(company, key="idle", category=Category.IDLE_KEYS, change=Change(Category.IDLE_KEYS))

    assert realized.measure(applied(company, kept(idle)), now=NOW) is None


def test_thirty_calls_that_save_verify_it_and_calls_that_do_not_take_it_back(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))
    book_lines(*(moved(company, row, AT + timedelta(hours=n)) for n in range(29)))

    assert realized.measure_all(company.organization, now=NOW) == 1
    row.refresh_from_db()
    assert row.state == State.APPLIED
    book_lines(moved(company, row, AT + timedelta(hours=29)))
    realized.measure_all(company.organization, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.realized) == (
        State.VERIFIED,
        {
            "amount": "0.0987000000", "lower": "0.0987000000", "upper": "0.0987000000", "level": "0.9", "lines": 30,
            "until": NOW.isoformat(), "method": "moved",
        },
    )  # fmt: skip
    book_lines(moved(company, row, AT + timedelta(hours=30), cost=Decimal(1)))
    realized.measure_all(company.organization, now=NOW)
    row.refresh_from_db()
    assert row.state == State.APPLIED
