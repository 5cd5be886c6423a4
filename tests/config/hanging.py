"""A background process in which something hangs, for tests: `python -m tests.config.hanging task|loop`."""

import os
import sys
import threading
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from celery import signals
from django.core.management import call_command

from config import watch
from config.celery import app

django.setup()
WHAT = sys.argv[1]
LOOPS_S, STANDS_S = 7, 5


@app.task(name="tests.hang", time_limit=2)
def hang() -> None:
    print("the task has begun", flush=True)
    time.sleep(3600)


@signals.worker_ready.connect(weak=False)
def ready(sender: Any, **_: Any) -> None:
    if WHAT == "task":
        hang.delay()
    else:  # the loop goes round for longer than the watch then waits, and stands still
        threading.Timer(LOOPS_S, sender.call_soon, [stand_still]).start()


def stand_still() -> None:
    print("the loop has gone round", flush=True)
    watch.LOOP_S = STANDS_S
    time.sleep(3600)


call_command("run_background", "--no-beat", "--concurrency", "2")
