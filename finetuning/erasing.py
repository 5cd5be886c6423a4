"""Forgetting end users in training files: which of them may hold their requests. Whoever made a file decides what
becomes of it: models were trained on it, and one example taken out makes another file."""

from datetime import timedelta

from finetuning.choices import FileOrigin
from finetuning.models import TuningFile
from gateway.erasure import Found, Subjects
from gateway.models import AuditEvent
from gateway.services.content import requests_of

READ, PURPOSE = "bodies.read", "training file"
MADE_WITHIN = timedelta(hours=6)
"""Longer than a file is made of what was read for it."""


def name_training_files(subjects: Subjects) -> Found:
    """A sentence for each file that was made after bodies of theirs had been read for one."""
    requests = set(requests_of(subjects))
    readings = AuditEvent.objects.filter(organization=subjects.organization, verb=READ, after__purpose=PURPOSE)
    found = Found()
    for at, project, after in readings.order_by("at").values_list("at", "object_id", "after").iterator():
        if requests.isdisjoint(after.get("request_ids", ())):
            continue
        files = TuningFile.objects.filter(
            project=project, origin=FileOrigin.TRAFFIC, deleted_at=None,
            created_at__gte=at, created_at__lt=at + MADE_WITHIN,
        )  # fmt: skip
        found += Found(review=[f"The training file {file} may hold requests of theirs." for file in files])
    return found
