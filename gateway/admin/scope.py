"""Lists, filters and pickers of model admin are about the organization chosen in the header.

Only that: what a person may see at all is decided by `visible_to`, and a row of another organization still opens by its
own address, with the pickers of its organization.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Field, ForeignKey, Model, Q, QuerySet
from django.http import HttpRequest

from gateway.models import Membership, Organization, User

EVERY = "organizations"
"""URL parameter of a list; `all` shows the rows of every organization."""


class OrganizationFilter(admin.SimpleListFilter):
    """The chosen organization, or all that the person sees. `ScopedAdmin.get_queryset` does the narrowing, so that the
    other filters offer only what the list holds."""

    title = "organization"
    parameter_name = EVERY

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "All organizations")] if model_admin.organizations(request) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        organization = changelist.model_admin.organization(self.request)
        yield {**first, "display": str(organization or "None")}
        yield from rest


class ScopedAdmin(admin.ModelAdmin):
    """A model admin whose list, filters and pickers follow the chosen organization."""

    def organization(self, request: HttpRequest) -> Organization | None:
        """The organization chosen in the header, in the console's own site; None elsewhere: nothing is narrowed."""
        site: Any = self.admin_site
        chosen = getattr(site, "chosen_organization", None)
        return chosen(request) if chosen else None

    def organizations(self, request: HttpRequest) -> int:
        """How many organizations the header offers."""
        site: Any = self.admin_site
        offered = getattr(site, "offered_organizations", None)
        return len(offered(request)) if offered else 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        name = (match.url_name or "") if match else ""
        if name == "autocomplete":
            return within(rows, self.organization(request), request)
        if name.endswith("_changelist") and self.model is not Organization and request.GET.get(EVERY) != "all":
            return within(rows, self.organization(request))
        return rows

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return [*([OrganizationFilter] if has_organization(self.model) else []), *filters]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the organization, which would be the same in every row; rows of the platform say so by a dash."""
        columns = super().get_list_display(request)
        if request.GET.get(EVERY) == "all" or not has_organization(self.model) or is_optional(self.model):
            return columns
        return [column for column in columns if column != "organization"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        request.picked_row = obj  # type: ignore[attr-defined]
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **self.picked(db_field, request, kwargs))

    def picked(self, db_field: ForeignKey, request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
        """`kwargs` with the choices of a picker: what the person sees, of the row's own organization or the chosen
        one; a new row begins with the chosen one."""
        row = getattr(request, "picked_row", None)
        own = organization_of(row) if row is not None else None
        organization = own or (None if row is not None else self.organization(request))
        rows = kwargs.get("queryset")
        if rows is None:
            rows = db_field.remote_field.model._default_manager.get_queryset()
            rows = rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows
        rows = within(rows, organization, picks=db_field)
        if row is None and hasattr(rows.model, "archived_at"):
            rows = rows.filter(archived_at=None)
        if row is None and rows.model is Organization and organization is not None:
            kwargs = {"initial": organization.pk, **kwargs}
        return {**kwargs, "queryset": rows}


class ScopedInline(admin.TabularInline):
    """An inline whose pickers follow the page's: those of the row's organization, or of the chosen one."""

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        parent: Any = self.admin_site._registry[self.parent_model]
        return super().formfield_for_foreignkey(db_field, request, **parent.picked(db_field, request, kwargs))


def within(
    rows: QuerySet[Any], organization: Organization | None, request: HttpRequest | None = None, *,
    picks: Field | None = None,
) -> QuerySet[Any]:  # fmt: skip
    """`rows` of the organization, and those of the platform; as they are when there is none or they belong to none.

    `picks` (a picker's field) or the autocomplete `request` says what the rows are chosen for: an account becomes a
    member from anywhere, everything else takes members.
    """
    if organization is None:
        return rows
    if rows.model is Organization:
        return rows.filter(pk=organization.pk)
    if rows.model is User:
        return rows if _joins(request, picks) else rows.filter(pk__in=members_of(organization))
    if not has_organization(rows.model):
        return rows
    own = Q(organization=organization.pk)  # some tables keep the id alone
    return rows.filter(own | Q(organization=None) if is_optional(rows.model) else own)


def members_of(organization: Organization) -> QuerySet[Any, Any]:
    return Membership.objects.filter(organization=organization, archived_at=None).values("user_id")


def has_organization(model: type[Model]) -> bool:
    return any(field.name == "organization" for field in model._meta.fields)


def is_optional(model: type[Model]) -> bool:
    """Whether rows without an organization are the platform's."""
    return has_organization(model) and bool(model._meta.get_field("organization").null)


def organization_of(row: Any) -> Organization | None:
    return row if isinstance(row, Organization) else getattr(row, "organization", None)


def _joins(request: HttpRequest | None, picks: Field | None) -> bool:
    if picks is not None:
        return picks.model is Membership
    return request is not None and request.GET.get("model_name") == Membership._meta.model_name
