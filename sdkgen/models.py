"""What was released: each release keeps its document and representation, by which later ones are compared with it."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from gateway.models.base import Record


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Releases belong to the installation: every member may read them, nobody changes them."""

    def light(self) -> "ReleaseQuerySet":
        """Without documents and lists of changes, which are megabytes; `change_count` says how many there are."""
        count = models.Func(models.F("changes"), function="jsonb_array_length", output_field=models.IntegerField())
        return self.defer("document", "representation", "changes").annotate(change_count=count)

    def newest(self) -> "Release | None":
        return self.light().first()


class Release(Record):
    """One version of the SDKs, of all languages. It is never changed: the hashes are of its canonical texts."""

    version = models.CharField(max_length=60, unique=True, help_text="Semantic version, such as 1.4.0.")
    document = models.JSONField(help_text="The OpenAPI document of both APIs.")
    document_sha256 = models.CharField(max_length=64)
    representation = models.JSONField(help_text="What `sdkgen.ir` made of it.")
    ir_sha256 = models.CharField(max_length=64)
    released_at = models.DateTimeField(default=timezone.now)
    previous = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    changes = models.JSONField(default=list, help_text="What differs from the previous one: `versions.Change` as JSON.")
    evidence = models.JSONField(
        null=True, help_text="How the previous one's code compiled against it; null: not tried."
    )

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-released_at", "-id"]

    def __str__(self) -> str:
        return self.version
