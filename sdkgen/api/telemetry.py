"""What callers say of their libraries, what was measured of the SDKs, and what is promised about them."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.serializers.questions import PeriodSerializer, query_of
from analytics.api.views.base import AnalyticsView, answers
from gateway.api.openapi import examples
from gateway.api.permissions import ANALYSTS, MEMBERS, Who
from gateway.api.serializers.catalog import NoteSerializer
from sdkgen import builds, sheets
from sdkgen.telemetry import telemetry

_WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z"}
_SEEN = {"first_seen": "2026-11-01T06:12:11Z", "last_seen": "2026-11-07T22:40:59Z"}
_USED = {
    "sdk": "python/1.0.0", "language": "python", "version": "1.0.0", "standing": "latest", "requests": 48_210,
    "errors": 96, "error_rate": 0.0019912881, "denied": 12, "clients": 31, "keys": 6, "retries": 140,
    "retry_rate": 0.002903239, **_SEEN,
}  # fmt: skip


@examples(request=_WINDOW)
class SdkAnalyticsQuerySerializer(PeriodSerializer):
    """The window. `time_to_first_success` is of the keys made in it."""


class UsedSdkSerializer(serializers.Serializer):
    """One library and version. `requests` and `errors` as in every report; `clients`: keys at addresses. `retries`: the
    requests that were repeats, null for libraries that do not tell."""

    sdk = serializers.CharField(allow_null=True, help_text="As the header said; null: it said nothing.")
    language = serializers.CharField(allow_null=True, help_text="Of one of this gateway's SDKs, else null.")
    version = serializers.CharField(allow_null=True)
    standing = serializers.ChoiceField(
        choices=["latest", "older", "newer", "other"], help_text="Against the newest release."
    )
    requests = serializers.IntegerField()
    errors: Any = serializers.IntegerField()
    error_rate = serializers.FloatField(allow_null=True)
    denied = serializers.IntegerField()
    clients = serializers.IntegerField()
    keys = serializers.IntegerField()
    retries = serializers.IntegerField(allow_null=True)
    retry_rate = serializers.FloatField(allow_null=True, help_text="Of requests and denied together.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()


class SdkRuntimeSerializer(serializers.Serializer):
    """Where one of this gateway's SDKs runs."""

    sdk = serializers.CharField()
    runtime = serializers.CharField(allow_null=True)
    os = serializers.CharField(allow_null=True)
    requests = serializers.IntegerField()


class SdkHelperSerializer(serializers.Serializer):
    """Through which helper; null: a plain call."""

    sdk = serializers.CharField()
    helper = serializers.CharField(allow_null=True)
    requests = serializers.IntegerField()


class RetryStormSerializer(serializers.Serializer):
    """An hour in which 20 or more, and a fifth or more, of a library's requests were repeats."""

    sdk = serializers.CharField()
    hour = serializers.DateTimeField()
    requests = serializers.IntegerField()
    retries = serializers.IntegerField()
    share = serializers.FloatField()


class SdkDocumentSerializer(serializers.Serializer):
    """Requests of SDKs that were made from one document of the API."""

    document = serializers.CharField(help_text="Beginning of its SHA-256.")
    version = serializers.CharField(allow_null=True, help_text="The release that was made of it; null: none was.")
    is_current = serializers.BooleanField()
    requests = serializers.IntegerField()
    last_seen = serializers.DateTimeField()


class FirstSuccessSerializer(serializers.Serializer):
    """From the making of a key to its first good answer; of the keys made in the window that are visible to you."""

    keys = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed_only = serializers.IntegerField(help_text="Called, and never with success.")
    unused = serializers.IntegerField()
    p50_s = serializers.FloatField(allow_null=True)
    p90_s = serializers.FloatField(allow_null=True)


class SdkDownloadSerializer(serializers.Serializer):
    """Packages that were fetched."""

    language = serializers.CharField()
    version = serializers.CharField()
    count = serializers.IntegerField()
    last_at = serializers.DateTimeField()


@examples(
    response={
        **_WINDOW, "latest": "1.0.0", "sdks": [_USED],
        "runtimes": [{"sdk": "python/1.0.0", "runtime": "cpython-3.11", "os": "linux", "requests": 48_222}],
        "helpers": [{"sdk": "python/1.0.0", "helper": "stream", "requests": 40_100}],
        "retry_storms": [
            {"sdk": "python/1.0.0", "hour": "2026-11-04T14:00:00Z", "requests": 310, "retries": 96, "share": 0.30967742}
        ],
        "documents": [
            {
                "document": "ab12cd34ef56", "version": "1.0.0", "is_current": True, "requests": 48_222,
                "last_seen": _SEEN["last_seen"],
            }
        ],
        "time_to_first_success": {
            "keys": 4, "succeeded": 2, "failed_only": 1, "unused": 1, "p50_s": 412.5, "p90_s": 720.1
        },
        "downloads": [{"language": "python", "version": "1.0.0", "count": 3, "last_at": "2026-11-03T08:00:00Z"}],
        "notes": [],
    }
)  # fmt: skip
class SdkAnalyticsSerializer(serializers.Serializer):
    """Which libraries call, how they fare, and how soon new keys work."""

    start = serializers.DateTimeField(help_text="Later than asked when there are too many requests; a note says so.")
    end = serializers.DateTimeField()
    latest = serializers.CharField(allow_null=True, help_text="The newest release.")
    sdks = UsedSdkSerializer(many=True)
    runtimes = SdkRuntimeSerializer(many=True)
    helpers = SdkHelperSerializer(many=True)
    retry_storms = RetryStormSerializer(many=True)
    documents = SdkDocumentSerializer(many=True)
    time_to_first_success = FirstSuccessSerializer()
    downloads = SdkDownloadSerializer(many=True, allow_null=True, help_text="Null for those without the audit trail.")
    notes = NoteSerializer(many=True)


class SdkAnalyticsView(AnalyticsView):
    """For those who see the whole organization."""

    roles: dict[str, Who] = {"post": ANALYSTS}

    @extend_schema(
        operation_id="sdk_analytics",
        request=SdkAnalyticsQuerySerializer,
        responses=answers(SdkAnalyticsSerializer),
    )
    def post(self, request: Request) -> Response:
        """Versions in use, active clients, errors and retries by version, runtimes, the documents they were made of,
        and the time to the first success of new keys; from the ledger."""
        asked = self.asked(SdkAnalyticsQuerySerializer)
        questions = self.questions()
        query = query_of(asked, questions.organization, measures=())
        body = telemetry(questions, query, builds.representation().document_sha)
        return self.answer(body, SdkAnalyticsSerializer, asked["end"])


_BENCHMARK = {
    "test": "chat completion of 200 bytes", "p50_ms": 0.41, "raw_p50_ms": 0.35, "throughput": 2_400.0, "unit": "1/s",
    "raw_throughput": 2_800.0, "memory_bytes": 31_000_000, "cpu_ms": 0.4, "success_rate": 1.0,
}  # fmt: skip
_ENVIRONMENT = {
    "cores": 2, "processor": "x86-64", "runtime": "CPython 3.11.7", "system": "Linux", "load_before": 0.2,
    "versions": [{"name": "openai", "version": "2.8.0"}],
}  # fmt: skip


class NamedVersionSerializer(serializers.Serializer):
    """Something that took part, and its version."""

    name = serializers.CharField()
    version = serializers.CharField()


class BenchmarkEnvironmentSerializer(serializers.Serializer):
    """The machine and what ran on it."""

    cores = serializers.IntegerField()
    processor = serializers.CharField()
    runtime = serializers.CharField()
    system = serializers.CharField()
    load_before = serializers.FloatField(help_text="Load average of the minute before: whether the machine was quiet.")
    versions = NamedVersionSerializer(many=True)


class BenchmarkTestSerializer(serializers.Serializer):
    """One measurement, beside the language's plain HTTP client against the same server in the same run."""

    test = serializers.CharField()
    p50_ms = serializers.FloatField(allow_null=True)
    raw_p50_ms = serializers.FloatField(allow_null=True)
    throughput = serializers.FloatField(allow_null=True, help_text="In `unit`.")
    raw_throughput = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    memory_bytes = serializers.IntegerField(allow_null=True, help_text="Greatest resident memory of the process.")
    cpu_ms = serializers.FloatField(allow_null=True, help_text="Processor time of one.")
    success_rate = serializers.FloatField()


@examples(
    response={
        "language": "python", "version": "1.0.0", "measured_at": "2026-11-29T18:00:00Z", "environment": _ENVIRONMENT,
        "results": [_BENCHMARK],
    }
)  # fmt: skip
class SdkBenchmarksSerializer(serializers.Serializer):
    """Measured by `python -m bench.sdk`. `measured_at` null and no results: this version was not measured."""

    language = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    measured_at = serializers.DateTimeField(allow_null=True)
    environment = BenchmarkEnvironmentSerializer(allow_null=True)
    results = BenchmarkTestSerializer(many=True)


class LinkSerializer(serializers.Serializer):
    """Where more is."""

    title = serializers.CharField()
    url = serializers.CharField(help_text="Absolute, or a path of this gateway.")


class KnownIssueSerializer(serializers.Serializer):
    """Something that does not work as one would wish."""

    title = serializers.CharField()
    affects = serializers.CharField()
    workaround = serializers.CharField()


@examples(
    response={
        "language": "java", "level": "full", "end_of_life": None, "minimum_runtime": "Java 17",
        "links": [{"title": "User guide", "url": "/docs/user-guide/sdks.md"}],
        "known_issues": [
            {"title": "Header values are Latin-1", "affects": "1.0.0 and later", "workaround": "Encode other texts."}
        ],
        "contact": None,
    }
)  # fmt: skip
class SdkSupportSerializer(serializers.Serializer):
    """What is promised about a language."""

    language = serializers.CharField()
    level = serializers.CharField(help_text="`full`: mended in every release; `maintained`: security alone; `ended`.")
    end_of_life = serializers.DateField(allow_null=True, help_text="Null: none is set.")
    minimum_runtime = serializers.CharField()
    links = LinkSerializer(many=True)
    known_issues = KnownIssueSerializer(many=True)
    contact = serializers.CharField(allow_null=True, help_text="As this installation's `SUPPORT_CONTACT` says.")


class SdkBenchmarksView(APIView):
    """Measured figures."""

    roles: dict[str, Who] = {"get": MEMBERS}

    @extend_schema(operation_id="sdk_benchmarks", responses=SdkBenchmarksSerializer, parameters=[sheets.VERSION])
    def get(self, request: Request, language: str) -> Response:
        """What calls and streams cost in this SDK, against the language's plain HTTP, with machine and date."""
        found = sheets.benchmarks(builds.language_of(language), request.query_params.get("version"))
        return Response(SdkBenchmarksSerializer(asdict(found)).data)


class SdkSupportView(APIView):
    """Promises."""

    roles: dict[str, Who] = {"get": MEMBERS}

    @extend_schema(operation_id="sdk_support", responses=SdkSupportSerializer)
    def get(self, request: Request, language: str) -> Response:
        """Level of support, end of life, links, known issues."""
        found = sheets.support(builds.language_of(language))
        return Response(SdkSupportSerializer(asdict(found)).data)
