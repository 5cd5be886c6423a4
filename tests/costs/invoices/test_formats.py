"""Each format reads what its vendor writes: days, models, meters, tiers, quantities and money, exactly."""

import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.invoices.formats import Document, read_document
from costs.invoices.formats.aws import usage_type_of
from costs.invoices.formats.azure import meter_of
from costs.invoices.formats.openai import line_item
from gateway.imports.records import UnreadableFileError

NOW = datetime(2026, 7, 2, tzinfo=UTC)
DAY = date(2026, 6, 1)
START, END = 1780272000, 1780358400  # 1 and 2 June 2026, 00:00 UTC


def read(text: str | bytes, **more: Any) -> Document:
    data = text if isinstance(text, bytes) else text.encode()
    return read_document(io.BytesIO(data), NOW, **more)


def lines(document: Document) -> list[tuple[Any, ...]]:
    """(day, model, meter, tier, kind, currency, quantity, cost) of each sum, in the file's order."""
    return [(*line.key[:6], line.quantity, line.cost) for line in document.collector.lines.values()]


def test_openai_costs_by_line_item() -> None:
    results = [
        {"object": "organization.costs.result", "amount": {"value": 0.25, "currency": "usd"},
         "line_item": "gpt-4.1-2025-04-14, input", "quantity": 125_000},
        {"amount": {"value": 0.05, "currency": "usd"}, "line_item": "gpt-4.1-2025-04-14, cached input"},
        {"amount": {"value": 0.4, "currency": "usd"}, "line_item": "priority | gpt-5.6-sol, output, long context"},
        {"amount": {"value": 0.1, "currency": "usd"}, "line_item": "web search tool calls | gpt-4o"},
        {"amount": {"value": 0.02, "currency": "usd"}, "line_item": "Vector storage"},
        {"amount": {"value": -1, "currency": "usd"}, "line_item": "free credit"},
    ]  # fmt: skip
    bucket = {"object": "bucket", "start_time": START, "end_time": END, "results": results}
    empty = {"object": "bucket", "start_time": END, "end_time": END + 86400, "results": []}

    found = read(json.dumps({"object": "page", "data": [bucket, empty]}))

    assert (found.format, found.vendors, found.start, found.end) == ("openai", {"openai"}, DAY, date(2026, 6, 3))
    assert lines(found) == [
        (DAY, "gpt-4.1-2025-04-14", "input", None, "usage", "USD", Decimal(125_000), Decimal("0.25")),
        (DAY, "gpt-4.1-2025-04-14", "cache_read", None, "usage", "USD", None, Decimal("0.05")),
        (DAY, "gpt-5.6-sol", "output", "priority+long_context", "usage", "USD", None, Decimal("0.4")),
        (DAY, "gpt-4o", "web_search", None, "usage", "USD", None, Decimal("0.1")),
        (DAY, "", "", None, "fee", "USD", None, Decimal("0.02")),
        (DAY, "", "", None, "credit", "USD", None, Decimal("-1")),
    ]


def test_openai_costs_of_the_dashboard() -> None:
    text = (
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id\n"
        f"{START},{END},2026-06-01T00:00:00+00:00,2026-06-02T00:00:00+00:00,0.8958740000000000,usd,,\n"
        f"{END},{END + 86400},2026-06-02T00:00:00+00:00,2026-06-03T00:00:00+00:00,,,,\n"
    )

    found = read(text)

    assert lines(found) == [(DAY, "", "", None, "usage", "USD", None, Decimal("0.895874"))]
    assert found.end == date(2026, 6, 3)


def test_openai_usage_parts_its_input() -> None:
    result = {
        "object": "organization.usage.completions.result", "input_tokens": 1000, "input_cached_tokens": 300,
        "input_audio_tokens": 50, "output_tokens": 200, "output_audio_tokens": 20, "num_model_requests": 4,
        "model": "gpt-4o-2024-08-06", "batch": True,
    }  # fmt: skip

    found = read(json.dumps({"data": [{"start_time": START, "end_time": END, "results": [result]}]}))

    assert [(row[2], row[3], row[6], row[7]) for row in lines(found)] == [
        ("input", "batch", Decimal(650), None),
        ("cache_read", "batch", Decimal(300), None),
        ("audio_input", "batch", Decimal(50), None),
        ("output", "batch", Decimal(180), None),
        ("audio_output", "batch", Decimal(20), None),
    ]


def test_anthropic_cost_report_is_in_cents() -> None:
    results = [
        {"amount": "123.45", "currency": "USD", "cost_type": "tokens", "model": "claude-sonnet-4-5-20250929",
         "token_type": "cache_creation.ephemeral_1h_input_tokens", "service_tier": "batch", "context_window": "0-200k",
         "description": "Claude Sonnet 4.5"},
        {"amount": "10", "currency": "USD", "cost_type": "tokens", "model": "claude-sonnet-4-5-20250929",
         "token_type": "output_tokens", "service_tier": "standard", "context_window": "200k-1M"},
        {"amount": "5", "currency": "USD", "cost_type": "code_execution", "model": None, "token_type": None},
    ]  # fmt: skip
    bucket = {"starting_at": "2026-06-01T00:00:00Z", "ending_at": "2026-06-02T00:00:00Z", "results": results}

    found = read(json.dumps({"data": [bucket], "has_more": False, "next_page": None}))

    assert [(*row[2:5], row[7]) for row in lines(found)] == [
        ("cache_write_1h", "batch", "usage", Decimal("1.2345")),
        ("output", "long_context", "usage", Decimal("0.1")),
        ("code_execution", None, "fee", Decimal("0.05")),
    ]


def test_anthropic_usage_report() -> None:
    result = {
        "uncached_input_tokens": 100, "cache_read_input_tokens": 40, "output_tokens": 30, "model": "claude-haiku-4-5",
        "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 5},
        "server_tool_use": {"web_search_requests": 2}, "service_tier": "priority", "context_window": "0-200k",
    }  # fmt: skip
    bucket = {"starting_at": "2026-06-01T00:00:00Z", "ending_at": "2026-06-02T00:00:00Z", "results": [result]}

    found = read(json.dumps({"data": [bucket]}))

    assert {(row[2], row[3]): row[6] for row in lines(found)} == {
        ("input", "priority"): 100, ("cache_read", "priority"): 40, ("output", "priority"): 30,
        ("cache_write_5m", "priority"): 7, ("cache_write_1h", "priority"): 5, ("web_search", "priority"): 2,
    }  # fmt: skip


def test_anthropic_console_files() -> None:
    costs = (
        "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,"
        "cost_type,inference_geo,speed\n"
        "2026-06-01,Claude Sonnet 4.5,Default,key,message,≤ 200k,input_cache_read,18.71,18.71,token,global,\n"
    )
    usage = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
        "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
        "usage_output_tokens,web_search_count,inference_geo,speed\n"
        "2026-06-01,claude-sonnet-4-20250514,key,Default,batch,≤ 200k,100000,0,0,20,50,0,global,\n"
    )

    assert lines(read(costs)) == [(DAY, "Claude Sonnet 4.5", "cache_read", "", "usage", "USD", None, Decimal("18.71"))]
    assert [(*row[2:4], row[6]) for row in lines(read(usage))] == [
        ("input", "batch", Decimal(100_000)), ("cache_read", "batch", Decimal(20)), ("output", "batch", Decimal(50)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt 4o 0806 cached Inp glbl Tokens", ("gpt-4o-0806", "cache_read", "")),
        ("gpt-4o-mini-0718-Outp-glbl Tokens", ("gpt-4o-mini-0718", "output", "")),
        ("GPT 5 Mini cchd Inpt Glbl 1M Tokens", ("gpt-5-mini", "cache_read", "")),
        ("gpt 4.1 mini Batch Inp glbl Tokens", ("gpt-4.1-mini", "input", "batch")),
        ("Provisioned Managed Unit", ("provisioned-managed-unit", "", "")),
    ],
)
def test_azure_meters(name: str, expected: tuple[str, str, str]) -> None:
    assert meter_of(name) == expected


def test_azure_cost_details() -> None:
    text = (
        "SubscriptionId,Date,ProductName,MeterCategory,MeterSubCategory,MeterName,UnitOfMeasure,Quantity,"
        "CostInBillingCurrency,BillingCurrencyCode,ChargeType\n"
        "s,06/01/2026,Azure OpenAI,Foundry Models,Azure OpenAI,gpt 4.1 Inp glbl Tokens,1K,1234.5,2.469,EUR,Usage\n"
        "s,06/01/2026,Azure OpenAI,Foundry Models,Azure OpenAI,Provisioned Managed Unit,1 Hour,24,48,EUR,Usage\n"
        "s,06/01/2026,Storage,Storage,Blob,LRS Data Stored,1 GB,5,1,EUR,Usage\n"
    )

    found = read(text)

    assert (found.vendors, found.skipped) == ({"azure"}, 1)
    assert lines(found) == [
        (DAY, "gpt-4.1", "input", "", "usage", "EUR", Decimal("1234500.0"), Decimal("2.469")),
        (DAY, "", "", "", "fee", "EUR", None, Decimal("48")),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("USW2-Claude4.5Sonnet-cache-read-input-token-count-cross-region-global",
         ("Claude4.5Sonnet", "cache_read", "")),
        ("USE1-NovaPro-input-tokens-batch", ("NovaPro", "input", "batch")),
        ("APS2-openai.gpt-oss-20b-mantle-output-tokens-flex", ("openai.gpt-oss-20b", "output", "flex")),
        ("USE1-Guardrail-ContentPolicyUnits", ("", "", "")),
    ],
)  # fmt: skip
def test_bedrock_usage_types(text: str, expected: tuple[str, str, str]) -> None:
    assert usage_type_of(text)[:3] == expected


def test_a_packed_cost_and_usage_report() -> None:
    text = (
        "identity_line_item_id,line_item_usage_start_date,line_item_line_item_type,line_item_product_code,"
        "line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,line_item_currency_code,pricing_unit,"
        "line_item_line_item_description,product_product_name\n"
        "a,2026-06-01T05:00:00.000Z,Usage,AmazonBedrock,USW2-Claude4.5Sonnet-cache-write-input-token-count,433.893,"
        "1.789808625,USD,1K tokens,x,Amazon Bedrock\n"
        "b,2026-06-01T00:00:00.000Z,Tax,AmazonBedrock,,0,0.34,USD,,VAT,Amazon Bedrock\n"
        "c,2026-06-01T05:00:00.000Z,Usage,AmazonEC2,BoxUsage,1,9,USD,Hrs,x,EC2\n"
    )

    found = read(gzip.compress(text.encode()))

    assert (found.format, found.vendors, found.skipped) == ("aws", {"aws"}, 1)
    assert lines(found) == [
        (DAY, "Claude4.5Sonnet", "cache_write_5m", "", "usage", "USD", Decimal("433893.000"), Decimal("1.789808625")),
        (DAY, "", "", None, "tax", "USD", None, Decimal("0.34")),
    ]


@pytest.mark.parametrize("seller", ["ProviderName", "ServiceProviderName"])
def test_focus_of_old_and_new_versions(seller: str) -> None:
    named = {"ModelId": "gpt-4.1", "TokenDirection": "Input", "TokenCacheAction": "Read"}
    details = json.dumps(named).replace('"', '""')
    text = (
        f"BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,{seller},ConsumedQuantity,"
        "ConsumedUnit,SkuMeter,SkuPriceDetails,ChargeDescription\n"
        f'0.5,USD,Usage,2026-06-01T03:00:00Z,2026-06-01T04:00:00Z,OpenAI,1000000,Tokens,,"{details}",\n'
        "0.8,USD,Usage,2026-06-01T03:00:00Z,2026-06-01T04:00:00Z,OpenAI,100000,Tokens,Output Tokens,,"
        "Output Tokens of gpt-4.1\n"
        "-2,USD,Credit,2026-06-01T00:00:00Z,2026-07-01T00:00:00Z,OpenAI,,,,,Promotional credit\n"
    )

    found = read(text)

    assert (found.format, found.vendors) == ("focus", {"openai"})
    assert [(*row[1:5], *row[6:]) for row in lines(found)] == [
        ("gpt-4.1", "cache_read", None, "usage", Decimal(1_000_000), Decimal("0.5")),
        ("gpt-4.1", "output", None, "usage", Decimal(100_000), Decimal("0.8")),
        ("", "", None, "credit", None, Decimal(-2)),
    ]


def test_any_table_with_a_mapping() -> None:
    text = "Datum;Modell;Art;Menge;Betrag\n2026-06-01;m1;input;10;0.5\n"
    mapping = {"day": "Datum", "model": "Modell", "meter": "Art", "quantity": "Menge", "cost": "Betrag",
               "currency": "=EUR", "vendor": "=openai"}  # fmt: skip

    found = read(text, mapping=mapping, format="table")

    assert found.vendors == {"openai"}
    assert lines(found) == [(DAY, "m1", "input", None, "usage", "EUR", Decimal(10), Decimal("0.5"))]


def test_rows_that_repeat_are_marked() -> None:
    text = "day,model,meter,quantity,cost,currency\n" + "2026-06-01,m1,input,10,0.5,USD\n" * 3

    (line,) = read(text).collector.lines.values()

    assert (line.rows, line.cost, line.repeated_rows, line.repeated_cost) == (3, Decimal("1.5"), 2, Decimal("1.0"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("day,cost,currency\n2026-06-01,x,USD\n2026-06-01,1,dollars\n",
         "line 2: cost: 'x' is not a number; line 3: currency: 'DOLLARS' is no ISO 4217 code. Nothing was stored."),
        ("day,cost\n2026-06-01,1\n", "line 2: currency: the currency is not stated. Nothing was stored."),
        ("day,cost,currency\n2026-06-01,0,USD\n",
         "the file has no billed usage that this format knows. Nothing was stored."),
        ("BilledCost,ChargePeriodStart,ChargePeriodEnd,BillingCurrency\n"
         "1,2026-06-01T00:00:00Z,2026-07-01T00:00:00Z,USD\n",
         "line 2: covers more than a day; export by day or by hour. Nothing was stored."),
        ('{"data": [{"start_time": 1780272000, "end_time": 1780358400, "results": 7}]}',
         "line 1: results: not a list. Nothing was stored."),
        (b"\x1f\x8b\x08\x00broken",
         "the gzip file is damaged: Compressed file ended before the end-of-stream marker was reached"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where(text: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError) as error:
        read(text)

    assert str(error.value) == reason


def test_line_items_without_a_model() -> None:
    assert line_item("") == ("", "", None, "usage")
    assert line_item("gpt-image-2.5-flare image, output") == ("gpt-image-2.5-flare", "image_output", None, "usage")
    assert line_item("VAT, 19 %") == ("", "", None, "tax")


def test_a_tuned_model_whose_name_has_the_word_tax_is_usage() -> None:
    tuned = "ft:gpt-4.1-mini:tax-advisors:private:B2xyz"

    assert line_item(f"{tuned}, cached input") == (tuned, "cache_read", None, "usage")
