"""Exports of LiteLLM, OpenAI, Langfuse and Helicone, in the shape these systems write them, good and bad."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imports.formats import FORMATS
from gateway.imports.records import Amount, Item, Rejection, Skipped, UnreadableFileError, UsageRecord
from gateway.imports.rows import jsonscan, rows

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def read(kind: str, name: str, **mapping: str) -> list[Item]:
    with (DATA / name).open("rb") as file:
        return list(FORMATS[kind].read(file, mapping, NOW))


def of(kind: str, content: str | bytes, **mapping: str) -> list[Item]:
    data = content.encode() if isinstance(content, str) else content
    return list(FORMATS[kind].read(io.BytesIO(data), mapping, NOW))


def records(items: list[Item]) -> list[UsageRecord]:
    return [item for item in items if isinstance(item, UsageRecord)]


# ---- LiteLLM -------------------------------------------------------------------------------------------------------
def test_litellm_a_streamed_answer_with_its_parts_people_and_spend():
    first, *_ = records(read("litellm", "litellm_spendlogs.csv"))

    assert (first.line, first.key, first.model, first.provider) == (2, "chatcmpl-BqA1", "gpt-4o-mini", "openai")
    assert first.at == datetime(2026, 3, 2, 9, 15, 1, 120_000, UTC)
    assert first.counts == {
        "input_tokens": 1200, "output_tokens": 50, "cache_read_tokens": 1024, "reasoning_tokens": 32,
    }  # fmt: skip
    assert first.amount == Amount(Decimal("0.0004410000"))
    assert first.values == {
        "endpoint": "/v1/chat/completions", "request_id": "chatcmpl-BqA1", "status": "ok", "duration_ms": 1750.0,
        "is_stream": True, "ttft_ms": 360.0, "output_ms": 1390.0, "end_user": "customer-9", "model_requested": "fast",
        "tag_set": {"feature": "search", "tag beta": "yes", "litellm_key": "search-prod", "litellm_team": "Search",
                    "litellm_user": "u-17"},
    }  # fmt: skip


def test_litellm_caches_failures_and_prices_it_does_not_know():
    _, anthropic, hit, failed, unknown = records(read("litellm", "litellm_spendlogs.csv"))

    assert anthropic.counts == {
        "input_tokens": 3300, "output_tokens": 100, "cache_read_tokens": 2000, "cache_write_5m_tokens": 300,
    }  # fmt: skip
    assert "ttft_ms" not in anthropic.values
    assert (hit.values["kind"], hit.values["cache_status"], hit.amount) == ("cache_hit", "hit", Amount(Decimal(0)))
    assert (failed.values["status"], failed.values["http_status"]) == ("upstream_error", 429)
    assert failed.values["error_type"] == "RateLimitError"
    assert failed.amount == Amount(Decimal(0))
    # spend 0 for 8,000 tokens: LiteLLM knows no price, so neither do we
    assert (unknown.model, unknown.provider, unknown.amount) == ("in-house/e5-large", "vllm", None)
    assert unknown.values["endpoint"] == "/v1/embeddings"


def test_litellm_a_bad_row_is_kept_aside_with_its_line():
    *_, bad = read("litellm", "litellm_spendlogs.csv")

    assert isinstance(bad, Rejection)
    assert (bad.line, bad.reason) == (7, "prompt_tokens: '-4' is negative")
    assert bad.raw.startswith("chatcmpl-BqA6,acompletion")


@pytest.mark.parametrize("wrapped", ["lines", "array", "pages"])
def test_litellm_json_in_every_wrapping(wrapped):
    row = {"request_id": "r-1", "call_type": "acompletion", "spend": 8e-05, "prompt_tokens": 10, "completion_tokens": 2,
           "startTime": "2026-03-02T09:15:01.120000Z", "endTime": "2026-03-02T09:15:02Z", "model": "openai/gpt-4o",
           "custom_llm_provider": "openai", "metadata": {"status": "success"}, "request_tags": ["a"]}  # fmt: skip
    other = {**row, "request_id": "r-2"}
    text = {
        "lines": orjson.dumps(row) + b"\n" + orjson.dumps(other),
        "array": orjson.dumps([row, other], option=orjson.OPT_INDENT_2),
        "pages": orjson.dumps({"data": [row], "total": 2}) + b"\n" + orjson.dumps({"data": [other], "total": 2}),
    }[wrapped]

    first, second = of("litellm", text)

    assert isinstance(first, UsageRecord)
    assert isinstance(second, UsageRecord)
    assert (first.key, second.key, first.model) == ("r-1", "r-2", "gpt-4o")
    assert first.amount == Amount(Decimal("0.0000800000"))
    assert first.line < second.line


def test_litellm_prompts_of_old_releases_without_their_cached_part():
    (record,) = of("litellm", orjson.dumps({
        "request_id": "r", "startTime": "2026-03-02T09:15:01Z", "model": "claude-sonnet-4-5", "prompt_tokens": 3,
        "completion_tokens": 1, "metadata": {"usage_object": {"cache_read_input_tokens": 900}},
    }))  # fmt: skip

    assert isinstance(record, UsageRecord)
    assert record.counts == {"input_tokens": 903, "output_tokens": 1, "cache_read_tokens": 900}


# ---- OpenAI --------------------------------------------------------------------------------------------------------
def test_openai_usage_is_a_total_of_several_requests():
    first, batch, *_ = read("openai", "openai_usage.json")

    assert isinstance(first, UsageRecord)
    assert isinstance(batch, UsageRecord)
    assert first.at == datetime(2025, 10, 5, tzinfo=UTC)
    assert (first.model, first.provider, first.amount) == ("gpt-4o-2024-08-06", "openai", None)
    assert first.counts == {"input_tokens": 59200, "output_tokens": 10646, "cache_read_tokens": 5760}
    assert first.values == {
        "endpoint": "/v1/chat/completions", "request_count": 10, "service_tier_served": "default",
        "tag_set": {"openai_project_id": "proj_4BhN", "openai_api_key_id": "key_OYRZ"},
    }  # fmt: skip
    assert first.context == {"service_tier": "default"}
    assert (batch.values["request_count"], batch.context) == (2, {"processing": "batch"})


def test_openai_other_kinds_empty_buckets_and_open_ones():
    items = read("openai", "openai_usage.json")

    embedding, images = records(items)[2:]
    assert (embedding.counts, embedding.values["endpoint"]) == (
        {"input_tokens": 16, "output_tokens": 0}, "/v1/embeddings",
    )  # fmt: skip
    assert (images.counts["image_units"], images.values["request_count"]) == (3, 3)
    assert [item.reason for item in items if isinstance(item, Skipped)] == ["nothing was used in this bucket"]
    assert [item.reason for item in items if isinstance(item, Rejection)] == [
        "audio speeches are not counted in tokens or images: their cost is in the costs export",
        "input_tokens: 10 is less than its parts, 11",
        "end_time: '4102444800' is outside 2015-01-01 … tomorrow",
    ]
    assert [item.line for item in items] == sorted({item.line for item in items})


def test_openai_a_bucket_that_ends_later_today_is_refused():
    start = int(NOW.timestamp()) - 3600
    page = {"data": [{"start_time": start, "end_time": start + 7200, "results": [
        {"object": "organization.usage.completions.result", "input_tokens": 1, "output_tokens": 1, "model": "gpt-4o",
         "num_model_requests": 1}]}]}  # fmt: skip

    (item,) = of("openai", orjson.dumps(page))

    assert isinstance(item, Rejection)
    assert item.reason == "end_time: the bucket is not over yet, its figures still grow; export it again later"


def test_openai_costs_are_billed_amounts_without_requests():
    charge, credit = records(read("openai", "openai_costs.json"))

    assert charge.amount == Amount(Decimal("0.2480600000"), "USD")
    assert (charge.model, charge.counts, charge.values["request_count"]) == ("gpt-4o-2024-08-06", {}, 0)
    assert charge.values["tag_set"] == {
        "openai_project_id": "proj_4BhN", "openai_organization_id": "org-Hp9m", "line_item": "gpt-4o-2024-08-06, input",
    }  # fmt: skip
    assert credit.amount == Amount(Decimal("-0.0500000000"), "USD")


def test_openai_the_dashboards_csv():
    first, second, empty = read("openai", "openai_usage.csv")
    cost, nothing = read("openai", "openai_costs.csv")

    assert isinstance(first, UsageRecord)
    assert isinstance(second, UsageRecord)
    assert isinstance(cost, UsageRecord)
    assert first.counts == {"input_tokens": 59200, "output_tokens": 10646, "cache_read_tokens": 5760}
    assert (first.line, first.values["request_count"], first.context) == (2, 10, {"service_tier": "default"})
    assert second.model == "gpt-5-2025-08-07"
    assert empty == Skipped(4, "nothing was used in this bucket")
    assert (cost.amount, cost.model) == (Amount(Decimal("0.8958740000"), "USD"), None)
    assert nothing == Skipped(3, "nothing was used in this bucket")


# ---- Langfuse ------------------------------------------------------------------------------------------------------
def test_langfuse_parts_are_disjoint_and_times_are_times():
    first, *_ = read("langfuse", "langfuse_observations.csv")

    assert isinstance(first, UsageRecord)
    assert (first.line, first.key, first.model) == (2, "obs-1", "gpt-4o-2024-08-06")
    assert first.counts == {"input_tokens": 1200, "output_tokens": 60, "cache_read_tokens": 1024}
    assert first.amount == Amount(Decimal("0.0023200000"), is_list=True)
    assert first.values == {
        "endpoint": "/v1/chat/completions", "request_id": "obs-1", "status": "ok", "duration_ms": 3500.0,
        "is_stream": True, "ttft_ms": 700.0, "output_ms": 2800.0, "end_user": "customer-9", "max_tokens": 512,
        "tag_set": {"tag beta": "yes", "langfuse_name": "answer", "langfuse_trace": "chat",
                    "langfuse_environment": "production"},
    }  # fmt: skip


def test_langfuse_spans_are_skipped_errors_and_bad_rows_told_apart():
    _, span, failed, bad = read("langfuse", "langfuse_observations.csv")

    assert span == Skipped(4, "an observation of type SPAN is no call of a model")
    assert isinstance(failed, UsageRecord)
    assert failed.counts == {
        "input_tokens": 1050, "output_tokens": 0, "cache_read_tokens": 900, "cache_write_5m_tokens": 50,
    }  # fmt: skip
    assert (failed.provider, failed.values["status"], failed.amount) == ("anthropic", "timeout", None)
    assert "duration_ms" not in failed.values
    assert isinstance(bad, Rejection)
    assert (bad.line, bad.reason) == (6, "startTime: 'yesterday' is not a time")


def test_langfuse_blob_storage_rows():
    first, second = read("langfuse", "langfuse_blob.jsonl")

    assert isinstance(first, UsageRecord)
    assert isinstance(second, UsageRecord)
    # `total` is input + output, so reasoning was counted within the output
    assert first.counts == {"input_tokens": 500, "output_tokens": 120, "reasoning_tokens": 80}
    assert (first.provider, first.values["duration_ms"]) == ("google", 1500.0)
    assert first.amount == Amount(Decimal("0.0005000000"), is_list=False)  # the caller provided it
    assert (second.model, second.provider, second.values["endpoint"]) == (
        "text-embedding-3-small", "openai", "/v1/embeddings",
    )  # fmt: skip
    assert second.amount is None


# ---- Helicone ------------------------------------------------------------------------------------------------------
def test_helicone_cached_tokens_lie_beside_the_prompt():
    first, hit, failed, bad = read("helicone", "helicone.jsonl")

    assert isinstance(first, UsageRecord)
    assert first.counts == {"input_tokens": 1200, "output_tokens": 60, "cache_read_tokens": 1024}
    assert (first.key, first.model, first.provider) == (
        "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "gpt-4o-mini-2024-07-18", "openai",
    )  # fmt: skip
    assert first.amount == Amount(Decimal("0.0001392000"), is_list=True)
    assert first.values == {
        "endpoint": "/v1/chat/completions", "request_id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "http_status": 200,
        "status": "ok", "duration_ms": 2250.0, "is_stream": True, "ttft_ms": 310.0, "output_ms": 1940.0,
        "end_user": "customer-4", "model_requested": "gpt-4o-mini",
        "tag_set": {"Environment": "production", "Session": "s-1"},
    }  # fmt: skip
    assert isinstance(hit, UsageRecord)
    assert (hit.values["kind"], hit.amount) == ("cache_hit", Amount(Decimal(0), is_list=True))
    assert isinstance(failed, UsageRecord)
    assert (failed.values["status"], failed.values["error_type"], failed.amount) == (
        "upstream_error", "upstream_529", None,
    )  # fmt: skip
    assert bad == Rejection(4, "delay_ms: 'slow' is not a number", bad.raw)


def test_helicone_csv_with_its_doubled_quotes():
    (record,) = read("helicone", "helicone.csv")

    assert isinstance(record, UsageRecord)
    assert (record.key, record.counts) == ("8f1a", {"input_tokens": 1200, "output_tokens": 60})
    assert record.values["tag_set"] == {"Environment": "production"}
    assert (record.values["duration_ms"], record.amount) == (2250.0, Amount(Decimal("0.0002160000"), is_list=True))


# ---- what they share -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["litellm", "openai", "langfuse", "helicone"])
def test_another_systems_file_is_refused_as_a_whole(kind):
    for content in (b"", b"when,tokens\n2026-01-01,3\n", b'{"when": 1}\n', b'[{"when": 1}]'):
        with pytest.raises(UnreadableFileError):
            of(kind, content)
    with pytest.raises(UnreadableFileError, match="knows no mapping model"):
        of(kind, b"{}", model="gpt-4o")


def test_constants_for_the_whole_file():
    (record,) = read("helicone", "helicone.csv", provider="openai", endpoint="/v1/completions")

    assert isinstance(record, UsageRecord)
    assert (record.provider, record.values["endpoint"]) == ("openai", "/v1/completions")


def test_generic_tables_take_costs_counts_and_tags():
    (record,) = of(
        "csv",
        "time;input_tokens;output_tokens;model;cost;currency;request_count;squad;stream;http_status\n"
        "2026-05-01;10;2;gpt-4o;0.0125;eur;3;core;true;200\n",
        **{"tag.team": "squad", "tag.system": "legacy"},
    )

    assert isinstance(record, UsageRecord)
    assert record.amount == Amount(Decimal("0.0125000000"), "EUR")
    assert record.values == {
        "request_count": 3, "is_stream": True, "http_status": 200, "tag_set": {"team": "core", "system": "legacy"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("cost", "-1", "cost: '-1' is not an amount of money"),
        ("cost", "1e999", "cost: '1e999' is not an amount of money"),
        ("cost", "free", "cost: 'free' is not an amount"),
        ("stream", "perhaps", "is_stream: 'perhaps' is neither true nor false"),
        ("http_status", "7", "http_status: 7 is not between 100 and 599"),
    ],
)
def test_generic_values_are_strict(column, value, reason):
    (item,) = of("csv", f"time,input_tokens,output_tokens,{column}\n2026-05-01,1,1,{value}\n")

    assert isinstance(item, Rejection)
    assert item.reason == reason


# ---- rows of JSON documents ----------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), max_size=6), st.integers(1, 40), st.booleans())
def test_a_document_is_cut_into_its_records_wherever_chunks_end(objects, chunk, is_indented):
    option = orjson.OPT_INDENT_2 if is_indented else 0
    for document in (objects, {"object": "page", "data": objects, "has_more": False}):
        data = orjson.dumps(document, option=option)
        jsonscan.CHUNK, kept = chunk, jsonscan.CHUNK
        try:
            found = [orjson.loads(raw.data) for raw in jsonscan.elements(io.BytesIO(data), "data")]
        finally:
            jsonscan.CHUNK = kept
        assert found == objects


def test_lines_of_a_document_are_the_records_own():
    text = b'{"object": "page", "data": [\n  {"a": 1},\n  {"a":\n   2}, {"a": 3},\n  7,\n  {bad},\n  {"a": 4}\n]}\n'

    found = [(row.line, row.values if not isinstance(row, Rejection) else row.reason)
             for row in rows(io.BytesIO(text), envelope="data")]  # fmt: skip

    assert found[:4] == [(2, {"a": 1}), (3, {"a": 2}), (4, {"a": 3}), (5, "not a JSON object")]
    assert found[4][0] == 6
    assert str(found[4][1]).startswith("not JSON: ")
    assert found[5] == (7, {"a": 4})


@pytest.mark.parametrize("text", [b'[{"a": 1},\n{"a": 2', b'[{"a": 1},\n', b'{"data": [\n{"a": 1},'])
def test_a_document_that_was_cut_off_says_so(text):
    *good, last = rows(io.BytesIO(text), envelope="data")

    assert [row.values for row in good if not isinstance(row, Rejection)] == [{"a": 1}]
    assert isinstance(last, Rejection)
    assert last.reason == "the file ends inside a record or before its list does"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_rows(data):
    for head in (b"", b"[", b"{", b'{"data": [', b"a,b\n"):
        try:
            lines = [row.line for row in rows(io.BytesIO(head + data), envelope="data")]
        except UnreadableFileError:
            continue
        assert lines == sorted(set(lines))
