"""One of several schedulers at once: follows jobs until none is open."""

import django

django.setup()

from django.utils import timezone  # noqa: E402

from finetuning.models import TuningJob  # noqa: E402
from finetuning.services import jobs  # noqa: E402

for _ in range(200):
    TuningJob.objects.open().update(sync_due_at=timezone.now())
    jobs.sync_due()
    if not TuningJob.objects.open().exists():
        break
