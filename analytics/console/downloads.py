"""The CSV of a card on a page of figures."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest

from analytics.console.cards import Card, export
from analytics.query import QueryError
from gateway.console import ConsoleSite
from gateway.models import Organization


def card_csv(request: HttpRequest, site: ConsoleSite, card_of: Callable[[Organization], Card | None]) -> HttpResponse:
    """The card of the organization that is looked at. Raises Http404 without either."""
    organization = site.each_context(request)["console"].scope.current
    if organization is None:
        raise Http404
    try:
        card = card_of(organization)
    except QueryError as error:
        return HttpResponseBadRequest(f"{error.message}\n", content_type="text/plain; charset=utf-8")
    if card is None:
        raise Http404
    return export.response(card)
