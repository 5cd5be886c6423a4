"""What a tuned model's hosting costs a month, and from when on it pays with it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from finetuning.answers.hosting import upkeep_of
from finetuning.models import Hosting
from tests.finetuning.answers.conftest import NOW, Make

pytestmark = pytest.mark.django_db
LLAMA = "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference"
MINI = "gpt-4.1-mini-2025-04-14"


@pytest.mark.parametrize(
    ("backend", "base", "per_month", "note"),
    [
        ("azure", MINI, Decimal(1241), ""),  # 730 hours at 1.70
        ("openai", MINI, Decimal(0), ""),
        ("vertex", "gemini-2.5-flash", Decimal(0), ""),
        ("local-head", "local-head-hash", Decimal(0), ""),
        ("dicl", "gpt-4o", Decimal(0), ""),
        ("together", LLAMA, None, "What its hosting costs is not known. A dedicated endpoint is billed by the minute."),
        ("fireworks", "accounts/fireworks/models/qwen3-8b", None,
         "What its hosting costs is not known. A LoRA of this kind needs a dedicated deployment."),
        ("runner", "Qwen/Qwen3-8B", None, "What your own machines cost an hour is not known here."),
        ("azure", "gpt-9", None, "No price of hosting gpt-9 at azure is known."),
    ],
)  # fmt: skip
def test_of_each_backend(make_tuned: Make, backend: str, base: str, per_month: Any, note: str) -> None:
    found = upkeep_of(make_tuned("ft:x", backend=backend, base_model=base), NOW)

    assert (found.per_month, found.note) == (per_month, note)


def test_a_deployment_of_the_developer_tier_is_free(make_tuned: Make) -> None:
    tuned = make_tuned("ft:x", backend="azure", base_model=MINI)
    Hosting.objects.create(tuned=tuned, name="gateway-x", kind="DeveloperTier")

    assert upkeep_of(tuned, datetime(2026, 11, 29, tzinfo=UTC)).per_month == 0
