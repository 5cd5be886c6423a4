"""How an organization's answers are cached: policies, and forgetting what is kept."""

from decimal import Decimal
from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import Q

from gateway.models import CachePolicy, Model, Organization, Project, Route, RouteTarget
from gateway.services import policies
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

EMBEDDINGS = "embeddings"
"""The capability of a model that makes them; one without capabilities may do anything."""
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


def _check(policy: CachePolicy) -> None:
    if not policy.is_semantic:
        return
    if not policy.embedding_model:
        raise Invalid("embedding_model_missing", "A semantic cache needs an embedding model.", field="embedding_model")
    offered = Q(organization=policy.organization) | Q(organization=None)
    name = policy.embedding_model
    routed = Q(pk__in=RouteTarget.objects.filter(route__in=Route.objects.filter(offered, alias=name)).values("model"))
    models = list(Model.objects.filter((offered & Q(name=name)) | routed))
    if not models:
        raise Invalid("embedding_model_unknown", f"There is no model or route '{name}'.", field="embedding_model")
    if unable := [model.name for model in models if model.capabilities and EMBEDDINGS not in model.capabilities]:
        message = f"The model '{unable[0]}' makes no embeddings: its capabilities do not name '{EMBEDDINGS}'."
        raise Invalid("embedding_model_unable", message, field="embedding_model")


KIND = policies.Kind(CachePolicy, "cache_policy", POLICY_FIELDS, _check)


def create_cache_policy(
    *, organization: Organization, actor: Actor, project: Project | None = None, **fields: Unpack[PolicyFields]
) -> CachePolicy:
    """Cache the answers of a project, or of every project without a policy of its own. Raises `Invalid`, `Conflict`."""
    return policies.create(KIND, organization=organization, actor=actor, project=project, fields=fields)


def update_cache_policy(*, policy: CachePolicy, actor: Actor, **fields: Unpack[PolicyFields]) -> CachePolicy:
    """Change a policy; answers that are kept live on for the time they were kept for. Raises `Invalid`."""
    return policies.update(KIND, policy=policy, actor=actor, fields=fields)


def delete_cache_policy(*, policy: CachePolicy, actor: Actor) -> None:
    """Stop caching and forget what was kept under the policy, on every process within two seconds."""
    policies.delete(KIND, policy=policy, actor=actor)


@transaction.atomic
def erase_cache(*, policy: CachePolicy, actor: Actor) -> CachePolicy:
    """Forget every answer kept under the policy, on every process within two seconds."""
    locked: CachePolicy = KIND.lock(policy)
    former, locked.generation = locked.generation, locked.generation + 1
    locked.save(update_fields=["generation", "updated_at"])
    policies.record(KIND, locked, actor, "erase", {"generation": former}, {"generation": locked.generation})
    return locked
