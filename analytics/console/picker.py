"""What every page of figures can be narrowed to: team, project, model, environment; Home also what it is compared with.

The choice is the page's address alone: parameters named as the dimensions, as on Usage and in the explorer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from analytics.console.usage.state import COMPARISONS
from analytics.models import AdmittedValue, DeclaredTag
from gateway.console import ConsoleSite
from gateway.console.scope import organization_of, person
from gateway.models import Model, Organization, Project, Team, User

MOST = 200
ENVIRONMENTS = ("environment", "env")
"""Keys of `X-Gateway-Tags` that name the environment; the one that is declared counts."""
NAMES = ("team", "project", "model", *(f"tag.{key}" for key in ENVIRONMENTS))
CARRIED = ("organization", "range", "from", "to", "compare", *NAMES)
"""What goes along from one page of figures to the next."""
PAGES = ("index", "requests", "usage", "performance", "realtime")
NOT_CARRIED = ("part", "before", "after", "peek", "page", "start", "end")


@dataclass(frozen=True, slots=True)
class Field:
    """One select; `options` (value, label); `empty`: the label of no choice."""

    name: str
    label: str
    empty: str
    options: list[tuple[str, str]]
    chosen: str


@require_safe
def picker(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The form, for the page `?page=` with the rest of the address. Five queries."""
    organization = organization_of(site.each_context(request))
    action = request.GET.get("page", "")
    action = action if is_shown(action) else reverse("admin:index")
    fields = list(_fields(person(request), organization, request.GET))
    if action == reverse("admin:index"):
        chosen = request.GET.get("compare", "previous")
        fields.append(Field("compare", "Compare with", "", list(COMPARISONS.items()), chosen))
    own = {field.name for field in fields} | set(NOT_CARRIED)
    hidden = [(name, value) for name, values in request.GET.lists() if name not in own for value in values]
    context = {"fields": fields, "hidden": hidden, "action": action}
    return render(request, "console/frame/picker_form.html", context)


def is_shown(path: str) -> bool:
    """Whether the page at `path` can be narrowed."""
    return path in {reverse(f"admin:{name}") for name in PAGES}


def words(params: QueryDict) -> str:
    """How many choices are in force, for the button: `2 filters`; empty for none."""
    count = sum(1 for name in NAMES if params.get(name))
    return f"{count} filter{'' if count == 1 else 's'}" if count else ""


def carried(params: QueryDict) -> list[tuple[str, str]]:
    """The part of an address that the next page of figures keeps; without the comparison that is made anyway."""
    kept = [(name, value) for name in CARRIED for value in params.getlist(name) if value]
    return [pair for pair in kept if pair != ("compare", "previous")]


def _fields(user: User, organization: Organization, params: QueryDict) -> Iterable[Field]:
    shared = Q(organization=organization) | Q(organization=None)
    for name, label, kind in (("team", "Team", Team), ("project", "Project", Project)):
        rows: Any = kind.objects.visible_to(user).filter(organization=organization, archived_at=None)
        found = [(str(pk), called) for pk, called in rows.order_by("name").values_list("pk", "name")[:MOST]]
        yield _field(name, label, f"All {name}s", found, params)
    models = Model.objects.visible_to(user).filter(shared).order_by("name").values_list("name", flat=True)
    yield _field("model", "Model", "All models", [(name, name) for name in dict.fromkeys(models[:MOST])], params)
    key = DeclaredTag.objects.visible_to(user).filter(organization=organization, key__in=ENVIRONMENTS).first()
    if key is not None:
        values = AdmittedValue.objects.filter(organization=organization.pk, name=key.dimension).order_by("value")
        found = [(value, value) for value in values.values_list("value", flat=True)[:MOST]]
        yield _field(key.dimension, "Environment", "All environments", found, params)


def _field(name: str, label: str, empty: str, found: list[tuple[str, str]], params: QueryDict) -> Field:
    """What the address names is offered even where it is unknown: it is in force."""
    chosen = params.get(name, "")
    if chosen and chosen not in dict(found):
        found = [*found, (chosen, chosen)]
    return Field(name, label, empty, found, chosen)
