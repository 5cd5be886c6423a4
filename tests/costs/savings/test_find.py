"""The search over a real ledger: what is read, what is left out and said, what is proposed, to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.choices import CommitmentKind
from costs.commitments.models import Commitment
from costs.savings import reading
from costs.savings.find import find
from costs.savings.proposals import Category, Findings, Risk
from gateway.models import CachePolicy, Provider, QualityScore
from tests import factories

pytestmark = pytest.mark.django_db
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC)
HASH = bytes(range(16))


@pytest.fixture
def acme() -> factories.Acme:
    company = factories.acme()
    Provider.objects.update(price_list="openai")
    CachePolicy.objects.all().delete()
    return company


def call(acme: factories.Acme, number: int, **changes: Any) -> dict[str, Any]:
    """gpt-4o, 1,000 in and 100 out: 0.0025 + 0.0010 = 0.0035. Every tenth minute, day and night."""
    fields: dict[str, Any] = {"at": START + timedelta(minutes=10 * number), "is_stream": True}
    return factories.line(acme, **(fields | changes))


def search(acme: factories.Acme) -> Findings:
    return find(acme.organization, start=START, end=END)


def only(found: Findings, category: Category) -> Any:
    (one,) = [one for one in found.proposals if one.category == category]
    return one


def test_an_empty_organization_has_nothing_to_save(acme: factories.Acme) -> None:
    found = search(acme)

    assert (found.lines, found.spend, found.proposals, found.joint_saving, found.notes) == (0, 0, (), 0, ())


def test_texts_from_outside_may_hold_any_character(acme: factories.Acme) -> None:
    odd = {"model_requested": "gpt\x1f4o", "finish_reason": "\x1f\x1f", "service_tier_served": "a\x1fb"}
    factories.book_lines(call(acme, 1), call(acme, 2, **odd))

    found = search(acme)

    assert (found.lines, found.spend) == (2, Decimal("0.0070"))


def test_what_cannot_be_judged_is_said(acme: factories.Acme) -> None:
    unpriced = {"cost": None, "list_cost": None, "charges": [], "price_status": "unpriced"}
    factories.book_lines(
        call(acme, 1), call(acme, 2, cost=Decimal(7)), call(acme, 3, **unpriced), call(acme, 4, currency="EUR"),
        call(acme, 5, project=acme.globex_project, api_key=None, organization=acme.globex.pk),
    )  # fmt: skip

    found = search(acme)

    assert (found.lines, found.spend, found.currency) == (2, Decimal("7.0035"), "USD")
    assert [(code, message.split(" ")[0]) for code, message in found.notes] == [
        ("other_currency", "1"), ("unpriced", "1"), ("not_explained", "1"),
    ]  # fmt: skip


def test_an_adjusting_entry_counts_with_its_line(acme: factories.Acme) -> None:
    wrong = call(acme, 1, cost=Decimal("0.005"))
    unpriced = call(acme, 2, cost=None, list_cost=None, charges=[], price_status="unpriced")
    entries = [
        {**one, "kind": "adjustment", "corrects": one["id"], "id": factories.uuid7(factories.ms_of(one["at"])),
         "is_final": False, "cost": cost, "list_cost": None, "input_tokens": 0, "output_tokens": 0,
         "price_status": "priced"}
        for one, cost in ((wrong | {"at": START + timedelta(minutes=10)}, Decimal("-0.0015")),
                          (unpriced | {"at": START + timedelta(minutes=20)}, Decimal("0.0035")))
    ]  # fmt: skip
    for one in entries:
        one.pop("at")
    factories.book_lines(wrong, unpriced, *entries)

    found = search(acme)

    assert (found.lines, found.spend, found.notes) == (2, Decimal("0.007"), ())


def test_short_answers_of_a_large_model_are_moved_to_its_small_sibling(acme: factories.Acme) -> None:
    # 1,000 calls of 0.0035 = 3.50; gpt-4o-mini (0.15 and 0.60 a million): 0.00015 + 0.00006 = 0.00021, 0.21 in all
    factories.book_lines(*(call(acme, number) for number in range(1000)))

    found = search(acme)

    assert (found.lines, found.spend, found.joint_saving) == (1000, Decimal("3.5"), Decimal("3.29"))
    one = only(found, Category.CHEAPER_MODEL)
    assert (one.actual_cost, one.replayed_cost, one.saving, one.joint_saving, one.monthly_saving) == (
        Decimal("3.5"), Decimal("0.21"), Decimal("3.29"), Decimal("3.29"), Decimal("9.87"),
    )  # fmt: skip
    assert (one.change.provider, one.change.model, one.risk) == ("upstream", "gpt-4o-mini", Risk.HIGH)
    assert one.interval.lower <= one.saving <= one.interval.upper
    assert one.quality.current is None
    assert "nothing shows that gpt-4o-mini answers as well" in one.quality.text


def test_the_same_search_gives_the_same_findings(acme: factories.Acme) -> None:
    factories.book_lines(*(call(acme, number) for number in range(1000)))

    assert search(acme) == search(acme)


def test_repeated_questions_are_answered_from_the_cache(acme: factories.Acme) -> None:
    # one question every 10 minutes, long answers: the first of every 7 is made (kept 1 h after it is complete), 6 are
    # hits; 1,400 calls = 200 rounds; an answer of 2,000 tokens costs 0.0025 + 0.02 = 0.0225
    long = {"output_tokens": 2000, "cost": Decimal("0.0225"), "list_cost": Decimal("0.0225")}
    factories.book_lines(*(call(acme, number, request_hmac=HASH, **long) for number in range(1400)))

    one = only(search(acme), Category.DUPLICATE_CACHING)

    assert (one.lines, one.saving, one.replayed_cost) == (1200, Decimal("27"), Decimal(0))
    assert (one.risk, one.change.settings["ttl_s"]) == (Risk.LOW, "3600")


def test_what_ran_at_night_is_batched_by_the_batch_list(acme: factories.Acme) -> None:
    # 1,000 calls of 1,000 in and 2,000 out at 0.0225; in a batch half: 0.01125
    long = {"output_tokens": 2000, "cost": Decimal("0.0225"), "list_cost": Decimal("0.0225"), "is_stream": False}
    night = [START + timedelta(days=n % 10, hours=1, seconds=30 * (n // 10)) for n in range(1000)]
    factories.book_lines(*(call(acme, 0, at=at, **long) for at in night))

    one = only(search(acme), Category.BATCH)

    assert (one.lines, one.actual_cost, one.saving) == (1000, Decimal("22.5"), Decimal("11.25"))
    assert one.risk == Risk.NONE


def test_the_region_that_chose_the_price_is_read_from_the_rates(acme: factories.Acme) -> None:
    # claude-opus-4-6 in the United States: 5.5 in, 27.5 out a million; claude-sonnet-4-6 there 3.3 and 16.5
    Provider.objects.update(price_list="anthropic")
    rate = "litellm@1:anthropic/claude-opus-4-6:input:initial:region=us"
    charges = [{"meter": "input", "rate_id": rate, "quantity": "1000", "unit_price": "0.0000055", "cost": "0.0055"}]
    american = {"cost": Decimal("0.00825"), "charges": charges, "model_served": "claude-opus-4-6"}
    factories.book_lines(*(call(acme, number, **american) for number in range(1000)))

    found = search(acme)

    assert (found.spend, found.notes) == (Decimal("8.25"), ())
    assert only(found, Category.CHEAPER_MODEL).saving == Decimal("8.25") - 1000 * Decimal("0.00495")


def test_scores_and_a_response_cache_are_read_from_the_organization(acme: factories.Acme) -> None:
    CachePolicy.objects.create(organization=acme.organization, project=None)
    again = {"request_hmac": HASH}
    (line, *_) = factories.book_lines(*(call(acme, number, **again) for number in range(1000)))
    for model, score in (("gpt-4o", "0.9"), ("gpt-4o-mini", "0.7")):
        for number in range(30):
            QualityScore.objects.create(
                organization=acme.organization.pk, project=acme.assistant.pk, request_id="r", name=f"n{number}",
                source=model, score=Decimal(score), line=line["id"], line_started_at=START, provider="upstream",
                model=model,
            )  # fmt: skip

    assert search(acme).proposals == ()
    CachePolicy.objects.all().delete()
    assert [one.category for one in search(acme).proposals] == [Category.DUPLICATE_CACHING]


def test_the_search_asks_a_fixed_number_of_questions(acme: factories.Acme, django_assert_num_queries: Any) -> None:
    factories.book_lines(*(call(acme, number, project=acme.banner if number % 2 else None) for number in range(200)))

    with django_assert_num_queries(14):
        search(acme)


def test_a_window_that_holds_too_much_is_cut_to_its_newest_days(
    acme: factories.Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_LINES", 100)
    factories.book_lines(*(call(acme, 0, at=START + timedelta(hours=number)) for number in range(240)))

    found = search(acme)

    # the newest 100 of 240 hours begin on the 6th at 20:00; the first whole day is the 7th, with 96 calls
    assert (found.start, found.lines, found.spend) == (datetime(2026, 11, 7, tzinfo=UTC), 96, 96 * Decimal("0.0035"))
    assert found.notes == (
        ("window_shortened", "The window holds 240 calls; the newest were searched, since 2026-11-07 00:00 UTC."),
    )  # fmt: skip
    assert find(acme.organization, start=START, end=END, at=START + timedelta(hours=10)).lines == 10


def test_a_commitment_of_the_organization_is_cut_to_what_its_busiest_hour_needs(acme: factories.Acme) -> None:
    # 10 units of 0.05 an hour: 12 a day, 120 in ten days. The busiest hour has 6 × 1,100 = 6,600 tokens; 10 units serve
    # 60,000 in one: 11 %, doubled for its minutes 22 %, with a tenth to spare 24.2 %: 3 units for 36; on demand they
    # would cost 41.04
    Commitment.objects.create(
        organization=acme.organization, name="PTU", kind=CommitmentKind.PROVISIONED_THROUGHPUT, provider="upstream",
        model="gpt-4o", project=acme.assistant, amount=Decimal("0.05"), per="hour", units=10, unit_name="PTU",
        currency="USD", tokens_per_minute=1000, starts_on=START.date() - timedelta(days=40),
        booked_until=START.date(),
    )  # fmt: skip
    long = {"list_cost": Decimal("0.0285"), "cost": Decimal(0)}
    factories.book_lines(*(call(acme, number, **long) for number in range(1440)))

    answer = search(acme)
    one = only(answer, Category.OVERSIZED_COMMITMENT)

    assert (one.actual_cost, one.saving, one.joint_saving, one.monthly_saving) == (120, 84, 84, 252)
    assert (answer.spend, answer.charged) == (0, 120)  # 84 is 70 % of what was spent
    assert one.change.settings == {"size": "0.3"}
