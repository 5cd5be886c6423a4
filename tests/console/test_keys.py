"""The pages of keys: usage, the budget that binds, create, change, rotate, revoke; who may do what."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from costs.models import Budget
from costs.services.budgets import create_budget
from gateway.choices import Scope
from gateway.console.quickstart import quick_start
from gateway.models import AuditEvent, VirtualKey
from gateway.services import keys
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

LIST = "/admin/keys/"
SECRET = re.compile(r'<pre class="secret" id="secret" tabindex="0">(gw-[\w-]{43})</pre>')


def page_of(client: Client, path: str = LIST) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def prefixes(page: str) -> set[str]:
    return set(re.findall(r'<code class="quiet">([^<]+)…</code>', page))


def spend(company: Company, project: str, *costs: str) -> None:
    at, rng = datetime.now(UTC) - timedelta(minutes=5), Random(1)
    key = company.keys[project]
    load(company, [
        line(company, at + timedelta(seconds=i), rng, project_slug=project, api_key=key.pk, user=key.user_id,
             cost=Decimal(cost), list_cost=Decimal(cost), charges=[])
        for i, cost in enumerate(costs)
    ])  # fmt: skip


def test_each_sees_the_keys_they_may(company: Company, sign_in: SignIn) -> None:
    everything = {key.prefix for key in company.keys.values()}
    support = {company.keys["triage"].prefix, company.keys["bob"].prefix}

    seen = {name: prefixes(page_of(sign_in(name))) for name in ("root", "alice", "carol", "dave", "bob")}

    assert seen == {
        "root": everything, "alice": everything, "carol": everything, "dave": support,
        "bob": {company.keys["bob"].prefix},
    }  # fmt: skip
    assert sign_in("mallory").get(LIST).status_code in (403, 404)
    assert Client().get(LIST).status_code == 302


def test_the_list_shows_use_and_the_budget_that_binds(company: Company, sign_in: SignIn) -> None:
    own, team = company.keys["search"], company.teams["product"]
    keys.update_limits(key=own, actor=company.people["alice"], budget_amount=Decimal(10))
    create_budget(
        organization=company.organization, actor=company.people["alice"], name="Product", scope="team",
        scope_value=str(team.pk), amount=Decimal(4), period="month",
    )  # fmt: skip
    spend(company, "search", "1.50", "0.50")

    page = page_of(sign_in("alice"), f"{LIST}?q=Semantic")

    assert prefixes(page) == {own.prefix}
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)]
    assert cells[2:4] == ["2", "$2.00"]
    assert cells[4] != "Never"
    assert re.sub(r"\s+", " ", cells[5]) == "Product$2.00 of $4.00"
    detail = page_of(sign_in("alice"), f"{LIST}{own.pk}/")
    assert detail.index("$2.00 of $4.00") < detail.index("$2.00 of $10.00")
    assert Budget.objects.count() == 1


def test_states_and_search(company: Company, sign_in: SignIn) -> None:
    keys.revoke_key(key=company.keys["review"], actor=company.people["alice"])
    VirtualKey.objects.filter(pk=company.keys["search"].pk).update(expires_at=datetime.now(UTC) - timedelta(days=1))
    client = sign_in("alice")

    assert prefixes(page_of(client, f"{LIST}?state=revoked")) == {company.keys["review"].prefix}
    assert prefixes(page_of(client, f"{LIST}?state=expired")) == {company.keys["search"].prefix}
    assert len(prefixes(page_of(client, f"{LIST}?state=all"))) == 5
    assert len(prefixes(page_of(client))) == 3
    assert prefixes(page_of(client, f"{LIST}?q=bob")) == {company.keys["bob"].prefix}
    assert "No key matches" in page_of(client, f"{LIST}?q=%00nothing")


def test_a_key_is_made_and_its_secret_shown_once(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    fields = {
        "name": "Back end", "project": company.projects["search"].pk, "user": "", "scopes": ["inference"],
        "allowed_models": "gpt-4o, fast\ngpt-4o", "rpm_limit": "60", "tpm_limit": "", "budget_amount": "2.5",
        "expires_at": "",
    }  # fmt: skip

    answer = client.post(f"{LIST}add/", fields)

    page = answer.content.decode()
    found = SECRET.search(page)
    assert found
    assert "no-store" in answer["Cache-Control"]
    key = VirtualKey.objects.get(name="Back end")
    assert keys.authenticate(found[1]) == key
    assert (key.user, key.allowed_models, key.rpm_limit, key.tpm_limit) == (None, ["gpt-4o", "fast"], 60, None)
    assert key.budget_amount == Decimal("2.5")
    assert found[1] not in page_of(client, f"{LIST}{key.pk}/")
    assert AuditEvent.objects.get(verb="key.create", object_id=str(key.pk)).actor == company.people["alice"]


def test_wrong_fields_keep_what_was_typed(company: Company, sign_in: SignIn) -> None:
    answer = sign_in("alice").post(f"{LIST}add/", {"name": "Half", "scopes": ["inference"], "rpm_limit": "-1"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Half"' in page
    assert "This field is required." in page
    assert not VirtualKey.objects.filter(name="Half").exists()


def test_who_may_make_keys_and_for_whom(company: Company, sign_in: SignIn) -> None:
    fields = {"name": "Mine", "project": company.projects["triage"].pk, "scopes": ["inference"]}

    assert sign_in("carol").post(f"{LIST}add/", fields).status_code == 403
    assert sign_in("bob").post(f"{LIST}add/", {**fields, "user": company.people["alice"].pk}).status_code == 200
    assert VirtualKey.objects.get(name="Mine").user == company.people["bob"]
    manage = {**fields, "name": "Manage", "scopes": [Scope.MANAGE_WRITE]}
    assert sign_in("bob").post(f"{LIST}add/", manage).status_code == 422
    assert "Only administrators handle keys" in sign_in("bob").post(f"{LIST}add/", manage).content.decode()
    foreign = {**fields, "name": "Foreign", "project": company.projects["search"].pk}
    assert sign_in("bob").post(f"{LIST}add/", foreign).status_code == 422
    assert set(VirtualKey.objects.values_list("name", flat=True)) == {"production", "bob's key", "Mine"}


def test_a_key_is_rotated_with_an_overlap(company: Company, sign_in: SignIn) -> None:
    key = company.keys["search"]

    answer = sign_in("alice").post(f"{LIST}{key.pk}/rotate/", {"overlap_s": "3600"})

    found = SECRET.search(answer.content.decode())
    assert found
    assert "no-store" in answer["Cache-Control"]
    successor = keys.authenticate(found[1])
    key.refresh_from_db()
    assert successor is not None
    assert successor.rotated_from == key
    assert key.revoked_at is None
    assert key.expires_at is not None
    assert timedelta(minutes=59) < key.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    again = sign_in("alice").post(f"{LIST}{key.pk}/rotate/", {"overlap_s": "3600"})
    assert again.status_code == 302
    assert "It was rotated already" in page_of(sign_in("alice"), f"{LIST}{key.pk}/")


def test_limits_are_changed_and_the_key_revoked(company: Company, sign_in: SignIn) -> None:
    key, client = company.keys["search"], sign_in("adam")
    fields = {"name": "Search", "scopes": ["inference"], "allowed_models": "", "rpm_limit": "5"}

    assert client.post(f"{LIST}{key.pk}/edit/", fields).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.rpm_limit, key.revoked_at) == ("Search", 5, None)
    assert client.post(f"{LIST}{key.pk}/revoke/").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert client.post(f"{LIST}{key.pk}/edit/", fields).status_code == 422
    assert "Revoke Search" not in page_of(client, f"{LIST}{key.pk}/")


def test_others_keys_do_not_exist(company: Company, sign_in: SignIn) -> None:
    key = company.keys["search"]
    paths = [f"{LIST}{key.pk}/", f"{LIST}{key.pk}/edit/", f"{LIST}{key.pk}/rotate/", f"{LIST}{key.pk}/revoke/"]

    for name, statuses in {"bob": {404}, "dave": {404}, "mallory": {403, 404}}.items():
        client = sign_in(name)
        assert {client.get(path).status_code for path in paths[:2]} <= statuses
        assert {client.post(path, {"overlap_s": "0"}).status_code for path in paths[2:]} <= statuses
    analyst = sign_in("carol")
    assert analyst.get(paths[0]).status_code == 200
    assert {analyst.post(path, {"overlap_s": "0"}).status_code for path in paths[1:]} == {403}
    key.refresh_from_db()
    assert key.is_active


def test_quick_start_in_four_languages(company: Company, sign_in: SignIn) -> None:
    page = page_of(sign_in("bob"), f"{LIST}{company.keys['bob'].pk}/")

    samples = quick_start(f"{settings.CONSOLE_URL}/v1", "gpt-4o")
    assert [sample.language for sample in samples] == ["curl", "Python", "JavaScript", "Go"]
    assert re.findall(r'role="tab"[^>]*>(\w+)<', page) == ["curl", "Python", "JavaScript", "Go"]
    compile(samples[1].code, "quickstart.py", "exec")
    assert f"{settings.CONSOLE_URL}/v1/chat/completions" in samples[0].code


def test_query_count(busy: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in("alice")
    page_of(client)

    with django_assert_max_num_queries(13):
        page_of(client)
