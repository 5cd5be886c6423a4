"""Real time: one answer, and the stream of answers."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from django.utils import timezone as clock
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.exceptions import Throttled
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import realtime, subjects
from analytics.answers.questions import Questions
from analytics.answers.subjects import Subject
from analytics.api import caching, streams
from analytics.api.serializers.realtime import RealtimeParametersSerializer, RealtimeSerializer
from analytics.api.streams import Event
from analytics.api.views.base import AnalyticsView, answers
from analytics.api.views.overview import found
from analytics.query import QueryError
from gateway.api.authentication import KeyPrincipal
from gateway.closing import CLOSING
from gateway.models import Organization, User, VirtualKey

_SHOWN = 'retry: 2000\n\nevent: realtime\nid: W/"5f3a"\ndata: {"active_requests": 3, "requests_per_minute": 12.4}\n\n'
_STREAM = OpenApiResponse(
    OpenApiTypes.STR, description="Events `realtime`.", examples=[OpenApiExample("Events", value=_SHOWN)]
)


class RealtimeView(AnalyticsView):
    """Now."""

    @extend_schema(
        operation_id="dashboard_realtime",
        parameters=[RealtimeParametersSerializer],
        responses=answers(RealtimeSerializer),
    )
    def get(self, request: Request) -> Response:
        """Calls that run, the last five minutes, the health of providers, the newest requests and what the data planes
        take. A finished request is in here within five seconds."""
        questions = self.questions()
        body = shown(questions, self.subject(questions))
        return caching.cached(request, body, caching.REALTIME_S)

    def subject(self, questions: Questions) -> Subject | None:
        """Raises Http404 for a person out of sight."""
        person = self.parameters(RealtimeParametersSerializer).get("user_id")
        if person is None:
            return None
        return found(subjects.person(questions.user, questions.organization, str(person)))


class StreamView(RealtimeView):
    """The same as events."""

    renderer_classes = (streams.EventStreamRenderer, JSONRenderer)
    extra_problems = {"get": (429,)}

    @extend_schema(
        operation_id="dashboard_stream",
        parameters=[RealtimeParametersSerializer],
        responses={(200, streams.MEDIA_TYPE): _STREAM},
    )
    def get(self, request: Request) -> StreamingHttpResponse:  # type: ignore[override]
        """Server-sent events: the real-time answer whenever it changed, looked at every two seconds; a comment every 15
        seconds. At most three streams a person. A stream ends after 15 minutes, or when the server stops: connect
        again."""
        questions = self.questions()
        subject = self.subject(questions)
        assert questions.scope  # raises for who sees nothing
        give_back = streams.SLOTS.take(request.user.pk)
        if give_back is None:
            raise Throttled(wait=5, detail=f"At most {streams.PER_PERSON} streams a person.")
        response = StreamingHttpResponse(
            _events(request.user, questions.organization, subject), content_type=streams.MEDIA_TYPE
        )
        response._resource_closers.append(give_back)  # type: ignore[attr-defined]
        weakref.finalize(response, give_back)  # a client that left before the first byte: nobody closes the response
        response["Cache-Control"] = "no-cache, no-transform"
        response["X-Accel-Buffering"] = "no"
        response["Vary"] = caching.VARY
        return response


def shown(questions: Questions, subject: Subject | None) -> dict[str, Any]:
    """The answer as it goes out."""
    return dict(RealtimeSerializer(realtime.realtime(questions, clock.now(), realtime.of_person(subject))).data)


async def _events(user: Any, organization: Organization, subject: Subject | None) -> AsyncIterator[bytes]:
    async def read() -> Event | None:
        return await sync_to_async(look)(user, organization, subject)

    closing: asyncio.Event = CLOSING.event()
    async for piece in streams.events(read, closing, name="realtime"):
        yield piece


def look(user: Any, organization: Organization, subject: Subject | None) -> Event | None:
    """The answer now; None when `user` may not see the organization any more. The connection goes back to the pool."""
    try:
        if not _may_still(user):
            return None
        body = shown(Questions(user, organization), subject)
        return Event(caching.etag_of(body), JSONRenderer().render(body))
    except QueryError:
        return None
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _may_still(user: Any) -> bool:
    if isinstance(user, KeyPrincipal):
        return VirtualKey.objects.usable(clock.now()).filter(pk=user.pk).exists()
    return User.objects.filter(pk=user.pk, is_active=True).exists()
