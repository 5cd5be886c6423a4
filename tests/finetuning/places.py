"""What the matrix's placeholders of fine-tuning stand for; each made at most once."""

import orjson

from finetuning.models import Evaluation, Recording, TunedModel, TuningFile
from finetuning.scenarios import sample_of
from finetuning.services.evaluations import create_evaluation
from finetuning.services.files import create_file
from finetuning.services.recording import create_recording
from gateway.models import Model
from tests.factories import Acme

CONTESTANTS = [{"label": "base", "model": "gpt-4o"}, {"label": "tuned", "model": "fast"}]


def held_out_of(company: Acme) -> TuningFile:
    """Ten chat records of the assistant."""
    found = TuningFile.objects.filter(project=company.assistant, name="held-out.jsonl").first()
    lines = b"\n".join(orjson.dumps(line) for line in sample_of("classification"))
    return found or create_file(
        project=company.assistant, name="held-out.jsonl", purpose="fine-tune", content=[lines], created_by=None,
        actor=None,
    )  # fmt: skip


def evaluation_of(company: Acme) -> Evaluation:
    """One that waits."""
    found = Evaluation.objects.filter(organization=company.organization).first()
    return found or create_evaluation(
        project=company.assistant, file=held_out_of(company), contestants=CONTESTANTS, metrics=["exact"], actor=None
    )


def recording_of(company: Acme) -> Recording:
    """One that waits."""
    found = Recording.objects.filter(organization=company.organization).first()
    return found or create_recording(
        project=company.assistant, model="gpt-4o", source=held_out_of(company), consent=True, actor=None
    )


def tuned_model_of(company: Acme) -> TunedModel:
    """One of the assistant that the catalogue has."""
    found = TunedModel.objects.filter(organization=company.organization).first()
    if found is None:
        served = Model.objects.create(
            organization=company.organization, provider=company.provider, name="ft:x", upstream_name="ft:x"
        )
        found = TunedModel.objects.create(
            organization=company.organization, project=company.assistant, name="ft:x", backend="openai",
            base_model="gpt-4o-mini-2024-07-18", catalog_model=served,
        )  # fmt: skip
    return found
