"""What a new job is asked in the wizard's last step, and what of it goes to the service."""

import json
from typing import Any

from django import forms
from django.db.models import QuerySet

from finetuning.choices import Backend, CanaryGuard, FileFormat
from finetuning.estimates import Method
from finetuning.models import TuningFile
from finetuning.scenarios import Scenario
from finetuning.services.jobs.creating import KINDS
from finetuning.services.jobs.grading import check_grader
from finetuning.services.jobs.notifying import OCCASIONS
from gateway.jsonfaults import fault_of
from gateway.models import Provider, Route
from gateway.services.errors import Invalid

EVALUATION = ("evaluation_base", "judge", "rubric")
"""Asked where files are chats: of pairs and of problems nobody knows the answer that is expected."""
OCCASION_LABELS = {
    "succeeded": "It succeeded", "failed": "It failed", "cancelled": "It was cancelled",
    "budget": "Its cost limit ended it", "canary": "It was taken off a route, or got all of it",
}  # fmt: skip
FIELDS_OF = {
    "route": "route", "share": "share", "auto_deploy": "route", "auto_deploy.route": "route",
    "evaluation": "evaluation_base", "evaluation.base": "evaluation_base", "evaluation.judge.model": "judge",
    "notification": "emails", "hyperparameters": "epochs", "base_model": "base",
}  # fmt: skip
"""Where the form shows what the service says of a field of its own."""


class StartForm(forms.Form):
    """What is left to say about a job. `base` is asked of example banks alone, `provider` where one trains, `grader` of
    reinforcement, `route`, `share` and
    `canary_guard` of who may put models on routes."""

    name = forms.CharField(max_length=120, required=False, help_text="Empty: model and file.")
    base = forms.CharField(
        max_length=200,
        label="Model that answers",
        help_text="As applications name it; it is shown the nearest examples.",
    )
    provider = forms.ModelChoiceField(Provider.objects.none(), empty_label=None)
    validation_file = forms.ModelChoiceField(
        TuningFile.objects.none(), required=False, empty_label="None",
        help_text="Held-out lines: without them nobody can tell overfitting.",
    )  # fmt: skip
    epochs = forms.IntegerField(required=False, min_value=1, max_value=100, help_text="Empty: as the backend chooses.")
    suffix = forms.CharField(max_length=64, required=False, help_text="Part of the tuned model's name.")
    budget_limit = forms.DecimalField(
        required=False, min_value=0, max_digits=20, decimal_places=10, label="Cost at most",
        help_text="The job is refused above it, and ended when it would pass it.",
    )  # fmt: skip
    grader = forms.CharField(
        required=False, max_length=65_536, widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="JSON as OpenAI's and Azure's API take it: string_check, text_similarity, python, score_model or "
        "multi. Other backends keep it with the job.",
    )  # fmt: skip
    evaluation_base = forms.CharField(
        required=False, max_length=300, label="Evaluate against",
        help_text="A model or route. Once the job succeeds, both answer the validation file. Empty: no evaluation.",
    )  # fmt: skip
    judge = forms.CharField(
        required=False, max_length=300, label="Judge",
        help_text="A model that compares the two answers, twice with places changed. Empty: the template's metrics.",
    )  # fmt: skip
    rubric = forms.CharField(
        required=False, max_length=2_000, label="What the judge looks for",
        widget=forms.Textarea(attrs={"rows": 2}), help_text="Empty: correct, complete, in form, not too long.",
    )  # fmt: skip
    route = forms.ModelChoiceField(
        Route.objects.none(), required=False, empty_label="No route", to_field_name="alias", label="Deploy to route",
        help_text="The tuned model gets a share of its calls as soon as the job succeeds.",
    )  # fmt: skip
    share = forms.IntegerField(
        required=False, min_value=1, max_value=100, initial=10, label="Share in percent",
        help_text="Of the calls of the route; the rest stays where it is.",
    )  # fmt: skip
    canary_guard = forms.ChoiceField(
        required=False, choices=CanaryGuard.choices, initial=CanaryGuard.ROLLBACK, label="When it differs",
        help_text="While it has a part of the calls it is watched against the rest: what may follow by itself.",
    )  # fmt: skip
    emails = forms.CharField(
        required=False, max_length=2_000, label="Tell by mail",
        help_text="Addresses of members of the organization, with commas between.",
    )  # fmt: skip
    told_on = forms.MultipleChoiceField(
        choices=[(name, OCCASION_LABELS[name]) for name in OCCASIONS], required=False, label="When",
        widget=forms.CheckboxSelectMultiple, help_text="None chosen: at each of these.",
    )  # fmt: skip

    def __init__(
        self, backend: str, scenario: Scenario, providers: QuerySet[Provider], files: QuerySet[TuningFile],
        routes: QuerySet[Route] | None, *args: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        """`routes`: None for who may not put models on routes."""
        super().__init__(*args, **kwargs)
        self.scenario = scenario
        for name, rows in (("provider", providers), ("validation_file", files), ("route", routes)):
            if rows is not None:
                field: Any = self.fields[name]
                field.queryset = rows
        for name, is_asked in (
            ("provider", backend in KINDS), ("base", backend == Backend.DICL),
            ("grader", scenario.method is Method.REINFORCEMENT), ("route", routes is not None),
            ("share", routes is not None), ("canary_guard", routes is not None),
            *((name, scenario.format == FileFormat.CHAT) for name in EVALUATION),
        ):  # fmt: skip
            if not is_asked:
                del self.fields[name]
        if backend in (Backend.OPENAI, Backend.AZURE) and "grader" in self.fields:
            self.fields["grader"].required = True

    def clean_grader(self) -> dict[str, Any] | None:
        text = self.cleaned_data["grader"].strip()
        if not text:
            return None
        try:
            grader: dict[str, Any] = json.loads(text)
            check_grader(grader)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {fault_of(error)}.") from None
        except Invalid as error:
            raise forms.ValidationError(error.message) from None
        return grader

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if (found.get("judge") or found.get("rubric")) and not found.get("evaluation_base"):
            self.add_error("evaluation_base", "A judge compares two models: name the other one.")
        if found.get("rubric") and not found.get("judge"):
            self.add_error("judge", "Name the model that judges.")
        if found.get("evaluation_base") and not found.get("validation_file") and "validation_file" not in self.errors:
            self.add_error("validation_file", "An evaluation needs held-out lines.")
        return found

    def wishes(self) -> dict[str, Any]:
        """Of a valid form: what `create_job` takes of grader, evaluation, route and mails."""
        given = self.cleaned_data
        found: dict[str, Any] = {}
        if given.get("evaluation_base"):
            judge = {"model": given["judge"], "rubric": given["rubric"]} if given["judge"] else None
            metrics = [name for name in self.scenario.metrics or (self.scenario.gate,) if name != "judge"]
            found["evaluation"] = {"base": given["evaluation_base"], "metrics": metrics, "judge": judge}
        if given.get("route") is not None:
            found["auto_deploy"] = {
                "route": given["route"].alias, "share": (given["share"] or 10) / 100,
                "canary_guard": given["canary_guard"] or CanaryGuard.ROLLBACK.value,
            }  # fmt: skip
        emails = [one.strip() for one in given.get("emails", "").split(",") if one.strip()]
        if emails:
            found["notification"] = {"emails": emails, "on": given["told_on"]}
        return found

    def say(self, field: str | None, message: str) -> None:
        """Show what the service refused beside its field, where the form has one."""
        name = FIELDS_OF.get(field or "", field)
        self.add_error(name if name in self.fields else None, message)
