"""Fireworks' tuning jobs.

Source: the client library `fireworks-ai` 1.2.30 and https://docs.fireworks.ai/fine-tuning/fine-tuning-via-api. We name
the data set and the job ourselves, so a second try meets what the first has made. Curves stand in a file of JSON lines
behind a signed address; intermediate checkpoints are not listed.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone

from finetuning.backends.base import Kept, NotOffered, Refused, Seen, Told, Unreachable
from finetuning.backends.http import NOT_FOUND, Api, Upload, from_text, quoted
from finetuning.backends.openai import origin_of, provider_of, remember
from finetuning.choices import TuningStatus
from finetuning.models import TuningFile, TuningJob
from finetuning.services.files.reading import open_file

SMALL_BYTES = 150 * 1000 * 1000
"""Up to here a file goes in one request, above by a signed address."""
KINDS = {"supervised": ("supervisedFineTuningJobs", "supervisedFineTuningJobId"), "dpo": ("dpoJobs", "dpoJobId")}
STATUSES = {
    "JOB_STATE_CREATING": TuningStatus.VALIDATING, "JOB_STATE_VALIDATING": TuningStatus.VALIDATING,
    "JOB_STATE_CREATING_INPUT_DATASET": TuningStatus.VALIDATING, "JOB_STATE_PENDING": TuningStatus.QUEUED,
    "JOB_STATE_RE_QUEUEING": TuningStatus.QUEUED, "JOB_STATE_IDLE": TuningStatus.QUEUED,
    "JOB_STATE_RUNNING": TuningStatus.RUNNING, "JOB_STATE_WRITING_RESULTS": TuningStatus.RUNNING,
    "JOB_STATE_CANCELLING": TuningStatus.RUNNING, "JOB_STATE_PAUSED": TuningStatus.PAUSED,
    "JOB_STATE_COMPLETED": TuningStatus.SUCCEEDED, "JOB_STATE_EARLY_STOPPED": TuningStatus.SUCCEEDED,
    "JOB_STATE_FAILED": TuningStatus.FAILED, "JOB_STATE_EXPIRED": TuningStatus.FAILED,
    "JOB_STATE_CANCELLED": TuningStatus.CANCELLED,
}  # fmt: skip
SENT = {
    "n_epochs": "epochs", "learning_rate": "learningRate", "lora_rank": "loraRank", "early_stop": "earlyStop",
    "max_context_length": "maxContextLength", "batch_size": "batchSizeSamples",
}  # fmt: skip
POINTS = {
    "train_loss": "train_loss", "train/loss": "train_loss", "loss": "train_loss", "eval_loss": "full_valid_loss",
    "eval/loss": "full_valid_loss", "valid_loss": "full_valid_loss",
}  # fmt: skip


class FireworksBackend:
    """A provider of kind Fireworks; the management API lies beside its inference paths. One serves one round: what it
    was told of the job last is not asked again."""

    def __init__(self) -> None:
        self._row: dict[str, Any] = {}

    def start(self, job: TuningJob) -> Seen:
        api = self._api(job)
        account = self._account(api, job)
        kind, parameter = kind_of(job)
        try:
            return self._seen(api.get(f"/{account}/{kind}/{job_name(job)}"))
        except Refused as error:
            if error.code != NOT_FOUND:
                raise
        wished = {
            theirs: job.hyperparameters[ours]
            for ours, theirs in SENT.items()
            if job.hyperparameters.get(ours, "auto") != "auto"
        }
        config = {"baseModel": job.base_model, "outputModel": f"{account}/models/{model_name(job)}", **wished}
        asked: dict[str, Any] = {
            "displayName": job.suffix or job.name[:60], "dataset": self._dataset(api, account, job.training_file)
        }  # fmt: skip
        if job.validation_file is not None and job.method == "supervised":
            asked["evaluationDataset"] = self._dataset(api, account, job.validation_file)
        asked |= {"trainingConfig": config} if job.method == "dpo" else config
        return self._seen(api.post(f"/{account}/{kind}", asked, **{parameter: job_name(job)}))

    def look(self, job: TuningJob) -> Seen:
        return self._seen(self._api(job).get(f"/{job.provider_job_id}"))

    def events(self, job: TuningJob) -> Sequence[Told]:
        """What was measured; Fireworks tells no messages."""
        row = self._row or self._api(job).get(f"/{job.provider_job_id}")
        address = row.get("metricsFileSignedUrl")
        if not isinstance(address, str) or not address:
            return []
        try:
            content = self._api(job).fetch(address)
        except Unreachable:
            return []  # the address was good for a while; the next answer has a new one
        return list(_points(content))

    def checkpoints(self, job: TuningJob) -> Sequence[Kept]:
        return []

    def cancel(self, job: TuningJob) -> Seen:
        api = self._api(job)
        try:
            api.post(f"/{job.provider_job_id}:cancel", {})
        except Refused as error:
            if error.code == NOT_FOUND:
                raise
        return self._seen(api.get(f"/{job.provider_job_id}"))

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("Fireworks cannot pause a job.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("Fireworks cannot resume a job.")

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _api(self, job: TuningJob) -> Api:
        provider = provider_of(job)
        return Api(provider, f"{origin_of(provider.base_url)}/v1")

    def _account(self, api: Api, job: TuningJob) -> str:
        """`accounts/…` of the credential."""
        if "account" not in job.provider_state:
            rows = api.get("/accounts").get("accounts") or ()
            if not rows:
                raise Refused("account_missing", "The credential belongs to no Fireworks account.")
            remember(job, {"account": str(rows[0]["name"])})
        return str(job.provider_state["account"])

    def _dataset(self, api: Api, account: str, file: TuningFile) -> str:
        """The data set with the file's content, made and filled where it is not there yet."""
        short = f"gateway-{file.pk.hex}"
        name = f"{account}/datasets/{short}"
        try:
            known = api.get(f"/{name}")
        except Refused as error:
            if error.code != NOT_FOUND:
                raise
            made = {"userUploaded": {}, "exampleCount": str(file.lines or 0), "displayName": file.name[:60]}
            known = api.post(f"/{account}/datasets", {"datasetId": short, "dataset": made})
        if known.get("state") != "READY":
            self._fill(api, name, file)
        return name

    def _fill(self, api: Api, name: str, file: TuningFile) -> None:
        inside = f"{file.pk.hex}.jsonl"
        with open_file(file) as content:
            if file.size_bytes < SMALL_BYTES:
                api.upload(f"/{name}:upload", Upload("file", inside, content, file.size_bytes), {})
                return
            places = api.post(f"/{name}:getUploadEndpoint", {"filenameToSize": {inside: file.size_bytes}})
            size = f"{file.size_bytes},{file.size_bytes}"
            address = places["filenameToSignedUrls"][inside]
            api.put_to(address, content, file.size_bytes, {"x-goog-content-length-range": size})
        api.post(f"/{name}:validateUpload", {})

    def _seen(self, row: Any) -> Seen:
        if not isinstance(row, dict) or not row.get("name"):
            raise Refused("answer_unknown", "Fireworks' answer is no tuning job.")
        self._row = row
        said = str(row.get("state") or "")
        status = STATUSES.get(said)
        is_over = status in (TuningStatus.SUCCEEDED, TuningStatus.FAILED, TuningStatus.CANCELLED)
        told = row.get("status") or {}
        percent = (row.get("jobProgress") or {}).get("percent")
        config = row.get("trainingConfig") or row
        error = {"code": str(told.get("code") or said), "message": str(told.get("message") or ""), "param": ""}
        used = {"n_epochs": row["epochs"]} if isinstance(row.get("epochs"), int) and row["epochs"] else {}
        return Seen(
            said=said, status=status, job_id=str(row["name"]),
            tuned_model=str(config.get("outputModel") or "") if status == TuningStatus.SUCCEEDED else "",
            progress=percent / 100 if isinstance(percent, int) else None,
            finished_at=from_text(row.get("completedTime")) if is_over else None,
            error=error if status == TuningStatus.FAILED else None, hyperparameters=used,
        )  # fmt: skip


def kind_of(job: TuningJob) -> tuple[str, str]:
    if job.method not in KINDS:
        raise NotOffered("Reinforcement jobs of Fireworks need an evaluator that is written there.")
    return KINDS[job.method]


def job_name(job: TuningJob) -> str:
    return quoted(f"gateway-{job.pk.hex}")


def model_name(job: TuningJob) -> str:
    short = job.suffix.lower().replace(".", "-").replace("_", "-")[:40]
    return f"{short}-{job.pk.hex[-12:]}" if short else f"gateway-{job.pk.hex[-12:]}"


def _points(content: bytes) -> Iterator[Told]:
    """A line is `{"step": …, "train_loss": …}`; what is no such line is left out."""
    now = timezone.now()  # when a point is first seen, where it has no time itself
    for line in content.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        step = row.get("step") if isinstance(row, dict) else None
        if not isinstance(step, int):
            continue
        values = {ours: row[theirs] for theirs, ours in POINTS.items() if isinstance(row.get(theirs), int | float)}
        if values:
            at = from_text(row.get("timestamp")) or now
            yield Told(f"metrics:{step}", at, "info", f"Step {step}", {"step": step, **values})
