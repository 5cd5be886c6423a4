"""`manage.py run_background`: Celery's worker and beat in one process (rule 22).

Without REDIS_URL the memory broker does not cross processes, so both live here; with it any number may run. What
must happen once is a claimed `Job` row, so several schedulers have one effect.
"""

import logging
import signal
import socket
import threading
import warnings
from typing import Any

from celery import signals
from celery.beat import Service
from celery.exceptions import SecurityWarning
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from config.celery import app
from config.watch import Consumer, Watch
from gateway import places
from gateway.heartbeats import Heart
from gateway.places import Place
from gateway.queues import names

RESTART_S = 2.0
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Runs the background work: Celery worker and beat in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="worker threads (default %(default)s)")
        parser.add_argument("--queues", default="", help="comma separated; every queue by default")
        parser.add_argument(
            "--shards", default="", help="numbers of CELERY_ORGANIZATION_SHARDS, comma separated; all by default"
        )
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--no-beat", action="store_true", help="worker only; another process schedules")
        only.add_argument("--beat-only", action="store_true", help="schedules only; needs REDIS_URL and workers")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["beat_only"]:
            return self._schedule()
        queues = _queues(options["queues"], options["shards"])
        place = places.take("background", settings.DATA_DIR)
        told = {"concurrency": options["concurrency"], "queues": queues}
        heart = Heart(place, settings.DATABASE_DIRECT_URL, lambda: told)
        beat = None if options["no_beat"] else Beat()
        worker = _worker(options["concurrency"], queues)

        def on_hung() -> None:
            heart.stop(is_clean=False)
            if beat is not None:
                beat.stop()

        watch = Watch(place, on_hung)

        def start_threads(**kwargs: Any) -> None:
            watch.consumer = worker.consumer
            heart.start()
            if beat is not None:
                threading.Thread(target=beat.run, name="beat", daemon=True).start()

        def leave(**kwargs: Any) -> None:
            """Told to end, it finishes what it began, which may take longer than it is let: its row goes now."""
            threading.Thread(target=heart.stop, name="leave", daemon=True).start()  # this is a signal's handler

        # Beat begins when the worker listens: a message sent before would wait in the broker for the first poll.
        signals.worker_ready.connect(start_threads, weak=False)
        signals.worker_shutting_down.connect(leave, weak=False)
        watch.start()
        is_clean = False
        try:
            worker.start()
            is_clean = not worker.exitcode
        finally:
            heart.stop(is_clean=is_clean)
            if beat is not None:
                beat.stop()
        return None

    @staticmethod
    def _schedule() -> None:
        """Beat alone, until SIGTERM or SIGINT."""
        if not settings.REDIS_URL:
            raise CommandError("Without REDIS_URL nobody would hear the schedule: leave --beat-only out.")
        beat, ended = Beat(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        heart = Heart(beat.place, settings.DATABASE_DIRECT_URL)
        thread = threading.Thread(target=beat.run, name="beat")
        heart.start()
        thread.start()
        ended.wait()
        beat.stop()
        thread.join()
        heart.stop()


class Beat:
    """Celery's beat with the schedule in the database; begun anew when it fails, for the database may be away."""

    def __init__(self) -> None:
        self.place = places.take("beat", settings.DATA_DIR)
        self._ended = threading.Event()
        self._service: Service | None = None

    def run(self) -> None:
        while not self._ended.is_set():
            self.place.touch()
            try:
                self._service = _service(self.place)
                if not self._ended.is_set():
                    self._service.start()
            except Exception:
                logger.exception("beat failed and is started again")
                close_old_connections()
                self._ended.wait(RESTART_S)

    def stop(self) -> None:
        self._ended.set()
        if self._service is not None:
            self._service.stop(wait=False)


def _service(place: Place) -> Service:
    """Each look at the schedule touches the place."""
    service = Service(app, scheduler_cls=app.conf.beat_scheduler)
    tick = service.scheduler.tick

    def living_tick(*args: Any, **options: Any) -> Any:
        place.touch()
        return tick(*args, **options)

    service.scheduler.tick = living_tick
    return service


def _queues(asked: str, shards: str = "") -> list[str]:
    """Those asked for, else all, with their shards. Raises CommandError for one that no task is sent to."""
    known = {app.conf.task_default_queue, *(route["queue"] for route in app.conf.task_routes.values())}
    wanted = {name.strip() for name in asked.split(",") if name.strip()} or known
    if unknown := sorted(wanted - known):
        raise CommandError(f"No queue {', '.join(unknown)}: there are {', '.join(sorted(known))}.")
    return sorted(names(wanted, _shards(shards)))


def _shards(asked: str) -> set[int] | None:
    """None for all of them. Raises CommandError for one that there is not."""
    count, wanted = settings.CELERY_ORGANIZATION_SHARDS, [text.strip() for text in asked.split(",") if text.strip()]
    if unknown := [text for text in wanted if not text.isdecimal() or int(text) >= count]:
        raise CommandError(f"No shard {', '.join(unknown)}: CELERY_ORGANIZATION_SHARDS is {count}, counted from 0.")
    return set(map(int, wanted)) or None


def _worker(concurrency: int, queues: list[str]) -> Any:
    """A worker of threads."""
    # Celery warns against root because of pickled messages; only JSON is accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.conf.worker_enable_remote_control = False
    return app.Worker(
        pool="threads",
        consumer_cls=Consumer,
        concurrency=concurrency,
        queues=queues,
        hostname=f"background@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="INFO",
        quiet=True,
    )
