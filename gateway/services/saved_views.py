"""Saved views of console pages: keep one, forget one."""

from collections.abc import Sequence

from django.db import transaction

from gateway.choices import Role
from gateway.models import Organization, SavedView, User
from gateway.services import audit
from gateway.services.errors import Conflict, Forbidden, Invalid
from gateway.services.identity import check_fields

MOST = 100
SHARERS = frozenset({Role.OWNER, Role.ADMIN, Role.MANAGER, Role.ANALYST})
KEEPERS = frozenset({Role.OWNER, Role.ADMIN})


@transaction.atomic
def save_view(
    *,
    organization: Organization,
    owner: User,
    role: str | None,
    name: str,
    query: str,
    page: str = "requests",
    shared_with: Sequence[str] = (),
) -> SavedView:
    """Keep a page's URL parameters under a name; the same person's view of that name is replaced.

    `role`: the person's in the organization (None: a superuser). Raises `Invalid`, `Forbidden`, `Conflict`.
    """
    unknown = set(shared_with) - set(Role.values)
    if unknown:
        raise Invalid("role_unknown", f"Roles are {', '.join(Role.values)}.", field="shared_with")
    if shared_with and not _may(owner, role, SHARERS):
        raise Forbidden("role_required", "Developers keep views for themselves alone.", field="shared_with")
    place = {"organization": organization, "owner": owner, "page": page}
    Organization.objects.select_for_update().get(pk=organization.pk)  # one after the other: the limit and the name
    view = SavedView.objects.filter(**place, name=name).first()
    if view is None and SavedView.objects.filter(**place).count() >= MOST:
        raise Conflict("too_many_views", f"At most {MOST} views can be kept; delete one first.")
    view = view or SavedView(**place, name=name)
    view.query, view.shared_with = query, [each for each in Role.values if each in shared_with]
    check_fields(view, "name", "query")
    view.save()
    if view.shared_with:
        after = {"name": name, "page": page, "shared_with": view.shared_with}
        audit.record(organization=organization, actor=owner, verb="saved_view.share", target=view, after=after)
    return view


@transaction.atomic
def delete_view(*, view: SavedView, actor: User, role: str | None) -> None:
    """Forget a view: one's own, or a shared one by owners and administrators. Raises `Forbidden`."""
    if view.owner_id != actor.pk and not (view.shared_with and _may(actor, role, KEEPERS)):
        raise Forbidden("not_your_view", "Only its owner and administrators can delete a shared view.")
    if view.shared_with:
        audit.record(
            organization=view.organization, actor=actor, verb="saved_view.delete", target=view,
            before={"name": view.name, "page": view.page, "shared_with": view.shared_with},
        )  # fmt: skip
    view.delete()


def _may(person: User, role: str | None, roles: frozenset[Role]) -> bool:
    return person.is_superuser or role in roles
