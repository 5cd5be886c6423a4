"""Together's fine-tuning API.

Source: the client library `together` 3.1.1 and https://docs.together.ai/reference/post-fine-tunes. A job has no
metadata: one that a former try made is known by its file, which belongs to this job alone, and by the mark in its name.
A file is announced first; the answer says by redirect where its bytes go.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone

from finetuning.backends.base import Kept, NotOffered, Refused, Seen, Told
from finetuning.backends.http import Api, counted, from_text, quoted
from finetuning.backends.openai import provider_of, remember
from finetuning.choices import TuningStatus
from finetuning.models import TuningFile, TuningJob
from finetuning.services.files.reading import open_file

JOBS = "/fine-tunes"
LONGEST_SUFFIX = 40
STATUSES = {
    "pending": TuningStatus.VALIDATING, "queued": TuningStatus.QUEUED, "running": TuningStatus.RUNNING,
    "compressing": TuningStatus.RUNNING, "uploading": TuningStatus.RUNNING, "cancel_requested": TuningStatus.RUNNING,
    "cancelled": TuningStatus.CANCELLED, "error": TuningStatus.FAILED, "user_error": TuningStatus.FAILED,
    "completed": TuningStatus.SUCCEEDED,
}  # fmt: skip
LEVELS = {"legacy_info": "info", "legacy_iwarning": "warn", "legacy_ierror": "error"}
POINTS = {"train/loss": "train_loss", "eval/loss": "full_valid_loss"}
SENT = (
    "n_epochs", "batch_size", "learning_rate", "n_checkpoints", "n_evals", "warmup_ratio", "weight_decay",
)  # fmt: skip


class TogetherBackend:
    """A provider of kind Together; its base URL ends in /v1."""

    def start(self, job: TuningJob) -> Seen:
        api = self._api(job)
        if (made := self._made_before(api, job)) is not None:
            return self._seen(made)
        wished = {name: job.hyperparameters[name] for name in SENT if job.hyperparameters.get(name, "auto") != "auto"}
        asked: dict[str, Any] = {
            "model": job.base_model, "training_file": self._uploaded(api, job, job.training_file, "training"),
            "suffix": suffix_of(job), "n_epochs": 3, "n_checkpoints": 1, **wished, **_kind_of(job),
        }  # fmt: skip
        if job.validation_file is not None:
            asked["validation_file"] = self._uploaded(api, job, job.validation_file, "validation")
            asked.setdefault("n_evals", asked["n_epochs"])
        if job.seed is not None:
            asked["random_seed"] = job.seed
        return self._seen(api.post(JOBS, asked))

    def look(self, job: TuningJob) -> Seen:
        seen = self._seen(self._api(job).get(self._path(job)))
        if seen.status != TuningStatus.FAILED:
            return seen
        errors = [told.message for told in self._messages(job) if told.level == "error"]
        message = errors[-1] if errors else "Together gave no reason."
        return Seen(seen.said, seen.status, seen.job_id, error={"code": seen.said, "message": message, "param": ""})

    def events(self, job: TuningJob) -> Sequence[Told]:
        """Messages, and what was measured as events with a point each."""
        return [*self._messages(job), *self._points(job)]

    def checkpoints(self, job: TuningJob) -> Sequence[Kept]:
        rows = self._api(job).get(f"{self._path(job)}/checkpoints").get("data") or ()
        found = ((counted(row.get("step")), row) for row in rows)
        return [
            Kept(step, str(row.get("object_name") or ""), str(row.get("path") or "")[:200])
            for step, row in found
            if step is not None
        ]

    def cancel(self, job: TuningJob) -> Seen:
        api = self._api(job)
        try:
            return self._seen(api.post(f"{self._path(job)}/cancel"))
        except Refused:
            return self._seen(api.get(self._path(job)))

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("Together cannot pause a job.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("Together cannot resume a job.")

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _api(self, job: TuningJob) -> Api:
        provider = provider_of(job)
        return Api(provider, provider.base_url)

    def _path(self, job: TuningJob) -> str:
        return f"{JOBS}/{quoted(job.provider_job_id)}"

    def _made_before(self, api: Api, job: TuningJob) -> Any:
        training = job.provider_state.get("training_file")
        if training is None:
            return None  # nothing was made before its file was there
        mark = suffix_of(job)
        rows = api.get(JOBS).get("data") or ()
        mine = (row for row in rows if row.get("training_file") == training)
        return next((row for row in mine if mark in str(row.get("model_output_name") or "")), None)

    def _uploaded(self, api: Api, job: TuningJob, file: TuningFile, role: str) -> str:
        key = f"{role}_file"
        if key not in job.provider_state:
            with open_file(file) as content:
                digest = hashlib.md5(usedforsecurity=False)
                while block := content.read(1 << 20):
                    digest.update(block)
                content.seek(0)
                fields = {
                    "purpose": "fine-tune", "file_name": f"{job.pk.hex}-{role}.jsonl", "file_type": "jsonl",
                    "checksum": digest.hexdigest(),
                }  # fmt: skip
                place = api.announce("/files", fields)
                api.put_to(place["location"], content, file.size_bytes)
            identity = place["x-together-file-id"]
            api.post(f"/files/{quoted(identity)}/preprocess")
            remember(job, {key: identity})
        return str(job.provider_state[key])

    def _seen(self, row: Any) -> Seen:
        if not isinstance(row, dict) or not row.get("id"):
            raise Refused("answer_unknown", "Together's answer is no fine-tuning job.")
        said = str(row.get("status") or "")
        status = STATUSES.get(said)
        is_done = status == TuningStatus.SUCCEEDED
        used = {name: row[name] for name in ("n_epochs", "batch_size", "learning_rate") if _is_number(row.get(name))}
        return Seen(
            said=said, status=status, job_id=str(row["id"]),
            tuned_model=str(row.get("model_output_name") or "") if is_done else "",
            trained_tokens=counted(row.get("token_count")) if is_done else None,
            started_at=from_text(row.get("started_at")),
            finished_at=from_text(row.get("updated_at")) if is_done else None, hyperparameters=used,
        )  # fmt: skip

    def _messages(self, job: TuningJob) -> list[Told]:
        rows = self._api(job).get(f"{self._path(job)}/events").get("data") or ()
        return list(_told(rows))

    def _points(self, job: TuningJob) -> Iterator[Told]:
        rows = self._api(job).get(f"{self._path(job)}/metrics").get("metrics") or ()
        now = timezone.now()  # when a point is first seen, where it has no time itself
        for row in rows:
            step = row.get("train/global_step")
            values = {ours: float(row[theirs]) for theirs, ours in POINTS.items() if _is_number(row.get(theirs))}
            if not _is_number(step) or not values:
                continue
            at = from_text(row.get("timestamp")) or now
            yield Told(f"metrics:{int(step)}", at, "info", f"Step {int(step)}", {"step": int(step), **values})


def suffix_of(job: TuningJob) -> str:
    """The wished suffix and a mark of this job."""
    mark = job.pk.hex[-12:]
    return f"{job.suffix[: LONGEST_SUFFIX - len(mark) - 1]}-{mark}" if job.suffix else mark


def _kind_of(job: TuningJob) -> dict[str, Any]:
    wished = job.hyperparameters
    if job.method == "reinforcement":
        raise NotOffered("Together offers supervised and preference jobs.")
    method: dict[str, Any] = {"method": "sft", "train_on_inputs": "auto"}
    if job.method == "dpo":
        method = {"method": "dpo", "dpo_beta": wished["beta"]} if "beta" in wished else {"method": "dpo"}
    if wished.get("technique") == "full":
        return {"training_method": method, "training_type": {"type": "Full"}}
    rank = int(wished.get("lora_rank") or 8)
    lora = {"type": "Lora", "lora_r": rank, "lora_alpha": int(wished.get("lora_alpha") or 2 * rank)}
    return {"training_method": method, "training_type": lora}


def _told(rows: Any) -> Iterator[Told]:
    for number, row in enumerate(rows):
        at = from_text(row.get("created_at"))
        if at is None:
            continue
        level = str(row.get("level") or "info").lower()
        message = str(row.get("message") or "")
        # events have no id; a job's come in the order in which they happened
        yield Told(f"{number}:{row.get('type')}:{row.get('step') or ''}", at, LEVELS.get(level, level), message)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
