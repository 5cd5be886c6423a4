"""SDKs as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.identity import ID
from gateway.choices import JobStatus
from gateway.models import Job
from sdkgen import builds
from sdkgen.custom import service
from sdkgen.languages.base.config import AUTH
from sdkgen.languages.base.language import EXAMPLE_MODEL

LANGUAGE = {
    "id": "python", "display_name": "Python", "aliases": ["py", "python3"], "versions": ["1.0.0"], "latest": "1.0.0",
    "features": ["sync", "async", "streaming"], "maturity": "stable", "minimum_runtime": "Python 3.11",
}  # fmt: skip
CONFIG = {"module": "acme_llm", "version": "1.2.0", "operations": ["chat.*", "models.*"]}


@examples(response=LANGUAGE)
class LanguageSerializer(serializers.Serializer):
    """A language that packages are made for."""

    id = serializers.CharField()
    display_name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    versions = serializers.ListField(child=serializers.CharField(), help_text="Released, newest first.")
    latest = serializers.CharField(allow_null=True, help_text="Null before the first release.")
    features = serializers.ListField(child=serializers.CharField())
    maturity = serializers.CharField(help_text="`stable`, or `preview`.")
    minimum_runtime = serializers.CharField()


class ConfigSerializer(Input):
    """How a package is to be; what is left out is the language's. `sdk/validate` tells all that is wrong at once."""

    package = serializers.CharField(required=False, max_length=100)
    module = serializers.CharField(required=False, max_length=100)
    version = serializers.CharField(required=False, max_length=60)
    base_url = serializers.CharField(required=False, max_length=500)
    connect_timeout_s = serializers.FloatField(required=False, min_value=0)
    first_byte_timeout_s = serializers.FloatField(required=False, min_value=0)
    idle_timeout_s = serializers.FloatField(required=False, min_value=0)
    total_timeout_s = serializers.FloatField(required=False, min_value=0)
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=20)
    headers = serializers.DictField(child=serializers.CharField(max_length=1000), required=False)
    docs_url = serializers.CharField(
        required=False, max_length=500, help_text="Explains error codes; errors link to it."
    )
    operations = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=500,
        help_text="Patterns of operationIds, of places in a client (`chat.*`) or of resources (`chat`); default: all.",
    )  # fmt: skip
    auth = serializers.ListField(
        child=serializers.ChoiceField(choices=AUTH), required=False, max_length=2,
        help_text="Kinds of keys that callers have; operations that need another one are refused.",
    )  # fmt: skip


@examples(request={"language": "python", "config": CONFIG})
class BuildRequestSerializer(Input):
    """What is wanted."""

    language = serializers.CharField(max_length=40, help_text="Id or alias.")
    config = ConfigSerializer(required=False)


class PackageSerializer(serializers.Serializer):
    """The package as its registry knows it."""

    name = serializers.CharField()
    version = serializers.CharField()
    licence = serializers.CharField()
    dependencies = serializers.ListField(child=serializers.CharField())


class SizeSerializer(serializers.Serializer):
    """How large a client made to order is, and the one of everything. Bytes are of the files before they are packed."""

    operations = serializers.IntegerField()
    operations_of = serializers.IntegerField(help_text="Of the whole API.")
    types = serializers.IntegerField()
    types_of = serializers.IntegerField()
    bytes = serializers.IntegerField()
    bytes_of = serializers.IntegerField()


class StaleSerializer(serializers.Serializer):
    """What a client made to order no longer agrees with."""

    code = serializers.CharField(help_text="`document`, `scopes`, `models_gone`, `models_new`, `models_changed`, "
                                 "`prices`, `limits`, `organization` or `key_gone`.")  # fmt: skip
    message = serializers.CharField()


_SHOWN = {
    "id": ID, "status": "succeeded", "progress": 1.0, "created_at": "2026-11-08T09:30:00Z",
    "started_at": "2026-11-08T09:30:01Z", "finished_at": "2026-11-08T09:30:04Z", "error": "", "language": "python",
    "version": "1.2.0",
    "package": {"name": "llm-gateway-sdk", "version": "1.2.0", "licence": "Apache-2.0", "dependencies": []},
    "download_url": f"http://localhost:8000/api/v1/sdk/builds/{ID}/download",
    "install": "pip install ./llm-gateway-sdk-1.2.0.zip",
    "quick_start": "from acme_llm import Gateway\n\nclient = Gateway(api_key=\"gw-…\")\n", "files": 48,
    "size_bytes": 91_204, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "expires_at": "2026-11-15T09:30:04Z", "size": None, "stale": [],
}  # fmt: skip
QUEUED = {
    **_SHOWN, "status": "queued", "progress": 0.0, "started_at": None, "finished_at": None, "download_url": None,
    "files": None, "size_bytes": None, "sha256": None, "expires_at": None,
}  # fmt: skip


@examples(response=_SHOWN)
class BuildSerializer(serializers.ModelSerializer):
    """A job: one package on its way."""

    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    language = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    package = serializers.SerializerMethodField()
    download_url = serializers.SerializerMethodField(help_text="Where the archive is; null until it is done.")
    install = serializers.SerializerMethodField()
    quick_start = serializers.SerializerMethodField(
        help_text="A first program; empty for a client made to order that has no chat.completions.create."
    )
    files = serializers.SerializerMethodField()
    size_bytes = serializers.SerializerMethodField()
    sha256 = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField(help_text="Of a client made to order, else null.")
    stale = serializers.SerializerMethodField(
        help_text="What has moved since a client made to order was asked for: the document, or what its key may do."
    )

    class Meta:
        model = Job
        fields = (
            "id", "status", "progress", "created_at", "started_at", "finished_at", "error", "language", "version",
            "package", "download_url", "install", "quick_start", "files", "size_bytes", "sha256", "expires_at",
            "size", "stale",
        )  # fmt: skip

    def get_language(self, job: Job) -> str:
        return str(job.parameters["language"])

    def get_version(self, job: Job) -> str:
        return str(job.parameters["config"]["version"])

    @extend_schema_field(PackageSerializer)
    def get_package(self, job: Job) -> dict[str, Any]:
        made = builds.package_of(job)
        about = made.language.about
        return {
            "name": made.config.package, "version": made.config.version, "licence": about.licence,
            "dependencies": list(about.dependencies),
        }  # fmt: skip

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_download_url(self, job: Job) -> str | None:
        if job.status != JobStatus.SUCCEEDED:
            return None
        return reverse("sdk-api:build-download", args=[job.pk], request=self.context.get("request"))

    def get_install(self, job: Job) -> str:
        made = builds.package_of(job)
        return made.filled(made.language.about.install)

    def get_quick_start(self, job: Job) -> str:
        made = builds.package_of(job)
        program = made.filled(made.language.about.quick_start)
        custom = job.parameters.get("custom")
        if not custom:
            return program
        return program.replace(EXAMPLE_MODEL, custom["model"]) if custom["model"] else ""

    def get_files(self, job: Job) -> int | None:
        return (job.result or {}).get("files")

    def get_size_bytes(self, job: Job) -> int | None:
        return (job.result or {}).get("size_bytes")

    def get_sha256(self, job: Job) -> str | None:
        return (job.result or {}).get("sha256")

    @extend_schema_field(SizeSerializer(allow_null=True))
    def get_size(self, job: Job) -> dict[str, int] | None:
        custom = job.parameters.get("custom")
        return custom["size"] if custom else None

    @extend_schema_field(StaleSerializer(many=True))
    def get_stale(self, job: Job) -> list[dict[str, str]]:
        return [{"code": code, "message": message} for code, message in service.stale(job)]
