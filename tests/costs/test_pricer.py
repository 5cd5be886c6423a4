from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from costs.pricer import BookPricer
from costs.services import set_price_override
from gateway.ledger.connect import connect
from gateway.models import Organization

AT = datetime(2026, 11, 20, tzinfo=UTC)
CHAT = {"input_tokens": 10_000, "cache_read_tokens": 6_000, "output_tokens": 500, "reasoning_tokens": 0}


def columns(pricer: BookPricer, usage=CHAT, price_list="openai", model="gpt-4o", organization="", **context):
    return pricer.price(usage, price_list=price_list, model=model, at=AT, organization=organization, context=context)


def test_columns_are_plain_text_that_a_line_can_hold():
    priced = columns(BookPricer())

    assert priced == {
        "charges": [
            {
                "meter": "input",
                "rate_id": "genai-prices@0.2.3:openai/gpt-4o:input:initial",
                "quantity": "4000",
                "unit_price": "0.0000025",
                "cost": "0.0100000000",
                "currency": "USD",
            },
            {
                "meter": "cache_read",
                "rate_id": "genai-prices@0.2.3:openai/gpt-4o:cache_read:initial",
                "quantity": "6000",
                "unit_price": "0.00000125",
                "cost": "0.0075000000",
                "currency": "USD",
            },
            {
                "meter": "output",
                "rate_id": "genai-prices@0.2.3:openai/gpt-4o:output:initial",
                "quantity": "500",
                "unit_price": "0.000010",
                "cost": "0.0050000000",
                "currency": "USD",
            },
        ],
        "cost": "0.0225000000",
        "list_cost": "0.0225000000",
        "currency": "USD",
        "price_status": "priced",
    }
    assert json.loads(json.dumps(priced)) == priced


@pytest.mark.parametrize(
    ("usage", "price_list", "model", "charges"),
    [
        (CHAT, "openai", "no-such-model", 0),
        (CHAT, "vllm", "llama", 0),
        ({"input_tokens": 10, "audio_input_tokens": 5}, "openai", "gpt-4o-audio-preview", 1),
        ({"input_tokens": "ten"}, "openai", "gpt-4o", 0),
    ],
)
def test_an_unknown_price_is_no_cost_and_never_an_error(usage, price_list, model, charges):
    priced = columns(BookPricer(), usage, price_list, model)

    assert (priced["cost"], priced["list_cost"], priced["price_status"]) == (None, None, "unpriced")
    assert len(priced["charges"]) == charges


def test_a_price_too_small_for_a_cent_keeps_its_digits():
    priced = columns(BookPricer(), {"input_tokens": 1}, "google", "gemini-2.5-flash-lite")

    assert (priced["charges"][0]["unit_price"], priced["cost"]) == ("0.0000001", "0.0000001000")


@pytest.mark.django_db(transaction=True)
def test_reload_reads_overrides_and_survives_a_bad_row():
    acme = Organization.objects.create(slug="acme", name="Acme")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    common = {"provider": "openai", "model": "gpt-4o", "actor": None, "valid_from": start}
    set_price_override(organization=acme, prices={"input": "1", "output": "1"}, **common)
    set_price_override(organization=None, discount_percent=Decimal(10), **common)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO costs_priceoverride"
            " (id, provider, model, prices, currency, valid_from, source, note, created_at)"
            " VALUES (gen_random_uuid(), 'openai', 'o3', '{\"inptu\": \"1\"}', 'USD', now(), '', '', now())"
        )
    pricer = BookPricer()

    before = columns(pricer, organization=str(acme.pk))["cost"]
    with connect() as direct, direct.transaction():
        direct.execute("SET TRANSACTION READ ONLY")
        pricer.reload(direct)

    assert before == "0.0225000000"
    assert columns(pricer, organization=str(acme.pk))["cost"] == "0.0105000000"
    assert columns(pricer, organization="someone else")["cost"] == "0.0202500000"
    assert columns(pricer, organization=str(acme.pk))["list_cost"] == "0.0225000000"
    assert columns(pricer, model="o3", usage={"input_tokens": 1_000_000})["cost"] == "2.0000000000"


def test_the_pricer_needs_no_app_registry():
    check = "import costs.pricer, sys; sys.exit('gateway.models' in sys.modules or 'costs.models' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
