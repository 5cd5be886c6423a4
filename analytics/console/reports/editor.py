"""The builder of a report: its own fields, its sections as rows that come and go, whom it goes to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.safestring import SafeString
from rest_framework.exceptions import ValidationError

from analytics.api.serializers.reports import SectionSerializer
from analytics.console.measures import measure_choices, measure_list
from analytics.metrics import DIMENSIONS, MEASURES
from analytics.reports import sections, service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import Period, RecipientKind, Report
from analytics.reports.render.documents import FORMATS
from analytics.reports.service import Recipient, Writer
from gateway.choices import Role
from gateway.models import Organization, Team, User
from gateway.services.errors import ServiceError

USUAL = (
    ("", "Only by hand"), ("0 7 * * *", "Every day at 7:00"), ("0 7 * * 1-5", "Monday to Friday at 7:00"),
    ("0 7 * * 1", "Every Monday at 7:00"), ("0 7 1 * *", "On the first of a month at 7:00"), ("own", "Own schedule"),
)  # fmt: skip
CHARTS = (("none", "No chart"), ("line", "Lines over time"), ("bar", "Bars over time"), ("ranking", "Ranking"))
TEAMS = "team"
WHOSE = (("", "All that the reader sees"), (TEAMS, "The reader's team"))
KIND_LABELS = {"metrics": "Figures", "provider_health": "Provider health", "security": "Security"}


class ReportForm(forms.Form):
    """Everything of a report but its sections."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(max_length=500, required=False)
    period = forms.ChoiceField(choices=Period.choices, label="About")
    usual = forms.ChoiceField(choices=USUAL, label="When", required=False)
    cron = forms.CharField(
        max_length=100, required=False, label="Own schedule",
        help_text="Five fields: minute, hour, day of month, month, day of week. Used when “Own schedule” is chosen.",
    )  # fmt: skip
    timezone = forms.CharField(max_length=64, label="Time zone", help_text="IANA name, such as Europe/Vienna.")
    formats = forms.MultipleChoiceField(
        choices=[("pdf", "PDF"), ("xlsx", "Excel"), ("csv", "CSV")], required=False,
        widget=forms.CheckboxSelectMultiple, label="Attachments",
    )  # fmt: skip
    team = forms.ModelChoiceField(
        queryset=Team.objects.none(), required=False, empty_label="The whole organization's",
        help_text="Whose report it is: the team's managers may change it.",
    )  # fmt: skip
    to_teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.none(), required=False, label="Teams", widget=forms.CheckboxSelectMultiple
    )
    to_roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, label="Roles", widget=forms.CheckboxSelectMultiple
    )
    to_addresses = forms.CharField(
        required=False, label="Addresses", max_length=5_000,
        widget=forms.Textarea(attrs={"class": "textarea", "rows": 3}), help_text="One a line.",
    )  # fmt: skip
    shares_outside = forms.BooleanField(
        required=False, label="Share outside",
        help_text="Addresses of people who are no members get what the report's owner sees; without it, nothing.",
    )  # fmt: skip
    is_enabled = forms.BooleanField(required=False, initial=True, label="Send by schedule")

    def __init__(self, *args: Any, teams: Any, writer: Writer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("team", "to_teams"):
            chosen: Any = self.fields[name]
            chosen.queryset = teams
        if not writer.is_admin:
            team: Any = self.fields["team"]
            team.required, team.empty_label = True, None
            for name in ("shares_outside", "to_roles"):
                del self.fields[name]

    def recipients(self) -> list[Recipient]:
        data = self.cleaned_data
        addresses = [line.strip() for line in data["to_addresses"].replace(",", "\n").splitlines() if line.strip()]
        return [
            *(Recipient(RecipientKind.TEAM, str(team.pk)) for team in data["to_teams"]),
            *(Recipient(RecipientKind.ROLE, role) for role in data.get("to_roles", ())),
            *(Recipient(RecipientKind.ADDRESS, address) for address in addresses),
        ]


@dataclass(slots=True)
class SectionRow:
    """One section as it was chosen; `main` is the charted measure, `filters` text, separated by commas. `key` names the
    row's tick boxes."""

    key: str = field(default_factory=lambda: secrets.token_hex(4))
    kind: str = "metrics"
    title: str = ""
    main: str = "cost"
    more: list[str] = field(default_factory=lambda: ["requests"])
    whose: str = ""
    dimension: str = "model"
    chart: str = "bar"
    filters: str = ""
    limit: str = "10"
    errors: list[str] = field(default_factory=list)

    @property
    def choices(self) -> dict[str, Any]:
        """What the row's selections offer."""
        kinds = [(name, KIND_LABELS.get(name, name.replace("_", " ").capitalize())) for name in sections.kinds()]
        return {
            "kinds": kinds, "charts": CHARTS, "measures": measure_choices(), "whose": WHOSE,
            "dimensions": [("", "In total"), *((name, item.label) for name, item in DIMENSIONS.items())],
        }  # fmt: skip

    @property
    def more_list(self) -> SafeString:
        return measure_list(f"section_more_{self.key}", self.more)

    @property
    def more_words(self) -> str:
        return ", ".join(MEASURES[name].label for name in self.more if name in MEASURES)


class ReportEditor:
    """A report being made (`report` None) or changed, with what was posted."""

    def __init__(
        self, organization: Organization, user: User, writer: Writer, report: Report | None, data: QueryDict | None,
        template: str = "",
    ) -> None:  # fmt: skip
        self.organization, self.user, self.writer, self.report = organization, user, writer, report
        self.template = TEMPLATES.get(template)
        teams = Team.objects.visible_to(user).active().filter(organization=organization)
        if not writer.is_admin:
            teams = teams.filter(pk=writer.team)
        self.form = ReportForm(data, initial=self._initial(), teams=teams, writer=writer)
        self.rows = _posted(data) if data is not None else [_row(one) for one in self._stored()]
        self.problem = ""

    def _stored(self) -> Sequence[Mapping[str, Any]]:
        if self.report is not None:
            return self.report.sections
        return self.template.sections if self.template else [{"kind": "metrics", "measures": ["cost", "requests"],
                                                              "dimensions": ["model"], "chart": "bar"}]  # fmt: skip

    def _initial(self) -> dict[str, Any]:
        report, template = self.report, self.template
        if report is None:
            cron = template.cron if template else ""
            return {
                "name": template.name if template else "", "description": template.description if template else "",
                "period": template.period if template else Period.LAST_WEEK, "usual": cron, "cron": cron,
                "timezone": self.organization.reporting_timezone, "is_enabled": True, "team": self.writer.team,
                "formats": list(template.formats) if template else ["pdf"],
            }  # fmt: skip
        to = list(report.recipients.all())
        return {
            "name": report.name, "description": report.description, "period": report.period, "cron": report.cron,
            "usual": report.cron if report.cron in dict(USUAL) else "own", "timezone": report.timezone,
            "formats": report.formats, "team": report.team_id, "is_enabled": report.is_enabled,
            "shares_outside": report.shares_outside,
            "to_teams": [one.team_id for one in to if one.team_id], "to_roles": [one.role for one in to if one.role],
            "to_addresses": "\n".join(one.address for one in to if one.address),
        }  # fmt: skip

    def sections(self) -> list[dict[str, Any]] | None:
        """The typed sections, checked each by itself; None when one is wrong, which its row then says."""
        found = [_checked(row) for row in self.rows]
        return None if None in found else [one for one in found if one is not None]

    def save(self) -> Report | None:
        """The report as it is then stored; None when something is wrong, which form, rows and `problem` then say."""
        wanted = self.sections()
        if not self.form.is_valid() or wanted is None:
            return None
        data = self.form.cleaned_data
        fields: dict[str, Any] = {
            name: data[name] for name in ("name", "description", "period", "timezone", "formats", "is_enabled", "team")
        }
        fields["cron"] = data["cron"] if data["usual"] == "own" else data["usual"]
        fields |= {"sections": wanted, "recipients": self.form.recipients()}
        if self.writer.is_admin:
            fields["shares_outside"] = data["shares_outside"]
        try:
            if self.report is not None:
                return service.update_report(report=self.report, writer=self.writer, **fields)
            return service.create_report(
                organization=self.organization, owner=self.user, writer=self.writer,
                template=self.template.slug if self.template else "", **fields,
            )  # fmt: skip
        except ServiceError as error:
            self.show(error)
            return None

    def show(self, error: ServiceError) -> None:
        """A refusal beside what it is about."""
        place, _, inner = error.field.partition(".")
        number = inner.partition(".")[0]
        if place == "sections" and number.isdigit() and int(number) < len(self.rows):
            self.rows[int(number)].errors.append(error.message)
        elif place == "sections":
            self.problem = error.message
        else:
            name = "to_addresses" if place == "recipients" else place
            self.form.add_error(name if name in self.form.fields else None, error.message)


def _row(section: Mapping[str, Any]) -> SectionRow:
    filters = [
        f"{item['dimension']}{'=' if item.get('op', 'eq') in ('eq', 'in') else '!='}"
        f"{'|'.join(str(one) for one in item.get('values', [item.get('value')]))}"
        for item in section.get("filters") or ()
    ]
    main, *more = section.get("measures") or ("cost", "requests")
    return SectionRow(
        kind=section["kind"], title=section.get("title", ""), main=main, more=more,
        whose=TEAMS if section.get("own_team") else "", dimension=(section.get("dimensions") or [""])[0],
        chart=section.get("chart") or "none",
        filters=", ".join(filters), limit=str(section.get("limit") or 10),
    )  # fmt: skip


def _posted(data: QueryDict) -> list[SectionRow]:
    names = ("key", "kind", "title", "main", "whose", "dimension", "chart", "filters", "limit")
    columns = [data.getlist(f"section_{name}") for name in names]
    rows: list[dict[str, Any]] = [
        dict(zip(names, values, strict=True)) for values in zip_longest(*columns, fillvalue="")
    ]
    return [
        SectionRow(**row, more=data.getlist(f"section_more_{row['key']}")) for row in rows[: sections.MAX_SECTIONS + 1]
    ]


def _checked(row: SectionRow) -> dict[str, Any] | None:
    """The row as a section; its errors say what is wrong."""
    section: dict[str, Any] = {"kind": row.kind, "title": row.title.strip()}
    if row.whose == TEAMS:
        section["own_team"] = True
    if row.kind == sections.METRICS:
        section |= {
            "measures": list(dict.fromkeys([row.main, *row.more])),
            "dimensions": [row.dimension] if row.dimension else [], "chart": row.chart or "none",
            "limit": int(row.limit) if row.limit.isascii() and row.limit.isdigit() else 10, "compare": True,
            "filters": _filters(row),
        }  # fmt: skip
        for name in section["measures"]:
            if name not in MEASURES:
                row.errors.append(f"There is no measure {name!r}.")
    shape = SectionSerializer(data=section)
    try:
        shape.is_valid(raise_exception=True)
    except ValidationError as error:
        row.errors += [str(one) for messages in error.detail.values() for one in _flat(messages)]  # type: ignore[union-attr]
    return None if row.errors else section


def _flat(messages: Any) -> list[Any]:
    if isinstance(messages, list):
        return [one for part in messages for one in _flat(part)]
    return [one for part in messages.values() for one in _flat(part)] if isinstance(messages, dict) else [messages]


def _filters(row: SectionRow) -> list[dict[str, Any]]:
    """`team=search, model!=gpt-4o|mini` → filters."""
    found = []
    for part in filter(None, (one.strip() for one in row.filters.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            row.errors.append(f"{part!r} is no filter; write dimension=value or dimension!=value.")
            continue
        op = "not_in" if name.endswith("!") else "in"
        found.append({"dimension": name.rstrip("!").strip(), "op": op, "values": [v.strip() for v in value.split("|")]})
    return found


__all__ = ["FORMATS", "ReportEditor", "SectionRow"]
