"""Documentation and examples of the SDKs."""

import json
from dataclasses import asdict, replace
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.openapi import examples
from gateway.api.permissions import MEMBERS
from gateway.api.views.base import Resource
from gateway.models import Job
from sdkgen import reading
from sdkgen.documentation.pages import ExamplePage, StepPage
from sdkgen.documentation.types import KINDS
from sdkgen.examples.catalog import USE_CASES

LANGUAGE = OpenApiParameter("language", str, OpenApiParameter.PATH, description="Id or alias, such as `python`.")
VERSION = OpenApiParameter("version", str, description="A release; what runs now when left out.")
USE_CASE = OpenApiParameter("use_case", str, enum=USE_CASES, description="All when left out.")
TYPE = OpenApiParameter("type", str, OpenApiParameter.PATH, description="Its id: the name in the document.")
CODE = "from llm_gateway import Gateway\n\nclient = Gateway()\nanswer = client.models.list()\nprint(answer)\n"
EXAMPLE = {
    "id": "models", "title": "List the models that a key may call", "use_case": "models", "operation": "models.list",
    "doc": "What is listed is what the key is allowed.", "variant": "plain", "arguments_json": "{}", "code": CODE,
    "curl": 'curl "$GATEWAY_BASE_URL/v1/models" \\\n  -H "Authorization: Bearer $GATEWAY_API_KEY"\n',
    "output": "gpt-4o-mini",
}  # fmt: skip
STEP = {
    "id": "key", "number": 2, "title": "Give it a key", "text": "Keys come from the environment.",
    "command": "export GATEWAY_API_KEY=gw-…", "code": CODE, "output": "gpt-4o-mini",
}  # fmt: skip
ARGUMENT = {
    "name": "model", "wire": "model", "where": "path", "type": "str", "required": True, "default": "",
    "constraint": "", "doc": "Id of the model.",
}  # fmt: skip
METHOD = {
    "id": "models.get", "operation_id": "v1_models_retrieve", "call": "client.models.get",
    "signature": "def get(model: str, /, **optional) -> AvailableModel", "http": "GET", "path": "/v1/models/{model}",
    "doc": "One model.", "arguments": [ARGUMENT], "returns": "AvailableModel",
    "errors": [{"status": 404, "name": "errors.NotFound"}], "is_stream": False, "is_paged": False,
    "is_idempotent": False, "deprecated": False, "key": "key", "example": CODE,
}  # fmt: skip
TYPE_SUMMARY = {
    "id": "ChatUserMessage", "name": "ChatUserMessage", "kind": "object", "doc": "What a person says.",
    "deprecated": False,
}  # fmt: skip
TYPE_PAGE = {
    **TYPE_SUMMARY, "is_sent": True, "is_received": False, "discriminator": "", "extra": "",
    "fields": [{
        "name": "content", "wire": "content", "type": "str", "required": True, "default": "", "constraint": "",
        "doc": "What is said.", "deprecated": False, "types": [],
    }],
    "words": [], "variants": [], "methods": [], "types": ["ChatMessage"],
}  # fmt: skip
DOCUMENTATION = {
    "language": "python", "display_name": "Python", "version": "1.0.0",
    "getting_started": [{"id": "install", "title": "Install", "text": "Python needs Python 3.11.", "code": "pip …"}],
    "reference": [{"id": "models", "doc": "", "methods": [METHOD]}], "types": [TYPE_SUMMARY],
    "examples": [EXAMPLE], "tutorials": [STEP],
    "faq": [{"question": "Why is the cost missing?", "answer": "No price is known for the model."}],
    "changelog": "# Changelog\n\n## [1.0.0] - 2026-11-20\n\n### Added\n\n* models.get is new.\n",
}  # fmt: skip


class SdkArgumentSerializer(serializers.Serializer):
    """One argument of a method."""

    name = serializers.CharField(help_text="In the language.")
    wire = serializers.CharField(help_text="In the document.")
    where = serializers.CharField(help_text="`path`, `query`, `header` or `body`.")
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # the contract's name
    default = serializers.CharField(help_text="What the gateway takes without it, as JSON; empty when unsaid.")
    constraint = serializers.CharField()
    doc = serializers.CharField()


class SdkErrorSerializer(serializers.Serializer):
    """What a status is raised as."""

    status = serializers.IntegerField()
    name = serializers.CharField()


class SdkMethodSerializer(serializers.Serializer):
    """One method of a client."""

    id = serializers.CharField(help_text="The place in a client; equal in every language.")
    operation_id = serializers.CharField()
    call = serializers.CharField(help_text="As the language writes it.")
    signature = serializers.CharField()
    http = serializers.CharField()
    path = serializers.CharField()
    doc = serializers.CharField()
    arguments = SdkArgumentSerializer(many=True)
    returns = serializers.CharField(help_text="Empty for nothing.")
    errors = SdkErrorSerializer(many=True)  # type: ignore[assignment]  # the contract's name
    is_stream = serializers.BooleanField()
    is_paged = serializers.BooleanField()
    is_idempotent = serializers.BooleanField(help_text="Repeated safely, and billed once.")
    deprecated = serializers.BooleanField()
    key = serializers.CharField(help_text="`key`, `management` or `none`.")
    example = serializers.CharField(help_text="A whole program.")


class SdkResourceSerializer(serializers.Serializer):
    """Methods of one place."""

    id = serializers.CharField()
    doc = serializers.CharField()
    methods = SdkMethodSerializer(many=True)


class SdkTypeSummarySerializer(serializers.Serializer):
    """A type of the document."""

    id = serializers.CharField(help_text="The name in the document; equal in every language.")
    name = serializers.CharField(help_text="In the language.")
    kind = serializers.ChoiceField(choices=KINDS, help_text="`object`, `words` (a list of them), or `union`.")
    doc = serializers.CharField()
    deprecated = serializers.BooleanField()


class SdkFieldSerializer(serializers.Serializer):
    """A field of an object."""

    name = serializers.CharField(help_text="In the language.")
    wire = serializers.CharField(help_text="In the document.")
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # the contract's name
    default = serializers.CharField(help_text="What the gateway takes without it, as JSON; empty when unsaid.")
    constraint = serializers.CharField()
    doc = serializers.CharField()
    deprecated = serializers.BooleanField()
    types = serializers.ListField(child=serializers.CharField(), help_text="Ids of the types that `type` names.")


class SdkWordSerializer(serializers.Serializer):
    """A known word; clients keep others as they come."""

    value = serializers.CharField()
    doc = serializers.CharField()


class SdkVariantSerializer(serializers.Serializer):
    """One of the types that a union may be."""

    type = serializers.CharField()
    tag = serializers.CharField(help_text="What the discriminator says; empty without one.")
    types = serializers.ListField(child=serializers.CharField())


@examples(response=TYPE_PAGE)
class SdkTypeSerializer(SdkTypeSummarySerializer):
    """A type, as one language spells it, and where it is used."""

    is_sent = serializers.BooleanField(help_text="Requests hold it, directly or within another type.")
    is_received = serializers.BooleanField(help_text="Answers hold it.")
    discriminator = serializers.CharField(help_text="The field that tells variants; empty without one.")
    extra = serializers.CharField(help_text="The type of further fields; empty when none is said.")
    fields = SdkFieldSerializer(many=True)  # type: ignore[assignment]  # the contract's name
    words = SdkWordSerializer(many=True)
    variants = SdkVariantSerializer(many=True)
    methods = serializers.ListField(child=serializers.CharField(), help_text="Places that send or give it directly.")
    types = serializers.ListField(child=serializers.CharField(), help_text="Types that hold it directly.")


@examples(response=EXAMPLE)
class SdkExampleSerializer(serializers.Serializer):
    """One example, in one language."""

    id = serializers.CharField()
    title = serializers.CharField()
    doc = serializers.CharField()
    use_case = serializers.CharField()
    operation = serializers.CharField(help_text="The place in a client.")
    variant = serializers.CharField(help_text="`plain`, `stream`, `paged`, `error` or `async`.")
    arguments_json = serializers.CharField(help_text="An object: the arguments by their names in the document.")
    code = serializers.CharField(help_text="A whole program.")
    curl = serializers.CharField()
    output = serializers.CharField(help_text="A regular expression that a run prints something of.")


class TutorialStepSerializer(serializers.Serializer):
    """One step of the tutorial; ids are equal in every language."""

    id = serializers.CharField()
    number = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    command = serializers.CharField(help_text="Of a shell; empty without one.")
    code = serializers.CharField(help_text="A whole program; empty for a step that is a command alone.")
    output = serializers.CharField(help_text="A regular expression that a run prints something of.")


class SdkSectionSerializer(serializers.Serializer):
    """A part of the beginning."""

    id = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    code = serializers.CharField()


class SdkQuestionSerializer(serializers.Serializer):
    """A question and its answer."""

    question = serializers.CharField()
    answer = serializers.CharField()


@examples(response=DOCUMENTATION)
class SdkDocumentationSerializer(serializers.Serializer):
    """All there is to read of one language."""

    language = serializers.CharField()
    display_name = serializers.CharField()
    version = serializers.CharField()
    getting_started = SdkSectionSerializer(many=True)
    reference = SdkResourceSerializer(many=True)
    types = SdkTypeSummarySerializer(many=True, help_text="Each has a page of its own.")
    examples = SdkExampleSerializer(many=True)
    tutorials = TutorialStepSerializer(many=True)
    faq = SdkQuestionSerializer(many=True)
    changelog = serializers.CharField(help_text="Markdown.")


@examples(response={"language": "python", "use_cases": list(USE_CASES), "examples": [EXAMPLE], "tutorials": [STEP]})
class SdkExamplesSerializer(serializers.Serializer):
    """Examples and the tutorial of one language."""

    language = serializers.CharField()
    use_cases = serializers.ListField(child=serializers.CharField(), help_text="All that there are.")
    examples = SdkExampleSerializer(many=True)
    tutorials = TutorialStepSerializer(many=True)


class DocumentationViewSet(Resource):
    """What there is to read; it is the same for everybody who may call the management API."""

    queryset = Job.objects.none()
    serializer_class = SdkDocumentationSerializer
    roles = {"read": MEMBERS, "samples": MEMBERS, "llms": MEMBERS, "type_page": MEMBERS}
    filter_backends = ()
    pagination_class = None
    lookup_value_regex = "[^/]+"

    @extend_schema(
        operation_id="sdk_documentation", parameters=[LANGUAGE, VERSION], responses=SdkDocumentationSerializer
    )
    def read(self, request: Request, language: str) -> Response:
        """Getting started, reference, types, examples, tutorial, questions and changelog of one language. 404 for a
        language or a version that there is not."""
        version = request.query_params.get("version", "")
        found = reading.documentation(language, version=version, base_url=origin(request))
        light = asdict(replace(found, types=(), examples=()))
        said = {**light, "types": found.types, "examples": [shown(one) for one in found.examples]}
        return Response(SdkDocumentationSerializer(said).data)

    @extend_schema(operation_id="sdk_type", parameters=[LANGUAGE, TYPE], responses=SdkTypeSerializer)
    def type_page(self, request: Request, language: str, type: str) -> Response:
        """One type: its fields, words or variants, and the methods and types that use it. 404 for a type that there is
        not."""
        return Response(SdkTypeSerializer(asdict(reading.type_page(language, type))).data)

    @extend_schema(operation_id="sdk_examples", parameters=[LANGUAGE, USE_CASE], responses=SdkExamplesSerializer)
    def samples(self, request: Request, language: str) -> Response:
        """Examples and the steps of the tutorial, each a program that tests run against a real gateway. 400 for a use
        case that there is not."""
        wanted = reading.examples_use_case(request.query_params.get("use_case", ""))
        found = reading.documentation(language, base_url=origin(request))
        said = {
            "language": found.language, "use_cases": list(USE_CASES),
            "examples": [shown(one) for one in found.examples if wanted in ("", one.use_case)],
            "tutorials": [asdict(one) for one in found.tutorials if not wanted or _is_of(one, wanted)],
        }  # fmt: skip
        return Response(SdkExamplesSerializer(said).data)

    @extend_schema(
        operation_id="sdk_llms_text",
        parameters=[LANGUAGE],
        responses={
            (200, "text/plain"): OpenApiResponse(
                OpenApiTypes.STR, examples=[OpenApiExample("Text", "# LLM Gateway: Python\n", media_type="text/plain")]
            )
        },
    )
    def llms(self, request: Request, language: str) -> HttpResponse:
        """The methods of a client in the form of llmstxt.org, for assistants."""
        text = reading.llms_text(reading.language_of(language).about.id, origin(request))
        return HttpResponse(text, content_type="text/plain; charset=utf-8")


def origin(request: Any) -> str:
    """The gateway's address, as the caller knows it."""
    return str(request.build_absolute_uri("/")).rstrip("/")


def shown(page: ExamplePage) -> dict[str, Any]:
    said = asdict(page)
    return {**said, "arguments_json": json.dumps(said.pop("arguments"), ensure_ascii=False)}


def _is_of(step: StepPage, use_case: str) -> bool:
    return STEP_USE_CASES.get(step.id) == use_case


STEP_USE_CASES = {
    "key": "models", "first-call": "chat", "stream": "streaming", "tools": "tools", "errors": "errors",
    "upload": "files", "paging": "files", "async": "async", "cost": "cost", "deploy": "errors",
}  # fmt: skip
