"""The folder that a machine needs: configuration, data, client and README for one framework."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from finetuning.backends.base import Refused
from finetuning.backends.runner import plan
from finetuning.backends.stored import records_of
from finetuning.choices import Backend
from finetuning.models import TuningFile, TuningJob
from finetuning.runner import FRAMEWORKS, Plan, files_of
from finetuning.runner import client as client_module
from finetuning.runner.frameworks import Framework
from gateway.services.errors import Conflict, Invalid

PIECE_BYTES = 1 << 16


def build_bundle(job: TuningJob, framework: str, *, url: str) -> Iterator[bytes]:
    """A ZIP file in pieces, for `framework`. `url`: where the machine reports to. Raises, before the first piece,
    `Conflict` (`not_a_runner_job`) and `Invalid` (the framework, or a record that it cannot take)."""
    check_runner(job)
    found = FRAMEWORKS.get(framework)
    if found is None:
        known = ", ".join(FRAMEWORKS)
        raise Invalid("framework_unknown", f"There is no framework {framework!r}; known: {known}.", field="framework")
    try:
        return _zipped(job, found, plan(job), url)
    except Refused as error:
        raise Invalid(error.code, error.message, field=error.param) from error


def check_runner(job: TuningJob) -> None:
    """Raises `Conflict`."""
    if job.backend != Backend.RUNNER:
        raise Conflict("not_a_runner_job", f"The job is trained by {job.get_backend_display()}, not by a runner.")


def _zipped(job: TuningJob, framework: Framework, numbers: Plan, url: str) -> Iterator[bytes]:
    out = tempfile.TemporaryFile(prefix="runner-bundle-")  # noqa: SIM115  (closed with the last piece)
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files_of(framework.name, numbers).items():
                archive.writestr(name, text)
            _write_rows(archive, framework.train_name, framework, numbers, job.training_file, "training_file")
            if job.validation_file is not None:
                _write_rows(archive, framework.valid_name, framework, numbers, job.validation_file, "validation_file")
            archive.writestr("gateway_runner.py", Path(client_module.__file__).read_text())
            archive.writestr("gateway.env", _environment(job, url))
            archive.writestr("README.md", _readme(job, framework, numbers))
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return _pieces(out)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _write_rows(
    archive: zipfile.ZipFile, name: str, framework: Framework, numbers: Plan, file: TuningFile, param: str
) -> None:
    """Its records in the framework's format. Raises `Refused`."""
    with tempfile.TemporaryFile(prefix="runner-rows-") as rows:
        for number, record in enumerate(records_of(file, param=param), start=1):
            try:
                line = json.dumps(framework.convert(numbers, record), ensure_ascii=False)
            except ValueError as error:
                raise Refused("record_unsuitable", f"Record {number} of {file.name}: {error}", param) from error
            rows.write(line.encode("utf-8", "replace") + b"\n")
        rows.seek(0)
        with archive.open(name, "w", force_zip64=True) as target:
            shutil.copyfileobj(rows, target)


def _environment(job: TuningJob, url: str) -> str:
    return f"export GATEWAY_URL={url}\nexport GATEWAY_JOB_ID={job.pk}\nexport GATEWAY_JOB_TOKEN=\n"


def _readme(job: TuningJob, framework: Framework, numbers: Plan) -> str:
    return f"""# {job.name}

Tunes `{numbers.base_model}` ({numbers.method}) with {framework.label}: LoRA adapters of rank {numbers.lora_r} are
trained, the weights of the base model stay as they are. {framework.learns_of(numbers)}

```bash
pip install -r requirements.txt
. ./gateway.env    # with the job's token in it, from POST /api/v1/fine-tuning/jobs/{job.pk}/runner-token
python gateway_runner.py run -- {framework.command_of(numbers)}
# serve `output` with any OpenAI-compatible server, then
python gateway_runner.py done --model NAME --base-url https://YOUR-SERVER/v1
```
"""
