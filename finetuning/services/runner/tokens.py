"""Tokens of runner jobs: each may report of one job, and nothing else."""

import secrets

from django.db import transaction

from finetuning.choices import OVER
from finetuning.models import RunnerLink, TuningJob
from finetuning.services.runner.bundles import check_runner
from gateway import credentials
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict

TOKEN_MARK = "gwrun-"  # noqa: S105  (the mark of a token, none itself)
PREFIX_CHARS = 14


@transaction.atomic
def issue_token(*, job: TuningJob, actor: Actor) -> str:
    """A token by which a machine may report on this job alone; an older one works no more. It is not stored, so it is
    shown once. Raises `Conflict`."""
    check_runner(job)
    link, _ = RunnerLink.objects.get_or_create(job=job)
    link = RunnerLink.objects.select_for_update().get(pk=link.pk)
    if link.status in OVER:
        raise Conflict("job_over", "The job is over; nothing more is reported of it.", field="status")
    secret = TOKEN_MARK + secrets.token_urlsafe(32)
    link.digest, link.prefix = credentials.digest(secret)[1], secret[:PREFIX_CHARS]
    link.save(update_fields=["digest", "prefix", "updated_at"])
    after = {"prefix": link.prefix}
    audit.record(organization=job.organization, actor=actor, verb="tuning_job.runner_token", target=job, after=after)
    return secret


def link_of(secret: str) -> RunnerLink | None:
    """The link whose token it is; None for an unknown one. One query."""
    if not secret.startswith(TOKEN_MARK):
        return None
    rows = RunnerLink.objects.select_related("job__organization", "job__project")
    return rows.filter(digest__in=credentials.candidate_digests(secret)).first()
