"""The company under test: its rules on real traffic are told, and what the oracle is shown of it."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from analytics.alerts.evaluation import evaluate_due
from bench.chaos import company as companies
from bench.chaos import oracle
from bench.chaos.company import Company, limits_of, untold, watches_of
from bench.chaos.evidence import Evidence, Message
from costs.models import BudgetCounter
from gateway.models import OutboxMessage

CHECKS = (oracle.thresholds_are_told_once, oracle.alerts_take_turns, oracle.notices_go_by_every_channel)


@pytest.fixture
def company(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Company:
    settings.GATEWAY_PRIVATE_UPSTREAMS = {"127.0.0.1:9001", "127.0.0.1:9002", "127.0.0.1:9003"}
    monkeypatch.setattr(companies, "close_old_connections", lambda: None)
    monkeypatch.setattr(companies.connections, "close_all", lambda: None)
    return companies.make(["http://127.0.0.1:9001/v1", "http://127.0.0.1:9002/v1"], "http://127.0.0.1:9003/events")


def spend(company: Company, amount: str) -> None:
    BudgetCounter.objects.filter(budget_id=company.watched.pk).update(spent=Decimal(amount))


def findings(company: Company) -> list[str]:
    messages = [Message(key, 1.0) for key in OutboxMessage.objects.values_list("dedupe_key", flat=True)]
    return [each.text for each in oracle.judge(Evidence(watches=watches_of(company), messages=messages), CHECKS)]


def test_thresholds_of_the_watched_budget_are_told_once_each(company: Company) -> None:
    assert (untold(company), findings(company)) == (0, [])

    spend(company, "0.0051")  # of 0.05
    assert untold(company) == 4  # 1, 2, 5 and 10 %
    assert findings(company)[0] == "Watched budget: 1 % reached, nobody told"

    evaluate_due(timezone.now())

    watch = watches_of(company)[0]
    assert [float(notice.threshold) for notice in sorted(watch.notices, key=lambda each: each.threshold)] == [
        1, 2, 5, 10,
    ]  # fmt: skip
    assert all(len(notice.messages) == 2 for notice in watch.notices)
    assert (untold(company), findings(company)) == (0, [])


def test_the_watched_budget_refuses_nothing(company: Company) -> None:
    assert company.watched.enforcement == "soft"
    assert "budget Watched" not in {limit.name for limit in limits_of(company)}
