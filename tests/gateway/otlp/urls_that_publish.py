"""Routes for tests of tracing: views that publish a task, fail, and answer."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from config.celery import app

BROKER = {"url": ""}


def publish(request: HttpRequest) -> HttpResponse:
    """Two messages: one that works, one whose arguments fit nothing."""
    with app.connection_for_write(url=BROKER["url"]) as broker:
        for arguments in ((), (1, 2)):
            app.send_task("gateway.outbox_relay", args=arguments, queue="default", connection=broker)
    return HttpResponse("sent", status=202)


def server_error(request: HttpRequest) -> HttpResponse:
    return HttpResponse("failed", status=500)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("nothing", status=404)


def fail(request: HttpRequest) -> HttpResponse:
    raise LookupError("a text with canary-in-the-text")


def show(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("fine")


async def wait(request: HttpRequest, pk: UUID) -> HttpResponse:
    return HttpResponse(str(pk))


handler500, handler404 = server_error, not_found
urlpatterns = [
    path("api/v1/publish", publish),
    path("fail/", fail),
    path("things/<uuid:pk>/", wait),
    re_path(r"^old/(?P<token>[^/.]+)/$", show),
]
