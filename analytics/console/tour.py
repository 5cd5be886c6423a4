"""A guided tour: the pages that a role works with, in the order in which they make sense, each with what it is for.

A stop is shown beside its page, which `?tour=<stop>` asks for; stops that the person may not open are left out. Adding
one is a line of `STOPS`; its page has to let parameters pass that it does not know (lists of the model admin do not).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from gateway.choices import Role
from gateway.console import ConsoleSite

DEVELOPER, LEAD, FINANCE, PLATFORM = "developers", "team leads", "finance", "platform engineers"
ADMINISTRATOR, AUDITOR = "administrators", "auditors"
VIEWPOINTS = {  # as the guides in docs/user-guide/roles
    DEVELOPER: "Call models, see what your calls did and cost.",
    LEAD: "Give a team keys and a budget, and see where its money goes.",
    FINANCE: "Know what was spent, what is ahead, who pays, and whether bills are right.",
    PLATFORM: "Connect providers, decide what may be called, and keep it running.",
    ADMINISTRATOR: "Decide what keys and people may do, and how long what is kept.",
    AUDITOR: "See who may do what, who did what, and what there is to prove it.",
}
OF_ROLE = {
    Role.DEVELOPER: DEVELOPER, Role.MANAGER: LEAD, Role.ANALYST: FINANCE, Role.ADMIN: PLATFORM, Role.OWNER: PLATFORM,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stop:
    """`page`: URL name of an entry of the navigation. `look_at`: CSS selector of what is marked on it."""

    slug: str
    page: str
    title: str
    text: str
    viewpoints: frozenset[str]
    look_at: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A stop beside its page: where one came from and where one goes (empty at the ends), `number` of `total`."""

    stop: Stop
    viewpoint: str
    number: int
    total: int
    back: str
    onward: str
    ends_at: str


def _stop(slug: str, page: str, title: str, text: str, *viewpoints: str, look_at: str = "") -> Stop:
    return Stop(slug, f"admin:{page}", title, text, frozenset(viewpoints), look_at)


STOPS = (
    _stop("home", "index", "Home", "Requests, cost, errors and time to answer of the chosen range, against the range "
          "before it. The range above holds for every page of figures.", *VIEWPOINTS, look_at=".segments"),
    _stop("providers", "providers", "Providers", "Where calls go: base URL and credential of each vendor or server of "
          "your own. Credentials are encrypted and never shown again; Test asks the provider.", PLATFORM),
    _stop("models", "models", "Models", "What may be called and what it costs. A model without a known price is "
          "marked, never counted as free.", PLATFORM, DEVELOPER),
    _stop("routes", "routes", "Routes", "A name that stands for several models: fallback, weights, splits, retries. "
          "Simulate says what a call would do without making it.", PLATFORM),
    _stop("keys", "keys", "Keys", "Applications call with a virtual key. It is shown once; its models, limits and "
          "budget are its own. Beside each: the first call in five languages.", DEVELOPER, LEAD, PLATFORM,
          ADMINISTRATOR, look_at=".content .btn-primary"),
    _stop("playground", "playground", "Playground", "The real SDK in your browser: stream, compare models, provoke "
          "faults and watch the retries, then copy the call as code.", DEVELOPER),
    _stop("requests", "requests", "Requests", "Every call, with its tokens, its price line by line, its attempts. "
          "Filters count what they would find.", DEVELOPER, LEAD, FINANCE, PLATFORM, AUDITOR),
    _stop("packages", "sdks", "Packages", "Client libraries in five languages, made from this gateway's own API, with "
          "typed errors for budgets and limits.", DEVELOPER),
    _stop("usage", "usage", "Usage", "Any measure by any dimension, over any time zone: team, project, key, end user, "
          "your own tags.", DEVELOPER, LEAD, FINANCE),
    _stop("budgets", "budgets", "Budgets", "An amount for a team, key, person, end user or tag. A hard one holds the "
          "worst case of each call before it is made, so no burst passes it.", LEAD, FINANCE, PLATFORM),
    _stop("limits", "rate_limits", "Rate limits", "Requests, tokens and calls at a time, for each or for all, across "
          "every process of the gateway.", LEAD, PLATFORM),
    _stop("alerts", "alerts", "Alerts", "Rules over any measure, told by mail or webhook when they fire and when it is "
          "over.", LEAD, FINANCE, PLATFORM),
    _stop("anomalies", "anomalies", "Anomalies", "Hours that are unlike what was expected, with what caused them and "
          "what they cost.", LEAD, FINANCE, PLATFORM),
    _stop("costs", "costs", "Costs", "What was spent and on what, what it would have cost without cache, and what is "
          "estimated or not priced.", LEAD, FINANCE),
    _stop("forecasts", "forecasts", "Forecasts", "What is ahead, with intervals that were checked against the past.",
          FINANCE, LEAD),
    _stop("savings", "recommendations", "Recommendations", "What could cost less, replayed over your own calls. "
          "What was applied is measured afterwards.", FINANCE, LEAD, PLATFORM),
    _stop("allocation", "allocation", "Allocation", "Who pays: rules share each month among cost centres to the last "
          "cent, statements keep it.", FINANCE),
    _stop("invoices", "invoices", "Invoices", "What a provider billed, against the ledger; each part of a difference "
          "with its cause.", FINANCE),
    _stop("reports", "reports", "Reports", "Figures by mail as often as you like, with PDF, workbook or CSV.",
          FINANCE, LEAD),
    _stop("guardrails", "guardrails", "Guardrails", "What may not go to a provider, or come back: personal data, "
          "secrets, words, injections. Try one on a text.", PLATFORM),
    _stop("realtime", "realtime", "Real time", "The last minutes, as they happen.", PLATFORM),
    _stop("security", "security", "Security", "Keys that are too wide or unused, refused attempts, and a score with "
          "what would raise it.", PLATFORM, ADMINISTRATOR, AUDITOR),
    _stop("compliance", "compliance", "Compliance", "What catalogues of controls ask for, with evidence of this "
          "installation beside each.", ADMINISTRATOR, AUDITOR),
    _stop("privacy", "privacy", "Privacy", "Forget an end user by name, say how long what is kept, take the audit "
          "trail along as a file.", PLATFORM, ADMINISTRATOR, AUDITOR),
    _stop("bodies", "body_access", "Body access", "Who read stored prompts and answers, and when. Nothing of them is "
          "stored unless a project's policy says so.", ADMINISTRATOR, AUDITOR),
    _stop("settings", "settings", "Settings", "What has no page of its own, as tables: accounts, schedules, locked "
          "sign-ins. How the installation is, `manage.py doctor` says.", PLATFORM),
)  # fmt: skip


def viewpoint_of(role: str | None, wanted: str = "") -> str:
    """The viewpoint that was asked for, else the role's; a superuser without one sees the platform's."""
    return wanted if wanted in VIEWPOINTS else OF_ROLE.get(Role(role), PLATFORM) if role in Role.values else PLATFORM


def stops_of(viewpoint: str, openable: Iterable[str]) -> list[Stop]:
    """The stops of a viewpoint whose page is among these URLs."""
    places = frozenset(openable)
    return [stop for stop in STOPS if viewpoint in stop.viewpoints and reverse(stop.page) in places]


def shown_on(path: str, slug: str, viewpoint: str, openable: Sequence[str]) -> Shown | None:
    """The stop that a page shows; None when it is no stop of this page and viewpoint."""
    stops = stops_of(viewpoint, openable)
    for index, stop in enumerate(stops):
        if stop.slug == slug and reverse(stop.page) == path:
            back = address(stops[index - 1], viewpoint) if index else ""
            onward = address(stops[index + 1], viewpoint) if index + 1 < len(stops) else ""
            return Shown(stop, viewpoint, index + 1, len(stops), back, onward, path)
    return None


def address(stop: Stop, viewpoint: str) -> str:
    """Where a stop is shown."""
    return f"{reverse(stop.page)}?tour={stop.slug}&as={viewpoint.replace(' ', '+')}"


@require_safe
def tour_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The tours there are, one's own first, each with its stops. No query of its own."""
    context = {**site.each_context(request), "title": "Tour"}
    console = context["console"]
    own = viewpoint_of(getattr(console.scope.current, "role", None))
    tours = []
    for viewpoint in sorted(VIEWPOINTS, key=lambda name: name != own):
        stops = [(stop, address(stop, viewpoint)) for stop in stops_of(viewpoint, console.openable)]
        if stops:
            tours.append(
                {"viewpoint": viewpoint, "lead": VIEWPOINTS[viewpoint], "stops": stops, "is_own": viewpoint == own}
            )
    return render(request, "console/tour.html", context | {"tours": tours})
