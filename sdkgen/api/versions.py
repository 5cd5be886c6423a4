"""Versions over the API: the changelog between two releases, and what to do about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api import caching
from gateway.api.openapi import examples
from gateway.api.permissions import MEMBERS
from gateway.api.serializers.base import Input
from gateway.api.views.base import Resource
from gateway.models import Job
from sdkgen import builds, history
from sdkgen.concern import LIMITS, Concern, Records, concerns, records
from sdkgen.history import Between, between
from sdkgen.releases import VERDICTS
from sdkgen.versions.guide import DIRECTION_IDS, KIND_IDS, KINDS, LEVEL_IDS, Entry, Step, changelog, guide

KEPT_S = 3600
"""Releases do not change; the newest one does, seldom."""
LEVELS = LEVEL_IDS
STATES = ("concerns", "maybe", "not_seen", "unknown")


class CodeSerializer(serializers.Serializer):
    """Callers' code as whole sources; empty where there is nothing to write."""

    before = serializers.CharField(allow_blank=True, help_text="For the older version.")
    after = serializers.CharField(allow_blank=True, help_text="For the newer one.")
    is_noticed = serializers.BooleanField(help_text="Older code does not pass the compiler, or the type checker.")


class SdkChangeSerializer(serializers.Serializer):
    """One difference."""

    rule = serializers.CharField(help_text="Kind of change, such as `method.removed`.")
    kind = serializers.ChoiceField(choices=KIND_IDS)
    level = serializers.ChoiceField(choices=LEVELS, help_text="The part of a semantic version that it asks for.")
    is_wire_breaking = serializers.BooleanField(help_text="A client of the older version may fail against the gateway.")
    subject = serializers.CharField(help_text="Method, or type and field.")
    text = serializers.CharField()
    advice = serializers.CharField(allow_blank=True, help_text="What to do; empty for what breaks nothing.")
    pointer = serializers.CharField(help_text="Place in the OpenAPI document.")
    direction = serializers.ChoiceField(choices=DIRECTION_IDS)
    operations = serializers.ListField(child=serializers.CharField())
    code = CodeSerializer(allow_null=True)


class SdkVerdictSerializer(serializers.Serializer):
    """What a compiler said of the code of the release before."""

    verdict = serializers.ChoiceField(choices=VERDICTS)
    tool = serializers.CharField(help_text="The compiler and its version.")
    files = serializers.IntegerField(min_value=0, help_text="Examples and tests of the release before.")
    calls = serializers.IntegerField(min_value=0, help_text="Calls of its operations, one of each.")
    failed = serializers.IntegerField(min_value=0, help_text="Of both, what no longer compiles.")
    made_at = serializers.DateTimeField()


class CountsSerializer(serializers.Serializer):
    """How many changes of each kind."""

    breaking = serializers.IntegerField(min_value=0)
    deprecated = serializers.IntegerField(min_value=0)
    added = serializers.IntegerField(min_value=0)
    changed = serializers.IntegerField(min_value=0)
    texts = serializers.IntegerField(min_value=0)


_CODE = {
    "before": "from llm_gateway import Gateway\n\n\ndef example(client: Gateway) -> None:\n"
    "    answer = client.manage.prices.reprice.apply(\"id\")\n    print(answer)\n",
    "after": "from llm_gateway import Gateway\n\n\ndef example(client: Gateway) -> None:\n"
    "    answer = client.manage.prices.reprice.apply(\"id\", changed=1)\n    print(answer)\n",
    "is_noticed": True,
}  # fmt: skip
_CHANGE = {
    "rule": "method.body.added", "kind": "breaking", "level": "major", "is_wire_breaking": True,
    "subject": "manage.prices.reprice.apply", "text": "manage.prices.reprice.apply sends a body.",
    "advice": "State what it has to be told.", "pointer": "#/paths/~1api~1v1~1prices~1reprice~1{id}~1apply/post",
    "direction": "none", "operations": ["prices_reprice_apply_create"], "code": _CODE,
}  # fmt: skip
_VERDICT = {
    "verdict": "compiles", "tool": "mypy 1.18.2 (compiled: yes)", "files": 5, "calls": 431, "failed": 0,
    "made_at": "2026-11-20T09:00:00Z",
}  # fmt: skip
_CHANGELOG = {
    "language": "python", "from_version": "0.9.0", "to_version": "1.0.0", "released_at": "2026-11-20T09:30:00Z",
    "level": "major", "counts": {"breaking": 1, "deprecated": 0, "added": 0, "changed": 0, "texts": 0},
    "evidence": _VERDICT,
    "evidence_text": "Checked by compiling: 5 examples and tests and 431 calls of 0.9.0 compile against 1.0.0 (mypy).",
    "changes": [_CHANGE], "markdown": "# Python: 0.9.0 to 1.0.0\n",
}  # fmt: skip


@examples(response=_CHANGELOG)
class ChangelogSerializer(serializers.Serializer):
    """What changed between two releases, for the users of one language, the gravest first."""

    language = serializers.CharField()
    from_version = serializers.CharField(allow_null=True, help_text="Null when `to_version` is the first release.")
    to_version = serializers.CharField()
    released_at = serializers.DateTimeField()
    level = serializers.ChoiceField(choices=LEVELS, allow_null=True, help_text="The gravest; null without a change.")
    counts = CountsSerializer()
    evidence = SdkVerdictSerializer(allow_null=True, help_text="Null: no code was compiled for these two.")
    evidence_text = serializers.CharField()
    changes = SdkChangeSerializer(many=True)
    markdown = serializers.CharField(help_text="The same as a page.")


class ConcernSerializer(serializers.Serializer):
    """Whether a change is yours, by your own records."""

    state = serializers.ChoiceField(choices=STATES)
    text = serializers.CharField()
    requests = serializers.IntegerField(min_value=0)
    last_seen = serializers.DateTimeField(allow_null=True, help_text="Of calls: the day.")
    versions = serializers.ListField(child=serializers.CharField(), help_text="Of the SDK that called.")
    endpoints = serializers.ListField(child=serializers.CharField())
    models = serializers.ListField(child=serializers.CharField(), help_text="That were asked for there.")
    keys = serializers.ListField(child=serializers.CharField(), help_text="Names of keys that you see.")


class SdkStepSerializer(SdkChangeSerializer):
    """One thing to do."""

    concern = ConcernSerializer(allow_null=True, help_text="Null unless `personal` was asked for.")


class PersonalSerializer(serializers.Serializer):
    """What the records say as a whole, and what they cannot say."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    concerns = serializers.IntegerField(min_value=0, help_text="Steps whose endpoints were called.")
    maybe = serializers.IntegerField(min_value=0)
    not_seen = serializers.IntegerField(min_value=0)
    unknown = serializers.IntegerField(min_value=0)
    limits = serializers.ListField(child=serializers.CharField())


@examples(request={"language": "python", "from_version": "0.9.0", "to_version": "1.0.0", "personal": True})
class GuideRequestSerializer(Input):
    """Which guide."""

    language = serializers.CharField(max_length=40, help_text="Id or alias.")
    from_version = serializers.CharField(max_length=60, required=False, help_text="The one before `to_version`.")
    to_version = serializers.CharField(max_length=60, required=False, help_text="The newest when left out.")
    personal = serializers.BooleanField(required=False, help_text="Say which steps are yours; false when left out.")


_CONCERN = {
    "state": "unknown", "text": "Whether you call it is not recorded: it belongs to the management API.", "requests": 0,
    "last_seen": None, "versions": [], "endpoints": [], "models": [], "keys": [],
}  # fmt: skip
_GUIDE = {
    "language": "python", "from_version": "0.9.0", "to_version": "1.0.0", "evidence_text": _CHANGELOG["evidence_text"],
    "steps": [{**_CHANGE, "concern": _CONCERN}],
    "personal": {
        "start": "2026-08-22T09:30:00Z", "end": "2026-11-20T09:30:00Z", "concerns": 0, "maybe": 0, "not_seen": 0,
        "unknown": 1, "limits": list(LIMITS),
    },
    "markdown": "# Python: from 0.9.0 to 1.0.0\n",
}  # fmt: skip


@examples(response=_GUIDE)
class GuideSerializer(serializers.Serializer):
    """What to do, step by step: what breaks code first, then what is deprecated."""

    language = serializers.CharField()
    from_version = serializers.CharField(allow_null=True)
    to_version = serializers.CharField()
    evidence_text = serializers.CharField()
    steps = SdkStepSerializer(many=True)
    personal = PersonalSerializer(allow_null=True)
    markdown = serializers.CharField()


def version_parameter(name: str, text: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=text)


class VersionViewSet(Resource):
    """Changelog and guide."""

    queryset = Job.objects.none()
    serializer_class = ChangelogSerializer
    roles = {"changelog": MEMBERS, "guide": MEMBERS}
    only_reads = True
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="sdk_changelog",
        responses=ChangelogSerializer,
        parameters=[
            OpenApiParameter("language", OpenApiTypes.STR, OpenApiParameter.PATH, description="Id or alias."),
            version_parameter("from_version", "The older release; the one before `to_version` when left out."),
            version_parameter("to_version", "The newer release; the newest when left out."),
        ],
    )
    def changelog(self, request: Request, language: str) -> Response:
        """What changed between two releases for the users of a language, each change with its level, and code of before
        and after where it breaks code or is a deprecation."""
        asked = request.query_params
        found = between(builds.language_of(language), asked.get("from_version", ""), asked.get("to_version", ""))
        said = ChangelogSerializer(changelog_of(found)).data
        return caching.cached(request, said, KEPT_S)

    @extend_schema(operation_id="sdk_migration_guide", request=GuideRequestSerializer, responses=GuideSerializer)
    def guide(self, request: Request) -> Response:
        """What to do between two releases. With `personal`, each step says whether your organization's records show
        calls that it concerns, as far as you see them."""
        fields = self.validated(GuideRequestSerializer)
        found = between(
            builds.language_of(fields["language"]), fields.get("from_version", ""), fields.get("to_version", "")
        )
        known = None
        if fields.get("personal"):
            known = records(request.user, self.organization, found.language.about.id, timezone.now())
        return Response(GuideSerializer(guide_of(found, known)).data)


# ---- shapes --------------------------------------------------------------------------------------------------------
def changelog_of(found: Between) -> dict[str, Any]:
    """As `ChangelogSerializer` shows it."""
    said = found.entries
    by_words = {(step.change.rule, step.change.pointer, step.change.text): step for step in found.steps}
    names = found.versions
    return {
        "language": found.language.about.id, "from_version": names[0] or None, "to_version": names[1],
        "released_at": found.new.released_at,
        "level": LEVELS[max(one.level for one in said)] if said else None,
        "counts": {kind: sum(one.kind == kind for one in said) for kind in KINDS},
        "evidence": _verdict(found), "evidence_text": found.evidence_text,
        "changes": [
            _change(one, by_words.get((one.change.rule, one.change.pointer, one.change.text))) for one in said
        ],
        "markdown": changelog(
            found.language.about.display_name, names, f"{found.new.released_at:%Y-%m-%d}", said, found.evidence_text
        ),
    }  # fmt: skip


def guide_of(found: Between, known: Records | None) -> dict[str, Any]:
    """As `GuideSerializer` shows it."""
    told, names, apis = found.steps, found.versions, found.apis
    said: list[Concern] = []
    if known is not None and apis is not None:
        said = concerns([step.change for step in told], apis, known, names[1])
    remarks = {index: one.text for index, one in enumerate(said)}
    steps = [{**_change(step, step), "concern": said[index] if said else None} for index, step in enumerate(told)]
    return {
        "language": found.language.about.id, "from_version": names[0] or None, "to_version": names[1],
        "evidence_text": found.evidence_text, "steps": steps, "personal": _personal(said, known),
        "markdown": guide(found.language.about.id, found.language.about.display_name, names, told, remarks),
    }  # fmt: skip


def limits_of(known: Records) -> list[str]:
    """What the records cannot say to this asker."""
    unread = "You may not read the audit trail: what management keys changed is not counted."
    return [*LIMITS, *([unread] if known.writes is None else [])]


def _personal(said: list[Concern], known: Records | None) -> dict[str, Any] | None:
    if known is None:
        return None
    counts = {state: sum(one.state == state for one in said) for state in STATES}
    return {"start": known.start, "end": known.end, **counts, "limits": limits_of(known)}


def _verdict(found: Between) -> Mapping[str, Any] | None:
    if found.verdict is None or found.evidence is None:
        return None
    return {**found.verdict, "made_at": datetime.fromisoformat(str(found.evidence["made_at"]))}


def _change(one: Entry | Step, step: Step | None) -> dict[str, Any]:
    change = one.change
    code = None
    if step is not None and (step.before or step.after):
        code = {"before": step.before, "after": step.after, "is_noticed": step.is_noticed}
    return {
        "rule": change.rule, "kind": one.kind, "level": LEVELS[one.level],
        "is_wire_breaking": history.is_wire_breaking(change), "subject": change.subject, "text": change.text,
        "advice": step.advice if step is not None else "", "pointer": change.pointer, "direction": change.direction,
        "operations": list(change.operations), "code": code,
    }  # fmt: skip
