"""OpenAI's fine-tuning API.

Source: https://platform.openai.com/docs/api-reference/fine-tuning, as the client library `openai` 3.54.0 types it, and
printed answers of real jobs: an unknown status must not break anything, good jobs carry `"error": {}`, and result files
come in base64.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from finetuning.backends.base import Kept, Refused, Seen, Told
from finetuning.backends.http import Api, Upload, counted, from_unix, quoted
from finetuning.choices import TuningStatus
from finetuning.models import JobEvent, TuningFile, TuningJob
from finetuning.services.files.reading import open_file
from gateway.models import Provider

MARK = "gateway_job"
"""Metadata by which a job that a former try made is found again."""
JOBS = "/fine_tuning/jobs"
PAGE = 100
MOST_PAGES = 50
STATUSES: Mapping[str, str] = {
    **{status.value: status.value for status in TuningStatus}, "pending": TuningStatus.QUEUED.value,
    "created": TuningStatus.QUEUED.value, "canceled": TuningStatus.CANCELLED.value,
}  # fmt: skip
METRICS = (
    "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
    "full_valid_mean_token_accuracy",
)  # fmt: skip
HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")
OF_METHOD = {"dpo": ("beta",), "reinforcement": ("compute_multiplier", "eval_interval", "eval_samples",
                                                 "reasoning_effort")}  # fmt: skip
METADATA_PAIRS = 16


class OpenAIBackend:
    """Any provider that speaks OpenAI's fine-tuning API below its base URL."""

    has_metadata = True

    def start(self, job: TuningJob) -> Seen:
        """Upload what is not uploaded yet and make the job, unless a former try has made it."""
        api = self.api(job)
        if self.has_metadata and (made := self._made_before(api, job)) is not None:
            return self.seen(made, job)
        state = dict(job.provider_state)
        training = self._uploaded(api, job, job.training_file, state, "training")
        asked: dict[str, Any] = {"model": job.base_model, "training_file": training, **self.method_of(job)}
        if job.validation_file is not None:
            asked["validation_file"] = self._uploaded(api, job, job.validation_file, state, "validation")
        if job.suffix:
            asked["suffix"] = job.suffix
        if job.seed is not None:
            asked["seed"] = job.seed
        if self.has_metadata:
            own = dict(list(job.metadata.items())[: METADATA_PAIRS - 1])
            asked["metadata"] = {**own, MARK: job.pk.hex}
        seen = self.seen(api.post(JOBS, asked), job)
        return Seen(**{**_fields(seen), "state": state})

    def look(self, job: TuningJob) -> Seen:
        return self.seen(self.api(job).get(self._path(job)), job)

    def events(self, job: TuningJob) -> Sequence[Told]:
        """Those that are not stored yet, oldest first."""
        told: list[Told] = []
        after: dict[str, str] = {}
        api = self.api(job)
        for _ in range(MOST_PAGES):
            page = api.get(f"{self._path(job)}/events", limit=str(PAGE), **after)
            rows = [row for row in page.get("data") or () if isinstance(row, dict) and row.get("id")]
            keys = [str(row["id"]) for row in rows]
            known = set(JobEvent.objects.filter(job=job, key__in=keys).values_list("key", flat=True))
            told += [_told(row) for row in rows if str(row["id"]) not in known]
            if known or not rows or not page.get("has_more"):
                break
            after = {"after": keys[-1]}
        told.reverse()  # of the same second, those that came first
        return sorted(told, key=lambda one: one.at)

    def checkpoints(self, job: TuningJob) -> Sequence[Kept]:
        page = self.api(job).get(f"{self._path(job)}/checkpoints", limit=str(PAGE))
        return list(_kept(page.get("data") or ()))

    def cancel(self, job: TuningJob) -> Seen:
        """A job that is over meanwhile is as it is."""
        api = self.api(job)
        try:
            return self.seen(api.post(f"{self._path(job)}/cancel"), job)
        except Refused as error:
            seen = self.seen(api.get(self._path(job)), job)
            if seen.status in ("succeeded", "failed", "cancelled"):
                return seen
            raise error from None

    def pause(self, job: TuningJob) -> Seen:
        return self.seen(self.api(job).post(f"{self._path(job)}/pause"), job)

    def resume(self, job: TuningJob) -> Seen:
        return self.seen(self.api(job).post(f"{self._path(job)}/resume"), job)

    def read_result(self, job: TuningJob, identity: str) -> bytes:
        return self.api(job).content(f"/files/{quoted(identity)}/content")

    # ---- what Azure does differently -------------------------------------------------------------------------------
    def api(self, job: TuningJob) -> Api:
        provider = provider_of(job)
        return Api(provider, provider.base_url)

    def method_of(self, job: TuningJob) -> dict[str, Any]:
        """The method with its hyperparameters; `auto` where nothing is asked for."""
        wished = job.hyperparameters
        names = (*HYPERPARAMETERS, *OF_METHOD.get(job.method, ()))
        inner: dict[str, Any] = {"hyperparameters": {name: wished[name] for name in names if name in wished}}
        if job.method == "reinforcement":
            if "grader" not in wished:
                raise Refused("grader_missing", "A reinforcement job needs a grader.", "hyperparameters")
            inner["grader"] = wished["grader"]
        return {"method": {"type": job.method, job.method: inner}}

    def seen(self, body: Any, job: TuningJob) -> Seen:
        if not isinstance(body, dict) or not body.get("id"):
            raise Refused("answer_unknown", "The provider's answer is no fine-tuning job.")
        said = str(body.get("status") or "")
        return Seen(
            said=said, status=STATUSES.get(said), job_id=str(body["id"]),
            tuned_model=str(body.get("fine_tuned_model") or ""), trained_tokens=counted(body.get("trained_tokens")),
            estimated_finish=from_unix(body.get("estimated_finish")), finished_at=from_unix(body.get("finished_at")),
            error=error_of(body.get("error")), hyperparameters=used_of(body),
            result_files=[str(one) for one in body.get("result_files") or ()],
        )  # fmt: skip

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _path(self, job: TuningJob) -> str:
        return f"{JOBS}/{quoted(job.provider_job_id)}"

    def _made_before(self, api: Api, job: TuningJob) -> Any:
        page = api.get(JOBS, **{f"metadata[{MARK}]": job.pk.hex, "limit": "10"})
        rows = page.get("data") if isinstance(page, dict) else None
        return next((row for row in rows or () if (row.get("metadata") or {}).get(MARK) == job.pk.hex), None)

    def _uploaded(self, api: Api, job: TuningJob, file: TuningFile, state: dict[str, Any], role: str) -> str:
        """The provider's id of a file; kept in the job at once, so that a try that is cut off uploads nothing twice."""
        key = f"{role}_file"
        if key not in state:
            with open_file(file) as content:
                upload = Upload("file", file.name, content, file.size_bytes)
                state[key] = str(api.upload("/files", upload, {"purpose": "fine-tune"})["id"])
            remember(job, {key: state[key]})
        return str(state[key])


def provider_of(job: TuningJob) -> Provider:
    if job.provider is None:
        raise Refused("provider_missing", "The job has no provider.")
    return job.provider


def remember(job: TuningJob, state: Mapping[str, Any]) -> None:
    """Keep what a backend must know when the round is cut off."""
    job.provider_state = {**job.provider_state, **state}
    TuningJob.objects.filter(pk=job.pk).update(provider_state=job.provider_state)


def origin_of(url: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def error_of(error: Any) -> dict[str, str] | None:
    """None for null and for `{}`."""
    if not isinstance(error, dict) or not (error.get("message") or error.get("code")):
        return None
    return {name: str(error.get(name) or "") for name in ("code", "message", "param")}


def used_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters that are numbers now; `auto` and Azure's -1 are not told."""
    method = body.get("method")
    inner = method.get(str(method.get("type"))) if isinstance(method, dict) else None
    newer = (inner or {}).get("hyperparameters") if isinstance(inner, dict) else None
    found = {**(body.get("hyperparameters") or {}), **(newer or {})}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    }


def _fields(seen: Seen) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in Seen.__slots__}


def _told(row: Mapping[str, Any]) -> Told:
    data = row.get("data")
    at = from_unix(row.get("created_at"))
    if at is None:
        raise Refused("answer_unknown", "An event has no time.")
    return Told(
        str(row["id"]), at, str(row.get("level") or "info"), str(row.get("message") or ""),
        {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else {},
    )  # fmt: skip


def _kept(rows: Sequence[Mapping[str, Any]]) -> Iterator[Kept]:
    for row in rows:
        step = counted(row.get("step_number"))
        if step is None:
            continue
        metrics = row.get("metrics") or {}
        known = {name: float(metrics[name]) for name in METRICS if isinstance(metrics.get(name), int | float)}
        yield Kept(step, str(row.get("fine_tuned_model_checkpoint") or ""), str(row.get("id") or ""), known)
