"""Closed vocabularies of analytics."""

from django.db.models import TextChoices


class AnnotationKind(TextChoices):
    """What happened."""

    DEPLOY = "deploy", "Deploy"
    INCIDENT = "incident", "Incident"
    NOTE = "note", "Note"
