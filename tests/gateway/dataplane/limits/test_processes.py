"""Limits over several real processes and one Redis."""

import re

import pytest

from tests.gateway.dataplane.limits.fleet import MODEL, Fleet, statuses

pytestmark = pytest.mark.slow


def test_exactly_as_many_requests_as_the_limit_allows_pass_four_processes(fleet: Fleet) -> None:
    organization, project = fleet.tenant("exact")
    secret, _ = fleet.key(organization, project, rpm_limit=100)
    fleet.wait_until_current()

    answers = fleet.spread(400, secret)

    found = statuses(answers)
    assert set(found) == {200, 429}
    assert 99 <= found[200] <= 101
    assert {answer.error_code for answer in answers if answer.status == 429} == {"rate_limit_exceeded"}


def test_nobody_is_refused_while_another_process_holds_what_is_missing(fleet: Fleet) -> None:
    organization, project = fleet.tenant("slack")
    secret, _ = fleet.key(organization, project, rpm_limit=400)
    fleet.wait_until_current()
    first = fleet.at(fleet.ports[0])
    busy = [first.chat(secret, MODEL) for _ in range(60)]  # its process holds a slice now

    others = fleet.spread(500, secret)

    found = statuses([*busy, *others])
    assert 399 <= found[200] <= 401


def test_a_breaker_that_opens_in_one_process_opens_in_all(fleet: Fleet) -> None:
    organization, project = fleet.tenant("breakers")
    fleet.model(fleet.provider("broken"), "sim-broken", "sim-fault-error-500")
    secret, _ = fleet.key(organization, project)
    fleet.wait_until_current()
    first = fleet.at(fleet.ports[0])

    fleet.wait_for(lambda: first.chat(secret, "sim-broken").status == 503)

    def adopted() -> int:
        text = first.get("/metrics").body.decode()
        return sum(int(n) for n in re.findall(r"^gateway_breaker_adopted_total\{[^}]*\} (\d+)", text, re.MULTILINE))

    fleet.wait_for(lambda: adopted() >= 3)  # nobody has called it there
