"""Privacy: who was forgotten, how long what is kept, and the audit trail as a file."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from gateway.auditfile import audit_chain
from gateway.choices import JobStatus
from gateway.console.registry import ConsoleSite
from gateway.console.scope import actor, frame, may_administer
from gateway.models import EndUserErasure, Organization
from gateway.services import erasure, retention
from gateway.services.errors import ServiceError

SHOWN = 50
TONES = {JobStatus.SUCCEEDED: "ok", JobStatus.FAILED: "bad", JobStatus.RUNNING: "warn"}


class ErasureForm(forms.Form):
    """Looked for first, erased when it is confirmed with the same name."""

    end_user = forms.CharField(
        max_length=200, strip=False, label="End user", widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="The name that calls give: <code>X-Gateway-End-User</code>, or the body's <code>user</code>.",
    )  # fmt: skip


class RetentionForm(forms.Form):
    """Days; empty: as the installation does, or for ever."""

    end_user_days = forms.IntegerField(
        min_value=1, required=False, label="Names of end users, days",
        help_text="Who was not seen for so long is erased.",
    )  # fmt: skip
    export_days = forms.IntegerField(
        min_value=1, required=False, label="Files of exports, days", help_text="At most what the installation allows."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (most := retention.most_end_user_days()) is not None:
            field = self.fields["end_user_days"]
            field.help_text = f"{field.help_text} Here at most {most} days: the ledger keeps no lines for longer."


@require_http_methods(["GET", "HEAD", "POST"])
def privacy_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Erasures, newest first; POST `end_user` looks, with `confirm` erases; POST `export_days` keeps the days. Three
    queries."""
    context, organization = frame(request, site, "Privacy")
    if not may_administer(request, organization):
        raise Http404
    form, days = ErasureForm(), RetentionForm(initial=_days(organization))
    if request.method == "POST" and "export_days" in request.POST:
        days = RetentionForm(request.POST)
        if days.is_valid() and _keep(request, organization, days):
            return redirect("admin:privacy")
    elif request.method == "POST":
        form = ErasureForm(request.POST)
        if form.is_valid():
            if "confirm" in request.POST and _erase(request, organization, form):
                return redirect("admin:privacy")
            context |= {"trace": erasure.look_for(organization=organization, end_user=form.cleaned_data["end_user"])}
    context |= {"form": form, "days": days, "rows": _rows(request, organization), "now": timezone.now()}
    return render(request, "console/privacy.html", context)


@require_safe
def audit_file(request: HttpRequest, site: ConsoleSite) -> HttpResponseBase:
    """The hash chain of the organization's audit trail as JSON lines."""
    _, organization = frame(request, site, "Audit")
    if not may_administer(request, organization):
        raise Http404
    return audit_chain(organization, actor(request))


def _days(organization: Organization) -> dict[str, Any]:
    policy = retention.policy_of(organization)
    return {name: getattr(policy, name) for name in retention.FIELDS}


def _keep(request: HttpRequest, organization: Organization, form: RetentionForm) -> bool:
    try:
        retention.set_retention(organization=organization, actor=actor(request), **form.cleaned_data)
    except ServiceError as error:
        form.add_error(None, error.message)
        return False
    return True


def _erase(request: HttpRequest, organization: Organization, form: ErasureForm) -> bool:
    try:
        erasure.erase_end_user(organization=organization, end_user=form.cleaned_data["end_user"], actor=actor(request))
    except ServiceError as error:
        form.add_error("end_user", error.message)
        return False
    return True


def _rows(request: HttpRequest, organization: Organization) -> list[dict[str, Any]]:
    rows = EndUserErasure.objects.visible_to(request.user).filter(organization=organization)
    return [
        {
            "erasure": row, "tone": TONES.get(JobStatus(row.status), ""),
            "found": [(name.replace("_", " "), count) for name, count in sorted(row.found.items()) if count],
        }
        for row in rows.select_related("requested_by")[:SHOWN]
    ]  # fmt: skip
