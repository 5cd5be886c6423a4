"""Price files: believed or not, what changes with them, what stays; where the lists differ; who prices by what."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from analytics.alerts.models import AlertRule
from costs import bookshelf
from costs.alerts import PriceFileSource
from costs.choices import ReviewState, SnapshotState
from costs.models import PriceRate, PriceReview, PriceSnapshot
from costs.services import reviews, snapshots
from gateway.models import AllowedUpstream

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, tzinfo=UTC)


def document(**changes: Any) -> dict[str, Any]:
    """LiteLLM's file with 600 models at 1 and 2 USD a million, and `changes` by name."""
    entry = {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
    return {f"acme/m{number}": entry for number in range(600)} | changes


def content(**changes: Any) -> bytes:
    return json.dumps(document(**changes)).encode()


def take(content: bytes, version: str = "1", **options: Any) -> PriceSnapshot:
    return snapshots.import_file(snapshots.litellm_file(content, "test", version), **options)


def price_of(model: str, at: datetime = AT, provider: str = "acme") -> Decimal | None:
    usage = {"input_tokens": 1_000_000}
    return bookshelf.book_of(None).price(usage, provider=provider, model=model, at=at).total


def entry(price: float, provider: str = "acme", **more: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "mode": "chat", "input_cost_per_token": price} | more


def test_the_first_file_reaches_back_and_is_what_prices() -> None:
    found = take(content())

    assert (found.state, found.models_count, found.opened_count, found.closed_count) == ("accepted", 600, 1200, 0)
    assert price_of("m7") == price_of("M7", at=AT - timedelta(days=2000)) == Decimal(1)
    assert price_of("voyage-3.5", provider="voyage") is None  # what is imported replaces what is bundled


def test_a_changed_rate_ends_and_begins_and_the_past_keeps_its_price() -> None:
    take(content())
    before = datetime.now(UTC)

    found = take(content(**{"acme/m7": entry(3e-06)}), "2")

    after = datetime.now(UTC)
    assert (found.opened_count, found.closed_count) == (1, 1)
    assert price_of("m7", at=before) == Decimal(1)
    assert price_of("m7", at=after) == Decimal(3)
    old, new = PriceRate.objects.filter(model="m7", meter="input").order_by("valid_from")[::-1]
    assert (old.valid_from, old.valid_to, new.valid_to) == (None, new.valid_from, None)
    assert before <= new.valid_from <= after


def test_the_same_facts_again_are_the_snapshot_that_there_is() -> None:
    first = take(content())

    assert take(content(), "renamed").pk == first.pk
    assert PriceSnapshot.objects.count() == 1


def test_a_new_model_reaches_back_and_a_retired_one_stays() -> None:
    take(content())
    without = document(**{"acme/new": entry(5e-06)})
    del without["acme/m7"]

    take(json.dumps(without).encode(), "2")

    assert price_of("new", at=AT - timedelta(days=400)) == Decimal(5)
    assert price_of("m7", at=datetime.now(UTC)) == Decimal(1)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"{", "It is not JSON: "),
        (b"[]", "The file is not an object of models."),
        (content(**{"acme/m7": {**entry(1), "input_cost_per_token": "1e-6"}}), "acme/m7: input_cost_per_token is not"),
        (content(**{"acme/m7": entry(-1e-06)}), "acme/m7: input_cost_per_token is negative."),
        (json.dumps({"acme/m1": entry(1e-06)}).encode(), "It has prices of 1 models; fewer than 500 is no whole file."),
        (content(**{"acme/m7": entry(1e-03)}), "acme/m7 input: 0.000001 becomes 0.001."),
        (content(**{f"acme/m{n}": entry(2e-06) for n in range(400)}), "400 of 1200 known rates change at once."),
    ],
    ids=["cut", "list", "text", "negative", "too few", "jump", "all at once"],
)
def test_a_file_that_is_not_believed_changes_nothing_and_is_told(bad: bytes, problem: str) -> None:
    good = take(content())

    found = take(bad, "2")

    assert found.state == SnapshotState.REJECTED
    assert found.problems[0].startswith(problem)
    assert price_of("m7") == Decimal(1)
    assert PriceRate.objects.exclude(snapshot=good).count() == 0
    (reading,) = PriceFileSource().readings(AlertRule(), AT)
    assert reading.is_breached
    assert problem in reading.text


def test_a_good_file_after_a_bad_one_ends_the_alert() -> None:
    take(content())
    take(b"{", "2")
    take(content(**{"acme/m7": entry(2e-06)}), "3")

    assert [reading.is_breached for reading in PriceFileSource().readings(AlertRule(), AT)] == [False]


def test_a_jump_can_be_forced_and_a_broken_file_cannot() -> None:
    take(content())

    assert take(content(**{"acme/m7": entry(1e-03)}), "2", force=True).state == SnapshotState.ACCEPTED
    assert take(b"{", "3", force=True).state == SnapshotState.REJECTED


def test_rates_are_append_only() -> None:
    take(content())

    for statement in ("UPDATE costs_pricerate SET amount = 0", "DELETE FROM costs_pricerate"):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


# ---- the lists of a release ------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_what_a_release_brings_is_imported_once_with_its_history_and_prices_the_same() -> None:
    bundled_price = bookshelf.book_of(None).price(
        {"input_tokens": 272_001}, provider="openai", model="gpt-5.4", at=AT, context={"region": "eu"}
    )

    assert snapshots.refresh_when_due() == 2
    assert snapshots.refresh_when_due() == 0

    assert PriceRate.objects.filter(source="litellm").count() == 12_846
    assert PriceRate.objects.filter(source="genai-prices").count() == 7_884
    history = PriceRate.objects.filter(source="genai-prices", provider="openai", model="o3", meter="input", context="")
    cut = datetime(2025, 6, 10, tzinfo=UTC)
    assert [(row.amount, row.valid_from, row.valid_to) for row in history.order_by("amount")] == [
        (Decimal("0.000002"), cut, None), (Decimal("0.00001"), None, cut)
    ]  # fmt: skip
    imported = bookshelf.book_of(None).price(
        {"input_tokens": 272_001}, provider="openai", model="gpt-5.4", at=AT, context={"region": "eu"}
    )
    assert imported == bundled_price
    assert PriceReview.objects.filter(state="open").count() > 0


# ---- where the lists differ ------------------------------------------------------------------------------------------
def gpt_4o(price: float) -> bytes:
    return content(**{"gpt-4o": entry(price, "openai", output_cost_per_token=1e-05)})


def test_a_difference_above_one_percent_is_queued_and_one_below_is_not() -> None:
    take(gpt_4o(2.52e-06))
    assert reviews.compare_lists() == 0

    take(gpt_4o(3e-06), "2")
    assert reviews.compare_lists() == 1

    row = PriceReview.objects.get()
    assert (row.provider, row.model, row.state, row.largest_percent) == ("openai", "gpt-4o", "open", Decimal("16.67"))
    assert row.differences == [
        {"context": "", "above_tokens": -1, "meter": "input", "first": "0.0000025", "second": "0.000003",
         "percent": "16.67"},
    ]  # fmt: skip


def test_taking_the_second_list_prices_by_it_and_keeping_does_not() -> None:
    take(gpt_4o(3e-06))
    reviews.compare_lists()
    row = PriceReview.objects.get()

    assert price_of("gpt-4o", provider="openai") == Decimal("2.5")
    reviews.decide_review(review=row, actor=None, state=ReviewState.TAKEN, note="the page says so")
    assert price_of("gpt-4o", provider="openai") == Decimal(3)
    reviews.decide_review(review=row, actor=None, state=ReviewState.KEPT)
    assert price_of("gpt-4o", provider="openai") == Decimal("2.5")


def test_a_decision_stands_until_the_difference_is_another_one() -> None:
    take(gpt_4o(3e-06))
    reviews.compare_lists()
    reviews.decide_review(review=PriceReview.objects.get(), actor=None, state=ReviewState.KEPT)

    assert reviews.compare_lists() == 0
    take(gpt_4o(4e-06), "2")
    assert reviews.compare_lists() == 1
    take(gpt_4o(2.5e-06), "3")
    assert reviews.compare_lists() == 0
    assert PriceReview.objects.get().state == ReviewState.SETTLED


# ---- command, URL ----------------------------------------------------------------------------------------------------
def test_the_command_reads_a_file_and_fails_on_a_bad_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(content())
    call_command("refresh_prices", "--file", str(file), "--version-name", "9", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["state"], told["opened_count"]) == ("9", "accepted", 1200)

    file.write_bytes(b"{")
    with pytest.raises(CommandError, match="the prices before it stay"):
        call_command("refresh_prices", "--file", str(file))
    with pytest.raises(CommandError, match="No such file"):
        call_command("refresh_prices", "--file", str(tmp_path / "none.json"))


@pytest.fixture
def upstream() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content()
            self.send_response(200 if self.path == "/prices.json" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_url_is_asked_through_the_guarded_client_once_a_day(upstream: str, settings: Any) -> None:
    refused = snapshots.fetch_litellm(f"{upstream}/prices.json")
    assert refused.problems[0].startswith("No answer: ")

    AllowedUpstream.objects.create(host="127.0.0.1", port=int(upstream.rpartition(":")[2]))
    missing = snapshots.fetch_litellm(f"{upstream}/gone.json")
    assert missing.problems == ["The answer has status 404."]
    settings.PRICES_URL = f"{upstream}/prices.json"
    for source, version in (("litellm", "1.106.2"), ("genai-prices", "0.2.3")):
        PriceSnapshot.objects.create(source=source, version=version, origin="bundled", digest="x", state="accepted")

    assert snapshots.refresh_when_due() == 1
    assert snapshots.refresh_when_due() == 0
    assert price_of("m7") == Decimal(1)


def test_data_planes_are_told_of_a_snapshot_and_of_a_choice() -> None:
    def version() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT version FROM gateway_configversion")
            return int((cursor.fetchone() or [0])[0])

    start = version()
    take(gpt_4o(3e-06))
    imported = version()
    reviews.compare_lists()

    assert start < imported < version()
