"""Readers alone: generic CSV and JSON lines, mappings, odd bytes, line joining."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imports.formats import FORMATS
from gateway.imports.records import (
    BadValueError,
    Rejection,
    UnreadableFileError,
    UsageRecord,
    parse_count,
    parse_duration,
    parse_time,
)
from gateway.imports.rows.lines import read_lines

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def read(kind: str, content: bytes | str, **mapping: str) -> list[UsageRecord | Rejection]:
    data = content.encode() if isinstance(content, str) else content
    return list(FORMATS[kind].read(io.BytesIO(data), mapping, NOW))


def test_csv_finds_usual_columns_by_itself():
    (record,) = read(
        "csv",
        "\ufeffid,created_at,model,prompt_tokens,completion_tokens,cached_tokens,latency_ms,status\r\n"
        "r-1,2026-05-01T10:00:00+02:00,gpt-4o,100,20,60,812.5,ok\r\n",
    )

    assert record == UsageRecord(
        line=2,
        raw="r-1,2026-05-01T10:00:00+02:00,gpt-4o,100,20,60,812.5,ok",
        at=datetime(2026, 5, 1, 8, tzinfo=UTC),
        counts={"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 60},
        model="gpt-4o",
        values={"status": "ok", "duration_ms": 812.5},
        key="r-1",
    )


def test_a_mapping_names_columns_or_constants():
    text = "when,in,out,gpt-4o\n1767225600,1,2,claude-haiku-4-5\n"
    mapping = {"started_at": "when", "input_tokens": "in", "output_tokens": "out"}

    (by_column,) = read("csv", text, **mapping, model="gpt-4o")
    (by_constant,) = read("csv", text, **mapping, model="=gpt-4o", provider="openai")

    assert (by_column.model, by_constant.model, by_constant.provider) == ("claude-haiku-4-5", "gpt-4o", "openai")
    assert by_column.at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "no column for started_at; the file has when, in, out. Say which: --mapping started_at=COLUMN"),
        ({"started_at": "then"}, "no column 'then' for started_at; the file has when, in, out"),
        ({"price": "when"}, "unknown fields in the mapping: price"),
    ],
)
def test_a_mapping_that_does_not_fit_the_file(mapping, message):
    with pytest.raises(UnreadableFileError) as caught:
        read("csv", "when,in,out\n1,2,3\n", **mapping)

    assert str(caught.value).startswith(message)


HEAD = "started_at,input_tokens,output_tokens,end_user\n"


def test_csv_joins_lines_inside_quotes_and_numbers_them_by_their_first():
    good, other = read("csv", f'{HEAD}2026-05-01,1,2,"a\nb ""c"""\n2026-05-01,3,4,d\n')

    assert (good.line, good.values["end_user"]) == (2, 'a\nb "c"')
    assert (other.line, other.counts["input_tokens"]) == (4, 3)


def test_a_quote_that_never_closes_costs_one_line():
    rows = "".join(f"2026-05-01,{index},4,u\n" for index in range(300))

    items = read("csv", f'{HEAD}2026-05-01,1,2,"open\n{rows}')

    assert isinstance(items[0], Rejection)
    assert items[0].line == 2
    assert [item.counts["input_tokens"] for item in items[1:]] == list(range(300))
    assert [item.line for item in items[1:]] == list(range(3, 303))


def test_parts_may_not_exceed_their_whole():
    (item,) = read("csv", "started_at,input_tokens,output_tokens,cached_tokens\n2026-05-01,10,1,11\n")

    assert item == Rejection(2, "input_tokens: 10 is less than its parts, 11", "2026-05-01,10,1,11")


def test_jsonl_reads_paths_and_looks_for_defaults_in_every_row():
    first, second, third = read(
        "jsonl",
        '{"created": 1767225600, "model": "gpt-4o", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
        '{"created": 1767225600123, "model": "gpt-4o", "cached_tokens": 5,'
        ' "usage": {"prompt_tokens": 8, "completion_tokens": 3}}\n'
        "[1]\n",
        input_tokens="usage.prompt_tokens",
        output_tokens="usage.completion_tokens",
    )

    assert first.counts == {"input_tokens": 7, "output_tokens": 2}
    assert (second.line, second.counts) == (3, {"input_tokens": 8, "output_tokens": 3, "cache_read_tokens": 5})
    assert second.at == datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)
    assert third == Rejection(4, "not a JSON object", "[1]")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"started_at": "2026-05-01", "input_tokens": true, "output_tokens": 1}', "true is not a number or text"),
        ('{"started_at": "2026-05-01", "input_tokens": {}, "output_tokens": 1}', "{} is not a number or text"),
        ('{"started_at": "2026-05-01", "output_tokens": 1}', "input_tokens: missing"),
        ('{"started_at": "2026-05-01", "input_tokens": NaN, "output_tokens": 1}', "not JSON: "),
        (
            '{"started_at": "2026-05-01", "input_tokens": 1, "output_tokens": 1, "status": "fine"}',
            "status: 'fine' is none",
        ),
        (
            '{"started_at": "2026-05-01", "input_tokens": 1, "output_tokens": 1, "end_user": "a\\u0000"}',
            "contains a NUL",
        ),
        ('{"started_at": "2026-05-01", "input_tokens": 1, "output_tokens": 1, "end_user": "\\ud800"}', "not JSON: "),
    ],
)
def test_jsonl_rejects_with_a_reason(row, reason):
    good = '{"started_at": "2026-05-01", "input_tokens": 1, "output_tokens": 1}'

    _, item = read("jsonl", f"{good}\n{row}\n")

    assert isinstance(item, Rejection)
    assert item.reason.startswith(reason)


def test_a_jsonl_file_without_any_object_fails_as_a_whole():
    with pytest.raises(UnreadableFileError):
        read("jsonl", "nothing\nhere\n")


@given(st.binary(max_size=400))
def test_no_bytes_break_a_reader_and_no_line_is_lost(data):
    for kind, head in (("azure-trace", b"TIMESTAMP,ContextTokens,GeneratedTokens\n"), ("csv", HEAD.encode())):
        items = read(kind, head + data)
        numbers = [item.line for item in items]
        lines = [line for line in read_lines(io.BytesIO(head + data)) if line.data.strip()]
        assert numbers == sorted(set(numbers))
        assert len(items) <= len(lines) - 1
        if kind == "azure-trace":
            assert numbers == [line.number for line in lines[1:]]


@given(st.datetimes(datetime(2015, 1, 1), datetime(2026, 6, 1)), st.integers(-14 * 60, 14 * 60))
def test_times_survive_every_offset(naive, minutes):
    at = naive.replace(tzinfo=UTC)
    shifted = at + timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    text = f"{shifted:%Y-%m-%dT%H:%M:%S.%f}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

    assert parse_time("t", text, NOW) == at


@pytest.mark.parametrize("text", ["", "nan", "1e5", "-1", "+1", "1.5", "0x10", "1_000", " ", "1,000"])
def test_counts_are_strict(text):
    with pytest.raises(BadValueError):
        parse_count("n", text)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "", "1s", "1e400"])
def test_durations_are_strict(text):
    with pytest.raises(BadValueError):
        parse_duration("ms", text)


def test_a_spreadsheets_whole_number():
    assert parse_count("n", "12.0") == 12
