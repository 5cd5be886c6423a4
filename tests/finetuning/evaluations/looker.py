"""One of several schedulers at once: looks at canaries until none is watched."""

import django

django.setup()

from django.utils import timezone  # noqa: E402

from finetuning.choices import CanaryState  # noqa: E402
from finetuning.models import Canary  # noqa: E402
from finetuning.services.canarylooks import look_due  # noqa: E402

for _ in range(200):
    Canary.objects.filter(state=CanaryState.WATCHING).update(due_at=timezone.now())
    look_due()
    if not Canary.objects.filter(state=CanaryState.WATCHING).exists():
        break
