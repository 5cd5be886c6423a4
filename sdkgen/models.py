"""What was released: each release keeps its document and representation, by which later ones are compared with it."""

from django.db import models

from gateway.models.base import Record


class Release(Record):
    """One version of the SDKs, of all languages. It is never changed: the hashes are of its canonical texts."""

    version = models.CharField(max_length=60, unique=True, help_text="Semantic version, such as 1.4.0.")
    document = models.JSONField(help_text="The OpenAPI document of both APIs.")
    document_sha256 = models.CharField(max_length=64)
    representation = models.JSONField(help_text="What `sdkgen.ir` made of it.")
    ir_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.version
