"""Compliance: each catalogue's checks with their evidence and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.answers.compliance import compliance
from analytics.answers.questions import Questions
from analytics.compliance import CATALOGUES
from analytics.console.usage.views import answered
from gateway.console import EVERYBODY, ConsoleSite, Permission, providers
from gateway.console.parts import Tab
from gateway.console.scope import frame, person

FIRST = {"fail": 0, "manual": 1, "pass": 2}


@require_safe
def compliance_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The page of one catalogue (`of`), what fails first."""
    context, organization = frame(request, site, "Compliance")
    chosen = request.GET.get("of", "") if request.GET.get("of") in CATALOGUES else next(iter(CATALOGUES))
    questions = Questions(person(request), organization)
    found, problem = answered("compliance", lambda: compliance(questions, [], timezone.now()))
    context |= {"problem": problem, "failed": found is None and not problem}
    if found is not None:
        scores = {score.catalogue: score for score in found["catalogues"]}
        mine = [check for check in found["checks"] if check.requirement.catalogue == chosen]
        context |= {
            "tabs": [Tab(label, f"?of={name}", name == chosen, str(scores[name].failed or ""))
                     for name, label in CATALOGUES.items()],
            "score": scores[chosen],
            "name": CATALOGUES[chosen],
            "checks": sorted(mine, key=lambda check: FIRST[check.status]),
            "source": mine[0].requirement.source,
            "closed": _closed(context["console"], mine),
        }  # fmt: skip
    return render(request, "console/compliance.html", context)


def _closed(console: Any, checks: Iterable[Any]) -> set[str]:
    """Names of pages that the person may not open: evidence there is said, without a link that would be refused."""
    declared = {f"admin:{page.name}": page.permission for provider in providers() for page in provider.pages}
    named = {one.page for check in checks for one in check.evidence}
    return {name for name in named if not console.may(declared.get(name, _of_list(name)))}


def _of_list(name: str) -> Permission:
    """`admin:gateway_membership_changelist` → `gateway.membership`: who may view the model may open its list."""
    model = name.removeprefix("admin:").removesuffix("_changelist")
    return model.replace("_", ".", 1) if name.endswith("_changelist") else EVERYBODY
