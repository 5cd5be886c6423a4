"""Alert rules: administrators write all, managers their team's; who sees a rule sees its history."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.alerts import services
from analytics.alerts.models import Alert, AlertEvent, AlertRule
from analytics.api.serializers.alerts import AlertEventSerializer, AlertRuleSerializer
from gateway.api import ownership
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.services.errors import Invalid
from gateway.services.scopes import checked_scope

WRITERS = ADMINS | {Role.MANAGER}


class AlertViewSet(ReadableResource):
    """Alerts."""

    queryset = AlertRule.objects.filter(archived_at=None).prefetch_related("channels", "alerts")
    serializer_class = AlertRuleSerializer
    confirmed_actions = frozenset({"create", "partial_update"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": WRITERS, "partial_update": WRITERS, "destroy": WRITERS,
        "events": MEMBERS, "test": WRITERS, "acknowledge": WRITERS,
    }  # fmt: skip
    filterset_fields = {
        "scope": ["exact"], "team": ["exact"], "source": ["exact"], "severity": ["exact"], "is_enabled": ["exact"],
    }  # fmt: skip
    search_fields = ("name",)
    ordering_fields = ("name", "created_at")

    def create(self, request: Request) -> Response:
        """Make a rule; it is looked at within the minute. The secret of a signed webhook is shown this once."""
        organization = self.organization
        fields = self.validated(AlertRuleSerializer)
        scope, value = fields.get("scope", "organization"), fields.get("scope_value", "").strip()
        ownership.check_new(self.access, scope, checked_scope(organization, scope, value)[1], "alerts")
        return self._made(services.create_rule(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a rule. `channels` are replaced as a whole; those given by `id` stay. What it is about stays: another
        `scope` or `scope_value` is refused with 400 `scope_fixed`."""
        rule = self._writable()
        given: Any = request.data
        for name in ("scope", "scope_value"):
            if isinstance(given, dict) and given.get(name, getattr(rule, name)) != getattr(rule, name):
                raise Invalid("scope_fixed", "What a rule is about stays; make another rule.", field=name)
        fields = self.validated(AlertRuleSerializer, rule)
        return self._made(services.update_rule(rule=rule, actor=self.actor, **fields), 200)

    def destroy(self, request: Request, pk: str) -> Response:
        """End a rule; its history is kept."""
        services.archive_rule(rule=self._writable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(responses=AlertEventSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_fields={}, search_fields=(), ordering_fields=())
    def events(self, request: Request, pk: str) -> Response:
        """What happened, newest first, with every notice that was sent."""
        rows = AlertEvent.objects.visible_to(request.user).filter(rule=self.get_object())
        page = self.paginate_queryset(rows.prefetch_related("deliveries__channel", "deliveries__message"))
        return self.get_paginated_response(AlertEventSerializer(page or [], many=True).data)

    @extend_schema(request=None, responses=AlertEventSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a test by every channel, once a minute at most; its deliveries show how it goes."""
        event = services.send_test(rule=self._writable(), actor=self.actor)
        return self.answer(event, serializer=AlertEventSerializer)

    @extend_schema(request=None, responses=AlertRuleSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Take what fires in hand: nobody is told again until it fires anew. By the id of the rule (all of it) or of
        one of its alerts."""
        rule, subject = self._rule_or_alert(pk)
        ownership.check_change(self.access, rule.team_id, "alerts")
        services.acknowledge(rule=rule, actor=self.actor, subject=subject)
        return self.answer(self.get_queryset().get(pk=rule.pk))

    def _rule_or_alert(self, pk: str) -> tuple[AlertRule, str | None]:
        try:
            identity = UUID(pk)
        except ValueError:
            raise Http404 from None
        rule = self.get_queryset().filter(pk=identity).first()
        if rule is not None:
            return rule, None
        alert = Alert.objects.visible_to(self.request.user).filter(
            pk=identity, rule__organization=self.access.organization, rule__archived_at=None
        )
        found = alert.select_related("rule").first()
        if found is None:
            raise Http404
        return found.rule, found.subject

    def _writable(self) -> AlertRule:
        rule: AlertRule = self.get_object()
        ownership.check_change(self.access, rule.team_id, "alerts")
        return rule

    def _made(self, made: services.Made, status: int) -> Response:
        rule: Any = self.get_queryset().get(pk=made.rule.pk)
        context = {**self.get_serializer_context(), "secrets": made.secrets}
        return Response(AlertRuleSerializer(rule, context=context).data, status=status)
