"""What a job made here becomes a model that applications can ask for: its row, its provider and its place in the
catalogue. Called in the transaction that ends the run."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from costs.models import PriceOverride
from costs.services.prices import set_price_override
from finetuning.choices import Backend
from finetuning.models import TunedModel, TuningJob
from gateway.choices import ProviderKind
from gateway.models import Model, Organization, Project, Provider
from gateway.services import audit, catalog

NOWHERE = "https://local-head.invalid"
"""RFC 2606 reserves it: nobody is ever called there."""
LONGEST_NAME = 200


def name_of(job: TuningJob) -> str:
    """`ft:<backend>:<organization>:<suffix>:<id>`, as OpenAI names tuned models; unique, and the same each time."""
    start, end = f"ft:{job.backend}:{job.organization.slug}:", f":{job.pk.hex[-8:]}"
    return f"{start}{slugify(job.suffix)[: LONGEST_NAME - len(start) - len(end)]}{end}"


def publish_head(job: TuningJob, *, artifact: bytes, serving: Mapping[str, Any]) -> TunedModel:
    """Serve a trained head; its tokens cost nothing, which an explicit price of the organization says."""
    provider = heads_of(job.organization)
    _price(job.organization)
    model = _offer(job, provider, upstream_name=name_of(job), capabilities=("chat",))
    return _keep(job, provider, model, artifact, serving)


def publish_bank(job: TuningJob, *, base: Model, artifact: bytes, serving: Mapping[str, Any]) -> TunedModel:
    """Serve a bank's examples with `base`: at its provider, under its upstream name and so at its price. The artifact
    is encrypted, since it holds the training data itself."""
    model = _offer(
        job, base.provider, upstream_name=base.upstream_name, capabilities=base.capabilities,
        context_tokens=base.context_tokens, max_output_tokens=base.max_output_tokens,
    )  # fmt: skip
    return _keep(job, base.provider, model, artifact, serving)


def publish_served(job: TuningJob, *, provider: Provider, upstream_name: str) -> TunedModel:
    """Offer a model that answers elsewhere; its price is unknown until somebody states one."""
    model = _offer(job, provider, upstream_name=upstream_name, capabilities=("chat",))
    return _keep(job, provider, model, None, {})


def publish_imported(
    project: Project, *, suffix: str, mark: str, base_model: str, artifact: bytes, serving: Mapping[str, Any]
) -> TunedModel:
    """Serve a head that no job here made; the same again changes nothing. `mark`: ends its name."""
    organization = project.organization
    provider = heads_of(organization)
    _price(organization)
    start, end = f"ft:{Backend.LOCAL_HEAD.value}:{organization.slug}:", f":{mark}"
    name = f"{start}{suffix[: LONGEST_NAME - len(start) - len(end)]}{end}"
    added = catalog.add_model(
        organization=organization, actor=None, provider=provider, name=name, upstream_name=name, capabilities=("chat",)
    )
    tuned, _ = TunedModel.objects.get_or_create(
        organization=organization, name=name,
        defaults={
            "project": project, "backend": Backend.LOCAL_HEAD, "provider": provider, "base_model": base_model,
            "catalog_model": added.row, "serving": dict(serving), "artifact": artifact,
            "artifact_sha256": hashlib.sha256(artifact).hexdigest(),
        },
    )  # fmt: skip
    return tuned


def heads_of(organization: Organization) -> Provider:
    """The organization's provider of local heads, which is this gateway itself; made with its first."""
    slug = Backend.LOCAL_HEAD.value
    own = Provider.objects.filter(organization=organization)
    if (found := own.filter(kind=ProviderKind.LOCAL_HEAD).order_by("created_at").first()) is not None:
        return found
    is_taken = own.filter(slug=slug).exists()
    provider, is_new = Provider.objects.get_or_create(
        organization=organization, slug=f"{slug}-models" if is_taken else slug,
        defaults={"kind": ProviderKind.LOCAL_HEAD, "name": "Local heads", "base_url": NOWHERE},
    )  # fmt: skip
    if is_new:
        after = {"slug": provider.slug, "kind": provider.kind}
        audit.record(organization=organization, actor=None, verb="provider.create", target=provider, after=after)
    return provider


def _price(organization: Organization) -> None:
    own = PriceOverride.objects.filter(organization=organization, provider=ProviderKind.LOCAL_HEAD)
    if not own.exists():
        set_price_override(
            organization=organization, provider=ProviderKind.LOCAL_HEAD, model="*", actor=None,
            valid_from=timezone.now(), prices={"input": "0", "output": "0"},
            source="Local heads run in the gateway itself.",
        )  # fmt: skip


def _offer(
    job: TuningJob, provider: Provider, *, upstream_name: str, capabilities: Sequence[str],
    context_tokens: int | None = None, max_output_tokens: int | None = None,
) -> Model:  # fmt: skip
    added = catalog.add_model(
        organization=job.organization, actor=None, provider=provider, name=name_of(job), upstream_name=upstream_name,
        capabilities=capabilities, context_tokens=context_tokens, max_output_tokens=max_output_tokens,
    )  # fmt: skip
    model: Model = added.row
    return model


def _keep(
    job: TuningJob, provider: Provider, model: Model, artifact: bytes | None, serving: Mapping[str, Any]
) -> TunedModel:
    tuned, _ = TunedModel.objects.update_or_create(
        job=job,
        defaults={
            "organization": job.organization, "project": job.project, "name": model.name, "backend": job.backend,
            "provider": provider, "base_model": job.base_model, "catalog_model": model, "serving": dict(serving),
            "artifact": artifact, "artifact_sha256": hashlib.sha256(artifact).hexdigest() if artifact else "",
        },
    )  # fmt: skip
    after = {"name": tuned.name, "sha256": tuned.artifact_sha256, "serving": tuned.serving}
    audit.record(organization=job.organization, actor=None, verb="tuned_model.create", target=tuned, after=after)
    return tuned
