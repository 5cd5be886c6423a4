"""How an organization's answers are cached: policies, and forgetting what is kept."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from gateway.models import CachePolicy, Organization, Project
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

POLICY_FIELDS = (
    "is_enabled", "ttl_s", "is_shared", "max_entry_bytes", "is_semantic", "embedding_model", "similarity_threshold",
)  # fmt: skip


class PolicyFields(TypedDict, total=False):
    """What may be changed on a cache policy."""

    is_enabled: bool
    ttl_s: int
    is_shared: bool
    max_entry_bytes: int
    is_semantic: bool
    embedding_model: str
    similarity_threshold: Decimal


@transaction.atomic
def create_cache_policy(
    *, organization: Organization, actor: Actor, project: Project | None = None, **fields: Unpack[PolicyFields]
) -> CachePolicy:
    """Cache the answers of a project, or of every project without a policy of its own. Raises `Invalid`, `Conflict`."""
    if project is not None and project.organization_id != organization.pk:
        raise Invalid("foreign_project", "The project belongs to another organization.", field="project")
    policy = CachePolicy(organization=organization, project=project, **fields)
    _check(policy)
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
    except IntegrityError:
        message = "The project has a cache policy." if project else "The organization has a cache policy."
        raise Conflict("cache_policy_exists", message, field="project") from None
    _audit(policy, actor, "cache_policy.create", None, {"project": project and str(project.pk), **_facts(policy)})
    return policy


@transaction.atomic
def update_cache_policy(*, policy: CachePolicy, actor: Actor, **fields: Unpack[PolicyFields]) -> CachePolicy:
    """Change a policy; answers that are kept live on for the time they were kept for. Raises `Invalid`."""
    locked = _lock(policy)
    before = _facts(locked)
    for name, value in fields.items():
        setattr(locked, name, value)
    _check(locked)
    old, new = audit.differences(before, _facts(locked))
    if new:
        locked.save(update_fields=[*new, "updated_at"])
        _audit(locked, actor, "cache_policy.update", old, new)
    return locked


@transaction.atomic
def delete_cache_policy(*, policy: CachePolicy, actor: Actor) -> None:
    """Stop caching and forget what was kept under the policy, on every process within two seconds."""
    locked = _lock(policy)
    _audit(locked, actor, "cache_policy.delete", _facts(locked), None)
    locked.delete()


@transaction.atomic
def erase_cache(*, policy: CachePolicy, actor: Actor) -> CachePolicy:
    """Forget every answer kept under the policy, on every process within two seconds."""
    locked = _lock(policy)
    locked.generation += 1
    locked.save(update_fields=["generation", "updated_at"])
    _audit(
        locked, actor, "cache_policy.erase", {"generation": locked.generation - 1}, {"generation": locked.generation}
    )
    return locked


def _check(policy: CachePolicy) -> None:
    check_fields(policy, *POLICY_FIELDS)
    if policy.is_semantic and not policy.embedding_model:
        raise Invalid("embedding_model_missing", "A semantic cache needs an embedding model.", field="embedding_model")


def _lock(policy: CachePolicy) -> CachePolicy:
    return CachePolicy.objects.select_for_update(of=("self",)).get(pk=policy.pk)


def _facts(policy: CachePolicy, names: Sequence[str] = POLICY_FIELDS) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in names}


def _audit(
    policy: CachePolicy, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    audit.record(organization=policy.organization, actor=actor, verb=verb, target=policy, before=before, after=after)
