"""A new job in four steps: template, file and its check, estimate, start. What was chosen so far is in the URL."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from analytics.console.format import compact, lag, money
from finetuning.answers.estimates import Answer, Wish, estimates
from finetuning.answers.exchange import LISTS
from finetuning.answers.templates import Template, templates
from finetuning.choices import Backend, FileFormat, FilePurpose
from finetuning.console.access import file_of, files_of, require_maker
from finetuning.console.wizardform import StartForm
from finetuning.models import TuningFile, TuningJob
from finetuning.scenarios import Scenario
from finetuning.services import jobs
from finetuning.services.files import path_of
from finetuning.services.jobs.creating import KINDS, MOST_EPOCHS
from gateway.api.permissions import ADMINS
from gateway.console import ConsoleSite
from gateway.console.scope import actor, frame, person
from gateway.models import Organization, Provider, Route
from gateway.services.errors import ServiceError

FILES = 50
STEPS = ("Template", "Data", "Estimate", "Start")


@require_http_methods(["GET", "HEAD", "POST"])
def new_job(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """`?template=`, `&file=`, `&candidate=` (its place in the template): each adds a step; POST starts the job."""
    context, organization = frame(request, site, "New fine-tuning job")
    require_maker(request, organization)
    found = templates(person(request), organization, timezone.now())
    chosen = next((one for one in found if one.scenario.id == request.GET.get("template")), None)
    context |= {"cards": [_card(one) for one in found], "chosen": chosen, "steps": list(_steps(0))}
    if chosen is None:
        return render(request, "console/tuning/new.html", context)
    scenario = chosen.scenario
    rows = files_of(request, organization).filter(
        purpose=FilePurpose.FINE_TUNE, format__in=(scenario.format, FileFormat.UNKNOWN)
    )
    context |= {"scenario": scenario, "sample": chosen.sample, "steps": list(_steps(1))}
    if "file" not in request.GET:
        context["files"] = [(file, _url(scenario, file)) for file in rows.defer("report")[:FILES]]
        return render(request, "console/tuning/new.html", context)
    file = file_of(request, organization, _uuid(request.GET["file"]))
    place = request.GET.get("candidate", "")
    sent = request.POST if request.method == "POST" else None
    answers, problem = _estimates(organization, scenario, file, _epochs(sent, scenario))
    context |= {
        "file": file, "problem": problem, "steps": list(_steps(2)),
        "answers": [_answer(one, scenario, file) for one in answers],
        "is_short": (file.lines or 0) < scenario.rows[0],
    }  # fmt: skip
    if not (place.isdecimal() and int(place) < len(scenario.candidates)):
        return render(request, "console/tuning/new.html", context)
    candidate = scenario.candidates[int(place)]
    providers = _providers(request, organization, candidate.backend)
    others = rows.filter(project=file.project_id).exclude(pk=file.pk)
    routes = _routes(request, organization)
    form = StartForm(
        candidate.backend, scenario, providers, others, routes, sent, initial={"epochs": scenario.epochs, "share": 10}
    )
    is_meant = sent is not None and "estimate" not in sent
    if form.is_valid() and is_meant and (job := _start(request, form, scenario, int(place), file)):
        return redirect("admin:tuning_job", job.pk)
    context |= {
        "form": form, "candidate": candidate, "backend": Backend(candidate.backend).label, "steps": list(_steps(3)),
        "wants_provider": candidate.backend in KINDS and not providers.exists(),
    }  # fmt: skip
    return render(request, "console/tuning/new.html", context)


def _steps(current: int) -> Iterator[tuple[int, str, str]]:
    """Number, name, and `done`, `now` or nothing."""
    for number, name in enumerate(STEPS):
        yield number + 1, name, "done" if number < current else "now" if number == current else ""


def _card(one: Template) -> dict[str, Any]:
    scenario = one.scenario
    cost = "not known" if one.lower is None else money(one.lower)
    if one.lower is not None and one.upper is not None and one.upper != one.lower:
        cost = f"{money(one.lower)} to {money(one.upper)}"
    return {
        "scenario": scenario, "cost": cost, "rows": f"{scenario.rows[0]}–{scenario.rows[1]} lines per {scenario.per}",
        "backends": ", ".join(dict.fromkeys(Backend(each.backend).label for each, _ in one.candidates)),
        "used": one.usage_count, "url": f"?{urlencode({'template': scenario.id})}",
    }  # fmt: skip


def _url(scenario: Scenario, file: TuningFile, place: int | None = None) -> str:
    pairs = {"template": scenario.id, "file": str(file.pk)}
    return f"?{urlencode(pairs if place is None else {**pairs, 'candidate': str(place)})}"


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _epochs(sent: QueryDict | None, scenario: Scenario) -> int | None:
    """That the form asks for, where it was sent with a number; None: as each backend chooses."""
    if sent is None:
        return scenario.epochs
    text = sent.get("epochs", "").strip()
    return int(text) if text.isdecimal() and 1 <= int(text) <= MOST_EPOCHS else None


def _routes(request: HttpRequest, organization: Organization) -> QuerySet[Route] | None:
    """Of the organization, for who may put tuned models on them; None for others."""
    user: Any = request.user
    if not (user.is_superuser or getattr(organization, "role", None) in ADMINS):
        return None
    rows = Route.objects.visible_to(person(request)).filter(organization=organization, is_enabled=True)
    return rows.order_by("alias")


def _estimates(
    organization: Organization, scenario: Scenario, file: TuningFile, epochs: int | None
) -> tuple[list[Answer], str]:  # fmt: skip
    """Each candidate of the template on this file, the cheapest first; else why there is none."""
    wishes = [Wish(one.backend, one.model, scenario.method, one.technique, epochs) for one in scenario.candidates]
    try:
        with path_of(file) as path:
            found = estimates(
                organization=organization, lines=lambda: _lines(path), wishes=wishes,
                at=timezone.now(),
            )  # fmt: skip
    except (ValueError, ServiceError) as error:
        return [], str(error)
    return found, ""


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _answer(one: Answer, scenario: Scenario, file: TuningFile) -> dict[str, Any]:
    found, rate = one.estimate, one.estimate.rate
    currency = rate.currency if rate else LISTS
    place = next(
        number for number, each in enumerate(scenario.candidates)
        if (each.backend, each.model) == (one.wish.backend, one.wish.model)
    )  # fmt: skip
    training = money(found.training, currency)
    if found.lower != found.upper:
        training = f"{money(found.lower, currency)} to {money(found.upper, currency)}"
    eta = "not known" if one.duration.p50 is None else lag(one.duration.p50)
    pays = one.break_even
    return {
        "backend": Backend(one.wish.backend).label, "model": one.wish.model, "training": training,
        "hosting": money(found.hosting_per_month, currency), "per_1k": money(one.inference_per_1k, currency),
        "base_per_1k": money(one.base_per_1k, currency), "eta": eta, "tokens": compact(found.billable_tokens),
        "pays": "" if pays is None else pays.note or f"Pays from {compact(pays.requests)} requests on.",
        "notes": [note.message for note in (*found.notes, *one.notes)],
        "blocked": [note.message for note in found.blocked_by], "url": f"{_url(scenario, file, place)}#start",
    }  # fmt: skip


def _providers(request: HttpRequest, organization: Organization, backend: str) -> QuerySet[Provider]:
    """Enabled ones of the organization, or of the platform, that the backend can speak to."""
    rows = Provider.objects.visible_to(person(request)).filter(Q(organization=organization) | Q(organization=None))
    return rows.filter(is_enabled=True, kind__in=KINDS.get(backend, ())).order_by("name")


def _start(
    request: HttpRequest, form: StartForm, scenario: Scenario, place: int, file: TuningFile
) -> TuningJob | None:  # fmt: skip
    given, candidate = form.cleaned_data, scenario.candidates[place]
    settings: dict[str, Any] = {"n_epochs": given["epochs"]} if given["epochs"] else {}
    if candidate.technique:
        settings["technique"] = candidate.technique
    if given.get("grader"):
        settings["grader"] = given["grader"]
    base = given.get("base", "").strip()  # of an example bank: the model that answers
    try:
        return jobs.create_job(
            project=file.project, backend=candidate.backend, provider=given.get("provider"),
            base_model=base or candidate.model, method=scenario.method.value, training_file=file,
            validation_file=given["validation_file"], hyperparameters=settings, name=given["name"],
            suffix=given["suffix"], budget_limit=given["budget_limit"], template=scenario.id, actor=actor(request),
            **form.wishes(),
        )  # fmt: skip
    except ServiceError as error:
        form.say(error.field, error.message)
        return None
