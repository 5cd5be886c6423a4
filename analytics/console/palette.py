"""What the command palette finds: pages the person may open, and things of the chosen organization they may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console import ledger
from gateway.console import ConsoleSite
from gateway.console.scope import person
from gateway.models import Model, Organization, Project, Provider, Team, User, VirtualKey

LONGEST = 128
MOST = 5
MOST_PAGES = 30


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the palette."""

    label: str
    kind: str
    note: str
    url: str


@require_safe
def palette(request: HttpRequest, site: ConsoleSite) -> JsonResponse:
    """`{"results": [{label, kind, note, url}]}`, pages first. `?q=`: what is typed; six queries when there is any."""
    console = site.each_context(request)["console"]
    text = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    found = list(islice(_pages(console, text), MOST_PAGES))
    if text and console.scope.current is not None:
        found += _distinct(_things(person(request), console.scope.current, text))
    response = JsonResponse({"results": [asdict(one) for one in found]})
    response["Cache-Control"] = "private, no-store"
    return response


def _pages(console: Any, text: str) -> Iterator[Found]:
    for section in console.sections:
        for item in section.items:
            if text.lower() in f"{section.label} {item.label}".lower():
                yield Found(item.label, "Page", section.label, item.url)


def _things(user: User, organization: Organization, text: str) -> Iterator[Found]:
    shared = Q(organization=organization) | Q(organization=None)
    named = Q(name__icontains=text) | Q(slug__icontains=text)
    if _is_request(user, text):
        yield Found(text, "Request", "", reverse("admin:request", args=[text]))
    for project in Project.objects.visible_to(user).filter(named, organization=organization, archived_at=None)[:MOST]:
        yield Found(project.name, "Project", "its requests", _requests(project=project.pk))
    keys = VirtualKey.objects.visible_to(user).filter(organization=organization).listed(timezone.now())
    for key in keys.filter(Q(name__icontains=text) | Q(prefix__startswith=text[:16]))[:MOST]:
        yield Found(key.name, "Key", f"{key.prefix}…", _key_url(key))
    models = Model.objects.visible_to(user).filter(shared, name__icontains=text).select_related("provider")
    for model in models.order_by("name", "id")[:MOST]:
        yield Found(model.name, "Model", f"{model.provider.name}, its requests", _requests(model=model.name))
    for provider in Provider.objects.visible_to(user).filter(shared, named)[:MOST]:
        yield Found(provider.name, "Provider", "its requests", _requests(provider=provider.slug))
    for team in Team.objects.visible_to(user).filter(named, organization=organization, archived_at=None)[:MOST]:
        yield Found(team.name, "Team", "its requests", _requests(team=team.pk))


def _is_request(user: User, text: str) -> bool:
    """Ids are longer than what one types, and hold no slash or space."""
    return len(text) >= 4 and "/" not in text and " " not in text and ledger.exists(user, text)


def _key_url(key: VirtualKey) -> str:
    try:
        return reverse("admin:key", args=[key.pk])
    except NoReverseMatch:
        return reverse("admin:gateway_virtualkey_change", args=[key.pk])


def _requests(**values: object) -> str:
    return f"{reverse('admin:requests')}?{urlencode(values)}"


def _distinct(found: Iterable[Found]) -> list[Found]:
    return list({(one.kind, one.url): one for one in found}.values())
