"""The playground's sessions: a key for a quarter of an hour, for the person who asks."""

from typing import Any

from django.http import HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse as absolute

from gateway.api import keypolicy
from gateway.api.openapi import examples
from gateway.api.permissions import KEY_MAKERS, MEMBERS
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.identity import ID
from gateway.api.views.base import Resource
from gateway.models import Project, User
from gateway.services.errors import Forbidden
from sdkgen.models import PlaygroundSession
from sdkgen.playground import sessions

_SESSION = {
    "id": ID, "project": ID, "key": ID, "prefix": "gw-9fK2xQ7a", "models": ["gpt-4o-mini", "support-chat"],
    "budget": "1.0000000000", "currency": "USD", "is_active": True, "created_at": "2026-11-08T09:30:00Z",
    "expires_at": "2026-11-08T09:45:00Z", "page_url": "http://localhost:8000/admin/playground/",
}  # fmt: skip


@examples(request={"project": ID, "models": ["gpt-4o-mini"], "minutes": 15, "budget": "1.00"})
class PlaygroundRequestSerializer(Input):
    """What the key is to be good for."""

    project: Any = Scoped(queryset=Project.objects.active())
    models = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=500,
        help_text="Names of models and routes; left out or empty: all that answer conversations now.",
    )  # fmt: skip
    minutes = serializers.IntegerField(min_value=1, max_value=sessions.MAX_MINUTES, default=sessions.MINUTES)
    budget = Money(default=sessions.BUDGET, help_text="What it may spend at most.")
    replaces = serializers.UUIDField(
        required=False, allow_null=True, help_text="A session of yours whose key is revoked by this."
    )


@examples(response=_SESSION)
class PlaygroundSerializer(serializers.ModelSerializer):
    """A session of the playground."""

    prefix = serializers.CharField(source="key.prefix")
    models = serializers.ListField(child=serializers.CharField(), source="key.allowed_models")
    budget = Money(source="key.budget_amount")
    currency = serializers.CharField(source="organization.currency")
    is_active = serializers.BooleanField(source="key.is_active")
    expires_at = serializers.DateTimeField(source="key.expires_at")
    page_url = serializers.SerializerMethodField()

    class Meta:
        model = PlaygroundSession
        fields = (
            "id", "project", "key", "prefix", "models", "budget", "currency", "is_active", "created_at", "expires_at",
            "page_url",
        )  # fmt: skip

    def get_page_url(self, session: PlaygroundSession) -> str:
        return absolute("admin:playground", request=self.context.get("request"))


@examples(response={**_SESSION, "secret": "gw-9fK2xQ7aVbN3mL0pRtY8wEzXcD5sH1uJ6iO4kG2qFvB"})
class PlaygroundOpenedSerializer(PlaygroundSerializer):
    """The session with its key's secret, which cannot be had again."""

    secret = serializers.CharField()

    class Meta(PlaygroundSerializer.Meta):
        fields: Any = (*PlaygroundSerializer.Meta.fields, "secret")


class PlaygroundViewSet(Resource):
    """Sessions of the person who asks."""

    queryset = PlaygroundSession.objects.select_related("key", "organization")
    serializer_class = PlaygroundSerializer
    roles = {"create": KEY_MAKERS, "retrieve": MEMBERS, "destroy": MEMBERS}
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="sdk_playground_open",
        request=PlaygroundRequestSerializer,
        responses={201: PlaygroundOpenedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Open the playground: a key that calls the models that are named, for minutes and a small amount. Its secret
        is in this answer and nowhere else; the session that it replaces ends."""
        person = self._person()
        fields = self.validated(PlaygroundRequestSerializer)
        keypolicy.owner_of_new(self.access, fields["project"], person, is_stated=False, owner=None)
        former = fields.pop("replaces", None)
        opened = sessions.open_session(
            organization=self.organization, person=person, **fields,
            replaces=sessions.own_session(person, self.organization, former) if former else None,
        )  # fmt: skip
        opened.session.secret = opened.secret  # type: ignore[attr-defined]
        return self.answer(opened.session, 201, PlaygroundOpenedSerializer)

    @extend_schema(operation_id="sdk_playground", responses={200: PlaygroundSerializer, 303: OpenApiResponse(
        description="For a browser: the page.")})  # fmt: skip
    def retrieve(self, request: Request, pk: str) -> HttpResponseBase:
        """What a session's key may do and until when, without the key. A browser is sent to the page."""
        session = self.get_object()
        if "text/html" in request.headers.get("Accept", ""):
            page = HttpResponseRedirect(f"{reverse('admin:playground')}?organization={session.organization.slug}")
            page.status_code = 303
            return page
        return self.answer(session)

    @extend_schema(operation_id="sdk_playground_end", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a session: its key is revoked."""
        sessions.end_session(session=self.get_object(), person=self._person())
        return Response(status=204)

    def _person(self) -> User:
        if not isinstance(self.request.user, User):
            raise Forbidden("person_required", "This is for people, not for keys.")
        return self.request.user
