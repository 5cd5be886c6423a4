"""`/v1/fine_tuning/jobs`. Source: OpenAI API reference, "Fine-tuning". Ids begin with `ftjob-`.

The model chooses who trains: `local-head…` the local head, `dicl` or `dicl:BASE` the example bank, every other one the
provider of the catalogue that has it, dated or not.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from finetuning.choices import Backend
from finetuning.estimates import Method
from finetuning.estimates.rates import same_model
from finetuning.front.base import UNSTORABLE, FrontView, limit_of, page_of
from finetuning.front.files import pk_of
from finetuning.models import Checkpoint, JobEvent, TuningFile, TuningJob
from finetuning.models.jobs import PREFIX
from finetuning.services import jobs
from finetuning.services.askable import check_base
from finetuning.services.jobs.creating import HYPERPARAMETERS, KINDS
from finetuning.services.storable import is_storable
from gateway.api.parsers import BoundedJSONParser
from gateway.models import Model, Provider
from gateway.services.errors import Forbidden, Invalid, NotFound

EVENT, CHECKPOINT = "ftevent-", "ftckpt_"
MOST_EVENTS = 100
METRICS = (
    "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
    "full_valid_mean_token_accuracy",
)  # fmt: skip


def as_job(job: TuningJob) -> dict[str, Any]:
    """The job object. `auto` where nothing was asked and nothing is known yet."""
    asked = {name: value for name, value in job.hyperparameters.items() if name != "used"}
    known = {name: value for name, value in (job.hyperparameters.get("used") or {}).items() if value}
    shown = {name: known.get(name, asked.get(name, "auto")) for name in ("n_epochs", "batch_size",
                                                                       "learning_rate_multiplier")}  # fmt: skip
    inner = {"hyperparameters": {**asked, **shown}}
    return {
        "id": job.public_id, "object": "fine_tuning.job", "created_at": _unix(job.created_at),
        "error": job.error, "fine_tuned_model": job.tuned_model or None, "finished_at": _unix(job.finished_at),
        "hyperparameters": shown, "model": job.base_model, "organization_id": str(job.organization_id),
        "result_files": [job.result_file.public_id] if job.result_file else [], "seed": job.seed or 0,
        "status": str(job.status), "trained_tokens": job.trained_tokens,
        "training_file": job.training_file.public_id,
        "validation_file": job.validation_file.public_id if job.validation_file else None,
        "estimated_finish": _unix(job.estimated_finish), "integrations": [], "metadata": job.metadata,
        "method": {"type": job.method, job.method: inner}, "user_provided_suffix": job.suffix or None,
    }  # fmt: skip


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


class JobsFrontView(FrontView):
    """What the views of jobs share: jobs of the key's project."""

    parser_classes = (BoundedJSONParser,)

    def rows(self) -> Any:
        related = ("training_file", "validation_file", "result_file")
        return TuningJob.objects.filter(project=self.project).select_related(*related)

    def job(self, name: str) -> TuningJob:
        """Raises `Http404`."""
        found: TuningJob | None = self.rows().filter(pk=pk_of(name, PREFIX)).first()
        if found is None:
            raise Http404
        return found


class JobsView(JobsFrontView):
    def get(self, request: Request) -> Response:
        """Jobs of the key's project, newest first; `metadata[k]=v` narrows."""
        rows = self.rows().order_by("-pk")
        for name, value in request.query_params.items():
            if name.startswith("metadata[") and name.endswith("]"):
                rows = rows.filter(metadata__contains={name[9:-1]: value})
        if after := request.query_params.get("after"):
            rows = rows.filter(pk__lt=pk_of(after, PREFIX))
        limit = limit_of(request, most=100)
        found = list(rows[: limit + 1])
        return Response(page_of(map(as_job, found[:limit]), has_more=len(found) > limit))

    def post(self, request: Request) -> Response:
        """Make a job. `integrations` are refused, since nothing would be sent to them."""
        asked: Any = request.data
        if not isinstance(asked, Mapping):
            raise Invalid("invalid_request", "The body must be a JSON object.")
        if not is_storable(asked):
            raise Invalid("invalid_request", UNSTORABLE)
        if asked.get("integrations"):
            raise Invalid("invalid_request", "Integrations are not offered.", field="integrations")
        model = _text(asked, "model")
        if self.key.allowed_models and model not in self.key.allowed_models:
            raise Forbidden("model_not_allowed", f"This key may not use the model {model!r}.", field="model")
        backend, provider, base = self.place_of(model)
        method, hyperparameters = method_of(asked)
        job = jobs.create_job(
            project=self.project, backend=backend, provider=provider, base_model=base, method=method,
            training_file=self.file(asked, "training_file"),
            validation_file=self.file(asked, "validation_file") if asked.get("validation_file") else None,
            hyperparameters=hyperparameters, suffix=_text(asked, "suffix", "") or "", seed=_seed(asked.get("seed")),
            metadata=_metadata(asked.get("metadata")), actor=self.key, api_key=self.key,
        )  # fmt: skip
        return Response(as_job(job))

    def place_of(self, model: str) -> tuple[str, Provider | None, str]:
        """Backend, provider and base model. Raises `NotFound`."""
        bank, _, base = model.partition(":")
        if model.startswith(Backend.LOCAL_HEAD):
            return self._made_here(Backend.LOCAL_HEAD, model)
        if bank == Backend.DICL:
            return self._made_here(Backend.DICL, base)
        offers = Q(organization=None) | Q(organization=self.project.organization_id)
        rows = Model.objects.filter(offers, is_enabled=True, provider__is_enabled=True).select_related("provider")
        kinds = {kind: backend for backend, of in KINDS.items() for kind in of}
        named = rows.filter(provider__kind__in=kinds).order_by(F("organization").desc(nulls_last=True), "created_at")
        for row in named:
            if model in (row.name, row.upstream_name):
                return kinds[row.provider.kind], row.provider, row.upstream_name
        for row in named:
            if same_model(model, row.upstream_name) or same_model(row.upstream_name, model):
                return kinds[row.provider.kind], row.provider, model
        raise NotFound("model_not_found", f"No provider here tunes the model {model!r}.", field="model")

    def _made_here(self, backend: Backend, base: str) -> tuple[str, None, str]:
        """Raises `NotFound`."""
        try:
            check_base(self.project.organization_id, backend, base, None)
        except Invalid as error:
            raise NotFound("model_not_found", error.message, field="model") from error
        return backend, None, base

    def file(self, asked: Mapping[str, Any], name: str) -> TuningFile:
        """Raises `Invalid`."""
        try:
            found = TuningFile.objects.live().filter(project=self.project, pk=pk_of(_text(asked, name))).first()
        except Http404:
            found = None
        if found is None:
            raise Invalid("invalid_file", f"No such file: {asked.get(name)}.", field=name)
        return found


class JobView(JobsFrontView):
    def get(self, request: Request, name: str) -> Response:
        return Response(as_job(self.job(name)))


class CancelJobView(JobsFrontView):
    def post(self, request: Request, name: str) -> Response:
        return Response(as_job(jobs.cancel_job(job=self.job(name), actor=self.key)))


class PauseJobView(JobsFrontView):
    def post(self, request: Request, name: str) -> Response:
        return Response(as_job(jobs.pause_job(job=self.job(name), actor=self.key)))


class ResumeJobView(JobsFrontView):
    def post(self, request: Request, name: str) -> Response:
        return Response(as_job(jobs.resume_job(job=self.job(name), actor=self.key)))


class EventsView(JobsFrontView):
    def get(self, request: Request, name: str) -> Response:
        """Newest first."""
        rows = JobEvent.objects.filter(job=self.job(name)).order_by("-at", "-id")
        if after := request.query_params.get("after"):
            last = rows.filter(pk=pk_of(after, EVENT)).first()
            if last is None:
                raise Http404
            rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
        limit = limit_of(request, most=MOST_EVENTS)
        found = list(rows[: limit + 1])
        return Response(page_of(map(_event, found[:limit]), has_more=len(found) > limit))


class CheckpointsView(JobsFrontView):
    def get(self, request: Request, name: str) -> Response:
        """Those that can still be used, the last step first."""
        job = self.job(name)
        rows = Checkpoint.objects.filter(job=job, dropped_at=None).defer("artifact")
        if after := request.query_params.get("after"):
            last = rows.filter(pk=pk_of(after, CHECKPOINT)).first()
            if last is None:
                raise Http404
            rows = rows.filter(step__lt=last.step)
        limit = limit_of(request, default=10)
        found = list(rows.order_by("-step")[: limit + 1])
        shown = [_checkpoint(row, job) for row in found[:limit]]
        return Response(page_of(shown, has_more=len(found) > limit))


def _event(row: JobEvent) -> dict[str, Any]:
    return {
        "id": f"{EVENT}{row.pk.hex}", "object": "fine_tuning.job.event", "created_at": _unix(row.at),
        "level": row.level, "message": row.message, "type": row.type, "data": row.data or None,
    }  # fmt: skip


def _checkpoint(row: Checkpoint, job: TuningJob) -> dict[str, Any]:
    metrics = {name: row.metrics[name] for name in METRICS if name in row.metrics}
    return {
        "id": f"{CHECKPOINT}{row.pk.hex}", "object": "fine_tuning.job.checkpoint", "created_at": _unix(row.created_at),
        "fine_tuned_model_checkpoint": row.model, "step_number": row.step, "fine_tuning_job_id": job.public_id,
        "metrics": {"step": row.step, **metrics},
    }  # fmt: skip


# ---- reading ---------------------------------------------------------------------------------------------------------
def method_of(asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The method and its hyperparameters; the older field `hyperparameters` is that of a supervised job. Raises
    `Invalid`."""
    method = asked.get("method")
    if method is None:
        return Method.SUPERVISED.value, _hyperparameters(asked.get("hyperparameters"), "hyperparameters")
    kind = method.get("type") if isinstance(method, Mapping) else None
    if kind not in list(Method):
        raise Invalid("invalid_request", f"'method.type' is one of {', '.join(Method)}.", field="method.type")
    inner = method.get(kind) or {}
    if not isinstance(inner, Mapping):
        raise Invalid("invalid_request", f"'method.{kind}' must be an object.", field=f"method.{kind}")
    found = _hyperparameters(inner.get("hyperparameters"), f"method.{kind}.hyperparameters")
    return kind, found | ({"grader": inner["grader"]} if "grader" in inner else {})


def _hyperparameters(given: Any, field: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Invalid("invalid_request", f"'{field}' must be an object.", field=field)
    for name, value in given.items():
        fits = value is None or isinstance(value, int | float | str)
        if name not in HYPERPARAMETERS or name == "grader" or not fits:
            raise Invalid("invalid_request", f"'{name}' is no hyperparameter, or no number.", field=f"{field}.{name}")
    return {name: value for name, value in given.items() if value is not None}


def _text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = asked.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise Invalid("invalid_request", f"'{name}' is required and must be a text.", field=name)
    return value.strip()


def _seed(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Invalid("invalid_request", "'seed' must be a whole number.", field="seed")
    return value


def _metadata(value: Any) -> dict[str, str] | None:
    if value is not None and not isinstance(value, Mapping):
        raise Invalid("invalid_request", "'metadata' must be an object of texts.", field="metadata")
    return dict(value) if value is not None else None
