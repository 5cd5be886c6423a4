"""Shards of queues: whose work goes where, a noisy organization delays its own shard alone, and how long it waits."""

import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError
from django.db import connection

from analytics.models import TotalDay
from analytics.rollups.marks import process_marks
from analytics.tasks import rollup_marks
from config.celery import app
from config.management.commands.run_background import _queues
from gateway import monitoring, queues
from gateway.ledger.ids import ms_of, uuid7
from gateway.queues import Shard
from tests.factories import OrganizationFactory, ProjectFactory, book_lines
from tests.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    running = RedisServer()
    yield running
    running.close()


def test_every_organization_is_in_one_shard_and_stays_there() -> None:
    ids = [uuid7() for _ in range(4_000)]
    held = [[shard for shard in range(4) if Shard(shard, 4).holds(one)] for one in ids]

    assert {len(shards) for shards in held} == {1}
    assert all(800 < sum(shards == [one] for shards in held) < 1_200 for one in range(4))
    assert Shard(1, 4).holds(uuid.UUID("0192f000-0000-7000-8000-000000000005"))


def test_a_process_listens_to_the_shards_it_is_given(settings: Any) -> None:
    assert _queues("rollup,reports") == ["reports", "rollup"]
    settings.CELERY_ORGANIZATION_SHARDS = 3
    assert _queues("rollup,reports") == ["reports", "rollup", "rollup.0", "rollup.1", "rollup.2"]
    assert _queues("rollup", "1") == ["rollup", "rollup.1"]
    assert {"scan.2", "ledger", "default"} <= set(_queues(""))
    with pytest.raises(CommandError, match="No shard 3"):
        _queues("rollup", "0,3")


def test_work_is_handed_out_and_its_waiting_is_measured(server: RedisServer, settings: Any) -> None:
    settings.REDIS_URL, settings.CELERY_ORGANIZATION_SHARDS = server.url, 2
    with app.connection_for_write(url=server.url) as broker:
        for number in range(2):
            rollup_marks.apply_async(args=(number,), queue=f"rollup.{number}", connection=broker)
        rollup_marks.apply_async(args=(1,), queue="rollup.1", connection=broker)
    sent = json.loads(server.client.lindex("rollup.1", -1) or b"")["headers"]["sent_at"]

    found = {one.queue: one for one in queues.waiting(now=sent + 42)}

    assert [found[name].length for name in ("rollup", "rollup.0", "rollup.1", "default")] == [0, 1, 2, 0]
    assert (found["rollup.1"].lag_s, found["rollup"].lag_s) == (42.0, 0.0)
    assert 'gateway_queue_length{queue="rollup.1"} 2' in list(monitoring._queues())
    server.close()
    assert list(queues.waiting()) == []


def test_a_task_without_a_shard_hands_itself_out(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[tuple[int], str]] = []
    monkeypatch.setattr(rollup_marks, "apply_async", lambda args, queue: sent.append((args, queue)))
    settings.CELERY_ORGANIZATION_SHARDS = 3

    assert rollup_marks() == 0
    assert sent == [((0,), "rollup.0"), ((1,), "rollup.1"), ((2,), "rollup.2")]


@pytest.mark.django_db(transaction=True)
def test_a_noisy_organization_does_not_delay_one_of_another_shard(transactional_db: None) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)  # minutes are refreshed first, and only of the last two days
    noisy, quiet = (OrganizationFactory(id=uuid.UUID(f"0192f000-0000-7000-8000-00000000000{end}")) for end in (2, 3))
    for organization in (noisy, quiet):
        project = ProjectFactory(organization=organization)
        book_lines(
            {
                "id": uuid7(ms_of(at)), "request_id": "r", "organization": organization.pk, "project": project.pk,
                "team": project.team_id, "kind": "attempt", "endpoint": "chat/completions", "model_requested": "m",
                "status": "ok", "usage_source": "reported", "price_status": "free", "cost": 0,
            }
        )  # fmt: skip
    url = psycopg.conninfo.make_conninfo(
        **{name: value for name, value in connection.get_connection_params().items()
           if name in ("dbname", "user", "host", "port", "password") and value}
    )  # fmt: skip
    with psycopg.connect(url) as busy:  # it is refreshed for a long time
        busy.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"rollup {noisy.pk} minutes"])
        stuck = threading.Thread(target=_process, args=(Shard(0, 2),))
        stuck.start()
        process_marks(force=True, shard=Shard(1, 2))
        while_busy = list(TotalDay.objects.values_list("organization", flat=True))
        is_stuck = stuck.is_alive()
    stuck.join(120)

    assert (while_busy, is_stuck) == ([quiet.pk], True)
    assert set(TotalDay.objects.values_list("organization", flat=True)) == {quiet.pk, noisy.pk}


def _process(shard: Shard) -> None:
    try:
        process_marks(force=True, shard=shard)
    finally:
        connection.close()
