"""An end user is erased: the name is nowhere, every sum stays, and what comes late is found."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from analytics.query import Query, run
from analytics.rollups.marks import drain_marks
from analytics.verify import compare_rollups
from costs.models import BudgetCounter
from costs.services.budgets import create_budget
from gateway import credentials
from gateway.choices import IdempotentState, JobStatus
from gateway.models import (
    AuditEvent,
    CachePolicy,
    EndUserErasure,
    IdempotentCall,
    LedgerLine,
    LoggedBody,
    RetentionPolicy,
)
from gateway.services import erasure, rate_limits
from gateway.services.errors import Invalid
from tests.factories import Acme, acme, book_lines, line

NAME = "margarethe@customers.example"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def busy(company: Acme) -> Acme:
    """Three requests of Margarethe in two projects, one of somebody else; a body, a kept answer, and a budget, a limit
    and a cache besides."""
    adam = company.people["adam"]
    create_budget(organization=company.organization, actor=adam, name="Each", scope="end_user", scope_value="*",
                  amount=Decimal(5), period="day")  # fmt: skip
    rate_limits.create_rate_limit(organization=company.organization, actor=adam, name="Hers", scope="end_user",
                             scope_value=NAME, rpm=5)  # fmt: skip
    first = line(company, at=now() - timedelta(days=2), end_user=NAME, client_ip_hash=b"1" * 16, request_hmac=b"2" * 16)
    book_lines(
        first,
        line(company, end_user=NAME, project=company.banner),
        line(company, end_user=NAME),
        line(company, end_user="somebody else", client_ip_hash=b"3" * 16),
    )
    keep(company, first["request_id"])
    drain_marks()
    return company


def keep(company: Acme, request_id: str) -> None:
    LoggedBody.objects.create(
        organization=company.organization.pk, project=company.assistant.pk, request_id=request_id, logged_at=now(),
        expires_at=now() + timedelta(days=9), endpoint="chat/completions", request=b"x", response=b"y",
    )  # fmt: skip
    IdempotentCall.objects.create(
        organization=company.organization.pk, project=company.assistant.pk, api_key=company.keys["bob"].pk,
        key_hmac=uuid.uuid4().bytes, body_hmac=b"b", state=IdempotentState.COMPLETE, owner="1", claimed_at=now(),
        request_id=request_id, answer=b"sealed", expires_at=now() + timedelta(days=1),
    )  # fmt: skip


def erase(company: Acme, name: str = NAME) -> EndUserErasure:
    made = erasure.erase_end_user(organization=company.organization, end_user=name, actor=company.people["adam"])
    assert erasure.run_waiting() == 1
    made.refresh_from_db()
    return made


def by_end_user(company: Acme) -> dict[Any, Any]:
    query = Query(
        measures=["requests", "cost"], dimensions=["end_user"], start=now() - timedelta(days=5),
        end=now() + timedelta(minutes=1), organization=company.organization,
    )  # fmt: skip
    answer = run(company.people["alice"], query)
    return {group.dimensions["end_user"]: group.measures["requests"] for group in answer.groups}


def tables_with(text: str) -> list[str]:
    """Every table of the database that has the text in one of its rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        names = [row[0] for row in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}" t WHERE t::text LIKE %s)', [f"%{text}%"])
            found += [name] if cursor.fetchone()[0] else []
    return found


def test_the_name_is_nowhere_afterwards_and_every_figure_stays(busy: Acme) -> None:
    before = by_end_user(busy)
    assert before == {NAME: 3, "somebody else": 1}
    assert "analytics_subject_day" in tables_with(NAME)

    done = erase(busy)

    assert (done.status, done.error) == (JobStatus.SUCCEEDED, "")
    assert done.found | {"figures": 0} == {
        "requests": 3, "bodies": 1, "kept_answers": 1, "caches": 1, "rate_limits": 1, "routes": 0, "batches": 0,
        "rejected_records": 0, "budgets": 0, "budget_counters": 1, "budget_forecasts": 0, "allocation_rules": 0,
        "exported_files": 0, "drawn_reports": 0, "alert_rules": 0, "alerts": 0, "reports": 0, "ledger_lines": 3,
        "figures": 0, "admitted_values": 1,
    }  # fmt: skip
    assert tables_with(NAME) == []
    assert by_end_user(busy) == {done.pseudonym: 3, "somebody else": 1}
    assert compare_rollups() == []
    hashes = LedgerLine.objects.filter(organization=busy.organization.pk, client_ip_hash__isnull=False)
    assert list(hashes.values_list("end_user", flat=True)) == ["somebody else"]
    assert set(BudgetCounter.objects.values_list("subject", flat=True)) == {done.pseudonym, "somebody else"}
    assert (LoggedBody.objects.count(), IdempotentCall.objects.get().answer) == (0, None)
    assert CachePolicy.objects.get().generation == 2


def test_the_trail_says_who_erased_whom_without_the_name(busy: Acme) -> None:
    done = erase(busy)

    event = AuditEvent.objects.get(verb="end_user.erase")
    assert (event.actor, event.after) == (busy.people["adam"], {"pseudonym": done.pseudonym})
    assert NAME not in str(event.after)


def test_a_line_that_comes_late_is_found_and_one_that_began_later_is_not(busy: Acme) -> None:
    done = erase(busy)
    late = line(busy, at=done.lines_before - timedelta(minutes=20), end_user=NAME, client_ip_hash=b"4" * 16)
    keep(busy, late["request_id"])
    book_lines(late)
    drain_marks()

    assert erasure.look_again() == 1

    assert sorted(tables_with(NAME)) == ["analytics_subject_day", "analytics_subject_quarter_hour"]  # until the marks
    drain_marks()
    assert tables_with(NAME) == []
    assert by_end_user(busy) == {done.pseudonym: 4, "somebody else": 1}
    assert LoggedBody.objects.count() == 0
    book_lines(line(busy, at=now(), end_user=NAME))
    drain_marks()
    assert erasure.look_again() == 1
    assert by_end_user(busy) == {done.pseudonym: 4, "somebody else": 1, NAME: 1}
    assert compare_rollups() == []
    done.refresh_from_db()
    assert (done.found["ledger_lines"], done.found["bodies"]) == (4, 2)


def test_after_eight_days_nothing_but_the_keyed_hash_is_left(busy: Acme) -> None:
    done = erase(busy)
    EndUserErasure.objects.update(finished_at=now() - timedelta(days=8, minutes=1))

    assert erasure.look_again() == 0

    done.refresh_from_db()
    assert done.name is None
    trace = erasure.look_for(organization=busy.organization, end_user=NAME)
    assert (trace.lines, trace.first_at, trace.erasures) == (0, None, 1)


def test_a_run_that_was_killed_is_done_again(busy: Acme, settings: Any) -> None:
    whole = settings.GATEWAY_ERASERS
    settings.GATEWAY_ERASERS = [*whole[:2], "tests.gateway.services.test_erasure.die"]
    made = erasure.erase_end_user(organization=busy.organization, end_user=NAME, actor=None)
    with pytest.raises(KeyboardInterrupt):
        erasure.run_waiting()
    settings.GATEWAY_ERASERS = whole
    with connection.cursor() as cursor:
        cursor.execute("UPDATE gateway_job SET claimed_until = now() - interval '1 second'")

    assert erasure.run_waiting() == 1

    made.refresh_from_db()
    assert made.status == JobStatus.SUCCEEDED
    assert tables_with(NAME) == []


def die(subjects: object) -> None:
    raise KeyboardInterrupt


def test_another_organization_keeps_its_customer_of_the_same_name(busy: Acme) -> None:
    other = uuid.uuid4()
    book_lines(line(busy, organization=other, end_user=NAME))

    erase(busy)

    assert list(LedgerLine.objects.filter(end_user=NAME).values_list("organization", flat=True)) == [other]


@pytest.mark.parametrize(
    "change",
    ["cost = 0", "request_id = 'x'", "charges = '[]'", "tag_set = '{}'", ""],
)
def test_nothing_else_of_a_line_can_change(busy: Acme, change: str) -> None:
    """Without saying for whom, nothing at all; with it, what is no personal column neither."""
    personal = "end_user = 'x'"
    for setting, changes in (("", personal), (str(uuid.uuid4()), personal), (str(busy.organization.pk), change)):
        with pytest.raises(DatabaseError, match="append-only"):
            change_lines(setting, changes)


@transaction.atomic
def change_lines(forgetting: str, changes: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gateway.forgetting', %s, true)", [forgetting])
        cursor.execute(f"UPDATE gateway_ledgerline SET {changes}" if changes else "DELETE FROM gateway_ledgerline")


@pytest.mark.parametrize("name", ["", "erased-1f2e3d4c5b6a7988"])
def test_a_name_that_is_none_is_refused(company: Acme, name: str) -> None:
    with pytest.raises(Invalid):
        erasure.erase_end_user(organization=company.organization, end_user=name, actor=None)


def test_end_users_who_were_not_seen_for_long_are_erased(busy: Acme) -> None:
    RetentionPolicy.objects.create(organization=busy.organization, end_user_days=1)
    book_lines(line(busy, at=now() - timedelta(days=3), end_user="long gone"))
    drain_marks()

    assert erasure.erase_unseen() == 1
    assert erasure.erase_unseen() == 0  # it is queued already
    assert erasure.run_waiting() == 1

    one = EndUserErasure.objects.get()
    assert (one.is_automatic, one.found["ledger_lines"]) == (True, 1)
    assert by_end_user(busy) == {NAME: 3, "somebody else": 1, one.pseudonym: 1}
    event = AuditEvent.objects.get(verb="end_user.erase_unseen")
    assert event.after == {"pseudonyms": [one.pseudonym]}
    assert erasure.erase_unseen() == 0
    assert credentials.decrypt(bytes(one.name or b"")) == "long gone"


def test_one_organizations_trouble_keeps_no_name_of_another(busy: Acme) -> None:
    RetentionPolicy.objects.create(organization=busy.globex, end_user_days=2_147_483_647)  # before there was a most
    RetentionPolicy.objects.create(organization=busy.organization, end_user_days=1)
    book_lines(line(busy, at=now() - timedelta(days=3), end_user="long gone"))

    assert erasure.erase_unseen() == 1


def test_a_name_is_cut_as_the_ledger_cuts_it(busy: Acme) -> None:
    book_lines(line(busy, end_user="x" * 200))

    assert erasure.look_for(organization=busy.organization, end_user="x" * 230).lines == 1
    made = erasure.erase_end_user(organization=busy.organization, end_user="x" * 230, actor=None)

    assert credentials.decrypt(bytes(made.name or b"")) == "x" * 200
