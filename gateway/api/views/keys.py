"""Keys: developers their own, managers their team's, administrators all."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import DateTimeField, DecimalField, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, JSONObject
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api import keypolicy
from gateway.api.permissions import KEY_MAKERS, MEMBERS
from gateway.api.serializers import keys as shapes
from gateway.api.views.base import ReadableResource
from gateway.models import KeyForeignSpend, KeySpend, Project, User, VirtualKey
from gateway.services import keys

_MONEY: Any = DecimalField(max_digits=20, decimal_places=10)


def with_spend(rows: Any) -> Any:
    """Keys with `spent`, `spent_in_other_currencies` and `last_used_at`, in the same query."""
    spend = KeySpend.objects.filter(key_id=OuterRef("pk"))
    other = KeyForeignSpend.objects.filter(key_id=OuterRef("pk")).exclude(spent=0).order_by("currency")
    amount = JSONObject(currency="currency", spent=Cast("spent", TextField()))
    return rows.annotate(
        spent=Coalesce(Subquery(spend.values("spent"), output_field=_MONEY), Value(Decimal(0)), output_field=_MONEY),
        spent_in_other_currencies=ArraySubquery(other.values_list(amount)),
        last_used_at=Subquery(spend.values("last_used_at"), output_field=DateTimeField()),
    )


class KeyViewSet(ReadableResource):
    """Virtual and management keys."""

    queryset = VirtualKey.objects.all()
    serializer_class = shapes.KeySerializer
    confirmed_actions = frozenset({"create", "partial_update", "rotate"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": KEY_MAKERS, "partial_update": KEY_MAKERS,
        "rotate": KEY_MAKERS, "revoke": KEY_MAKERS,
    }  # fmt: skip
    filterset_fields = {"project": ["exact"], "user": ["exact"], "revoked_at": ["isnull"], "prefix": ["exact"]}
    search_fields = ("name", "prefix")
    ordering_fields = ("created_at", "name", "expires_at")

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return with_spend(rows.listed(timezone.now()) if self.action == "list" else rows)

    @extend_schema(responses={201: shapes.IssuedKeySerializer})
    def create(self, request: Request) -> Response:
        """Issue a key; the secret is in this answer and nowhere else."""
        organization = self.organization
        fields = self.validated(shapes.KeySerializer)
        project: Project = fields.pop("project")
        user = self._owner(fields, project)
        keypolicy.check_scopes(self.access, fields.get("scopes", ()))
        issued = keys.create_key(organization=organization, project=project, actor=self.actor, user=user, **fields)
        return self._issued(issued)

    @extend_schema(request=shapes.KeyLimitsSerializer, responses=shapes.KeySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, limits, scopes or expiry."""
        key = self._changeable()
        fields = self.validated(shapes.KeyLimitsSerializer, key)
        keypolicy.check_scopes(self.access, fields.get("scopes", ()))
        keys.update_limits(key=key, actor=self.actor, **fields)
        return self.answer(self.get_object())

    @extend_schema(request=shapes.RotateSerializer, responses={201: shapes.IssuedKeySerializer})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Replace a key; the old one works for `overlap_s` more seconds."""
        key = self._changeable()
        return self._issued(keys.rotate_key(key=key, actor=self.actor, **self.validated(shapes.RotateSerializer)))

    @extend_schema(request=None, responses=shapes.KeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Stop a key for ever, on every process within 2 s."""
        keys.revoke_key(key=self._changeable(), actor=self.actor)
        return self.answer(self.get_object())

    def _changeable(self) -> VirtualKey:
        key: VirtualKey = self.get_object()
        keypolicy.check_scopes(self.access, key.scopes)
        return key

    def _owner(self, fields: dict[str, Any], project: Project) -> User | None:
        caller = self.actor if isinstance(self.actor, User) else None
        is_stated = "user" in fields
        return keypolicy.owner_of_new(self.access, project, caller, is_stated=is_stated, owner=fields.pop("user", None))

    def _issued(self, issued: keys.IssuedKey) -> Response:
        row = with_spend(VirtualKey.objects.filter(pk=issued.key.pk)).get()
        row.secret = issued.secret
        return self.answer(row, 201, shapes.IssuedKeySerializer)
