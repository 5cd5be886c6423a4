"""Vertex AI's tuning jobs.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/tuning and the client library
`google-genai` 3.6.1. The provider's base URL names project and location
(`https://us-central1-aiplatform.googleapis.com/v1/projects/acme/locations/us-central1`), its option `bucket` where
files are put; the credential is an access token or the key of a service account. Vertex tells neither events nor a
curve.
"""

import tempfile
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from finetuning.backends import googleauth
from finetuning.backends.base import Kept, NotOffered, Refused, Seen, Told
from finetuning.backends.geminilines import NotExpressible, converted
from finetuning.backends.http import Api, counted, from_text
from finetuning.backends.openai import origin_of, provider_of, remember
from finetuning.choices import TuningStatus
from finetuning.models import TuningFile, TuningJob
from finetuning.services.files.reading import open_file
from gateway import provideroptions

STORAGE = "https://storage.googleapis.com"
LABEL = "gateway-job"
STATUSES = {
    "JOB_STATE_QUEUED": TuningStatus.QUEUED, "JOB_STATE_PENDING": TuningStatus.QUEUED,
    "JOB_STATE_RUNNING": TuningStatus.RUNNING, "JOB_STATE_UPDATING": TuningStatus.RUNNING,
    "JOB_STATE_CANCELLING": TuningStatus.RUNNING, "JOB_STATE_PAUSED": TuningStatus.PAUSED,
    "JOB_STATE_SUCCEEDED": TuningStatus.SUCCEEDED, "JOB_STATE_PARTIALLY_SUCCEEDED": TuningStatus.SUCCEEDED,
    "JOB_STATE_FAILED": TuningStatus.FAILED, "JOB_STATE_EXPIRED": TuningStatus.FAILED,
    "JOB_STATE_CANCELLED": TuningStatus.CANCELLED,
}  # fmt: skip
SPECS = {"supervised": "supervisedTuningSpec", "dpo": "preferenceOptimizationSpec"}
STATS = ("supervisedTuningDataStats", "preferenceOptimizationDataStats")
ADAPTERS = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO"}
IN_MEMORY = 8 * 1024 * 1024


class VertexBackend:
    """A provider of kind Google whose base URL is a location of Vertex AI. One serves one round: what it was told of
    the job last is not asked again."""

    def __init__(self) -> None:
        self._row: dict[str, Any] = {}

    def start(self, job: TuningJob) -> Seen:
        api = self._api(job)
        made = api.get("/tuningJobs", filter=f'labels.{LABEL}="{job.pk.hex}"').get("tuningJobs") or ()
        if mine := [row for row in made if (row.get("labels") or {}).get(LABEL) == job.pk.hex]:
            return self._seen(mine[0])
        if job.method not in SPECS:
            raise NotOffered("Vertex AI offers supervised and preference jobs here.")
        spec: dict[str, Any] = {
            "trainingDatasetUri": self._uploaded(job, job.training_file, "training"), "hyperParameters": _wished(job)
        }  # fmt: skip
        if job.validation_file is not None:
            spec["validationDatasetUri"] = self._uploaded(job, job.validation_file, "validation")
        asked = {
            "baseModel": job.base_model, SPECS[job.method]: spec, "labels": {LABEL: job.pk.hex},
            "tunedModelDisplayName": (job.suffix or job.name)[:128],
        }  # fmt: skip
        return self._seen(api.post("/tuningJobs", asked))

    def look(self, job: TuningJob) -> Seen:
        return self._seen(self._by_name(job).get(f"/{job.provider_job_id}"))

    def events(self, job: TuningJob) -> Sequence[Told]:
        return []

    def checkpoints(self, job: TuningJob) -> Sequence[Kept]:
        row = self._row or self._by_name(job).get(f"/{job.provider_job_id}")
        rows = (row.get("tunedModel") or {}).get("checkpoints") or ()
        found = ((counted(one.get("step")), one) for one in rows)
        return [
            Kept(step, str(one.get("endpoint") or ""), str(one.get("checkpointId") or ""))
            for step, one in found
            if step is not None
        ]

    def cancel(self, job: TuningJob) -> Seen:
        """Google answers with nothing; how the job stands is asked after it."""
        api = self._by_name(job)
        try:
            api.post(f"/{job.provider_job_id}:cancel", {})
        except Refused:
            return self.look(job)
        return self.look(job)

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("Vertex AI cannot pause a job.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("Vertex AI cannot resume a job.")

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _api(self, job: TuningJob) -> Api:
        """Below the location."""
        provider = provider_of(job)
        if "/locations/" not in provider.base_url:
            message = "The provider's address must end in /projects/PROJECT/locations/LOCATION to tune models."
            raise Refused("provider_address", message, "provider")
        return Api(provider, provider.base_url, authorization=googleauth.authorization)

    def _by_name(self, job: TuningJob) -> Api:
        """Names are whole paths, so they hang below the version."""
        provider = provider_of(job)
        root = provider.base_url.partition("/projects/")[0]
        return Api(provider, root, authorization=googleauth.authorization)

    def _uploaded(self, job: TuningJob, file: TuningFile, role: str) -> str:
        """The `gs://` address of a file in Vertex's own format. The same name is the same content, so a second try
        overwrites what the first has put there."""
        key = f"{role}_uri"
        if key in job.provider_state:
            return str(job.provider_state[key])
        provider = provider_of(job)
        bucket = provider.options.get(provideroptions.BUCKET)
        if not bucket:
            raise Refused(
                "bucket_missing", "Set the provider's option 'bucket' to where training files go.", "provider"
            )
        storage = Api(provider, _storage_of(provider.base_url), authorization=googleauth.authorization)
        name = f"gateway/{file.pk.hex}.jsonl"
        with open_file(file) as content, tempfile.SpooledTemporaryFile(IN_MEMORY) as written:
            try:
                written.writelines(converted(content))
            except NotExpressible as error:
                raise Refused("invalid_training_file", str(error), f"{role}_file") from error
            size = written.tell()
            written.seek(0)
            path = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o"
            storage.send(path, written, size, "application/jsonl", uploadType="media", name=name)  # type: ignore[arg-type]
        uri = f"gs://{bucket}/{name}"
        remember(job, {key: uri})
        return uri

    def _seen(self, row: Any) -> Seen:
        if not isinstance(row, dict) or not row.get("name"):
            raise Refused("answer_unknown", "Vertex AI's answer is no tuning job.")
        self._row = row
        said = str(row.get("state") or "")
        status = STATUSES.get(said)
        told = row.get("error") or {}
        error = {"code": str(told.get("code") or said), "message": str(told.get("message") or ""), "param": ""}
        tuned = row.get("tunedModel") or {}
        epochs = _epochs(row)
        tokens = next((counted(stats.get("totalBillableTokenCount")) for stats in _stats(row)), None)
        is_done = status == TuningStatus.SUCCEEDED
        return Seen(
            said=said, status=status, job_id=str(row["name"]),
            tuned_model=str(tuned.get("endpoint") or tuned.get("model") or ""),
            billed_tokens=tokens * epochs if is_done and tokens and epochs else None,
            started_at=from_text(row.get("startTime")), finished_at=from_text(row.get("endTime")),
            error=error if status == TuningStatus.FAILED else None,
            hyperparameters={"n_epochs": epochs} if epochs else {},
        )  # fmt: skip


def _stats(row: dict[str, Any]) -> list[dict[str, Any]]:
    found = row.get("tuningDataStats") or {}
    return [found[name] for name in STATS if name in found]


def _epochs(row: dict[str, Any]) -> int | None:
    """As asked, else those of the last checkpoint."""
    for name in SPECS.values():
        if asked := counted(((row.get(name) or {}).get("hyperParameters") or {}).get("epochCount")):
            return asked
    checkpoints = (row.get("tunedModel") or {}).get("checkpoints") or ()
    return max((epoch for one in checkpoints if (epoch := counted(one.get("epoch")))), default=None)


def _wished(job: TuningJob) -> dict[str, Any]:
    wished = job.hyperparameters
    found: dict[str, Any] = {}
    if isinstance(wished.get("n_epochs"), int):
        found["epochCount"] = str(wished["n_epochs"])
    if isinstance(wished.get("learning_rate_multiplier"), int | float):
        found["learningRateMultiplier"] = wished["learning_rate_multiplier"]
    if wished.get("adapter_size") in ADAPTERS:
        found["adapterSize"] = f"ADAPTER_SIZE_{ADAPTERS[wished['adapter_size']]}"
    if job.method == "dpo" and isinstance(wished.get("beta"), int | float):
        found["beta"] = wished["beta"]
    return found


def _storage_of(base_url: str) -> str:
    """Google's own, or what a stand-in of Vertex serves beside it."""
    host = urlsplit(base_url).hostname or ""
    return STORAGE if host.endswith("googleapis.com") else origin_of(base_url)
