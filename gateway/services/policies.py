"""Policies that an organization sets for itself or for one project: the verbs that all of them share.

A policy is a row with `organization` and `project` (None: every project without one of its own), at most one for each
place. Its kind's own service names the fields and what makes no sense together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction

from gateway.models import Organization, Project
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields


def nothing_more(policy: Any) -> None:
    """A kind whose fields can be checked one by one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` stands in audit verbs and error codes; `fields` may be changed; `check` raises `Invalid`."""

    model: type[models.Model]
    name: str
    fields: Sequence[str]
    check: Callable[[Any], None] = nothing_more

    def facts(self, policy: Any) -> dict[str, Any]:
        return {name: getattr(policy, name) for name in self.fields}

    def lock(self, policy: Any) -> Any:
        """The row as it is now, locked until the transaction ends."""
        return self.model._default_manager.select_for_update(of=("self",)).get(pk=policy.pk)


@transaction.atomic
def create(
    kind: Kind, *, organization: Organization, actor: Actor, project: Project | None, fields: Mapping[str, Any]
) -> Any:
    """Raises `Invalid`, and `Conflict` when the place has such a policy."""
    if project is not None and project.organization_id != organization.pk:
        raise Invalid("foreign_project", "The project belongs to another organization.", field="project")
    policy: Any = kind.model(organization=organization, project=project, **fields)
    _check(kind, policy)
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
    except IntegrityError:
        place, what = "project" if project else "organization", kind.name.replace("_", " ")
        raise Conflict(f"{kind.name}_exists", f"The {place} has a {what}.", field="project") from None
    record(kind, policy, actor, "create", None, {"project": project and str(project.pk), **kind.facts(policy)})
    return policy


@transaction.atomic
def update(kind: Kind, *, policy: Any, actor: Actor, fields: Mapping[str, Any]) -> Any:
    """Raises `Invalid`."""
    locked = kind.lock(policy)
    before = kind.facts(locked)
    for name, value in fields.items():
        setattr(locked, name, value)
    _check(kind, locked)
    old, new = audit.differences(before, kind.facts(locked))
    if new:
        locked.save(update_fields=[*new, "updated_at"])
        record(kind, locked, actor, "update", old, new)
    return locked


@transaction.atomic
def delete(kind: Kind, *, policy: Any, actor: Actor) -> None:
    locked = kind.lock(policy)
    record(kind, locked, actor, "delete", kind.facts(locked), None)
    locked.delete()


def record(
    kind: Kind, policy: Any, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    """The audit event of a change, in the caller's transaction."""
    audit.record(
        organization=policy.organization, actor=actor, verb=f"{kind.name}.{verb}", target=policy, before=before,
        after=after,
    )  # fmt: skip


def _check(kind: Kind, policy: Any) -> None:
    check_fields(policy, *kind.fields)
    kind.check(policy)
