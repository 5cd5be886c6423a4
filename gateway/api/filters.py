"""Filters of the large read-only lists."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django import forms
from django.db import models
from django.db.models import Q
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request
from rest_framework.settings import api_settings

from gateway.api.windows import window_of
from gateway.choices import LineKind, LineStatus, Origin, PriceStatus, UsageSource
from gateway.ledger.ids import started_at
from gateway.models import AuditEvent, LedgerLine

DEFAULT_DAYS = 7


class TruthField(forms.Field):
    """`true` or `false`; django-filter's takes anything else as "not asked"."""

    default_error_messages: ClassVar = {"invalid": "true or false is wanted."}

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        known = {"true": True, "false": False}.get(str(value).lower())
        if known is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return known


class TruthFilter(django_filters.BooleanFilter):
    """Filters of yes and no."""

    field_class = TruthField


class TimeField(IsoDateTimeField):
    """A time in UTC: PostgreSQL takes no offset of sixteen hours and more, which Python does."""

    def to_python(self, value: Any) -> datetime | None:
        at = super().to_python(value)
        try:
            return at and at.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class TimeFilter(django_filters.IsoDateTimeFilter):
    """Filters of times."""

    field_class = TimeField


class ListFilters(FilterSet):
    """Filters of `filterset_fields`. Relations are taken by id without a look at whose they are: a list of choices
    would tell ids of other organizations from ids that do not exist."""

    FILTER_DEFAULTS: ClassVar = {
        **FilterSet.FILTER_DEFAULTS,
        models.BooleanField: {"filter_class": TruthFilter},
        models.DateTimeField: {"filter_class": TimeFilter},
        models.ForeignKey: {"filter_class": django_filters.UUIDFilter},
        models.OneToOneField: {"filter_class": django_filters.UUIDFilter},
    }


class StrictFilters(DjangoFilterBackend):
    """django-filter's, but a list refuses parameters it does not know (`filter_unknown`): a misspelt filter would
    return everything."""

    filterset_base = ListFilters

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        if getattr(view, "action", None) == "list":
            known = self._known(request, queryset, view)
            unknown = sorted(set(request.query_params) - known)
            if unknown:
                words = f"There is no such parameter. This list takes {', '.join(sorted(known))}."
                raise ValidationError(dict.fromkeys(unknown, words), code="filter_unknown")
        return super().filter_queryset(request, queryset, view)

    def _known(self, request: Request, queryset: Any, view: Any) -> set[str]:
        filters = self.get_filterset_class(view, queryset)
        known = set(filters.base_filters) if filters else set()
        pages = (getattr(view.paginator, f"{name}_query_param", None) for name in ("page", "page_size"))
        others = (api_settings.SEARCH_PARAM, api_settings.ORDERING_PARAM)
        return known.union(filter(None, (*pages, *others)))


class StrictSearch(SearchFilter):
    """DRF's, but what is wrong with the words is said of `search`."""

    def get_search_terms(self, request: Request) -> list[str]:
        try:
            return super().get_search_terms(request)
        except ValidationError as error:
            raise ValidationError({self.search_param: error.detail}) from None


class UsageFilter(django_filters.FilterSet):
    """Always a window: `[start, end)`, by default the last seven days, so that no list walks the whole ledger."""

    start = TimeFilter(method="ignore", label="From", help_text="From, inclusive. Default: 7 days before `end`.")
    end = TimeFilter(method="ignore", label="To", help_text="To, exclusive. Default: now.")
    before = django_filters.UUIDFilter(
        method="ignore",
        label="Older than",
        help_text="Only records older than the one with this id: pages of any depth at the same cost.",
    )
    after = django_filters.UUIDFilter(
        method="ignore",
        label="Newer than",
        help_text="Only records newer than the one with this id; the same for `ordering=started_at`.",
    )
    request_id = django_filters.CharFilter()
    project = django_filters.UUIDFilter()
    team = django_filters.UUIDFilter()
    api_key = django_filters.UUIDFilter()
    user = django_filters.UUIDFilter()
    end_user = django_filters.CharFilter()
    provider = django_filters.CharFilter()
    model = django_filters.CharFilter(field_name="model_served", help_text="Model served.")
    model_requested = django_filters.CharFilter()
    route = django_filters.CharFilter()
    endpoint = django_filters.CharFilter()
    kind = django_filters.ChoiceFilter(choices=LineKind.choices)
    status = django_filters.ChoiceFilter(choices=LineStatus.choices)
    http_status = django_filters.NumberFilter()
    price_status = django_filters.ChoiceFilter(choices=PriceStatus.choices)
    usage_source = django_filters.ChoiceFilter(choices=UsageSource.choices)
    origin = django_filters.ChoiceFilter(choices=Origin.choices)
    is_final = django_filters.BooleanFilter()

    class Meta:
        model = LedgerLine
        fields: tuple[str, ...] = ()

    def ignore(self, rows: Any, name: str, value: Any) -> Any:
        """`start`, `end`, `before` and `after` work together, in `filter_queryset`."""
        return rows

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Start and end, once the form is cleaned. Raises ValidationError."""
        given = self.form.cleaned_data
        start, end = window_of(given.get("start"), given.get("end"), days=DEFAULT_DAYS)
        if start >= end:
            raise ValidationError({"start": "start must lie before end."}, code="window_empty")
        return start, end

    def filter_queryset(self, queryset: Any) -> Any:
        given = self.form.cleaned_data
        start, end = self.window
        rows = super().filter_queryset(queryset.in_window(start, end))
        if (before := given.get("before")) is not None:
            at = _time_of("before", before)
            rows = rows.filter(Q(started_at__lt=at) | Q(started_at=at, id__lt=before))
        if (after := given.get("after")) is not None:
            at = _time_of("after", after)
            rows = rows.filter(Q(started_at__gt=at) | Q(started_at=at, id__gt=after))
        return rows


def _time_of(name: str, line_id: UUID) -> datetime:
    if line_id.version != 7:
        raise ValidationError({name: "Not the id of a record."}, code="invalid")
    return started_at(line_id)


class AuditFilter(django_filters.FilterSet):
    """By object, verb, actor and time."""

    start = TimeFilter(field_name="at", lookup_expr="gte", help_text="From, inclusive.")
    end = TimeFilter(field_name="at", lookup_expr="lt", help_text="To, exclusive.")
    actor = django_filters.UUIDFilter(field_name="actor_id")
    actor_key = django_filters.UUIDFilter(field_name="actor_key_id")

    class Meta:
        model = AuditEvent
        fields = ("verb", "object_type", "object_id", "request_id")
