"""Example banks (dynamic in-context learning): nothing is trained, no model's weights change.

The file becomes a bank whose nearest examples are shown to the base model with each call, so it works with models that
cannot be tuned. TensorZero calls it DICL.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from finetuning.backends.base import Kept, NotOffered, Refused, Seen, Told
from finetuning.backends.stored import records_of
from finetuning.choices import TuningStatus
from finetuning.dicl import Bank
from finetuning.estimates import Method
from finetuning.models import JobEvent, TunedModel, TuningJob
from finetuning.services.publishing import publish_bank
from gateway import credentials
from gateway.choices import ProviderKind
from gateway.models import Model

MAX_EXAMPLES = 50_000
SHOTS, MAX_SHOTS = 8, 64


class DiclBackend:
    """A `TuningBackend`."""

    every = timedelta(seconds=2)

    def start(self, job: TuningJob) -> Seen:
        """The bank is made at once."""
        if job.method != Method.SUPERVISED:
            raise Refused("method_not_offered", "An example bank shows answers: the method is supervised.", "method")
        base, shots = base_of(job), shots_of(job)
        if TunedModel.objects.filter(job=job).exists():
            return self.look(job)
        try:
            bank = Bank.of_records(list(records_of(job.training_file, limit=MAX_EXAMPLES)))
        except ValueError as error:
            raise Refused("invalid_file", f"{job.training_file.name}: {error}", "training_file") from error
        kept = credentials.encrypt_bytes(bank.to_bytes())
        with transaction.atomic():
            tuned = publish_bank(job, base=base, artifact=kept, serving={"base": base.name, "shots": shots})
            message = f"{tuned.name} shows the nearest {shots} of {len(bank.examples):,} examples to {base.name}."
            event = JobEvent(job=job, key="bank:made", at=datetime.now(UTC), level="info", message=message)
            JobEvent.objects.bulk_create([event], ignore_conflicts=True)
        return self.look(job)

    def look(self, job: TuningJob) -> Seen:
        tuned = TunedModel.objects.filter(job=job).defer("artifact").first()
        if tuned is None:
            raise Refused("not_found", "The example bank of this job is gone.")
        return Seen(
            said=TuningStatus.SUCCEEDED.value, status=TuningStatus.SUCCEEDED, job_id=f"bank-{job.pk.hex}",
            tuned_model=tuned.name, trained_tokens=0, billed_tokens=0, progress=1.0, started_at=tuned.created_at,
            finished_at=tuned.created_at, hyperparameters={"shots": tuned.serving.get("shots", SHOTS)},
        )  # fmt: skip

    def events(self, job: TuningJob) -> Sequence[Told]:
        """None: the one there is was stored with the bank."""
        return ()

    def checkpoints(self, job: TuningJob) -> Sequence[Kept]:
        return ()

    def cancel(self, job: TuningJob) -> Seen:
        """Too late for one that is made."""
        if not TunedModel.objects.filter(job=job).exists():
            return Seen("cancelled", TuningStatus.CANCELLED)
        return self.look(job)

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("An example bank is made at once; it cannot be paused.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("An example bank cannot be paused.")


def base_of(job: TuningJob) -> Model:
    """The base in the catalogue: the organization's own model before the platform's. Raises `Refused`."""
    rows = Model.objects.select_related("provider").filter(name=job.base_model, is_enabled=True)
    if job.provider_id is not None:
        rows = rows.filter(provider=job.provider_id)
    found = rows.filter(organization=job.organization_id).first() or rows.filter(organization=None).first()
    if found is None:
        message = f"There is no enabled model {job.base_model} in the catalogue to show examples to."
        raise Refused("model_not_found", message, "model")
    if found.provider.kind == ProviderKind.LOCAL_HEAD:
        raise Refused("model_not_found", "A local head reads no examples.", "model")
    return found


def shots_of(job: TuningJob) -> int:
    """How many examples are shown. Raises `Refused`."""
    value = job.hyperparameters.get("shots")
    if value in (None, "auto"):
        return SHOTS
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SHOTS:
        message = f'shots must be a whole number between 1 and {MAX_SHOTS}, or "auto".'
        raise Refused("hyperparameter_invalid", message, "hyperparameters")
    return value
