"""Prices: the public lists, own prices, where the lists differ, estimates."""

from typing import Any
from uuid import UUID

import django_filters
from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from costs.api.serializers import prices as shapes
from costs.choices import ReviewState
from costs.estimates import estimate_cost, visible_overrides
from costs.models import PriceOverride, PriceRate, PriceReview, PriceSnapshot, RepricingRun
from costs.pricing.listing import canonical_provider
from costs.services import backfill, repricing, reviews, snapshots
from costs.services.prices import close_price_override, set_price_override
from gateway.api.authentication import actor_of
from gateway.api.filters import StrictFilters, TimeFilter
from gateway.api.organization import required_organization
from gateway.api.pagination import PagePagination
from gateway.api.permissions import ADMINS, ANALYSTS, MEMBERS, SUPERUSER
from gateway.api.views.base import ReadableResource, Resource
from gateway.api.windows import window_of

_ACCEPTED = {
    202: OpenApiResponse(
        shapes.RepricingSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.QUEUED_RUN)]
    )
}


class RateFilter(django_filters.FilterSet):
    """Rates in force at an instant, now by default."""

    at = TimeFilter(method="ignore", label="At", help_text="In force at. Default: now.")
    provider = django_filters.CharFilter(method="by_provider", label="Provider", help_text="Vendor; aliases are known.")
    model = django_filters.CharFilter(field_name="model", lookup_expr="iexact")
    source = django_filters.CharFilter()
    meter = django_filters.CharFilter()
    context = django_filters.CharFilter(help_text="As stored, such as `service_tier=flex`.")

    class Meta:
        model = PriceRate
        fields = ("at", "provider", "model", "source", "meter", "context")

    @property
    def qs(self) -> Any:
        at = self.form.cleaned_data.get("at") if self.form.is_valid() else None
        return super().qs.in_force(at or timezone.now())

    def ignore(self, rows: Any, name: str, value: Any) -> Any:
        return rows

    def by_provider(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(provider=canonical_provider(value))


class PriceViewSet(ReadableResource):
    """Rates of the public lists."""

    queryset = PriceRate.objects.select_related("snapshot")
    serializer_class = shapes.RateSerializer
    is_organization_scoped = False
    confirmed_actions = frozenset({"refresh"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "history": MEMBERS, "snapshots": MEMBERS, "refresh": SUPERUSER,
    }  # fmt: skip
    filterset_class = RateFilter
    search_fields = ("provider", "model")
    ordering_fields = ("provider", "model", "amount")

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if self.action != "snapshots" else PriceSnapshot.objects.visible_to(self.request.user)

    @extend_schema(
        parameters=[OpenApiParameter("provider", required=True), OpenApiParameter("model", required=True)],
        responses=shapes.RateSerializer(many=True), filters=False,
    )  # fmt: skip
    @action(detail=False, methods=["get"], filter_backends=())
    def history(self, request: Request) -> Response:
        """Every rate of one model that was ever stated, by list, context and meter, oldest first."""
        provider = canonical_provider(request.query_params.get("provider", ""))
        model = request.query_params.get("model", "").strip().lower()
        page = self.paginate_queryset(self.get_queryset().filter(provider=provider, model=model))
        return self.get_paginated_response(shapes.RateSerializer(page, many=True).data)

    @extend_schema(responses=shapes.SnapshotSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], filter_backends=())
    def snapshots(self, request: Request) -> Response:
        """Price files that were read, newest first, rejected ones with what was wrong."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(shapes.SnapshotSerializer(page, many=True).data)

    @extend_schema(request=shapes.RefreshRequestSerializer, responses=shapes.RefreshSerializer)
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Read LiteLLM's file from `PRICES_URL`, else what this release brings. A rejected file changes nothing."""
        force = self.validated(shapes.RefreshRequestSerializer)["force"]
        files = [snapshots.fetch_litellm(settings.PRICES_URL)] if settings.PRICES_URL else snapshots.bundled_files()
        found = snapshots.refresh(files, actor=self.actor, force=force)
        waiting = PriceReview.objects.filter(state=ReviewState.OPEN).count()
        return Response(shapes.RefreshSerializer({"snapshots": found, "open_reviews": waiting}).data)


class ReviewViewSet(ReadableResource):
    """Models of which the lists state prices that differ by more than 1 %, largest difference first."""

    queryset = PriceReview.objects.all()
    serializer_class = shapes.ReviewSerializer
    is_organization_scoped = False
    confirmed_actions = frozenset({"decide"})
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "decide": SUPERUSER}
    filterset_fields = {"state": ["exact"], "provider": ["exact"]}
    search_fields = ("provider", "model")
    ordering_fields = ("largest_percent", "updated_at")

    @extend_schema(request=shapes.DecisionSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: UUID) -> Response:
        """Say which list stands for the model; calls from now on are priced so."""
        given = self.validated(shapes.DecisionSerializer)
        return self.answer(reviews.decide_review(review=self.get_object(), actor=self.actor, **given))


class OverrideViewSet(ReadableResource):
    """Own prices and discounts of the organization, with the platform's."""

    queryset = PriceOverride.objects.all()
    serializer_class = shapes.OverrideSerializer
    is_platform_visible = True
    confirmed_actions = frozenset({"create", "end"})
    roles = {"list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "end": ADMINS}
    filterset_fields = {"provider": ["exact"], "model": ["exact"], "valid_to": ["isnull"]}
    search_fields = ("provider", "model", "source", "note")
    ordering_fields = ("valid_from", "provider", "model")

    def create(self, request: Request) -> Response:
        """State a price from an instant on; the one in force before it ends there. Booked lines keep their price."""
        fields = self.validated(shapes.OverrideSerializer)
        return self.answer(set_price_override(organization=self.organization, actor=self.actor, **fields), 201)

    @extend_schema(request=shapes.EndSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: UUID) -> Response:
        """End an own price; from then on the platform's, else the list's price applies."""
        row = PriceOverride.objects.filter(organization=self.organization)
        override = self.get_object()
        valid_to = self.validated(shapes.EndSerializer)["valid_to"]
        if not row.filter(pk=override.pk).exists():  # the platform's own
            self.permission_denied(request, message="Only superusers end the platform's prices.", code="role_required")
        return self.answer(close_price_override(override=override, actor=self.actor, valid_to=valid_to))


class RepricingViewSet(ReadableResource):
    """Past periods priced anew, newest first."""

    queryset = RepricingRun.objects.all()
    serializer_class = shapes.RepricingSerializer
    confirmed_actions = frozenset({"create", "apply"})
    roles = {"list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "apply": ADMINS}
    filterset_fields = {"state": ["exact"]}
    ordering_fields = ("created_at",)

    @extend_schema(responses=_ACCEPTED)
    def create(self, request: Request) -> Response:
        """Count what a period would cost by today's book, by team and model. Nothing is booked yet."""
        given = self.validated(shapes.RepricingSerializer)
        run = repricing.request_repricing(organization=self.organization, actor=self.actor, **given)
        return self._accepted(run)

    @extend_schema(request=shapes.RepricingApplySerializer, responses=_ACCEPTED)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: UUID) -> Response:
        """Book what was counted as adjusting entries in the background; asking again changes nothing. 409 with what is
        different where something else would be booked by now."""
        seen = self.validated(shapes.RepricingApplySerializer).get("counted_as")
        return self._accepted(repricing.apply_repricing(run=self.get_object(), actor=self.actor, seen=seen))

    def _accepted(self, run: RepricingRun) -> Response:
        response = self.answer(run, 202)
        response["Location"] = self.request.build_absolute_uri(f"/api/v1/prices/reprice/{run.pk}")
        return response


class UnpricedViewSet(Resource):
    """Calls without a price."""

    queryset = RepricingRun.objects.all()
    roles = {"list": ANALYSTS}
    serializer_class = shapes.UnpricedSerializer
    filter_backends = ()

    @extend_schema(parameters=[shapes.WindowSerializer], responses=shapes.UnpricedSerializer(many=True))
    def list(self, request: Request) -> Response:
        """What has no price in `[start, end)`, by default the last 30 days, most calls first; at most 200."""
        said = request.query_params.dict()
        for of_pages in (PagePagination.page_query_param, PagePagination.page_size_query_param):
            said.pop(of_pages, None)
        asked = shapes.WindowSerializer(data=said)
        asked.is_valid(raise_exception=True)
        start, end = window_of(asked.validated_data.get("start"), asked.validated_data.get("end"), days=30)
        found = repricing.unpriced(organization=self.organization, start=start, end=end)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(shapes.UnpricedSerializer(page, many=True).data)


class EstimateViewSet(Resource):
    """What a usage would cost."""

    queryset = PriceRate.objects.none()
    roles = {"create": MEMBERS}
    only_reads = True
    serializer_class = shapes.EstimateSerializer
    filter_backends = (StrictFilters,)

    @extend_schema(request=shapes.EstimateRequestSerializer, responses={200: shapes.EstimateSerializer})
    def create(self, request: Request) -> Response:
        """Price a usage line by line, by the prices in force at `at` that you may know. Nothing is booked."""
        given = self.validated(shapes.EstimateRequestSerializer)
        organization = self.organization
        found = estimate_cost(
            organization=organization, provider=given["provider"], model=given["model"], usage=given["usage"],
            context=given["context"], at=given.get("at") or timezone.now(),
            overrides=visible_overrides(request.user, organization),
        )  # fmt: skip
        return self.answer(found)


class PriceSettingView(APIView):
    """How the organization wants prices handled."""

    confirmed_actions = frozenset({"patch"})
    roles = {"get": ANALYSTS, "patch": ADMINS}

    @extend_schema(operation_id="prices_settings_read", responses=shapes.PriceSettingSerializer)
    def get(self, request: Request) -> Response:
        """The settings, as they are or by default."""
        wanted = backfill.is_wanted(required_organization(request))
        return Response(shapes.PriceSettingSerializer({"backfills_unpriced": wanted}).data)

    @extend_schema(
        operation_id="prices_settings_update", request=shapes.PriceSettingSerializer,
        responses=shapes.PriceSettingSerializer,
    )  # fmt: skip
    def patch(self, request: Request) -> Response:
        """Change them. Back-fill that is turned on looks at the last 90 days at once."""
        asked = shapes.PriceSettingSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        actor = actor_of(request.user)
        backfill.set_backfill(organization=required_organization(request), actor=actor, **asked.validated_data)
        return Response(shapes.PriceSettingSerializer(asked.validated_data).data)
