"""The answer of the metrics query itself, as the API gives it: what a question becomes that took too long."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rest_framework.renderers import JSONRenderer

from analytics.answers.questions import Questions, common
from analytics.api.serializers.results import AnalyticsResultSerializer
from analytics.exports.datasets.base import View
from analytics.exports.datasets.metrics import read
from analytics.exports.table import Table
from analytics.query.plan import make_plan


class AnswerDataset:
    """One JSON document."""

    name = "answer"
    label = "Answer"
    formats: tuple[str, ...] = ("json",)
    asks_window = False

    def check(self, question: Mapping[str, Any], view: View) -> None:
        make_plan(read(question, view), view.scope, datetime.now(UTC))

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        raise NotImplementedError("an answer is no table; see write")

    def write(self, question: Mapping[str, Any], view: View, path: Path) -> int:
        """The document into the file; 1."""
        questions = Questions(None, view.organization)
        questions.scope = view.scope
        body = common(questions, questions.ask(read(question, view)))
        path.write_bytes(JSONRenderer().render(AnalyticsResultSerializer(body).data))
        return 1
