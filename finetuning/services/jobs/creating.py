"""Making a job: what is asked is checked and priced before anything is sent to anybody."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from costs import trial
from costs.services import holds
from finetuning.choices import Backend
from finetuning.estimates import Estimate, Method
from finetuning.models import TuningFile, TuningJob
from finetuning.services import files as contents
from finetuning.services import shares
from finetuning.services.askable import check_askable, check_base
from finetuning.services.jobs import billing, files, following, graders, notifying
from finetuning.services.jobs.grading import check_grader
from finetuning.services.jobs.pricing import FREE, QUANTUM, estimate_dict, estimate_of
from finetuning.services.jobs.times import LARGEST_NUMBER
from finetuning.services.rights import check_may_route
from finetuning.services.storable import is_storable
from gateway.choices import ProviderKind
from gateway.models import Project, Provider, User, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

KINDS: dict[str, frozenset[str]] = {
    Backend.OPENAI: frozenset({ProviderKind.OPENAI, ProviderKind.COMPATIBLE}),
    Backend.AZURE: frozenset({ProviderKind.AZURE}),
    Backend.TOGETHER: frozenset({ProviderKind.TOGETHER}),
    Backend.FIREWORKS: frozenset({ProviderKind.FIREWORKS}),
    Backend.VERTEX: frozenset({ProviderKind.GOOGLE}),
}  # fmt: skip
"""Backends over HTTP, with the kinds of providers they can talk to."""
HYPERPARAMETERS = frozenset({
    "n_epochs", "batch_size", "learning_rate_multiplier", "learning_rate", "beta", "compute_multiplier",
    "eval_interval", "eval_samples", "reasoning_effort", "grader", "technique", "lora_rank", "lora_alpha",
    "lora_dropout", "warmup_ratio", "weight_decay", "n_checkpoints", "n_evals", "adapter_size", "early_stop",
    "max_context_length", "template", "precision", "threshold", "fallback", "shots",
})  # fmt: skip
"""Of all backends; each takes those that it knows."""
GRADED = frozenset({Backend.OPENAI, Backend.AZURE})
"""Vendors that train by a grader, and start nothing without one."""
COUNTS = ("n_epochs", "batch_size")
RATES = ("learning_rate_multiplier", "learning_rate", "beta")
MOST_EPOCHS = 100
SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_TAGS, LONGEST_TAG = 20, 100
METADATA_PAIRS, METADATA_KEY, METADATA_VALUE = 16, 64, 512
SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked, once checked."""

    project: Project
    backend: str
    provider: Provider | None
    base_model: str
    method: Method
    training_file: TuningFile
    validation_file: TuningFile | None
    hyperparameters: dict[str, Any] = field(default_factory=dict)


def create_job(
    *,
    project: Project,
    backend: str,
    provider: Provider | None,
    base_model: str,
    method: str,
    training_file: TuningFile,
    validation_file: TuningFile | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    name: str = "",
    suffix: str = "",
    seed: int | None = None,
    budget_limit: Decimal | None = None,
    auto_deploy: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    notification: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
    template: str = "",
    actor: Actor,
    api_key: VirtualKey | None = None,
) -> TuningJob:
    """Make a job, which starts within seconds in the background.

    Its estimate is stored with the prices it rests on, and hard budgets that it falls under keep that much room until
    its line is booked. `evaluation`: {"base", "metrics", "judge"}, queued on the validation file when it
    succeeds. `notification`: {"emails", "webhook", "on"}; the webhook's secret is then on the job as
    `webhook_secret`, this once. Raises `Invalid` (files, format, rows, sunset, price above `budget_limit`, …),
    `Forbidden` (`auto_deploy` by somebody who may not change routes) and `costs.services.holds.BudgetTooSmall`.
    """
    if auto_deploy:
        check_may_route(actor, project.organization)
        _check_deployment(project, backend, auto_deploy)
    wish = _checked(
        project, backend, provider, base_model, method, training_file, validation_file, dict(hyperparameters or {})
    )
    found = _estimate(wish)
    cost = _cost(wish, found, budget_limit)
    judged = following.checked(evaluation, validation_file, project.organization_id)
    told, secret = notifying.checked(notification, project.organization)
    job = TuningJob(
        organization=project.organization, project=project, backend=wish.backend, provider=provider,
        base_model=wish.base_model, method=wish.method.value, suffix=_suffix(suffix), training_file=training_file,
        validation_file=validation_file, hyperparameters=wish.hyperparameters, seed=_seed(seed),
        name=(name.strip() or f"{wish.base_model} on {training_file.name}")[:120], budget_limit=budget_limit,
        auto_deploy=dict(auto_deploy) if auto_deploy else None, evaluation=judged,
        notification=told, tags=_tags(tags), metadata=_metadata(metadata), template=template,
        api_key=api_key, cost_estimate=cost,
        estimate=_kept(wish, found), sync_due_at=timezone.now(),
        currency=found.rate.currency if found is not None and found.rate is not None else "USD",
        created_by=actor if isinstance(actor, User) else api_key.user if api_key is not None else None,
    )  # fmt: skip
    _store(job, actor)
    job.webhook_secret = secret
    return job


@transaction.atomic
def _store(job: TuningJob, actor: Actor) -> None:
    """With room in its budgets for what it is estimated to cost, and the audit row. Its files are locked, so that one
    that is being deleted is gone for it, and one that it has got stays."""
    _lock_files(job)
    if job.cost_estimate:
        job.holds = _hold(job, job.cost_estimate)
    job.save(force_insert=True)
    after = {
        "backend": job.backend, "base_model": job.base_model, "training_file": job.training_file.pk,
        "cost_estimate": job.cost_estimate, "budget_limit": job.budget_limit,
    }  # fmt: skip
    audit.record(organization=job.organization, actor=actor, verb="tuning_job.create", target=job, after=after)


def _lock_files(job: TuningJob) -> None:
    """In the order of their keys. Raises `Invalid` for one that was deleted since it was looked at."""
    wanted = {job.training_file_id: "training_file"}
    if job.validation_file_id is not None:
        wanted[job.validation_file_id] = "validation_file"
    rows = TuningFile.objects.select_for_update(of=("self",)).filter(pk__in=wanted, deleted_at=None).order_by("pk")
    there = set(rows.values_list("pk", flat=True))
    for identity, name in wanted.items():
        if identity not in there:
            raise Invalid("file_not_found", "There is no such file in this project.", field=name)


# ---- checks ----------------------------------------------------------------------------------------------------------
def _checked(
    project: Project, backend: str, provider: Provider | None, base_model: str, method: str,
    training_file: TuningFile, validation_file: TuningFile | None, hyperparameters: dict[str, Any],
) -> Wish:  # fmt: skip
    if backend not in Backend.values or backend not in settings.FINETUNING_BACKENDS:
        raise Invalid("backend_unknown", f"The backend is one of {', '.join(Backend.values)}.", field="backend")
    if method not in list(Method):
        raise Invalid("method_unknown", f"The method is one of {', '.join(Method)}.", field="method")
    base = base_model.strip()
    if not base or len(base) > 200:
        raise Invalid("base_model", "Name the model to tune, with at most 200 characters.", field="base_model")
    if project.archived_at is not None:
        raise Invalid("project_archived", "The project is archived.", field="project")
    _check_provider(backend, provider, project)
    check_base(project.organization_id, backend, base, provider)
    if backend == Backend.LOCAL_HEAD and (fallback := hyperparameters.get("fallback")):
        check_askable(project.organization_id, str(fallback), field="hyperparameters.fallback")
    kind = Method(method)
    files.check_usable(training_file, project=project, backend=backend, method=kind, field="training_file")
    if validation_file is not None:
        files.check_usable(validation_file, project=project, backend=backend, method=kind, field="validation_file")
        if validation_file.pk == training_file.pk or (validation_file.sha256 and
                                                      validation_file.sha256 == training_file.sha256):  # fmt: skip
            message = "The validation file is the training file: what is measured on it says nothing."
            raise Invalid("validation_is_training", message, field="validation_file")
    _check_hyperparameters(hyperparameters)
    if kind is Method.REINFORCEMENT and backend in GRADED and not hyperparameters.get("grader"):
        raise Invalid("grader_missing", "A reinforcement job needs a grader.", field="hyperparameters")
    return Wish(project, backend, provider, base, kind, training_file, validation_file, hyperparameters)


def _check_deployment(project: Project, backend: str, wish: Mapping[str, Any]) -> None:
    """Where its model shall answer, and who answers in its place. Raises `Invalid`."""
    if alias := wish.get("route"):
        shares.check_alias(project.organization_id, str(alias), field="auto_deploy.route")
    if backend == Backend.LOCAL_HEAD and (fallback := wish.get("fallback")):
        check_askable(project.organization_id, str(fallback), field="auto_deploy.fallback")


def _check_provider(backend: str, provider: Provider | None, project: Project) -> None:
    kinds = KINDS.get(backend)
    if kinds is None:
        if provider is not None and backend != Backend.DICL:
            raise Invalid("provider_not_used", f"The backend {backend} has no provider.", field="provider")
        return
    if provider is None:
        raise Invalid("provider_required", f"The backend {backend} needs a provider.", field="provider")
    if provider.organization_id not in (None, project.organization_id):
        raise Invalid("provider_not_found", "There is no such provider.", field="provider")
    if provider.kind not in kinds:
        message = f"{provider.name} is of kind {provider.kind}; the backend {backend} needs {' or '.join(kinds)}."
        raise Invalid("provider_kind", message, field="provider")
    if not provider.is_enabled:
        raise Invalid("provider_disabled", f"{provider.name} is disabled.", field="provider")


def _check_hyperparameters(given: Mapping[str, Any]) -> None:
    if not is_storable(given):
        message = "A number is out of range, or a text holds a NUL or half a character."
        raise Invalid("hyperparameter", message, field="hyperparameters")
    if unknown := sorted(set(given) - HYPERPARAMETERS):
        message = f"There is no hyperparameter {', '.join(unknown)}."
        raise Invalid("hyperparameter_unknown", message, field="hyperparameters")
    if "grader" in given:
        check_grader(given["grader"])
    for name in COUNTS:
        value = given.get(name, "auto")
        if value == "auto":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Invalid("hyperparameter", f"{name} is a number from 1 on, or auto.", field="hyperparameters")
    for name in RATES:
        value = given.get(name, "auto")
        if value != "auto" and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
            raise Invalid("hyperparameter", f"{name} is a number above zero, or auto.", field="hyperparameters")
    for name, value in given.items():
        if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
            message = f"{name} is out of range: at most {LARGEST_NUMBER:,}."
            raise Invalid("hyperparameter", message, field="hyperparameters")
    epochs = given.get("n_epochs", "auto")
    if isinstance(epochs, int) and epochs > MOST_EPOCHS:
        raise Invalid("hyperparameter", f"At most {MOST_EPOCHS} epochs.", field="hyperparameters")


def _suffix(suffix: str) -> str:
    if suffix and not SUFFIX.fullmatch(suffix):
        message = "The suffix has up to 64 letters, digits, dots, hyphens and underscores."
        raise Invalid("suffix", message, field="suffix")
    return suffix


def _seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed < SEEDS:
        raise Invalid("seed", f"The seed is a number from 0 to {SEEDS - 1}.", field="seed")
    return seed


def _tags(tags: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(tag.strip() for tag in tags))
    if len(found) > MOST_TAGS or any(not tag or len(tag) > LONGEST_TAG for tag in found):
        raise Invalid("tags", f"At most {MOST_TAGS} tags of up to {LONGEST_TAG} characters.", field="tags")
    return found


def _metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    found = dict(metadata or {})
    fits = all(
        isinstance(value, str) and len(key) <= METADATA_KEY and len(value) <= METADATA_VALUE
        for key, value in found.items()
    )
    if len(found) > METADATA_PAIRS or not fits:
        message = (
            f"Metadata is at most {METADATA_PAIRS} texts, names of up to {METADATA_KEY} and values of up to "
            f"{METADATA_VALUE} characters."
        )
        raise Invalid("metadata", message, field="metadata")
    return found


# ---- money -----------------------------------------------------------------------------------------------------------
def _estimate(wish: Wish) -> Estimate | None:
    """None where nothing is billed by tokens: what is trained here, or on the user's own machines."""
    if wish.backend in FREE:
        return None
    dataset = contents.count_tokens(wish.training_file, wish.base_model)
    if not dataset.tokens:
        raise Invalid("file_empty", f"The file {wish.training_file.name} has no example.", field="training_file")
    found = estimate_of(
        dataset, backend=wish.backend, base_model=wish.base_model, method=wish.method,
        hyperparameters=wish.hyperparameters, at=timezone.now().date(),
    )  # fmt: skip
    for block in found.blocked_by:
        field = "base_model" if block.code == "sunset" else "training_file"
        raise Invalid(block.code, block.message, field=field)
    return found


def _cost(wish: Wish, found: Estimate | None, limit: Decimal | None) -> Decimal | None:
    if limit is not None and limit <= 0:
        raise Invalid("budget_limit", "The limit is an amount above zero.", field="budget_limit")
    if found is None:
        return Decimal(0)
    cost = None if found.upper is None else found.upper.quantize(QUANTUM)
    if limit is not None and cost is None:
        message = f"No price of training {wish.base_model} is known, so the limit could not be kept."
        raise Invalid("budget_limit_unknown", message, field="budget_limit")
    if limit is not None and cost is not None and cost > limit:
        message = f"The job would cost {cost.normalize():f}, more than its limit of {limit.normalize():f}."
        raise Invalid("budget_limit_exceeded", message, field="budget_limit")
    return None if found.training is None else found.training.quantize(QUANTUM)


def _kept(wish: Wish, found: Estimate | None) -> dict[str, Any] | None:
    """The estimate as the job keeps it, with what its graders will cost."""
    if found is None:
        return None
    told = estimate_dict(found)
    graded = graders.estimate_grader(
        organization=wish.project.organization, provider=wish.provider, backend=wish.backend,
        grader=wish.hyperparameters.get("grader"), examples=wish.training_file.lines or 0, at=timezone.now(),
    )  # fmt: skip
    if graded is not None and wish.method is Method.REINFORCEMENT:
        told["grader"] = graded.told
    return told


def _hold(job: TuningJob, cost: Decimal) -> list[int]:
    subjects: dict[str, list[str]] = trial.subjects_of(
        organization=job.organization, key=job.api_key, project=job.project, end_user="", model=job.base_model,
        tags=[f"{name}={value}" for name, value in billing.tag_set(job.tags).items()],
    )  # fmt: skip
    if job.created_by_id and not subjects.get("user"):
        subjects["user"] = [str(job.created_by_id)]
    return holds.hold(
        owner=billing.owner_of(job), organization=job.organization, subjects=subjects, cost=cost,
        currency=job.currency, at=timezone.now(), key=job.api_key,
    )  # fmt: skip
