"""Reads of fine-tuning: who sees a project sees its files, jobs, tuned models and evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db.models import Q

from finetuning.choices import OVER, FileStatus
from gateway.models import Project
from gateway.querysets import VisibleQuerySet

if TYPE_CHECKING:
    from gateway.querysets import Person


class ProjectScopedQuerySet(VisibleQuerySet):
    """Rows with a `project`: who sees the project sees them."""

    def _visible_q(self, user: Person) -> Q:
        return Q(project__in=Project.objects.visible_to(user))


class TuningFileQuerySet(ProjectScopedQuerySet):
    def live(self) -> Self:
        """That nobody has deleted."""
        return self.filter(deleted_at=None)

    def ready(self) -> Self:
        """Live ones whose content is complete."""
        return self.live().filter(status=FileStatus.PROCESSED)

    def uploads(self) -> Self:
        """That took, or take, their content in parts."""
        return self.filter(expected_bytes__isnull=False)


class TuningJobQuerySet(ProjectScopedQuerySet):
    def open(self) -> Self:
        """That are not over."""
        return self.exclude(status__in=OVER)
