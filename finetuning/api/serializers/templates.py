"""Templates of fine-tuning jobs."""

from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Money

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
