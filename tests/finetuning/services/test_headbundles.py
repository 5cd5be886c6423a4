"""Local heads as signed files: out, back in, and refused once anything in them was changed."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from finetuning.localhead import Head
from finetuning.models import TunedModel
from finetuning.services.headbundles import export_head, import_head
from finetuning.services.publishing import publish_head
from gateway.models import AuditEvent
from gateway.services.errors import Conflict, Invalid
from tests.factories import Acme, acme
from tests.finetuning.answers.conftest import Make, make_file, make_job, make_tuned  # noqa: F401
from tests.finetuning.dataplane.conftest import head_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


@pytest.fixture
def tuned(company: Acme, make_job: Make) -> TunedModel:  # noqa: F811
    job = make_job(backend="local-head", base_model="local-head-hash", suffix="colors", seed=7)
    return publish_head(job, artifact=head_of().to_bytes(), serving={"threshold": 0.5, "fallback": "gpt-4o"})


def rewritten(content: bytes, name: str, change: Any) -> bytes:
    """The same bundle with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return out.getvalue()


def test_out_and_back_in(company: Acme, tuned: TunedModel) -> None:
    content = export_head(tuned=tuned, actor=None)
    assert content == export_head(tuned=tuned, actor=None)

    made = import_head(project=company.assistant, content=content, actor=None)
    again = import_head(project=company.assistant, content=content, actor=None)

    assert made == again
    assert made.name == f"ft:local-head:acme:colors:{tuned.artifact_sha256[:8]}"
    assert (made.artifact_sha256, made.serving) == (tuned.artifact_sha256, {"threshold": 0.5, "fallback": "gpt-4o"})
    assert made.catalog_model is not None
    assert made.catalog_model.is_enabled
    assert Head.from_bytes(bytes(made.artifact or b"")).answer("the deep sea").label == "blue"
    assert AuditEvent.objects.filter(verb="tuned_model.import").count() == 2


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("head.zip", lambda data: head_of(n_epochs=1).to_bytes()), ("head.zip", lambda data: data + b"\0"),
        ("manifest.json", lambda data: data.replace(b"0.5", b"0.1")), ("signature.txt", lambda data: b"0" * 64),
    ],
)  # fmt: skip
def test_one_that_was_changed_is_refused(company: Acme, tuned: TunedModel, part: str, change: Any) -> None:
    content = rewritten(export_head(tuned=tuned, actor=None), part, change)

    with pytest.raises(Invalid) as refused:
        import_head(project=company.assistant, content=content, actor=None)

    assert (refused.value.code, refused.value.field) == ("signature_wrong", "file")
    assert TunedModel.objects.count() == 1


def test_one_of_another_installation_is_refused(company: Acme, tuned: TunedModel, settings: Any) -> None:
    content = export_head(tuned=tuned, actor=None)
    settings.KEY_PEPPERS = {1: b"another installation's pepper 32"}

    with pytest.raises(Invalid, match="another key"):
        import_head(project=company.assistant, content=content, actor=None)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_what_is_no_bundle_is_refused(company: Acme, content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        import_head(project=company.assistant, content=content, actor=None)

    assert refused.value.code == "not_a_bundle"


def test_other_models_have_no_bundle(company: Acme, make_tuned: Make) -> None:  # noqa: F811
    with pytest.raises(Conflict):
        export_head(tuned=make_tuned("ft:x"), actor=None)


def test_by_commands(company: Acme, tuned: TunedModel, tmp_path: Path) -> None:
    path, where = tmp_path / "head.bundle", ("--organization", "acme")
    call_command("export_head", tuned.name, str(path), *where)
    call_command("import_head", str(path), *where, "--project", company.assistant.slug, "--suffix", "shades")

    assert TunedModel.objects.filter(name__startswith="ft:local-head:acme:shades:").count() == 1
    path.write_bytes(path.read_bytes()[:-40] + b"\0" * 40)
    with pytest.raises(CommandError):
        call_command("import_head", str(path), *where, "--project", company.assistant.slug)
