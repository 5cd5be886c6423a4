"""Templates of fine-tuning jobs."""

from rest_framework import serializers

from finetuning.api.serializers.jobs import AutoDeploySerializer, JSONText
from finetuning.choices import Backend
from finetuning.models import TuningFile
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.identity import ID
from gateway.models import Project, Provider

_TEMPLATE = {
    "id": "classification", "name": "Intent or ticket classification", "category": "classification",
    "use_case": "Every message gets one label of a closed list: an intent, a queue, a priority.",
    "base_models": [{"backend": "local-head", "model": "local-head-hash", "technique": "", "sunset_on": None}],
    "method": "supervised", "hyperparameters": {"n_epochs": "3"},
    "data_requirements": {"format": "chat", "rows": 20, "usual_rows": 100, "per": "label"},
    "sample": ['{"messages": [{"role": "user", "content": "I was charged twice."}, '
               '{"role": "assistant", "content": "billing"}]}'],
    "expected": "A local head trains in seconds and answers in milliseconds.",
    "cost_range": {"lower": "0.0000000000", "upper": "0.0300000000", "currency": "USD", "unknown": ["together"]},
    "checks": ["There is a label for everything else"], "gate_metric": "exact", "metrics": ["exact", "macro_f1"],
    "notes": ["Try the local head first: it costs nothing."], "usage_count": 3, "success_rate": 1.0,
}  # fmt: skip


class CandidateModelSerializer(serializers.Serializer):
    """A base model that is worth trying. `sunset_on`: from when it is not trained any more."""

    backend = serializers.CharField()
    model = serializers.CharField()
    technique = serializers.CharField(allow_blank=True)
    sunset_on = serializers.DateField(allow_null=True)


class TemplateHyperparametersSerializer(serializers.Serializer):
    """Where the template says something; numbers as text, or auto."""

    n_epochs = serializers.CharField(required=False)
    beta = serializers.CharField(required=False)
    reasoning_effort = serializers.CharField(required=False)


class RequirementsSerializer(serializers.Serializer):
    """Fewest and usual number of lines, counted for each `per`."""

    format = serializers.CharField()
    rows = serializers.IntegerField()
    usual_rows = serializers.IntegerField()
    per = serializers.CharField()


class CostRangeSerializer(serializers.Serializer):
    """Training from the fewest lines at the cheapest backend to the usual number at the dearest, for lines as long as
    the sample's; null when no price is known. `unknown`: backends without a known price."""

    lower = Money(allow_null=True)
    upper = Money(allow_null=True)
    currency = serializers.CharField()
    unknown = serializers.ListField(child=serializers.CharField())


@examples(response=_TEMPLATE)
class TuningTemplateSerializer(serializers.Serializer):
    """A scenario. Row counts and epochs are starting points. `usage_count`, `success_rate`: of your own jobs."""

    id = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    use_case = serializers.CharField()
    base_models = CandidateModelSerializer(many=True)
    method = serializers.CharField()
    hyperparameters = TemplateHyperparametersSerializer()
    data_requirements = RequirementsSerializer()
    sample = serializers.ListField(child=serializers.CharField(), help_text="Ten lines as JSONL has them.")
    expected = serializers.CharField()
    cost_range = CostRangeSerializer()
    checks = serializers.ListField(child=serializers.CharField())
    gate_metric = serializers.CharField()
    metrics = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())
    usage_count = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


@examples(response={"templates": [_TEMPLATE]})
class TuningTemplatesSerializer(serializers.Serializer):
    """All that match."""

    templates = TuningTemplateSerializer(many=True)


@examples(
    request={
        "project": ID, "training_file": ID, "validation_file": ID, "backend": "local-head", "suffix": "tickets",
        "auto_deploy": {"route": "tickets", "share": 0.1},
    }
)  # fmt: skip
class TemplateJobSerializer(Input):
    """A job as the template has it. Without a backend its first candidate; with one, the candidate there."""

    project = Scoped(queryset=Project.objects.all())
    training_file = Scoped(queryset=TuningFile.objects.live())
    validation_file = Scoped(queryset=TuningFile.objects.live(), required=False, allow_null=True, default=None)
    backend = serializers.ChoiceField(Backend.choices, required=False)
    base_model = serializers.CharField(max_length=200, required=False, help_text="Another one at this backend.")
    provider = Scoped(
        queryset=Provider.objects.all(), platform=True, required=False, allow_null=True, default=None,
        help_text="Of backends over HTTP.",
    )  # fmt: skip
    grader = JSONText(
        required=False, max_length=65_536, help_text="Of reinforcement: JSON text of what OpenAI's API takes."
    )
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    suffix = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    seed = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)
    budget_limit = Money(required=False, allow_null=True, default=None, min_value=0)
    auto_deploy = AutoDeploySerializer(required=False, allow_null=True, default=None)
