"""The answer about compliance."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from analytics.answers.compliance import Evidence
from analytics.api.serializers.overview import ANSWER
from analytics.api.serializers.results import AnswerSerializer
from analytics.compliance import CATALOGUES
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input


@examples(request={"catalogues": ["soc2", "owasp_llm"]})
class ComplianceQuerySerializer(Input):
    """Which catalogues."""

    catalogues = serializers.ListField(
        child=serializers.ChoiceField(choices=tuple(CATALOGUES)), required=False, default=list, max_length=10,
        help_text="Default: all.",
    )  # fmt: skip


class FigureSerializer(serializers.Serializer):
    """One figure behind the text."""

    name = serializers.CharField()
    value = serializers.FloatField()


class ComplianceEvidenceSerializer(serializers.Serializer):
    """What was found."""

    kind = serializers.CharField(help_text="Name of the test.")
    text = serializers.CharField()
    figures = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField(help_text="Page of the console that shows it.")

    def get_figures(self, evidence: Evidence) -> FigureSerializer(many=True):  # type: ignore[valid-type]
        return [{"name": name, "value": value} for name, value in evidence.figures.items()]

    def get_url(self, evidence: Evidence) -> str:
        return reverse(evidence.page)


class ComplianceCheckSerializer(serializers.Serializer):
    """One requirement. `manual`: only people can tell, or the test could not be decided."""

    id = serializers.CharField(source="requirement.id")
    catalogue = serializers.CharField(source="requirement.catalogue")
    reference = serializers.CharField(source="requirement.reference")
    requirement = serializers.CharField(source="requirement.requirement", help_text="Our summary.")
    status = serializers.CharField(help_text="pass, fail or manual.")
    evidence = ComplianceEvidenceSerializer(many=True)
    remediation = serializers.CharField(source="requirement.remediation")
    reference_source = serializers.CharField(source="requirement.source", help_text="Where the requirement is written.")


class CatalogueScoreSerializer(serializers.Serializer):
    """One catalogue's checks, counted."""

    id = serializers.CharField(source="catalogue")
    name = serializers.SerializerMethodField()
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    manual = serializers.IntegerField()
    score = serializers.FloatField(source="value", allow_null=True, help_text="Per cent passed of those tested.")

    def get_name(self, score: Any) -> str:
        return CATALOGUES[score.catalogue]


@examples(
    response={
        **ANSWER, "score": 80.0,
        "catalogues": [
            {"id": "owasp_llm", "name": CATALOGUES["owasp_llm"], "passed": 8, "failed": 2, "manual": 3, "score": 80.0}
        ],
        "checks": [
            {"id": "owasp_llm.llm01", "catalogue": "owasp_llm", "reference": "LLM01",
             "requirement": "Prompt injection is looked for.", "status": "pass",
             "evidence": [{"kind": "injections_are_looked_for",
                           "text": "1 guardrails of every project look for prompt injection.",
                           "figures": [{"name": "guardrails", "value": 1.0}], "url": "/admin/guardrails/"}],
             "remediation": "Add a guardrail for prompt injection for every project.",
             "reference_source": "OWASP Top 10 for LLM Applications 2025"}
        ],
    },
)  # fmt: skip
class ComplianceSerializer(AnswerSerializer):
    """Checks by catalogue with their evidence. `score`: per cent passed of those tested."""

    score = serializers.FloatField(allow_null=True)
    catalogues = CatalogueScoreSerializer(many=True)
    checks = ComplianceCheckSerializer(many=True)
