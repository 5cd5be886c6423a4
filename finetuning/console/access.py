"""Whose rows a page of fine-tuning is about, and who may change them: the same roles as in the API."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from finetuning.models import Evaluation, TuningFile, TuningJob
from gateway.api.permissions import KEY_MAKERS
from gateway.console.scope import person
from gateway.models import Organization, Project


def may_make(request: HttpRequest, organization: Organization) -> bool:
    """Whether the person may train, upload and evaluate in the projects that they see. No query."""
    user: Any = request.user
    return bool(user.is_superuser or getattr(organization, "role", None) in KEY_MAKERS)


def require_maker(request: HttpRequest, organization: Organization) -> None:
    """Raises `Http404` for who may only read."""
    if not may_make(request, organization):
        raise Http404


def projects_of(request: HttpRequest, organization: Organization) -> QuerySet[Project]:
    """That the person sees, by name."""
    return Project.objects.visible_to(person(request)).active().filter(organization=organization).order_by("name")


def files_of(request: HttpRequest, organization: Organization) -> QuerySet[TuningFile]:
    """Files with content that the person sees, newest first."""
    rows = TuningFile.objects.visible_to(person(request)).ready().filter(organization=organization)
    return rows.select_related("project__organization", "organization")


def file_of(request: HttpRequest, organization: Organization, file_id: UUID) -> TuningFile:
    """Raises `Http404`."""
    return get_object_or_404(files_of(request, organization), pk=file_id)


def jobs_of(request: HttpRequest, organization: Organization) -> QuerySet[TuningJob]:
    """Jobs that the person sees, newest first, with what a page shows of them."""
    rows = TuningJob.objects.visible_to(person(request)).filter(organization=organization)
    return rows.select_related("organization", "project", "provider", "training_file", "validation_file")


def job_of(request: HttpRequest, organization: Organization, job_id: UUID) -> TuningJob:
    """Raises `Http404`."""
    return get_object_or_404(jobs_of(request, organization), pk=job_id)


def evaluations_of(request: HttpRequest, organization: Organization) -> QuerySet[Evaluation]:
    """Evaluations that the person sees, newest first."""
    rows = Evaluation.objects.visible_to(person(request)).filter(organization=organization)
    return rows.select_related("organization", "project", "file", "job")
