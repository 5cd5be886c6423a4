"""The Celery application. Schedules live in `config.schedules`; tasks in each app's `tasks.py`."""

import os

from celery import Celery, signals

from gateway.otlp import work
from gateway.queues import note_time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
signals.before_task_publish.connect(note_time)
signals.before_task_publish.connect(work.carry)
signals.task_prerun.connect(work.begin)
signals.task_postrun.connect(work.end)
