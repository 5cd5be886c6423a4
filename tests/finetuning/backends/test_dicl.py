"""A file becomes a bank at once; it is served at the provider, and so at the price, of its base."""

from typing import Any

import pytest

from finetuning.backends import Refused, backend_of
from finetuning.backends.dicl import DiclBackend
from finetuning.dicl import Bank
from finetuning.models import JobEvent, TunedModel
from gateway import credentials
from gateway.models import Model, Project
from tests import factories
from tests.finetuning.backends.conftest import COLORS, MakeJob
from tests.finetuning.conftest import chat

backend = DiclBackend()


@pytest.fixture
def base(project: Project) -> Model:
    provider = factories.ProviderFactory(organization=project.organization, slug="openai")
    return factories.ModelFactory(
        organization=project.organization, provider=provider, name="gpt", upstream_name="gpt-4o-mini",
        context_tokens=128_000, capabilities=["chat", "vision"],
    )  # fmt: skip


def test_the_settings_name_it() -> None:
    assert isinstance(backend_of("dicl"), DiclBackend)


def test_it_succeeds_at_once(make_job: MakeJob, base: Model) -> None:
    job = make_job("dicl", base_model="gpt", hyperparameters={"shots": 3})
    seen = backend.start(job)

    tuned = TunedModel.objects.get(job=job)
    assert (seen.status, seen.progress, seen.job_id) == ("succeeded", 1.0, f"bank-{job.pk.hex}")
    assert (seen.tuned_model, seen.trained_tokens) == (f"ft:dicl:acme:colours:{job.pk.hex[-8:]}", 0)
    assert tuned.serving == {"base": "gpt", "shots": 3}
    (event,) = JobEvent.objects.filter(job=job)
    assert event.message == f"{tuned.name} shows the nearest 3 of 6 examples to gpt."
    assert backend.start(job) == seen
    assert backend.cancel(job).status == "succeeded"


def test_its_row_in_the_catalogue_is_the_bases(make_job: MakeJob, base: Model) -> None:
    job = make_job("dicl", base_model="gpt")
    backend.start(job)

    tuned = TunedModel.objects.get(job=job)
    model = tuned.catalog_model
    assert model is not None
    assert (model.provider, model.upstream_name, model.name) == (base.provider, "gpt-4o-mini", tuned.name)
    assert (model.context_tokens, model.capabilities) == (128_000, ["chat", "vision"])


def test_the_training_data_in_it_is_encrypted(make_job: MakeJob, base: Model) -> None:
    job = make_job("dicl", base_model="gpt")
    backend.start(job)

    kept = bytes(TunedModel.objects.get(job=job).artifact or b"")
    assert b"tomato" not in kept
    assert [one.answer["content"] for one in Bank.from_bytes(credentials.decrypt_bytes(kept)).examples] == [
        "blue", "blue", "blue", "red", "red", "red",
    ]  # fmt: skip


def test_the_organizations_model_before_the_platforms(make_job: MakeJob, base: Model) -> None:
    factories.ModelFactory(provider__slug="shared", name="gpt")
    job = make_job("dicl", base_model="gpt")
    backend.start(job)

    assert TunedModel.objects.get(job=job).provider == base.provider


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base_model": "unknown"}, "model_not_found"), ({"method": "dpo"}, "method_not_offered"),
        ({"hyperparameters": {"shots": 0}}, "hyperparameter_invalid"),
        ({"hyperparameters": {"shots": True}}, "hyperparameter_invalid"),
        ({"training": [chat("x", "y"), {"messages": [{"role": "user", "content": "x"}]}]}, "invalid_file"),
        ({"training": []}, "invalid_file"),
    ],
)  # fmt: skip
def test_what_it_does_not_do_is_refused(make_job: MakeJob, base: Model, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        backend.start(make_job("dicl", **{"base_model": "gpt", "training": COLORS, **fields}))

    assert refused.value.code == code
    assert not TunedModel.objects.exists()


def test_a_model_of_another_organization_is_no_base(make_job: MakeJob) -> None:
    other = factories.OrganizationFactory()
    factories.ModelFactory(organization=other, provider__organization=other, name="gpt")

    with pytest.raises(Refused) as refused:
        backend.start(make_job("dicl", base_model="gpt"))

    assert refused.value.code == "model_not_found"
