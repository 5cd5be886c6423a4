"""The form of an alert rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from analytics.alerts.machine import FIXED
from analytics.alerts.metric import MetricSource
from analytics.alerts.models import AlertRule, Baseline, ChannelKind, Comparison, NoData, Severity
from analytics.alerts.services import MEASURED
from analytics.alerts.sources import sources
from analytics.console.measures import measure_choices
from gateway.choices import LimitScope, Role
from gateway.models import Organization, Project, Team, User
from gateway.scopes import EACH

WINDOWS = (
    (15, "15 minutes"), (60, "1 hour"), (360, "6 hours"), (1_440, "1 day"), (10_080, "7 days"), (43_200, "30 days"),
)  # fmt: skip
OF_SOME = {
    **dict.fromkeys(("measure", "comparison", "threshold"), "of-measures"),
    **dict.fromkeys(("baseline", "window_minutes", "minimum_requests"), "of-metrics"),
}
"""Field → class under which the page shows it with sources that have a measure, or with metrics, alone."""
WEEKDAYS = tuple(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), 1))
LOCAL = "%Y-%m-%dT%H:%M"
REPEATS = ((0, "Never"), (60, "Every hour"), (240, "Every 4 hours"), (1_440, "Every day"))


class RuleForm(forms.Form):
    """What is watched, when it fires, who is told, and when nobody is. Of weekly and of fixed mutes the form has the
    first; further ones stay as they are."""

    name = forms.CharField(max_length=120, help_text="Stands in the subject of mails.")
    source = forms.ChoiceField(label="Watches")
    about = forms.ChoiceField(help_text="“Each” gives every one an alert of its own.")
    measure = forms.ChoiceField(
        choices=measure_choices,
        required=False,
        initial="error_rate",
        help_text="Of a forecast: cost, requests or tokens.",
    )
    comparison = forms.ChoiceField(choices=Comparison.choices, label="Fires when it is")
    threshold = forms.DecimalField(
        max_digits=30, decimal_places=10, required=False, error_messages={"required": "A threshold is needed."},
        help_text="In the unit of the measure: 0.05 is an error rate of 5 %, 2000 a latency of 2 s. Against an earlier "
        "window, the relative change: 0.5 is half as much again.",
    )  # fmt: skip
    baseline = forms.ChoiceField(choices=Baseline.choices, label="Compared with")
    window_minutes = forms.TypedChoiceField(choices=WINDOWS, coerce=int, label="Over the last", initial=60)
    minimum_requests = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="With fewer requests in the window nothing is said."
    )
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.WARNING)
    after = forms.IntegerField(
        min_value=1, max_value=60, initial=1, label="Minutes in a row", help_text="Before it fires, and to resolve."
    )
    repeat_minutes = forms.TypedChoiceField(choices=REPEATS, coerce=int, label="Tell again", initial=0)
    no_data = forms.ChoiceField(choices=NoData.choices, label="When nothing is measured")
    emails = forms.CharField(
        label="E-mail to", required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="One address a line."
    )
    slack = forms.CharField(
        label="Slack webhook", required=False, max_length=2_000, help_text="URL of an incoming webhook.",
    )  # fmt: skip
    webhook = forms.CharField(
        label="Signed webhook", required=False, max_length=2_000,
        help_text="URL; its signing secret is shown once after saving.",
    )  # fmt: skip
    owners = forms.BooleanField(
        label="Tell the owners", required=False, help_text="By e-mail, whoever owns the organization when it happens."
    )
    mute_days = forms.TypedMultipleChoiceField(
        choices=WEEKDAYS, coerce=int, label="Muted every", required=False, widget=forms.CheckboxSelectMultiple
    )
    mute_start = forms.TimeField(
        label="From", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="In the rule's time zone.",
    )  # fmt: skip
    mute_end = forms.TimeField(
        label="To", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Before the start: on the next day.",
    )  # fmt: skip
    mute_from = forms.DateTimeField(
        label="Muted once from", required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
    )  # fmt: skip
    mute_to = forms.DateTimeField(
        label="Until", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL)
    )
    keep = forms.MultipleChoiceField(
        label="Channels it has", required=False, widget=forms.CheckboxSelectMultiple, help_text="Untick to remove."
    )
    is_enabled = forms.BooleanField(label="On", required=False, initial=True)

    def __init__(
        self, *args: Any, organization: Organization, user: User, rule: AlertRule | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name in OF_SOME:
            self.fields[name].widget.use_required_attribute = lambda initial: False  # a hidden field blocks no form
        self.fields["measure"].required = self.fields["threshold"].required = self._is_measured(rule)
        chosen = {name: source.label for name, source in sources().items()}
        self.fields["source"].choices = list(chosen.items())  # type: ignore[attr-defined]
        self._zone = ZoneInfo(organization.reporting_timezone if rule is None else rule.timezone)
        self._mutes = [] if rule is None else rule.mute_windows
        if rule is None:
            self.fields["about"].choices = list(_scopes(organization, user))  # type: ignore[attr-defined]
            del self.fields["keep"]
            return
        del self.fields["about"]
        live = [channel for channel in rule.channels.all() if channel.archived_at is None]
        self.fields["keep"].choices = [(str(one.pk), str(one)) for one in live]  # type: ignore[attr-defined]
        self.initial = {name: getattr(rule, name) for name in self.fields if hasattr(rule, name)}
        self.initial["keep"] = [str(channel.pk) for channel in live]
        self.initial |= self._muted()
        if any(channel.kind == ChannelKind.OWNERS for channel in live):
            del self.fields["owners"]
        if rule.window_minutes not in dict(WINDOWS):
            minutes = (rule.window_minutes, f"{rule.window_minutes} minutes")
            self.fields["window_minutes"].choices = (*WINDOWS, minutes)  # type: ignore[attr-defined]
        if rule.repeat_minutes not in dict(REPEATS):
            again = (rule.repeat_minutes, f"Every {rule.repeat_minutes} minutes")
            self.fields["repeat_minutes"].choices = (*REPEATS, again)  # type: ignore[attr-defined]

    def _muted(self) -> dict[str, Any]:
        """Initial values of the first weekly and the first fixed mute."""
        found: dict[str, Any] = {}
        for window in reversed(self._mutes):
            if FIXED[0] in window:
                start, end = (datetime.fromisoformat(window[name]).astimezone(self._zone) for name in FIXED)
                found |= {"mute_from": start.strftime(LOCAL), "mute_to": end.strftime(LOCAL)}
            else:
                found |= {"mute_days": window["weekdays"], "mute_start": window["start"], "mute_end": window["end"]}
        return found

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        weekly = [bool(data.get("mute_days")), data.get("mute_start") is not None, data.get("mute_end") is not None]
        if any(weekly) and not all(weekly) and not {"mute_start", "mute_end"} & self.errors.keys():
            self.add_error("mute_days", "A weekly mute has days, a start and an end.")
        start, end = data.get("mute_from"), data.get("mute_to")
        if (start is None) != (end is None) and not {"mute_from", "mute_to"} & self.errors.keys():
            self.add_error("mute_from", "A single mute has a start and an end.")
        elif start is not None and end is not None and start >= end:
            self.add_error("mute_to", "It ends after it starts.")
        return data

    def _mute_windows(self) -> list[dict[str, Any]]:
        data, found = self.cleaned_data, []
        if data["mute_days"]:
            start, end = (f"{data[name]:%H:%M}" for name in ("mute_start", "mute_end"))
            found.append({"weekdays": sorted(data["mute_days"]), "start": start, "end": end})
        if data["mute_from"]:
            moments = (data[name].replace(tzinfo=self._zone).isoformat() for name in ("mute_from", "mute_to"))
            found.append(dict(zip(FIXED, moments, strict=True)))
        fixed = [window for window in self._mutes if FIXED[0] in window]
        weekly = [window for window in self._mutes if FIXED[0] not in window]
        return [*found, *weekly[1:], *fixed[1:]]

    def _is_measured(self, rule: AlertRule | None) -> bool:
        stored = MetricSource.name if rule is None else rule.source
        return (self.data.get("source") or stored) in MEASURED

    def watched(self) -> list[tuple[forms.BoundField, str]]:
        """Fields of the form's first part."""
        return self._part("name", "source", "about", "measure", "severity", "is_enabled")

    def condition(self) -> list[tuple[forms.BoundField, str]]:
        """Fields of the second: when it fires."""
        return self._part(
            "comparison", "threshold", "baseline", "window_minutes", "minimum_requests", "after", "no_data"
        )

    def told(self) -> list[tuple[forms.BoundField, str]]:
        """Fields of the last: who is told."""
        return self._part("keep", "owners", "emails", "slack", "webhook", "repeat_minutes")

    def muted(self) -> list[tuple[forms.BoundField, str]]:
        """When nobody is told."""
        return self._part("mute_days", "mute_start", "mute_end", "mute_from", "mute_to")

    def _part(self, *names: str) -> list[tuple[forms.BoundField, str]]:
        """Fields with the class of `OF_SOME`, empty where every source uses them."""
        return [(self[name], OF_SOME.get(name, "")) for name in names if name in self.fields]

    def options(self) -> dict[str, Any]:
        """Fields of the rule, as the services take them."""
        names = (
            "name", "source", "measure", "comparison", "threshold", "baseline", "window_minutes", "minimum_requests",
            "severity", "after", "repeat_minutes", "no_data", "is_enabled",
        )  # fmt: skip
        chosen = {name: self.cleaned_data[name] for name in names} | {"mute_windows": self._mute_windows()}
        return chosen if self.is_metric() else {**chosen, "baseline": Baseline.STATIC}

    def scope(self) -> dict[str, str]:
        scope, _, value = self.cleaned_data["about"].partition(":")
        return {"scope": scope, "scope_value": value}

    def channels(self) -> list[dict[str, str]]:
        data = self.cleaned_data
        found = [{"id": key} for key in data.get("keep", ())]
        found += [{"kind": "email", "target": line.strip()} for line in data["emails"].splitlines() if line.strip()]
        if data.get("owners"):
            found.append({"kind": ChannelKind.OWNERS.value})
        return found + [{"kind": kind, "target": data[kind]} for kind in ("slack", "webhook") if data[kind]]

    def is_metric(self) -> bool:
        return bool(self.cleaned_data["source"] == MetricSource.name)


def _scopes(organization: Organization, user: User) -> Iterator[tuple[str, str]]:
    """What the person may watch: administrators everything, managers their team and its projects."""
    is_wide = user.is_superuser or getattr(organization, "role", None) in (Role.OWNER, Role.ADMIN)
    if is_wide:
        yield f"{LimitScope.ORGANIZATION}:", "The whole organization"
        for scope in (LimitScope.TEAM, LimitScope.PROJECT, LimitScope.KEY, LimitScope.USER, LimitScope.MODEL):
            yield f"{scope}:{EACH}", f"Each {LimitScope(scope).label.lower()}"
    teams = Team.objects.visible_to(user).filter(organization=organization, archived_at=None)
    projects = Project.objects.visible_to(user).filter(organization=organization, archived_at=None)
    for team in teams.order_by("name"):
        yield f"{LimitScope.TEAM}:{team.pk}", f"Team {team.name}"
    for project in projects.order_by("name"):
        yield f"{LimitScope.PROJECT}:{project.pk}", f"Project {project.name}"
