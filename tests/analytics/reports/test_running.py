"""A report from its schedule to its mails: whose figures, once, killed half-way, sent again, ended."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from analytics.reports import running, service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.delivery import unsubscribe_url
from analytics.reports.models import Report, ReportDelivery, ReportMail, ReportRun, Unsubscription
from analytics.reports.recipients import NO_OWNER, OUTSIDE, UNSUBSCRIBED
from analytics.reports.service import Recipient, Writer
from costs.services.budgets import create_budget
from gateway.models import AuditEvent, Job, Organization, OutboxMessage, VirtualKey
from gateway.services import jobs, outbox
from gateway.services.errors import Conflict, Forbidden, Invalid
from tests.analytics.reports.conftest import MONDAY, SECTIONS, make_report
from tests.factories import Acme

ALICE, CAROL, DAVE, BOB = (f"{name}@acme.example" for name in ("alice", "carol", "dave", "bob"))
STRANGER = "board@investor.example"


def everyone(company: Acme) -> list[Recipient]:
    return [
        Recipient("team", str(company.search.pk)), Recipient("role", "analyst"), Recipient("address", ALICE),
        Recipient("address", STRANGER),
    ]  # fmt: skip


def made(report: Report) -> ReportRun:
    """The report's run of the Monday."""
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    assert service.enqueue_due(MONDAY) == 1
    assert running.run_waiting() == 1
    run = ReportRun.objects.get(report=report)
    assert run.job.status == "succeeded", run.job.error
    return run


def texts(run: ReportRun) -> dict[str, str]:
    """Plain text by address, empty where nothing is sent."""
    rows = ReportDelivery.objects.filter(run=run).select_related("content")
    return {row.address: running.opened(row.content).text if row.content else "" for row in rows}


@pytest.mark.slow
def test_nobody_is_sent_a_number_they_could_not_see(busy: Acme) -> None:
    run = made(make_report(busy, *everyone(busy)))

    found = texts(run)

    assert set(found) == {ALICE, CAROL, DAVE, BOB, STRANGER}
    assert "Cost: $107.00" in found[ALICE]
    assert "Cost: $107.00" in found[CAROL]
    assert "Cost: $7.00" in found[DAVE]
    assert "$107" not in found[DAVE]
    assert "Ads" not in found[DAVE]
    assert "Cost: $7.00" in found[BOB]
    assert found[STRANGER] == ""
    assert ReportDelivery.objects.get(run=run, address=STRANGER).reason == OUTSIDE
    assert ReportMail.objects.filter(run=run).count() == 4  # owner, analyst, dave, bob
    assert OutboxMessage.objects.filter(topic="report").count() == 4


def test_the_change_is_against_the_week_before(busy: Acme) -> None:
    text = texts(made(make_report(busy, Recipient("address", DAVE))))[DAVE]

    assert "Cost: $7.00 (14 times the period before)" in text
    assert "9–15 March 2026 (UTC)" in text
    assert "Figures that Dave sees as manager: the team Search." in text


OF_TEAM = [{**section, "own_team": True} for section in SECTIONS]


@pytest.mark.slow
def test_a_teams_own_figures_are_narrowed_to_the_team_of_each_reader(busy: Acme) -> None:
    for name, team in (("alice", busy.ads), ("carol", busy.search)):
        busy.members[name].team = team
        busy.members[name].save()
    to = [
        Recipient("address", ALICE),
        Recipient("address", CAROL),
        Recipient("address", DAVE),
        Recipient("role", "admin"),
    ]

    run = made(make_report(busy, *to, sections=OF_TEAM))

    found = texts(run)
    assert "Cost: $100.00" in found[ALICE]
    assert "Figures of the team Ads." in found[ALICE]
    assert "Search" not in found[ALICE]
    assert "Cost: $7.00" in found[CAROL]
    assert "Figures of the team Search." in found[CAROL]
    assert "Cost: $7.00" in found[DAVE]
    assert "Cost: $107.00" in found["adam@acme.example"]  # in no team: all that they see
    assert "Figures of the whole organization, as administrator." in found["adam@acme.example"]


def test_a_teams_report_is_about_that_team_for_every_reader(busy: Acme) -> None:
    sections = [*OF_TEAM, SECTIONS[0] | {"title": "All"}]
    report = make_report(busy, Recipient("address", ALICE), Recipient("address", STRANGER), team=busy.search,
                         shares_outside=True, sections=sections)  # fmt: skip

    found = texts(made(report))

    for address in (ALICE, STRANGER):
        usage, _, everything = found[address].partition("All\n===")
        assert "Cost: $7.00" in usage
        assert "Cost: $107.00" in everything
    assert "Figures of the whole organization, as owner; where a section is about a team, of Search." in found[ALICE]
    assert "Of the team Search alone where a section is about a team." in found[STRANGER]


def test_who_looks_at_a_run_sees_their_own_team_too(busy: Acme) -> None:
    busy.members["carol"].team = busy.ads
    busy.members["carol"].save()
    report = make_report(busy, Recipient("address", ALICE), sections=OF_TEAM)
    run = made(report)

    assert "Cost: $107.00" in running.rendered_for(run, busy.people["alice"]).text
    assert "Cost: $100.00" in running.rendered_for(run, busy.people["carol"]).text


def test_the_weekly_team_report_is_of_teams_with_its_budgets_and_keys(busy: Acme) -> None:
    weekly = TEMPLATES["weekly_team"]
    assert [section["own_team"] for section in weekly.sections] == [True] * 5
    for name, project in (("Of Search", busy.assistant), ("Of Ads", busy.banner)):
        create_budget(
            organization=busy.organization, actor=None, name=name, scope="project", scope_value=str(project.pk),
            period="month", amount=Decimal(500),
        )  # fmt: skip
    busy.members["alice"].team = busy.ads
    busy.members["alice"].save()
    sections = [*weekly.sections, {"kind": "security", "title": "Security", "own_team": True}]

    text = texts(made(make_report(busy, Recipient("address", ALICE), sections=sections)))[ALICE]

    assert "Of Ads" in text
    assert "Of Search" not in text
    assert "bob key" not in text
    assert "Keys to look at" not in text


def test_without_a_key_no_key_is_praised(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", ALICE), sections=[{"kind": "security"}])
    with_keys = texts(made(report))[ALICE]
    VirtualKey.objects.update(revoked_at=MONDAY - timedelta(days=30))
    ReportRun.objects.all().delete()

    without = texts(made(report))[ALICE]

    assert "There is no key." not in with_keys
    assert "There is no key." in without


def test_addresses_outside_get_what_the_owner_sees_when_it_is_shared(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", STRANGER), shares_outside=True)

    run = made(report)

    text = texts(run)[STRANGER]
    assert "Cost: $107.00" in text
    assert "Shared by Alice: figures that they see." in text


def test_they_get_nothing_once_the_owner_is_gone(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", STRANGER), shares_outside=True)
    member = busy.members["alice"]
    member.archived_at = MONDAY
    member.save()

    run = made(report)

    delivery = ReportDelivery.objects.get(run=run)
    assert (delivery.content, delivery.reason) == (None, NO_OWNER)


def test_who_left_gets_nothing_and_an_address_named_twice_one_mail(busy: Acme) -> None:
    busy.members["bob"].archived_at = MONDAY
    busy.members["bob"].save()

    run = made(make_report(busy, Recipient("team", str(busy.search.pk)), Recipient("address", DAVE.upper())))

    assert set(texts(run)) == {DAVE}


def test_a_moment_has_one_run_however_often_one_looks(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", ALICE))
    made(report)
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY + timedelta(days=7))

    assert service.enqueue_due(MONDAY + timedelta(days=6)) == 0
    assert ReportRun.objects.count() == 1


def test_the_next_moment_follows_and_a_week_is_made_up_for(busy: Acme) -> None:
    report = make_report(busy, cron="0 7 * * *", period="previous_day")
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY - timedelta(days=30))

    made_runs = service.enqueue_due(MONDAY + timedelta(hours=1))

    report.refresh_from_db()
    due = sorted(ReportRun.objects.values_list("due_at", flat=True))
    assert made_runs == 8  # one is passed over to get to the last week
    assert due == [MONDAY - timedelta(days=day) for day in range(6, -1, -1)]
    assert report.next_at == MONDAY + timedelta(days=1)


def test_killed_half_way_it_is_made_anew_with_one_mail_each(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report(busy, Recipient("address", ALICE), Recipient("address", DAVE))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    job = jobs.claim(service.KIND, Job.objects.get(kind=service.KIND).period, lease_s=-1)  # the lease is over at once
    assert job is not None

    running.run_waiting()
    running.run(job)  # the first one was slow, not dead

    assert Job.objects.get(kind=service.KIND).fence == 2
    assert OutboxMessage.objects.filter(topic="report").count() == 2
    assert ReportDelivery.objects.count() == 2


def test_a_fault_is_tried_again_and_leaves_nothing_half_done(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report(busy, Recipient("address", ALICE))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    monkeypatch.setattr(jobs, "finish", lambda *args: (_ for _ in ()).throw(RuntimeError("the database went away")))

    running.run_waiting()

    assert (ReportMail.objects.count(), ReportDelivery.objects.count()) == (0, 0)
    assert not OutboxMessage.objects.filter(topic="report").exists()
    monkeypatch.undo()
    Job.objects.filter(kind=service.KIND).update(claimed_until=MONDAY)
    running.run_waiting()
    assert OutboxMessage.objects.filter(topic="report").count() == 1


def test_it_is_given_up_when_every_process_that_tries_dies(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", ALICE))
    Report.objects.filter(pk=report.pk).update(next_at=MONDAY)
    service.enqueue_due(MONDAY)
    job = Job.objects.get(kind=service.KIND)
    for _ in range(running.MAX_TRIES):
        assert jobs.claim(service.KIND, job.period, lease_s=-1) is not None  # and then it is killed

    running.run_waiting()

    job.refresh_from_db()
    assert (job.status, job.error) == (
        "failed", "Given up after 4 tries: the process that made it ended each time."
    )  # fmt: skip
    assert not OutboxMessage.objects.filter(topic="report").exists()


def test_the_demo_company_writes_to_nobody(busy: Acme) -> None:
    Organization.objects.filter(pk=busy.organization.pk).update(is_demo=True)

    run = made(make_report(busy, Recipient("address", ALICE)))

    assert [(row.content, "demo" in row.reason) for row in run.deliveries.all()] == [(None, True)]


def test_run_by_hand_it_is_for_who_asked_and_mails_nobody(busy: Acme) -> None:
    report = make_report(busy, Recipient("address", ALICE))

    with time_machine.travel(MONDAY + timedelta(hours=3), tick=False):
        run = service.run_now(report=report, actor=busy.people["carol"], person=busy.people["carol"])
        running.run_waiting()

    run.refresh_from_db()
    assert run.deliveries.count() == 0
    assert "Cost: $107.00" in running.rendered_for(run, busy.people["carol"]).text
    assert "Cost: $7.00" in running.rendered_for(run, busy.people["dave"]).text


def test_runs_by_hand_that_wait_are_counted_for_each_requester(busy: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_OPEN_RUNS", 2)
    report, other = make_report(busy), make_report(busy, name="Other")
    alice, carol = busy.people["alice"], busy.people["carol"]
    for one in (report, other):
        service.run_now(report=one, actor=alice, person=alice)

    with pytest.raises(Conflict, match="2 runs of yours are not done yet"):
        service.run_now(report=report, actor=alice, person=alice)
    service.run_now(report=report, actor=carol, person=carol)
    running.run_waiting()
    service.run_now(report=report, actor=alice, person=alice)

    assert ReportRun.objects.count() == 4


def test_a_mail_is_sent_again_with_an_id_of_its_own(busy: Acme) -> None:
    run = made(make_report(busy, Recipient("address", ALICE)))
    (first,) = run.deliveries.all()
    admin = Writer(busy.people["adam"], is_admin=True)
    with pytest.raises(Conflict, match="still on its way"):
        service.send_again(delivery=first, actor=busy.people["adam"], writer=admin)
    outbox.relay()

    again = service.send_again(delivery=first, actor=busy.people["adam"], writer=admin)

    assert (again.attempt, again.state) == (2, "queued")
    assert again.message.dedupe_key == f"{ReportDelivery.objects.get(pk=first.pk).message.dedupe_key}.2"
    assert AuditEvent.objects.filter(verb="report.send_again").count() == 1


def _role(company: Acme) -> None:
    company.members["dave"].role = "developer"
    company.members["dave"].save()


def _gone(company: Acme) -> None:
    company.members["dave"].archived_at = MONDAY
    company.members["dave"].save()


def _unsubscribed(company: Acme) -> None:
    Unsubscription.objects.create(report=Report.objects.get(), address=DAVE)


def _unlisted(company: Acme) -> None:
    Report.objects.get().recipients.all().delete()


@pytest.mark.parametrize(
    ("change", "why"),
    [(_role, "may see has changed"), (_gone, "belongs to no member"), (_unsubscribed, "Unsubscribed"),
     (_unlisted, "does not go to this address")],
)  # fmt: skip
def test_a_mail_is_not_sent_again_to_who_may_not_have_it_now(
    busy: Acme, change: Callable[[Acme], None], why: str
) -> None:
    run = made(make_report(busy, Recipient("address", DAVE)))
    (first,) = run.deliveries.all()
    outbox.relay()
    change(busy)

    with pytest.raises(Conflict, match=why):
        service.send_again(delivery=first, actor=busy.people["adam"], writer=Writer(busy.people["adam"], is_admin=True))

    assert run.deliveries.count() == 1


def test_nor_outside_once_the_owner_sees_less(busy: Acme) -> None:
    run = made(make_report(busy, Recipient("address", STRANGER), shares_outside=True))
    (first,) = run.deliveries.all()
    outbox.relay()
    busy.members["alice"].role = "developer"
    busy.members["alice"].save()

    with pytest.raises(Conflict, match="may see has changed"):
        service.send_again(delivery=first, actor=busy.people["adam"], writer=Writer(busy.people["adam"], is_admin=True))


def test_an_old_run_is_not_shown_with_the_eyes_of_a_role_of_before(busy: Acme) -> None:
    run = made(make_report(busy, Recipient("address", DAVE)))
    assert "Cost: $7.00" in running.rendered_for(run, busy.people["dave"]).text

    _role(busy)

    assert "Cost: $7.00" not in running.rendered_for(run, busy.people["dave"]).text


def test_one_click_ends_the_mails_and_a_look_does_not(busy: Acme, client: Client, settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    report = make_report(busy, Recipient("address", ALICE))
    path = unsubscribe_url(report, ALICE).partition("8000")[2]

    looked = client.get(path)
    assert (looked.status_code, Unsubscription.objects.count()) == (200, 0)
    for _ in range(2):
        posted = client.post(path, {"List-Unsubscribe": "One-Click"})
    forged = client.post(path.replace(path[-12:-8], "AAAA"))

    assert (posted.status_code, forged.status_code, Unsubscription.objects.count()) == (200, 404, 1)
    run = made(report)
    assert [(row.address, row.reason) for row in run.deliveries.all()] == [(ALICE, UNSUBSCRIBED)]


# ---- writing -------------------------------------------------------------------------------------------------------
def manager(company: Acme) -> Writer:
    return Writer(company.people["dave"], is_admin=False, team=company.search.pk)


def create(company: Acme, writer: Writer, **fields: Any) -> Report:
    wanted: dict[str, Any] = {"name": "Mine", "sections": SECTIONS, **fields}
    return service.create_report(
        organization=company.organization, owner=company.people["dave"], writer=writer, **wanted
    )


def test_a_manager_writes_for_the_own_team(company: Acme) -> None:
    report = create(
        company, manager(company),
        recipients=[Recipient("team", str(company.search.pk)), Recipient("address", BOB)],
    )  # fmt: skip

    assert (report.team, report.recipients.count()) == (company.search, 2)
    assert AuditEvent.objects.filter(verb="report.create").count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"recipients": [Recipient("role", "owner")]},
        {"recipients": [Recipient("address", ALICE)]},
        {"recipients": [Recipient("address", STRANGER)]},
        {"shares_outside": True},
        {"team": None},
    ],
)
def test_and_for_nobody_else(company: Acme, fields: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        create(company, manager(company), **fields)

    assert not Report.objects.exists()


def test_a_manager_without_a_team_writes_none(company: Acme) -> None:
    with pytest.raises(Forbidden):
        create(company, Writer(company.people["dave"], is_admin=False))

    assert not Report.objects.exists()


def test_a_manager_does_not_touch_another_teams_report(company: Acme) -> None:
    report = make_report(company, team=company.ads)

    with pytest.raises(Forbidden):
        service.update_report(report=report, writer=manager(company), name="Mine now")
    with pytest.raises(Forbidden):
        service.archive_report(report=report, writer=manager(company))


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"cron": "* * * * *"}, "schedule_invalid", "cron"),
        ({"timezone": "Mars/Olympus"}, "schedule_invalid", "timezone"),
        ({"sections": []}, "sections_required", "sections"),
        ({"sections": [{"kind": "poem"}]}, "unknown_section", "sections.0.kind"),
        ({"sections": [{"kind": "metrics", "measures": ["price"]}]}, "unknown_measure", "sections.0"),
        ({"sections": [{"kind": "metrics", "measures": ["cost"], "dimensions": ["mood"]}]}, "unknown_dimension",
         "sections.0"),
        ({"recipients": [Recipient("address", "nobody")]}, "field_invalid", "recipients.0.value"),
        ({"recipients": [Recipient("role", "king")]}, "role_unknown", "recipients.0.value"),
        ({"recipients": [Recipient("team", "x")]}, "team_unknown", "recipients.0.value"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_field(company: Acme, fields: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make_report(company, **{"recipients": [], **fields}) if "recipients" not in fields else make_report(
            company, *fields["recipients"]
        )

    assert (refused.value.code, refused.value.field) == (code, field)
    assert not Report.objects.exists()


def test_a_switched_off_report_is_not_due(company: Acme) -> None:
    report = make_report(company)
    assert report.next_at is not None

    service.update_report(report=report, writer=Writer(None, is_admin=True), is_enabled=False)

    report.refresh_from_db()
    assert report.next_at is None
