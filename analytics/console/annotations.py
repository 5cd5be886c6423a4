"""What people wrote on the charts, as marks."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from analytics.choices import AnnotationKind
from analytics.console.format import local
from analytics.models import Annotation
from gateway.console.parts import Mark
from gateway.models import Organization, User

MOST = 60


def marks(user: User, organization: Organization, start: datetime, end: datetime) -> list[Mark]:
    """The newest `MOST` of `[start, end)` that `user` may see, oldest first. One query."""
    rows = Annotation.objects.visible_to(user).filter(organization=organization, at__gte=start, at__lt=end)
    newest = rows.select_related("team").order_by("-at", "-id")[:MOST]
    zone = organization.reporting_timezone
    return [Mark(row.at, words(row, zone), _url(row)) for row in reversed(newest)]


def words(annotation: Annotation, zone: str) -> str:
    """`Incident (Search): the index is stale, until 3 Nov, 14:05`."""
    kind = AnnotationKind(annotation.kind).label
    team = f" ({annotation.team.name})" if annotation.team else ""
    over = f", until {local(annotation.ended_at, zone):%-d %b, %H:%M}" if annotation.ended_at else ""
    return f"{kind}{team}: {annotation.text}{over}"


def _url(annotation: Annotation) -> str:
    return annotation.url or reverse("admin:analytics_annotation_change", args=[annotation.pk])
