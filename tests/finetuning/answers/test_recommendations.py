"""Whether tuning pays, said from the organization's own traffic."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.answers.questions import Questions
from finetuning.answers.recommendations import Advice, recommendations
from tests.analytics.api.conftest import book
from tests.factories import Acme, line
from tests.finetuning.answers.conftest import NOW, Make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _openai(company: Acme) -> None:
    company.provider.slug = "upstream"
    company.provider.kind = "openai"
    company.provider.save()


def advice(company: Acme, use_case: str = "", person: str = "carol") -> list[Advice]:
    return recommendations(Questions(company.people[person], company.organization), NOW, use_case=use_case)


def traffic(company: Acme, count: int, **columns: Any) -> None:
    book(*(line(company, at=NOW - timedelta(days=1, minutes=number), **columns) for number in range(count)))


def test_short_answers_may_be_labels(company: Acme) -> None:
    traffic(company, 120, output_tokens=3, input_tokens=400)

    (one,) = advice(company, "classification")

    assert (one.kind, one.backend, one.model) == ("try_locally", "local-head", "gpt-4o")
    assert one.title == "Try a local head for Assistant"
    assert (one.requests_per_month, one.training) == (120, 0)
    assert one.saving_per_month == Decimal("0.1236")  # 120 × (400 × 2.50 + 3 × 10) ÷ 1,000,000
    assert one.evidence[0] == "120 requests in 30 days of 400 prompt and 3 answer tokens on average."
    assert [(gap.code, gap.have, gap.need) for gap in one.gaps] == [("bodies", 0, 100)]


def test_little_traffic_does_not_pay(company: Acme) -> None:
    traffic(company, 120)

    (one,) = advice(company, "distillation")

    assert one.kind == "do_not_tune"
    assert one.break_even is not None
    assert one.break_even.months is None or one.break_even.months > 6


def test_too_few_requests_are_no_reason(company: Acme) -> None:
    traffic(company, 99)

    assert advice(company) == []


def test_a_tuned_model_with_a_last_day_comes_first(company: Acme, make_tuned: Make) -> None:
    name = "ft:gpt-4o-mini-2024-07-18:acme:tickets:9x"
    make_tuned(name)
    traffic(company, 120, output_tokens=3)
    traffic(company, 2, model_served=name)

    found = advice(company)

    assert found[0].kind == "migrate"
    assert found[0].title == f"Move away from {name} before 2027-01-14"
    assert found[0].requests_per_month == 2


def test_a_developer_sees_the_own_projects(company: Acme) -> None:
    traffic(company, 120, project=company.banner, output_tokens=3)

    assert advice(company, person="bob") == []
    assert len(advice(company)) == 1


def test_statements_do_not_grow_with_uses(company: Acme) -> None:
    for number in range(4):
        traffic(company, 100, output_tokens=3, model_served=f"gpt-4o-{number}")
    advice(company)
    questions = Questions(company.people["carol"], company.organization, is_fresh=True)

    with CaptureQueriesContext(connection) as asked:
        assert len(recommendations(questions, NOW)) == 4

    assert len(asked) <= 14
