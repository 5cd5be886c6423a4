"""The Alerts pages: empty, a rule by the form, what fires, what happened, and who may do what."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from django.test import Client

from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.models import AlertRule
from gateway.services import outbox
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn
from tests.console.test_usage import text_of

PAGE = "/admin/alerts/"
FORM = {
    "name": "Dear", "source": "metric", "about": "organization:", "measure": "cost", "comparison": "gt",
    "threshold": "1", "baseline": "static", "window_minutes": "60", "minimum_requests": "0", "severity": "critical",
    "after": "1", "repeat_minutes": "0", "no_data": "keep", "emails": "oncall@example.com", "is_enabled": "on",
}  # fmt: skip


def said(client: Client, path: str = PAGE) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(client, "", path)).split())


def spend(company: Company) -> None:
    load(company, [line(company, datetime.now(UTC) - timedelta(minutes=1), Random(1), cost=Decimal(2))])


def test_from_nothing_to_an_acknowledged_alert(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    assert "No alert rule yet" in said(alice)

    made = alice.post(f"{PAGE}add/", FORM)
    rule = AlertRule.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"{PAGE}{rule.pk}/")
    assert "Cost over 1 hour is above $1.00" in said(alice, f"{PAGE}{rule.pk}/")
    spend(company)
    evaluate_due()
    outbox.relay()

    page = said(alice)
    assert "Open alerts" in page
    assert "Open alerts" in said(alice, "/admin/")
    assert said(alice, "/admin/status/open/") == "1 open alert"
    assert said(sign_in("bob"), "/admin/status/open/") == ""
    assert "oncall@example.com Delivered" in page
    assert "Dear Critical Cost is $" in said(alice, "/admin/realtime/")
    alice.post(f"{PAGE}{rule.pk}/do/", {"do": "acknowledge"})
    assert "in hand of" in said(alice, f"{PAGE}{rule.pk}/")
    alice.post(f"{PAGE}{rule.pk}/do/", {"do": "archive"})
    assert "No alert rule yet" in said(alice)


def test_faults_stand_at_their_field(company: Company, sign_in: SignIn) -> None:
    response = sign_in("alice").post(f"{PAGE}add/", FORM | {"threshold": "", "emails": ""})

    assert response.status_code == 200
    assert "A threshold is needed." in response.content.decode()
    assert not AlertRule.objects.exists()


def test_a_rule_is_edited_and_its_channels_kept(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    alice.post(f"{PAGE}add/", FORM)
    rule = AlertRule.objects.get()
    (channel,) = rule.channels.all()
    fields = {name: value for name, value in FORM.items() if name not in ("about", "emails")}

    alice.post(
        f"{PAGE}{rule.pk}/edit/", fields | {"threshold": "7", "keep": [str(channel.pk)], "emails": "b@example.com"}
    )

    rule.refresh_from_db()
    assert (rule.threshold, rule.channels.filter(archived_at=None).count()) == (Decimal(7), 2)


def test_who_may_what(company: Company, sign_in: SignIn) -> None:
    sign_in("alice").post(f"{PAGE}add/", FORM)
    rule = AlertRule.objects.get()

    assert sign_in("carol").get(f"{PAGE}{rule.pk}/").status_code == 200
    assert sign_in("carol").get(f"{PAGE}add/").status_code == 403
    for name in ("bob", "dave"):
        assert sign_in(name).get(f"{PAGE}{rule.pk}/").status_code == 404
    assert sign_in("dave").post(f"{PAGE}{rule.pk}/do/", {"do": "archive"}).status_code == 404
    refused = sign_in("dave").post(f"{PAGE}add/", FORM)
    assert refused.status_code == 200  # the organization is not among his choices
    assert AlertRule.objects.count() == 1


def test_a_mute_that_is_over_can_be_set_again(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    alice.post(f"{PAGE}add/", FORM)
    rule = AlertRule.objects.get()
    before = datetime.now(UTC)
    alice.post(f"{PAGE}{rule.pk}/do/", {"do": "mute", "hours": "168"})
    assert "End the mute" in said(alice, f"{PAGE}{rule.pk}/")
    rule.refresh_from_db()
    assert rule.muted_until is not None
    assert timedelta(days=7) <= rule.muted_until - before < timedelta(days=7, minutes=5)
    alice.post(f"{PAGE}{rule.pk}/do/", {"do": "mute", "hours": "100000"})  # no choice: a day
    rule.refresh_from_db()
    assert timedelta(days=1) <= rule.muted_until - before < timedelta(days=1, minutes=5)

    AlertRule.objects.update(muted_until=datetime.now(UTC) - timedelta(minutes=1))

    assert "Tell nobody for An hour 4 hours A day 3 days A week 30 days Mute" in said(alice, f"{PAGE}{rule.pk}/")


def test_a_threshold_is_optional_only_where_it_is_not_used(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")

    empty = said(alice, f"{PAGE}add/")
    budget = {name: value for name, value in FORM.items() if name not in ("measure", "threshold")}
    made = alice.post(f"{PAGE}add/", {**budget, "source": "budget"})

    assert "Threshold (optional)" not in empty
    assert "Measure (optional)" not in empty
    assert made.status_code == 302
    page = alice.get(f"{PAGE}{AlertRule.objects.get().pk}/edit/").content.decode()
    fields = re.findall(r'class="(of-\w+)"><div class="field[^"]*">\s*<label for="id_(\w+)"', page)
    assert fields == [
        ("of-measures", "measure"), ("of-measures", "comparison"), ("of-measures", "threshold"),
        ("of-metrics", "baseline"), ("of-metrics", "window_minutes"), ("of-metrics", "minimum_requests"),
    ]  # fmt: skip
    forecast = {"source": "forecast", "measure": "cost", "threshold": "9", "baseline": "previous_period"}
    alice.post(f"{PAGE}add/", {**FORM, **forecast, "name": "Month"})
    assert AlertRule.objects.get(name="Month").baseline == "static"


def test_the_form_stands_in_parts_and_leads_back(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    alice.post(f"{PAGE}add/", FORM)
    rule = AlertRule.objects.get()

    page = alice.get(f"{PAGE}{rule.pk}/edit/").content.decode()

    assert re.findall(r'form-about"><h2>([^<]+)', page) == [
        "Rule", "When it fires", "Who is told", "When nobody is told",
    ]  # fmt: skip
    shown = set(re.findall(r'name="(\w+)"', page)) - {"viewport", "robots", "csrfmiddlewaretoken"}
    assert {*FORM, "slack", "webhook", "keep"} - {"about"} <= shown
    assert f'<a href="{PAGE}">Alerts</a>' in page
    assert f'<a href="{PAGE}{rule.pk}/">Dear</a>' in page


def test_mutes_and_owners_by_the_form(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    weekly = {"mute_days": ["6", "7"], "mute_start": "22:00", "mute_end": "06:00"}
    once = {"mute_from": "2026-12-24T12:00", "mute_to": "2026-12-27T00:00"}
    organization = company.organization
    organization.reporting_timezone = "Europe/Vienna"
    organization.save()

    alice.post(f"{PAGE}add/", FORM | weekly | once | {"emails": "", "owners": "on"})

    rule = AlertRule.objects.get()
    stored = [
        {"weekdays": [6, 7], "start": "22:00", "end": "06:00"},
        {"starts_at": "2026-12-24T12:00:00+01:00", "ends_at": "2026-12-27T00:00:00+01:00"},
    ]
    assert rule.mute_windows == stored
    (channel,) = rule.channels.all()
    assert (channel.kind, channel.shown) == ("owners", "owners of the organization")
    page = said(alice, f"{PAGE}{rule.pk}/")
    assert "Sat, Sun 22:00 to 06:00; 2026-12-24 12:00 to 2026-12-27 00:00" in page
    rule.mute_windows = [*stored, {"weekdays": [1], "start": "01:00", "end": "02:00"}]  # by the API
    rule.save()
    form = alice.get(f"{PAGE}{rule.pk}/edit/").content.decode()
    assert 'value="2026-12-24T12:00"' in form
    assert 'name="owners"' not in form  # it has them
    alice.post(f"{PAGE}{rule.pk}/edit/", FORM | once | {"emails": "", "keep": [str(channel.pk)]})
    rule.refresh_from_db()
    assert rule.mute_windows == [stored[1], {"weekdays": [1], "start": "01:00", "end": "02:00"}]


def test_half_a_mute_is_a_fault(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")

    weekly = alice.post(f"{PAGE}add/", FORM | {"mute_days": ["6"], "mute_start": "22:00"})
    once = alice.post(f"{PAGE}add/", FORM | {"mute_from": "2026-12-24T12:00"})
    backwards = alice.post(f"{PAGE}add/", FORM | {"mute_from": "2026-12-24T12:00", "mute_to": "2026-12-24T12:00"})

    assert "A weekly mute has days, a start and an end." in weekly.content.decode()
    assert "A single mute has a start and an end." in once.content.decode()
    assert "It ends after it starts." in backwards.content.decode()
    assert AlertRule.objects.count() == 0
