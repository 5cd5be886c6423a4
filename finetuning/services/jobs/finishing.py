"""The end of a job: its last word, the tuned model with its catalogue row and price, and those who want to know."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from costs.services import holds
from finetuning.backends import Seen, needs_host
from finetuning.choices import OVER, CanaryGuard, TuningStatus
from finetuning.estimates import sunset_of
from finetuning.models import Checkpoint, TunedModel, TuningJob
from finetuning.services import deploying
from finetuning.services.jobs import billing, following, notifying
from finetuning.services.jobs.telling import say
from finetuning.services.jobs.tunedprices import state_price
from finetuning.services.rights import check_may_route
from gateway.models import Model, Provider
from gateway.services import audit, catalog
from gateway.services.errors import ServiceError

LONGEST_NAME = 200
"""Of a model in the catalogue."""
CAPABILITIES = ("chat",)
SHARE = 0.1
"""Of a route's calls, for a new model whose job does not say how much."""
WRITTEN = (
    "status", "provider_status", "provider_job_id", "provider_state", "tuned_model", "result_file", "hyperparameters",
    "trained_tokens", "billed_tokens", "progress", "eta", "estimated_finish", "error", "started_at", "finished_at",
    "synced_at", "sync_due_at", "sync_failures", "claimed_until", "holds", "cost_actual", "updated_at",
)  # fmt: skip
"""Not what others write meanwhile: the wish to cancel, the line."""


@transaction.atomic
def finish_job(job: TuningJob, seen: Seen) -> TuningJob:
    """Write the end that `seen.status` names, once: a job that is over already stays as it is.

    A succeeded job gets its `TunedModel`, at a provider also a model of the catalogue (on Azure disabled, since it must
    be deployed first) and, where its price is known, that price; without one its calls are unpriced. Its cost is booked
    after this transaction (`billing.book_training`).
    """
    row = TuningJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if row.status in OVER:
        return row
    now = timezone.now()
    assert seen.status in OVER, seen.status
    job.status, job.provider_status = seen.status, seen.said[:60]
    job.provider_job_id = seen.job_id or job.provider_job_id
    job.tuned_model = seen.tuned_model or job.tuned_model
    job.trained_tokens = job.trained_tokens if seen.trained_tokens is None else seen.trained_tokens
    job.billed_tokens = job.billed_tokens if seen.billed_tokens is None else seen.billed_tokens
    job.finished_at = job.finished_at or seen.finished_at or now
    job.error = dict(seen.error) if seen.error else job.error
    job.eta, job.sync_due_at, job.claimed_until = None, None, None
    if job.status == TuningStatus.SUCCEEDED:
        job.progress = 1.0
    if not job.provider_job_id:
        holds.release(billing.owner_of(job))
        job.holds, job.cost_actual = [], Decimal(0)
    job.save(update_fields=WRITTEN)
    if job.status == TuningStatus.SUCCEEDED and job.tuned_model:
        tuned = _keep_model(job, seen)
        _deploy(job, tuned)
        following.evaluate(job, tuned)
    say(job, "over", _words(job), level="error" if job.status == TuningStatus.FAILED else "info", at=job.finished_at)
    notifying.tell(job, job.status)
    audit.record(
        organization=job.organization, actor=None, verb=f"tuning_job.{job.status}", target=job,
        after={"tuned_model": job.tuned_model, "error": (job.error or {}).get("message")},
    )  # fmt: skip
    return job


def _words(job: TuningJob) -> str:
    if job.status == TuningStatus.SUCCEEDED:
        return f"The job succeeded: {job.tuned_model}." if job.tuned_model else "The job succeeded."
    if job.status == TuningStatus.CANCELLED:
        return "The job was cancelled."
    return f"The job failed: {(job.error or {}).get('message') or 'the provider gave no reason'}"


def _keep_model(job: TuningJob, seen: Seen) -> TunedModel:
    """Its row, unless the backend has made one itself; then what serves it and what it costs."""
    checkpoint = Checkpoint.objects.filter(job=job, artifact__isnull=False, dropped_at=None).order_by("-step").first()
    sunset = sunset_of(job.backend, job.base_model)
    tuned, is_new = TunedModel.objects.get_or_create(
        organization=job.organization, name=job.tuned_model,
        defaults={
            "project": job.project, "job": job, "backend": job.backend, "provider": job.provider,
            "base_model": job.base_model, "serving": seen.state.get("serving", {}),
            "artifact": checkpoint.artifact if checkpoint else None,
            "sunset_on": sunset.answers_until if sunset else None, "sunset_source": sunset.source if sunset else "",
        },
    )  # fmt: skip
    if is_new and job.provider is not None:
        tuned.catalog_model = _catalogue(job, job.provider)
        tuned.save(update_fields=["catalog_model", "updated_at"])
        _price(job, job.provider)
    return tuned


def _deploy(job: TuningJob, tuned: TunedModel) -> None:
    """Give it the share of a route that the job was made with; what stands in the way is told, and people go on."""
    wish = job.auto_deploy or {}
    if not wish.get("route"):
        return
    share = max(1, round(float(wish.get("share") or SHARE) * 100))
    try:
        if job.api_key_id is None:
            check_may_route(job.created_by, job.organization)  # who made the job may have lost that role since
        with transaction.atomic():
            deploying.deploy(
                tuned=tuned, alias=wish["route"], share=share, actor=job.created_by,
                canary_guard=wish.get("canary_guard") or CanaryGuard.ROLLBACK,
            )  # fmt: skip
    except ServiceError as error:
        say(job, "deployed", f"It was not put on the route {wish['route']}: {error.message}", level="warn")
    else:
        if not needs_host(job.backend, job.provider):
            say(job, "deployed", f"It answers {share} % of the calls of the route {wish['route']}.")


def _catalogue(job: TuningJob, provider: Provider) -> Model | None:
    if len(job.tuned_model) > LONGEST_NAME:
        say(job, "catalogue", "Its name is too long for the catalogue; add it under another one.", level="warn")
        return None
    needs_deployment = needs_host(job.backend, provider)
    known = Model.objects.filter(organization=job.organization, provider=provider, name=job.tuned_model).first()
    if needs_deployment:
        say(job, "deploy", "It answers once it is deployed, which is billed by the hour: give it a share of a route.")
    return known or catalog.create_model(
        organization=job.organization, actor=None, provider=provider, name=job.tuned_model,
        upstream_name=job.tuned_model, capabilities=CAPABILITIES, is_enabled=not needs_deployment,
    )  # fmt: skip


def _price(job: TuningJob, provider: Provider) -> None:
    """The price of its tokens from the moment it exists; unknown: none is stated, and its calls are unpriced."""
    assert job.finished_at is not None
    if why := state_price(
        organization=job.organization, provider=provider, backend=job.backend, base_model=job.base_model,
        model=job.tuned_model, at=job.finished_at,
    ):  # fmt: skip
        say(job, "price", why, level="warn")
