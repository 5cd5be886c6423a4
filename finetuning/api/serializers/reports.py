"""Quality reports, differences of versions, and what mending did."""

from rest_framework import serializers

from finetuning.api.serializers.files import FILE, TuningFileSerializer
from finetuning.models import TuningFile
from finetuning.quality.kinds import SEVERITIES
from finetuning.quality.options import DEFAULT_MODEL
from finetuning.services.files.pricing import DEFAULT_PROVIDER
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.identity import ID

_TOKENS = {
    "total": 10420, "billable": 31260, "answers": 3110, "exact": True, "method": "o200k_base", "epochs": 3,
    "wasted": 156,
}  # fmt: skip
_FINDING = {
    "line": 12, "kind": "exact_dup", "severity": "warning", "message": "The example is the same as line 4.", "path": "",
    "tokens": 156, "amount": "0.00078", "fix": "Leave one of them.", "file": "train", "related": [4],
}  # fmt: skip
REPORT = {
    "path": "train.jsonl", "method": "chat", "model": DEFAULT_MODEL, "lines": 200, "examples": 200, "flagged": 1,
    "tokens": _TOKENS, "findings": [_FINDING], "counts": {"exact_dup": 1}, "score": 97.4,
    "parts": {"duplicates": 0.995}, "observations": [], "statistics": {}, "skipped": {}, "amount": "0.1563",
    "valid": True, "validation": None,
}  # fmt: skip
_DIFFERENCE = {
    "added": 0, "removed": 1, "changed": 1, "moved": 0, "unchanged": 198,
    "shown": [
        {"action": "removed", "old_line": 12, "new_line": None,
         "fields": [{"path": "messages[0].content", "before": "Where is my parcel?", "after": None}]},
    ],
}  # fmt: skip


class DatasetFindingSerializer(serializers.Serializer):
    """Something about one line. The value itself is never repeated for keys, passwords and personal data."""

    line = serializers.IntegerField()
    kind = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    message = serializers.CharField()
    path = serializers.CharField(help_text="The field, such as `messages[1].content`.")
    tokens = serializers.IntegerField(help_text="What a whole training pays for in vain because of it.")
    amount = serializers.CharField(allow_null=True, help_text="Their price in US dollars; null: no price is known.")
    fix = serializers.CharField()
    file = serializers.ChoiceField(choices=("train", "validation"))
    related = serializers.ListField(child=serializers.IntegerField(), help_text="Lines it was compared with.")


class DatasetTokensSerializer(serializers.Serializer):
    """`billable`: of all epochs, each example cut at the limit."""

    total = serializers.IntegerField()
    billable = serializers.IntegerField()
    answers = serializers.IntegerField()
    exact = serializers.BooleanField()
    method = serializers.CharField()
    epochs = serializers.IntegerField()
    wasted = serializers.IntegerField()


class DatasetObservationSerializer(serializers.Serializer):
    """Something about the file as a whole."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    message = serializers.CharField()


@examples(response=REPORT)
class DatasetReportSerializer(serializers.Serializer):
    """Quality of a file. `score`: 0 to 100, the product of `parts`. All findings are counted, up to 200 of a kind
    shown."""

    path = serializers.CharField(help_text="The file's name.")
    method = serializers.CharField()
    model = serializers.CharField()
    lines = serializers.IntegerField()
    examples = serializers.IntegerField()
    flagged = serializers.IntegerField(help_text="Lines with a finding.")
    tokens = DatasetTokensSerializer()
    findings = DatasetFindingSerializer(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    score = serializers.FloatField()
    parts = serializers.DictField(child=serializers.FloatField())
    observations = DatasetObservationSerializer(many=True)
    statistics = serializers.DictField()
    skipped = serializers.DictField(child=serializers.CharField(), help_text="Checks that could not judge, and why.")
    amount = serializers.CharField(allow_null=True, help_text="US dollars of training; null: no price is known.")
    valid = serializers.BooleanField(help_text="Whether a vendor would take it.")
    validation = serializers.DictField(allow_null=True, help_text="The validation file's report, of the same shape.")


class ChangedFieldSerializer(serializers.Serializer):
    """A value that differs, redacted and cut around the difference."""

    path = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class LineChangeSerializer(serializers.Serializer):
    """One line of either version."""

    action = serializers.ChoiceField(choices=("added", "removed", "changed"))
    old_line = serializers.IntegerField(allow_null=True)
    new_line = serializers.IntegerField(allow_null=True)
    fields = ChangedFieldSerializer(many=True)  # type: ignore[assignment]  # what readers call them


@examples(response=_DIFFERENCE)
class DatasetDifferenceSerializer(serializers.Serializer):
    """Lines by what became of them; the first changes are shown."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="The same, elsewhere.")
    unchanged = serializers.IntegerField()
    shown = LineChangeSerializer(many=True)


class DatasetDifferenceQuerySerializer(Input):
    """Against what, and how much is shown."""

    against = Scoped(
        queryset=TuningFile.objects.ready(), required=False, default=None, help_text="Default: the parent version."
    )  # fmt: skip
    shown = serializers.IntegerField(required=False, default=50, min_value=0, max_value=500)


@examples(
    request={"validation_file": None, "provider": "openai", "model": DEFAULT_MODEL, "epochs": None, "label_noise": True}
)
class JudgingRequestSerializer(Input):
    """How to judge a file: for which job its tokens and money are counted."""

    validation_file = Scoped(
        queryset=TuningFile.objects.ready(), required=False, allow_null=True, default=None,
        help_text="The file that is kept for measuring; examples of both are leaks.",
    )  # fmt: skip
    provider = serializers.CharField(required=False, default=DEFAULT_PROVIDER, max_length=60)
    model = serializers.CharField(required=False, default=DEFAULT_MODEL, max_length=200)
    epochs = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=100, help_text="Default: OpenAI's rule."
    )
    label_noise = serializers.BooleanField(required=False, default=True, help_text="Whether the slowest check runs.")


@examples(response={"file": FILE, "report": REPORT})
class JudgedDatasetSerializer(serializers.Serializer):
    """The file, and its report."""

    file = TuningFileSerializer()
    report = DatasetReportSerializer()


class MendedLineSerializer(serializers.Serializer):
    """What was done to a line of the old file, and why."""

    line = serializers.IntegerField()
    new_line = serializers.IntegerField(allow_null=True)
    action = serializers.ChoiceField(choices=("changed", "removed"))
    kinds = serializers.ListField(child=serializers.CharField())
    done = serializers.ListField(child=serializers.CharField())


class DatasetStandingSerializer(serializers.Serializer):
    """A version in figures; tokens of a whole training."""

    score = serializers.FloatField()
    lines = serializers.IntegerField()
    flagged = serializers.IntegerField()
    billable_tokens = serializers.IntegerField(source="tokens.billable")
    epochs = serializers.IntegerField(source="tokens.epochs")
    amount = Money(allow_null=True, help_text="US dollars; null: no price is known.")


class DatasetSavingSerializer(serializers.Serializer):
    """Negative: the new version costs more, since lines could be used again."""

    tokens = serializers.IntegerField()
    amount = Money(allow_null=True)


_STANDING = {
    "score": 97.4, "lines": 200, "flagged": 2, "billable_tokens": 31260, "epochs": 3, "amount": "0.1563000000",
}  # fmt: skip


@examples(
    response={
        "file": {**FILE, "version": 2, "parent": ID, "origin": "mended"}, "is_new": True, "removed": 1, "changed": 1,
        "changes": [
            {"line": 12, "new_line": None, "action": "removed", "kinds": ["exact_dup"], "done": ["left out: exact_dup"]}
        ],
        "difference": _DIFFERENCE, "before": _STANDING,
        "after": {**_STANDING, "score": 100.0, "lines": 199, "flagged": 0, "billable_tokens": 31104,
                  "amount": "0.1555200000"},
        "saved": {"tokens": 156, "amount": "0.0007800000"}, "left": {},
    }
)  # fmt: skip
class OptimizedDatasetSerializer(serializers.Serializer):
    """The mended version (the file itself when nothing was to be done), what was done, what it saves."""

    file = TuningFileSerializer()
    is_new = serializers.BooleanField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    changes = MendedLineSerializer(many=True, help_text="The first 200.")
    difference = DatasetDifferenceSerializer()
    before = DatasetStandingSerializer()
    after = DatasetStandingSerializer()
    saved = DatasetSavingSerializer()
    left = serializers.DictField(child=serializers.IntegerField(), help_text="Kinds left for a person to judge.")
