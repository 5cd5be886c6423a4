"""Keys: the list with usage and the budget that binds, the page of one, and what is done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.console import format
from analytics.console.periods import LABELS, Period, read_period
from analytics.console.questions import Questions, attempt
from analytics.query import Filter, Result
from costs.console.keybudgets import Bar, bars_of
from costs.console.keyforms import OVERLAPS, KeyForm, LimitsForm, RotateForm, initial_of
from gateway.api import keypolicy
from gateway.api.organization import Access, access_of_organization
from gateway.api.permissions import KEY_MAKERS
from gateway.console.parts import Pair, Tab
from gateway.console.quickstart import quick_start
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, person
from gateway.models import KeySpend, Model, Organization, User, VirtualKey
from gateway.services import keys
from gateway.services.errors import ServiceError

PER_PAGE = 50
STATES = {"active": "Active", "expired": "Expired", "revoked": "Revoked", "all": "All"}
ANY_MODEL = "gpt-4o-mini"
MEASURES = ("requests", "cost")


@dataclass(frozen=True, slots=True)
class Row:
    """One key; figures in words. `bar`: the budget used most, None when there is none to see."""

    key: VirtualKey
    state: str
    tone: str
    requests: str
    cost: str
    last_used: str
    bar: Bar | None


@require_safe
def key_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Keys that the person sees, fifty a page: usage of the range, last use, the budget that binds. Eight queries."""
    context, organization = frame(request, site, "Keys")
    user = person(request)
    state = request.GET.get("state", "active")
    state = state if state in STATES else "active"
    text = request.GET.get("q", "").replace("\0", "").strip()[:120]
    rows = _visible(user, organization).filter(_in_state(state))
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(prefix__startswith=text[:16]) | Q(project__name__icontains=text))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    shown, period = list(page.object_list), _period(request, organization)
    questions = Questions(user, organization, period)
    context |= {
        "rows": _rows(questions, shown), "page": page, "query": text, "period": period, "ranges": LABELS.items(),
        "states": [Tab(label, _url(request, state=name), name == state) for name, label in STATES.items()],
        "state": state, "may_make": _may_make(request, organization), "is_filtered": bool(text) or state != "active",
    }  # fmt: skip
    return render(request, "console/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def key_add(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Make a key; its secret is in the answer to the form, once."""
    context, organization = frame(request, site, "Create key")
    if not _may_make(request, organization):
        raise PermissionDenied
    user = person(request)
    access = access_of_organization(user, organization)
    data = request.POST if request.method == "POST" else None
    form = KeyForm(data, user=user, organization=organization, access=access)
    context |= {"form": form, "currency": organization.currency}
    if data is not None and form.is_valid():
        try:
            return _secret(request, context, _created(organization, user, access, dict(form.cleaned_data)))
        except ServiceError as error:
            _refuse(form, error)
    return render(request, "console/key_add.html", context, status=422 if form.errors else 200)


@require_safe
def key_page(request: HttpRequest, site: ConsoleSite, key_id: UUID) -> HttpResponse:
    """One key: what it did, what limits it, its first call in four languages, and what can be done with it."""
    context, organization = frame(request, site, "Key")
    key = _get(request, organization, key_id)
    period = _period(request, organization)
    questions = Questions(person(request), organization, period)
    context |= {
        "title": key.name, "key": key, "row": _rows(questions, [key])[0], "period": period, "ranges": LABELS.items(),
        "bars": bars_of(person(request), organization, [key], timezone.now())[key.pk], "pairs": _pairs(key),
        "samples": quick_start(f"{settings.CONSOLE_URL}/v1", _model_of(person(request), organization, key)),
        "rotate_form": RotateForm(), "may_change": _may_change(request, organization, key),
        "can_rotate": key.is_active and not key.successors.exists(),
        "requests_url": f"{reverse('admin:requests')}?api_key={key.pk}&{_text(period)}",
    }  # fmt: skip
    return render(request, "console/key.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def key_edit(request: HttpRequest, site: ConsoleSite, key_id: UUID) -> HttpResponse:
    """Change a key's name, limits, scopes or expiry."""
    context, organization = frame(request, site, "Key limits")
    key = _changeable(request, organization, key_id)
    data = request.POST if request.method == "POST" else None
    form = LimitsForm(data, initial=initial_of(key))
    if data is not None and form.is_valid():
        try:
            changes = form.changes()
            keypolicy.check_scopes(access_of_organization(request.user, organization), changes.get("scopes", ()))
            keys.update_limits(key=key, actor=person(request), **changes)
            messages.success(request, f"The key {changes.get('name', key.name)} is saved.")
            return redirect("admin:key", key.pk)
        except ServiceError as error:
            _refuse(form, error)
    context |= {"form": form, "key": key}
    return render(request, "console/key_edit.html", context, status=422 if form.errors else 200)


@require_POST
def key_rotate(request: HttpRequest, site: ConsoleSite, key_id: UUID) -> HttpResponse:
    """Replace a key; the successor's secret is in the answer, once."""
    context, organization = frame(request, site, "Rotate key")
    key = _changeable(request, organization, key_id)
    form = RotateForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how long the old key goes on working.")
        return redirect("admin:key", key.pk)
    overlap_s = form.cleaned_data["overlap_s"]
    try:
        issued = keys.rotate_key(key=key, actor=person(request), overlap_s=overlap_s)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("admin:key", key.pk)
    return _secret(request, context | {"old": key, "overlap": dict(OVERLAPS)[overlap_s] if overlap_s else ""}, issued)


@require_POST
def key_revoke(request: HttpRequest, site: ConsoleSite, key_id: UUID) -> HttpResponse:
    """Stop a key for ever."""
    _, organization = frame(request, site, "Key")
    key = _changeable(request, organization, key_id)
    keys.revoke_key(key=key, actor=person(request))
    messages.success(request, f"The key {key.name} is revoked; every process refuses it within two seconds.")
    return redirect("admin:key", key.pk)


def _visible(user: User, organization: Organization) -> QuerySet[VirtualKey]:
    rows = VirtualKey.objects.visible_to(user).filter(organization=organization)
    return rows.select_related("project", "project__team", "user").order_by("-created_at", "id")


def _get(request: HttpRequest, organization: Organization, key_id: UUID) -> VirtualKey:
    key: VirtualKey = get_object_or_404(_visible(person(request), organization), pk=key_id)
    return key


def _changeable(request: HttpRequest, organization: Organization, key_id: UUID) -> VirtualKey:
    key = _get(request, organization, key_id)
    if not _may_change(request, organization, key):
        raise PermissionDenied
    return key


def _may_make(request: HttpRequest, organization: Organization) -> bool:
    return person(request).is_superuser or getattr(organization, "role", None) in KEY_MAKERS


def _may_change(request: HttpRequest, organization: Organization, key: VirtualKey) -> bool:
    """Those who make keys, of the keys they see; keys that manage are for administrators."""
    try:
        keypolicy.check_scopes(access_of_organization(request.user, organization), key.scopes)
    except ServiceError:
        return False
    return _may_make(request, organization)


def _in_state(state: str) -> Q:
    expired, revoked = Q(revoked_at=None, expires_at__lte=timezone.now()), Q(revoked_at__isnull=False)
    return {"active": ~expired & ~revoked, "expired": expired, "revoked": revoked}.get(state, Q())


def _created(organization: Organization, user: User, access: Access, data: dict[str, Any]) -> keys.IssuedKey:
    project, owner = data.pop("project"), data.pop("user", None)
    keypolicy.check_scopes(access, data["scopes"])
    owner = keypolicy.owner_of_new(access, project, user, is_stated=owner is not None or access.is_admin, owner=owner)
    return keys.create_key(organization=organization, project=project, actor=user, user=owner, **data)


def _secret(request: HttpRequest, context: Mapping[str, Any], issued: keys.IssuedKey) -> HttpResponse:
    organization = issued.key.organization
    samples = quick_start(
        f"{settings.CONSOLE_URL}/v1", _model_of(person(request), organization, issued.key)
    )  # fmt: skip
    shown = {"title": "Keep this key now", "key": issued.key, "secret": issued.secret, "samples": samples}
    response = render(request, "console/key_secret.html", {**context, **shown})
    response["Cache-Control"] = "no-store"
    return response


def _rows(questions: Questions, shown: Sequence[VirtualKey]) -> list[Row]:
    """With usage, last use and budgets; a part that cannot be read is a dash."""
    if not shown:
        return []
    ids = [key.pk for key in shown]
    spends = {spend.key_id: spend for spend in KeySpend.objects.filter(key_id__in=ids)}
    result = attempt("key usage", lambda: _usage(questions, ids))
    used = _by_key(result)
    bars = attempt("key budgets", lambda: bars_of(questions.user, questions.organization, shown, timezone.now())) or {}
    currency = questions.organization.currency
    return [
        _row(key, spends.get(key.pk), used.get(str(key.pk)) if result else None, bars.get(key.pk, []), currency,
             questions.period.zone, is_known=result is not None)
        for key in shown
    ]  # fmt: skip


def _usage(questions: Questions, ids: Sequence[UUID]) -> Result:
    return questions.ask(
        MEASURES, dimensions=["api_key"], filters=[Filter("api_key", "in", list(ids))], limit=len(ids)
    )  # fmt: skip


def _by_key(result: Result | None) -> dict[str, Mapping[str, Any]]:
    return {str(group.dimensions["api_key"]): group.measures for group in result.groups} if result else {}


def _row(
    key: VirtualKey, spend: KeySpend | None, used: Mapping[str, Any] | None, bars: Sequence[Bar], currency: str,
    zone: str, *, is_known: bool,
) -> Row:  # fmt: skip
    state, tone = ("Active", "ok") if key.is_active else ("Revoked", "bad") if key.revoked_at else ("Expired", "warn")
    nothing: Mapping[str, Any] = {"requests": 0, "cost": Decimal(0)} if is_known else {}
    measures = used or nothing
    last = spend.last_used_at if spend else None
    return Row(
        key=key, state=state, tone=tone, requests=format.compact(measures.get("requests")),
        cost=format.money_short(measures.get("cost"), currency),
        last_used=f"{format.local(last, zone):%-d %b %Y, %H:%M}" if last else "Never", bar=bars[0] if bars else None,
    )  # fmt: skip


def _pairs(key: VirtualKey) -> list[Pair]:
    owner = str(key.user) if key.user else "Nobody: a service key"
    names = ", ".join(key.allowed_models) or "All"
    return [
        Pair("Begins with", f"{key.prefix}…", is_code=True, copy=key.prefix), Pair("Id", str(key.pk), is_code=True,
                                                                                   copy=str(key.pk)),
        Pair("Project", key.project.name), Pair("Owner", owner), Pair("Models", names),
        Pair("Requests per minute", _limit(key.rpm_limit)), Pair("Tokens per minute", _limit(key.tpm_limit)),
        Pair("May", ", ".join(key.scopes)), Pair("Created", f"{key.created_at:%-d %b %Y}"),
        Pair("Expires", f"{key.expires_at:%-d %b %Y, %H:%M} UTC" if key.expires_at else "Never"),
    ]  # fmt: skip


def _limit(value: int | None) -> str:
    return "No limit of its own" if value is None else format.number(value)


def _model_of(user: User, organization: Organization, key: VirtualKey) -> str:
    """A name that the key may ask for."""
    if key.allowed_models:
        return str(key.allowed_models[0])
    here = Q(organization=organization) | Q(organization=None)
    rows = Model.objects.visible_to(user).filter(here, is_enabled=True, provider__is_enabled=True)
    name: str | None = rows.order_by("created_at", "id").values_list("name", flat=True).first()
    return name or ANY_MODEL


def _period(request: HttpRequest, organization: Organization) -> Period:
    return read_period(request.GET, timezone.now(), organization.reporting_timezone, default="30d")


def _text(period: Period) -> str:
    return "&".join(f"{name}={value}" for name, value in period.query.items())


def _url(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        query[name] = value
    return f"?{query.urlencode()}"


def _refuse(form: Any, error: ServiceError) -> None:
    field = error.field if error.field in form.fields else None
    form.add_error(field, error.message)
