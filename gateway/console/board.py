"""A provider is tried by a real call."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.models import Provider
from gateway.services import upstreams


@require_POST
def provider_test(request: HttpRequest, site: ConsoleSite, provider_id: UUID) -> HttpResponse:
    """One real call to the provider's list of models; answers a fragment."""
    context, organization = frame(request, site, "Test")
    if not may_administer(request, organization):
        raise PermissionDenied
    rows = Provider.objects.visible_to(request.user).filter(Q(organization=organization) | Q(organization=None))
    listing = upstreams.list_models(get_object_or_404(rows, pk=provider_id))
    return render(request, "console/providers/tested.html", {**context, "listing": listing})
