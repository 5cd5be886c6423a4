"""Verbs of analytics: by which tags an organization wants its figures."""

from django.db import IntegrityError, transaction

from analytics.models import DeclaredTag
from analytics.rollups import subjects
from gateway.models import Organization, User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

MAX_DECLARED = 20


@transaction.atomic
def declare_tag(*, organization: Organization, actor: Actor, key: str) -> DeclaredTag:
    """Have figures by the dimension `tag.<key>`. What the ledger still holds is rolled up again in the background.

    Raises `Invalid` (`key_invalid`, `too_many_tags`), `Conflict` (`tag_declared`).
    """
    tag = DeclaredTag(organization=organization, key=key.strip(), created_by=actor if isinstance(actor, User) else None)
    if not tag.key or set(tag.key) & set(",=\0"):
        raise Invalid("key_invalid", "A tag's key is not empty and has no comma or equals sign.", field="key")
    check_fields(tag, "key")
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)  # two at once see the same count
    if DeclaredTag.objects.filter(organization=organization).count() >= MAX_DECLARED:
        raise Invalid("too_many_tags", f"At most {MAX_DECLARED} tags; withdraw one first.", field="key")
    try:
        with transaction.atomic():
            tag.save(force_insert=True)
    except IntegrityError:
        raise Conflict("tag_declared", f"The tag {tag.key} is declared.", field="key") from None
    _record(tag, actor, "declare", None, {"key": tag.key})
    subjects.mark_everything(organization.pk)
    return tag


@transaction.atomic
def withdraw_tag(*, tag: DeclaredTag, actor: Actor) -> None:
    """No more figures by this tag; the ledger's lines keep it, so that it can be declared again."""
    locked = DeclaredTag.objects.select_for_update(of=("self",)).get(pk=tag.pk)
    _record(locked, actor, "withdraw", {"key": locked.key}, None)
    organization = locked.organization_id
    locked.delete()
    subjects.mark_everything(organization)


def _record(
    tag: DeclaredTag, actor: Actor, verb: str, before: dict[str, str] | None, after: dict[str, str] | None
) -> None:
    audit.record(
        organization=tag.organization, actor=actor, verb=f"declared_tag.{verb}", target=tag, before=before, after=after
    )
