"""Rate limits in the console and its model admin."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway.models import AuditEvent, Heartbeat, RateLimit
from gateway.services.rate_limits import create_rate_limit
from tests.console.company import Company
from tests.console.conftest import SignIn

URL = "/admin/rate-limits/"


def make(company: Company, **changes: Any) -> RateLimit:
    fields = {"name": "All", "scope": "organization", "rpm": 10} | changes
    return create_rate_limit(organization=company.organization, actor=None, **fields)


def report(mode: str, use: dict[str, list[float]], number: int = 0) -> None:
    info = {"limits": {"mode": mode, "processes": 1, "use": use, "would_limit": {}}}
    Heartbeat.objects.create(name=f"dataplane:{number}", at=timezone.now(), info=info)


def test_a_page_without_limits_says_how_to_add_one(company: Company, sign_in: SignIn) -> None:
    assert reverse("admin:gateway_ratelimit_add") in sign_in("alice").get(URL).content.decode()
    assert "An administrator can add one, a manager for the team." in sign_in("bob").get(URL).content.decode()


def test_the_page_shows_what_is_used_and_who_uses_most(company: Company, sign_in: SignIn) -> None:
    whole = make(company, name="Whole company", tpm=1000)
    each = make(company, name="Everybody", scope="end_user", scope_value="*", concurrency=4, is_shadow=True)
    report("shared", {f"{whole.pk}:requests:": [9, 10, 31.2], f"{each.pk}:concurrency:ann": [4, 4, 0.0]})

    text = sign_in("alice").get(URL).content.decode()

    assert [words for words in ("9 of 10", "0 of 1,000", "4 of 4", "resets in 31 s", ">ann<") if words in text] == [
        "9 of 10", "0 of 1,000", "4 of 4", "resets in 31 s", ">ann<",
    ]  # fmt: skip
    assert (text.count("bar-warn"), text.count("bar-bad")) == (1, 1)
    assert ("Each end user" in text, ">Shadow</span>" in text, "Redis is away" in text) == (True, True, False)


def test_the_page_says_when_limits_are_not_shared(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    assert "No data plane was heard of" in alice.get(URL).content.decode()

    report("shares", {})
    assert "Redis is away." in alice.get(URL).content.decode()

    Heartbeat.objects.all().delete()
    report("process", {}, 1)
    assert "Redis" not in alice.get(URL).content.decode().partition("<main")[2]
    report("process", {}, 2)
    assert "2 data planes run without Redis." in alice.get(URL).content.decode()


def test_people_see_the_limits_that_are_theirs(company: Company, sign_in: SignIn) -> None:
    make(company, name="Whole company")
    make(company, name="Support only", scope="team", scope_value=str(company.teams["support"].pk))
    make(company, name="Of Bob", scope="user", scope_value=str(company.people["bob"].pk))
    names = ("Whole company", "Support only", "Of Bob")

    seen = {
        person: [name for name in names if name in sign_in(person).get(URL).content.decode()]
        for person in ("alice", "carol", "dave", "bob")
    }

    assert seen == {"alice": [*names], "carol": [*names], "dave": ["Support only"], "bob": ["Of Bob"]}


def test_the_page_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        team = list(company.teams.values())[number % 3]
        make(company, name=str(number), scope="team", scope_value=str(team.pk))
    alice = sign_in("alice")

    with django_assert_max_num_queries(13):
        assert "Team Support" in alice.get(URL).content.decode()


def test_model_admin_writes_through_the_services(company: Company, sign_in: SignIn) -> None:
    alice, add = sign_in("alice"), reverse("admin:gateway_ratelimit_add")
    fields = {"name": "New", "organization": str(company.organization.pk), "scope": "organization", "scope_value": "",
              "tpm": "", "concurrency": "", "is_enabled": "on"}  # fmt: skip

    assert alice.post(add, {**fields, "rpm": ""}, follow=True).status_code == 200
    assert not RateLimit.objects.exists()
    alice.post(add, {**fields, "rpm": "50"})
    limit = RateLimit.objects.get()
    alice.post(reverse("admin:gateway_ratelimit_change", args=[limit.pk]), {**fields, "rpm": "60"})
    limit.refresh_from_db()
    alice.post(reverse("admin:gateway_ratelimit_delete", args=[limit.pk]), {"post": "yes"})

    assert (limit.rpm, RateLimit.objects.exists()) == (60, False)
    verbs = AuditEvent.objects.filter(verb__startswith="rate_limit.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["rate_limit.create", "rate_limit.update", "rate_limit.delete"]


# ---- managers --------------------------------------------------------------------------------------------------------
def team_fields(company: Company, of: str, **changes: str) -> dict[str, str]:
    base = {"name": "Ours", "organization": str(company.organization.pk), "of": of, "rpm": "20", "tpm": "",
            "concurrency": "", "is_enabled": "on"}  # fmt: skip
    return base | changes


def test_a_manager_limits_the_team_its_projects_and_keys(company: Company, sign_in: SignIn) -> None:
    dave, add = sign_in("dave"), reverse("admin:gateway_ratelimit_add")
    page = dave.get(add).content.decode()
    assert add in dave.get(URL).content.decode()
    assert [name in page for name in ("Support", "Ticket triage", "bob&#x27;s key", "Product", "Semantic search")] == [
        True, True, True, False, False,
    ]  # fmt: skip

    for of in (
        f"team:{company.teams['support'].pk}",
        f"project:{company.projects['triage'].pk}",
        f"key:{company.keys['bob'].pk}",
    ):
        assert dave.post(add, team_fields(company, of)).status_code == 302

    made = RateLimit.objects.order_by("created_at")
    assert [(limit.scope, limit.team, limit.created_by) for limit in made] == [
        (scope, company.teams["support"], company.people["dave"]) for scope in ("team", "project", "key")
    ]


def test_a_manager_changes_and_removes_them(company: Company, sign_in: SignIn) -> None:
    dave = sign_in("dave")
    limit = make(company, name="Ours", scope="team", scope_value=str(company.teams["support"].pk))
    change = reverse("admin:gateway_ratelimit_change", args=[limit.pk])

    assert dave.post(change, {"name": "Ours", "rpm": "33", "is_enabled": "on"}).status_code == 302
    limit.refresh_from_db()
    assert limit.rpm == 33
    dave.post(reverse("admin:gateway_ratelimit_delete", args=[limit.pk]), {"post": "yes"})
    assert not RateLimit.objects.exists()


def test_a_manager_reaches_nothing_of_others(company: Company, sign_in: SignIn) -> None:
    dave, add = sign_in("dave"), reverse("admin:gateway_ratelimit_add")
    theirs = make(company, name="Theirs", scope="team", scope_value=str(company.teams["product"].pk))
    whole = make(company, name="Whole company")

    refused = dave.post(add, team_fields(company, f"team:{company.teams['product'].pk}"))
    assert (refused.status_code, "Select a valid choice" in refused.content.decode()) == (200, True)
    forged = team_fields(company, "", scope="organization", scope_value="")
    assert dave.post(add, forged).status_code == 200
    for limit in (theirs, whole):
        change = reverse("admin:gateway_ratelimit_change", args=[limit.pk])
        dave.post(change, {"name": "Mine now", "rpm": "1", "is_enabled": "on"})
        dave.post(reverse("admin:gateway_ratelimit_delete", args=[limit.pk]), {"post": "yes"})
    marked = {"action": "delete_selected", "_selected_action": [str(theirs.pk), str(whole.pk)], "post": "yes"}
    dave.post(reverse("admin:gateway_ratelimit_changelist"), marked)

    assert sorted(RateLimit.objects.values_list("name", "rpm")) == [("Theirs", 10), ("Whole company", 10)]


def test_others_make_none(company: Company, sign_in: SignIn) -> None:
    add = reverse("admin:gateway_ratelimit_add")

    assert {person: sign_in(person).get(add).status_code for person in ("carol", "bob")} == {"carol": 403, "bob": 403}
