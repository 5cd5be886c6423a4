"""What was released: each release keeps its document and representation, by which later ones are compared with it.
And who tries an SDK in the browser."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from gateway.models import Organization, Project, User, VirtualKey
from gateway.models.base import Record
from sdkgen import querysets


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


class PlaygroundSession(Record):
    """One short-lived key of the playground, and for whom it was made. The secret is in the answer that made it, and
    nowhere else; what the key may do is the key's own."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    key = models.OneToOneField(VirtualKey, on_delete=models.CASCADE, related_name="playground")

    objects = querysets.PlaygroundQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            # a person's sessions of which the oldest ends when there are too many
            models.Index(fields=["user", "organization", "-created_at"], name="playground_by_person")
        ]

    def __str__(self) -> str:
        return f"playground of {self.user_id}"
