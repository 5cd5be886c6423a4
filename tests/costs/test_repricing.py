"""Re-pricing a past period: counted and applied, exact, once, after a kill, and nothing of the originals changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from analytics.rollups.marks import process_marks
from costs.budgets.verify import verify_budgets
from costs.choices import RepricingState
from costs.models import RepricingRun
from costs.services import backfill, repricing
from costs.services.budgets import create_budget
from costs.services.prices import set_price_override
from gateway.ledger.connect import connect
from gateway.models import Job, LedgerLine, Provider
from gateway.services.errors import Conflict, Invalid
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def acme() -> factories.Acme:
    company = factories.acme()
    Provider.objects.update(price_list="openai")
    return company


def charge(meter: str, quantity: int, price: str, cost: str) -> dict[str, str]:
    return {
        "meter": meter, "rate_id": f"old:{meter}", "quantity": str(quantity), "unit_price": price, "cost": cost,
        "currency": "USD",
    }  # fmt: skip


def call(acme: factories.Acme, **changes: Any) -> dict[str, Any]:
    """1,000 in and 100 out at 5 and 20 USD a million: 0.007. By the list gpt-4o costs 2.5 and 10: 0.0035."""
    old = [charge("input", 1000, "0.000005", "0.0050000000"), charge("output", 100, "0.00002", "0.0020000000")]
    fields = {"at": AT, "charges": old, "cost": Decimal("0.007"), "list_cost": Decimal("0.007")}
    return factories.line(acme, **(fields | changes))


def unpriced(acme: factories.Acme, **changes: Any) -> dict[str, Any]:
    fields = {"charges": [], "cost": None, "list_cost": None, "price_status": "unpriced"}
    return call(acme, **(fields | changes))


def counted(acme: factories.Acme, **asked: Any) -> RepricingRun:
    run = repricing.request_repricing(organization=acme.organization, actor=None, start=START, end=END, **asked)
    assert repricing.run_waiting() == 1
    run.refresh_from_db()
    return run


def applied(acme: factories.Acme, **asked: Any) -> RepricingRun:
    run = repricing.apply_repricing(run=counted(acme, **asked), actor=None)
    assert repricing.run_waiting() == 1
    run.refresh_from_db()
    assert run.state == RepricingState.APPLIED
    return run


def total(acme: factories.Acme) -> Decimal:
    costs = LedgerLine.objects.filter(organization=acme.organization.pk).values_list("cost", flat=True)
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def entries() -> list[LedgerLine]:
    return list(LedgerLine.objects.filter(kind="adjustment").order_by("started_at", "id"))


def verify(acme: factories.Acme) -> None:
    """Ledger = rollups = budgets = key spend."""
    while process_marks().quarter_hours:
        pass
    call_command("verify_ledger", "--organization", acme.organization.slug)
    with connect() as connection:
        assert [check for check in verify_budgets(connection) if check.problems] == []


def test_a_period_is_counted_by_team_and_model_and_nothing_is_booked(acme: factories.Acme) -> None:
    factories.book_lines(call(acme), call(acme, at=AT + timedelta(hours=1)), call(acme, project=acme.banner))

    run = counted(acme)

    assert run.state == RepricingState.READY
    assert run.counted is not None
    groups = run.counted.pop("groups")
    assert run.counted == {
        "lines": 3, "changed": 3, "still_unpriced": 0, "other_currency": 0, "meanwhile": 0,
        "before": "0.0210000000", "after": "0.0105000000", "difference": "-0.0105000000",
    }  # fmt: skip
    assert [(one["team"], one["model"], one["lines"], one["difference"]) for one in groups] == [
        (str(acme.search.pk), "gpt-4o", 2, "-0.0070000000"), (str(acme.ads.pk), "gpt-4o", 1, "-0.0035000000")
    ]  # fmt: skip
    assert entries() == []


@pytest.mark.slow
def test_applying_books_the_difference_and_the_original_stays(acme: factories.Acme) -> None:
    create_budget(organization=acme.organization, actor=None, name="All", scope="organization", amount=Decimal(10))
    (line,) = factories.book_lines(call(acme))

    run = applied(acme)

    (entry,) = entries()
    original = LedgerLine.objects.get(kind="attempt")
    assert (original.cost, original.charges, original.booked_at < entry.booked_at) == (
        Decimal("0.007"), line["charges"], True
    )  # fmt: skip
    assert (entry.corrects, entry.cost, entry.list_cost, entry.started_at, entry.is_final, entry.input_tokens) == (
        original.id, Decimal("-0.0035"), Decimal("-0.0035"), original.started_at, False, 0
    )  # fmt: skip
    assert {(one["meter"], one["quantity"], one["cost"]) for one in entry.charges} == {
        ("input", "1000", "0.0025000000"), ("output", "100", "0.0010000000"),
        ("input", "-1000", "-0.0050000000"), ("output", "-100", "-0.0020000000"),
    }  # fmt: skip
    assert run.applied == run.counted
    assert total(acme) == Decimal("0.0035")
    verify(acme)


def test_applying_again_and_pricing_again_change_nothing(acme: factories.Acme) -> None:
    factories.book_lines(call(acme))
    run = applied(acme)

    repricing.apply_repricing(run=run, actor=None)
    assert repricing.run_waiting() == 0
    again = applied(acme)

    assert again.applied is not None
    assert (again.applied["changed"], again.applied["difference"]) == (0, "0.0000000000")
    assert len(entries()) == 1


@pytest.mark.slow
def test_another_price_later_is_the_difference_to_what_is_charged_by_now(acme: factories.Acme) -> None:
    factories.book_lines(call(acme))
    applied(acme)
    set_price_override(
        organization=acme.organization, provider="openai", model="gpt-4o", actor=None, valid_from=START,
        discount_percent=Decimal(10),
    )  # fmt: skip

    applied(acme)

    assert sum(one.cost or 0 for one in entries()) == Decimal("-0.00385")
    assert total(acme) == Decimal("0.00315")  # 0.0035 less 10 %
    last = max(entries(), key=lambda one: one.booked_at)
    assert len(last.charges) == 4
    assert not any(one["rate_id"].startswith("old:") for one in last.charges)  # taken back already, not again
    verify(acme)


@pytest.mark.slow
def test_what_was_corrected_by_its_truth_is_priced_by_its_truth(acme: factories.Acme) -> None:
    """Cut off at 1,000 + 100 tokens; it really answered 300, in a batch. The list: 1,000 x 1.25 + 300 x 5 = 0.00275."""
    (estimate,) = factories.book_lines(call(acme, status="interrupted"))
    charges = [charge("input", 1000, "0.000005", "0.0050000000"), charge("output", 300, "0.00002", "0.0060000000")]
    truth = {"charges": charges, "cost": Decimal("0.011"), "list_cost": Decimal("0.011"), "output_tokens": 300}
    factories.book_lines(estimate | truth | {"status": "ok", "service_tier_served": "batch"})

    run = applied(acme)

    assert run.applied is not None
    assert (run.applied["lines"], run.applied["before"], run.applied["after"]) == (1, "0.0110000000", "0.0027500000")
    assert total(acme) == Decimal("0.00275")
    assert sum(line.output_tokens for line in LedgerLine.objects.all()) == 300
    assert applied(acme).applied["changed"] == 0  # type: ignore[index]
    verify(acme)


def truth_of(estimate: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """It really answered 300: 0.011 by the old prices, 1,000 x 2.5 + 300 x 10 = 0.0055 by the list."""
    charges = [charge("input", 1000, "0.000005", "0.0050000000"), charge("output", 300, "0.00002", "0.0060000000")]
    truth = {"charges": charges, "cost": Decimal("0.011"), "list_cost": Decimal("0.011"), "output_tokens": 300}
    return estimate | truth | {"status": "ok", "price_status": "priced"} | changes


@pytest.mark.slow
def test_a_truth_that_arrives_after_its_estimate_was_priced_anew_is_exact_and_priced_anew_too(
    acme: factories.Acme,
) -> None:
    create_budget(organization=acme.organization, actor=None, name="All", scope="organization", amount=Decimal(10))
    (estimate, _) = factories.book_lines(call(acme, status="interrupted"), call(acme))
    applied(acme)
    set_price_override(organization=acme.organization, actor=None, provider="openai", model="gpt-4o",
                       discount_percent=Decimal(10), valid_from=START)  # fmt: skip
    assert total(acme) == Decimal("0.007")

    factories.book_lines(truth_of(estimate))

    # what the data plane said, and nothing of the estimate and its entry is left
    assert total(acme) == Decimal("0.0145")
    verify(acme)
    assert (repricing.run_waiting(), repricing.run_waiting(), repricing.run_waiting()) == (1, 1, 0)
    # 0.0055 less 10 %, of that line alone
    assert total(acme) == Decimal("0.00845")
    assert sum(line.output_tokens for line in LedgerLine.objects.all()) == 400
    verify(acme)
    run = RepricingRun.objects.get(line=estimate["id"])
    assert (run.state, run.is_automatic, run.applied["changed"]) == ("applied", True, 1)  # type: ignore[index]


def test_a_truth_about_what_nobody_priced_anew_begins_nothing(acme: factories.Acme) -> None:
    (estimate,) = factories.book_lines(call(acme, status="interrupted"))
    factories.book_lines(truth_of(estimate))

    assert (total(acme), RepricingRun.objects.count(), repricing.run_waiting()) == (Decimal("0.011"), 0, 0)


@pytest.mark.slow
def test_a_truth_about_a_back_filled_estimate_is_the_whole_of_it(acme: factories.Acme) -> None:
    (estimate,) = factories.book_lines(unpriced(acme, status="interrupted"))
    applied(acme, only_unpriced=True)
    assert total(acme) == Decimal("0.0035")

    factories.book_lines(truth_of(estimate))

    assert total(acme) == Decimal("0.011")
    verify(acme)
    assert (repricing.run_waiting(), repricing.run_waiting()) == (1, 1)
    assert total(acme) == Decimal("0.0055")
    verify(acme)


@pytest.mark.slow
@pytest.mark.parametrize("is_priced_anew", [False, True])
def test_a_truth_without_a_price_behind_a_priced_estimate_waits_in_the_queue(
    acme: factories.Acme, is_priced_anew: bool
) -> None:
    (estimate,) = factories.book_lines(call(acme, status="interrupted"))
    if is_priced_anew:
        applied(acme)
    before = total(acme)

    nothing = {"charges": [], "cost": None, "list_cost": None, "price_status": "unpriced", "model_served": "mystery"}
    factories.book_lines(truth_of(estimate, **nothing))

    assert total(acme) == before
    while repricing.run_waiting():
        pass
    (left,) = repricing.unpriced(organization=acme.organization, start=START, end=END)
    assert (left.model, left.lines, left.input_tokens, left.output_tokens) == ("mystery", 1, 1000, 300)
    verify(acme)

    set_price_override(organization=acme.organization, actor=None, provider="openai", model="mystery",
                       prices={"input": Decimal(1), "output": Decimal(10)}, valid_from=START)  # fmt: skip
    assert backfill.run_waiting() == 1
    while repricing.run_waiting():
        pass

    assert total(acme) == Decimal("0.004")  # 1,000 x 1 + 300 x 10
    assert repricing.unpriced(organization=acme.organization, start=START, end=END) == []
    verify(acme)


def test_some_meters_of_a_call_without_a_price_are_not_taken_back(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme, charges=[charge("input", 1000, "0.000005", "0.0050000000")]))

    applied(acme)

    assert total(acme) == Decimal("0.0035")
    verify(acme)


def discount(acme: factories.Acme, percent: int) -> None:
    set_price_override(organization=acme.organization, actor=None, provider="openai", model="gpt-4o",
                       discount_percent=Decimal(percent), valid_from=START)  # fmt: skip


@pytest.mark.slow
def test_what_is_applied_is_what_was_counted_or_the_difference_is_told(acme: factories.Acme) -> None:
    factories.book_lines(call(acme))
    run = counted(acme)
    looked_at = run.digest
    discount(acme, 10)

    with pytest.raises(Conflict) as caught:
        repricing.apply_repricing(run=run, actor=None)

    assert (caught.value.code, entries()) == ("repricing_changed", [])
    assert caught.value.message == (
        "Prices or calls have changed since it was counted: 1 calls change by -0.0038500000 USD now; it was 1 calls "
        "change by -0.0035000000 USD. Nothing was booked; look at the new difference and apply it again."
    )
    run.refresh_from_db()
    assert (run.state, run.counted["difference"]) == ("ready", "-0.0038500000")  # type: ignore[index]
    with pytest.raises(Conflict, match="counted again"):
        repricing.apply_repricing(run=run, actor=None, seen=looked_at)
    repricing.apply_repricing(run=run, actor=None, seen=run.digest)
    repricing.run_waiting()
    run.refresh_from_db()
    assert (run.applied, run.error, total(acme)) == (run.counted, "", Decimal("0.00315"))


@pytest.mark.slow
def test_what_is_booked_after_the_count_is_not_in_it(acme: factories.Acme) -> None:
    factories.book_lines(call(acme))
    run = counted(acme)
    factories.book_lines(call(acme))

    repricing.apply_repricing(run=run, actor=None)
    repricing.run_waiting()

    run.refresh_from_db()
    assert (run.applied, len(entries()), total(acme)) == (run.counted, 1, Decimal("0.0105"))


@pytest.mark.slow
def test_of_two_that_are_applied_at_once_one_books(acme: factories.Acme) -> None:
    factories.book_lines(call(acme))
    one, other = counted(acme), counted(acme)
    for run in (one, other):
        repricing.apply_repricing(run=run, actor=None)

    while repricing.run_waiting():
        pass

    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.state, other.state, len(entries()), total(acme)) == ("applied", "ready", 1, Decimal("0.0035"))
    assert other.counted["changed"] == 0  # type: ignore[index]
    assert other.error.startswith("Prices or calls have changed since it was counted: 0 calls change by 0")
    verify(acme)


@pytest.mark.slow
def test_a_call_that_is_adjusted_while_a_run_is_applied_is_left_alone(
    acme: factories.Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    (estimate, _) = factories.book_lines(call(acme, status="interrupted"), call(acme))
    run = repricing.apply_repricing(run=counted(acme), actor=None)
    real = repricing._may_book

    def and_then_its_truth_arrives(*arguments: Any) -> bool:
        may = real(*arguments)
        factories.book_lines(truth_of(estimate))
        return may

    monkeypatch.setattr(repricing, "_may_book", and_then_its_truth_arrives)
    repricing.run_waiting()

    run.refresh_from_db()
    assert run.applied is not None
    assert [run.applied[name] for name in ("lines", "changed", "meanwhile")] == [2, 1, 1]
    assert total(acme) == Decimal("0.0145")
    verify(acme)


def test_a_run_that_was_killed_goes_on_only_with_what_was_counted(
    acme: factories.Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.book_lines(*(call(acme, at=AT + timedelta(minutes=minute)) for minute in range(4)))
    monkeypatch.setattr(repricing, "PIECE_SQL", repricing.PIECE_SQL.replace("LIMIT 1000", "LIMIT 2"))
    run = repricing.apply_repricing(run=counted(acme), actor=None)
    real, pieces = repricing._piece, []

    def dies(*arguments: Any) -> bool:
        if pieces:
            raise KeyboardInterrupt
        pieces.append(1)
        return real(*arguments)

    monkeypatch.setattr(repricing, "_piece", dies)
    with pytest.raises(KeyboardInterrupt):
        repricing.run_waiting()
    monkeypatch.setattr(repricing, "_piece", real)
    Job.objects.filter(kind=repricing.KIND).update(claimed_until=AT)
    discount(acme, 10)

    repricing.run_waiting()

    run.refresh_from_db()
    assert (run.state, len(entries()), total(acme)) == ("failed", 2, 2 * Decimal("0.0105"))
    assert run.error.startswith("Prices or calls have changed while it was applied")


def test_a_killed_run_goes_on_where_it_was_and_books_each_line_once(
    acme: factories.Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.book_lines(*(call(acme, at=AT + timedelta(minutes=minute)) for minute in range(7)))
    monkeypatch.setattr(repricing, "PIECE_SQL", repricing.PIECE_SQL.replace("LIMIT 1000", "LIMIT 2"))
    run = repricing.apply_repricing(run=counted(acme), actor=None)
    real, pieces = repricing._piece, []

    def dies(*arguments: Any) -> bool:
        if len(pieces) == 2:
            raise KeyboardInterrupt
        pieces.append(1)
        return real(*arguments)

    monkeypatch.setattr(repricing, "_piece", dies)
    with pytest.raises(KeyboardInterrupt):
        repricing.run_waiting()
    assert len(entries()) == 4
    monkeypatch.setattr(repricing, "_piece", real)
    Job.objects.filter(kind=repricing.KIND).update(claimed_until=AT)  # its lease runs out

    assert repricing.run_waiting() == 1

    run.refresh_from_db()
    assert run.applied is not None
    assert (run.state, run.applied["changed"], len(entries())) == ("applied", 7, 7)
    assert total(acme) == 7 * Decimal("0.0035")


def test_what_had_no_price_waits_in_the_queue_until_it_is_back_filled(acme: factories.Acme) -> None:
    factories.book_lines(unpriced(acme), unpriced(acme, model_served="mystery"), call(acme))

    (known, mystery) = sorted(
        repricing.unpriced(organization=acme.organization, start=START, end=END), key=lambda one: one.model
    )
    run = applied(acme, only_unpriced=True)

    assert (known.model, known.lines, known.has_price_now) == ("gpt-4o", 1, True)
    assert (mystery.model, mystery.has_price_now) == ("mystery", False)
    assert run.applied is not None
    assert (run.applied["changed"], run.applied["still_unpriced"], run.applied["after"]) == (1, 1, "0.0035000000")
    assert run.applied["groups"][0]["newly_priced"] == 1
    (left,) = repricing.unpriced(organization=acme.organization, start=START, end=END)
    assert left.model == "mystery"
    assert total(acme) == Decimal("0.0105")
    verify(acme)


def test_costs_of_imported_files_and_other_currencies_are_left_alone(acme: factories.Acme) -> None:
    from_file = [charge("input", 1000, "0.000005", "0.0050000000") | {"rate_id": "import:litellm"}]
    euros = [one | {"currency": "EUR"} for one in call(acme)["charges"]]
    factories.book_lines(
        call(acme, charges=from_file, cost=Decimal("0.005")), call(acme, charges=euros, currency="EUR")
    )

    run = applied(acme)

    assert run.applied is not None
    assert (run.applied["lines"], run.applied["changed"], run.applied["other_currency"]) == (1, 0, 1)
    assert entries() == []


@pytest.mark.slow
def test_a_batch_is_priced_as_one(acme: factories.Acme) -> None:
    factories.book_lines(call(acme, service_tier_served="batch"))

    assert applied(acme).applied["after"] == "0.0017500000"  # type: ignore[index]  # 1000 x 1.25 + 100 x 5


def test_calls_of_a_batch_are_in_the_tier_of_each(acme: factories.Acme) -> None:
    """gpt-5.4 costs 1.25 and 7.50 in a batch, twice as much of the former above 272,000 tokens."""
    long = {"input_tokens": 300_000, "output_tokens": 1000, "service_tier_served": "batch", "model_served": "gpt-5.4"}
    factories.book_lines(unpriced(acme, **long), unpriced(acme, **long, request_count=100))

    after = [Decimal(entry["after"]) for entry in applied(acme).applied["groups"]]  # type: ignore[index]

    assert after == [Decimal("0.75") + Decimal("0.01125") + Decimal("0.375") + Decimal("0.0075")]


def test_a_call_with_fingerprints_is_priced_anew_and_its_entry_has_none(acme: factories.Acme) -> None:
    marks = {"client_ip_hash": b"\x01" * 16, "request_hmac": b"\x02" * 16, "prefix_hmacs": b"\x03" * 16}
    factories.book_lines(call(acme, **marks))

    assert applied(acme).applied["difference"] == "-0.0035000000"  # type: ignore[index]

    (entry,) = entries()
    assert (entry.client_ip_hash, entry.request_hmac, entry.prefix_hmacs) == (None, None, None)


def test_another_organization_is_not_touched(acme: factories.Acme) -> None:
    run = repricing.request_repricing(organization=acme.globex, actor=None, start=START, end=END)
    factories.book_lines(call(acme))
    repricing.run_waiting()

    run.refresh_from_db()
    assert run.counted is not None
    assert run.counted["lines"] == 0


def test_what_is_not_counted_cannot_be_applied_and_a_period_has_a_length(acme: factories.Acme) -> None:
    run = repricing.request_repricing(organization=acme.organization, actor=None, start=START, end=END)

    with pytest.raises(Conflict, match="counting"):
        repricing.apply_repricing(run=run, actor=None)
    with pytest.raises(Invalid, match="end after"):
        repricing.request_repricing(organization=acme.organization, actor=None, start=END, end=END)
