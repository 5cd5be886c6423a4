"""The admin of the configuration: every page opens for who may, changes go through services, secrets show once."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from gateway import credentials
from gateway.models import (
    AllowedUpstream,
    AuditEvent,
    Membership,
    Model,
    Organization,
    OutboxMessage,
    Provider,
    Route,
    User,
    VirtualKey,
)
from tests import factories

BACKEND = "django.contrib.auth.backends.ModelBackend"
REGISTERED = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "gateway"), key=lambda m: m._meta.model_name
)


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


def as_(company: factories.Acme, name: str) -> Client:
    client = Client()
    client.force_login(company.people[name], backend=BACKEND)
    return client


def page(model: Any, kind: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda m: m._meta.model_name)
def test_superuser_opens_list_form_and_row(model: Any, company: factories.Acme) -> None:
    root = as_(company, "root")

    assert root.get(page(model)).status_code == 200
    assert root.get(page(model, "add")).status_code in (200, 403)
    row = model._default_manager.first()
    if row is not None:
        assert root.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "open_pages"),
    [
        ("alice", {"organization", "team", "project", "membership", "invitation", "virtualkey", "provider", "model",
                   "route", "bodypolicy", "cachepolicy", "guardrail", "ratelimit", "auditevent", "job"}),
        ("bob", {"organization", "team", "project", "membership", "virtualkey", "provider", "model", "route",
                 "bodypolicy", "cachepolicy", "guardrail", "ratelimit"}),
        ("mallory", {"organization", "team", "project", "membership", "invitation", "virtualkey", "provider", "model",
                     "route", "bodypolicy", "cachepolicy", "guardrail", "ratelimit", "auditevent", "job"}),
    ],
)  # fmt: skip
def test_lists_open_by_role(name: str, open_pages: set[str], company: factories.Acme) -> None:
    client = as_(company, name)

    opened = {m._meta.model_name for m in REGISTERED if client.get(page(m)).status_code == 200}

    assert opened == open_pages


def test_nobody_sees_another_organization(company: factories.Acme) -> None:
    mallory = as_(company, "mallory")

    for model, row in ((VirtualKey, company.keys["bob"]), (Provider, company.provider), (Route, company.route)):
        assert str(row) not in mallory.get(page(model)).content.decode()
        assert mallory.get(page(model, "change", row.pk)).status_code == 302  # to the index: it does not exist


def test_a_new_key_shows_its_secret_once(company: factories.Acme) -> None:
    alice = as_(company, "alice")
    form = {
        "project": company.assistant.pk,
        "user": "",
        "name": "checkout",
        "scopes": ["inference"],
        "allowed_models": "gpt-4o",
    }

    response = alice.post(page(VirtualKey, "add"), form)

    key = VirtualKey.objects.get(name="checkout")
    secret = next(
        word for word in response.content.decode().replace("<", " ").replace(">", " ").split() if word.startswith("gw-")
    )
    assert "no-store" in response["Cache-Control"]
    assert bytes(key.digest) == credentials.digest(secret)[1]
    assert (key.user, key.allowed_models) == (None, ["gpt-4o"])
    assert secret not in alice.get(page(VirtualKey, "change", key.pk)).content.decode()
    event = AuditEvent.objects.get(verb="key.create", object_id=str(key.pk))
    assert event.actor == company.people["alice"]
    assert secret not in str(event.after)


def test_rotating_asks_how_long_the_old_key_works(company: factories.Acme) -> None:
    alice, key = as_(company, "alice"), company.keys["bob"]
    action = {"action": "rotate", "_selected_action": [str(key.pk)]}

    asked = alice.post(page(VirtualKey), {**action, "index": 0}).content.decode()
    assert not key.successors.exists()
    assert all(f'name="overlap_s" value="{seconds}"' in asked for seconds in (0, 3600, 86400, 604800))

    wrong = alice.post(page(VirtualKey), {**action, "confirmed": "1", "overlap_s": "5"}).content.decode()
    assert "Select a valid choice" in wrong
    assert not key.successors.exists()

    shown = alice.post(page(VirtualKey), {**action, "confirmed": "1", "overlap_s": "3600"})
    assert "gw-" in shown.content.decode()
    event = AuditEvent.objects.get(verb="key.rotate", object_id=str(key.pk))
    assert event.after["overlap_s"] == 3600
    key.refresh_from_db()
    assert key.is_active
    assert key.successors.get().lineage == key.pk


def test_no_page_allows_a_metadata_address(company: factories.Acme) -> None:
    root = as_(company, "root")

    root.post(page(AllowedUpstream, "add"), {"host": "10.0.0.5", "port": 8000, "note": ""}, follow=True)
    refused = root.post(page(AllowedUpstream, "add"), {"host": "169.254.169.254", "port": 80, "note": ""}, follow=True)

    assert "never called" in refused.content.decode()
    assert [row.host for row in AllowedUpstream.objects.all()] == ["10.0.0.5"]


def test_a_developer_makes_keys_for_nobody_else(company: factories.Acme) -> None:
    bob = as_(company, "bob")
    form = {"project": company.assistant.pk, "name": "mine", "scopes": ["inference"]}

    bob.post(page(VirtualKey, "add"), {**form, "user": company.people["carol"].pk})
    assert not VirtualKey.objects.filter(name="mine").exists()

    bob.post(page(VirtualKey, "add"), {**form, "scopes": ["manage:write"]})
    assert not VirtualKey.objects.filter(name="mine").exists()

    bob.post(page(VirtualKey, "add"), form)
    assert VirtualKey.objects.get(name="mine").user == company.people["bob"]


def test_a_credential_goes_in_and_never_comes_out(company: factories.Acme) -> None:
    adam = as_(company, "adam")
    form = {
        "organization": company.organization.pk, "slug": "vendor", "name": "Vendor", "kind": "openai", "price_list": "",
        "base_url": "https://93.184.216.34/v1", "is_enabled": "on", "connect_timeout_ms": 5000,
        "first_byte_timeout_ms": 60000, "idle_timeout_ms": 60000, "total_timeout_ms": 60000,
        "new_credential": "sk-canary-0123456789",
    }  # fmt: skip

    assert adam.post(page(Provider, "add"), form).status_code == 302

    provider = Provider.objects.get(slug="vendor")
    assert credentials.decrypt(bytes(provider.credential or b"")) == "sk-canary-0123456789"
    assert "canary" not in adam.get(page(Provider, "change", provider.pk)).content.decode()
    renamed = {**form, "name": "Vendor Ltd", "new_credential": ""}
    assert adam.post(page(Provider, "change", provider.pk), renamed).status_code == 302
    provider.refresh_from_db()
    assert (provider.name, bool(provider.credential)) == ("Vendor Ltd", True)
    assert "canary" not in str(list(AuditEvent.objects.values_list("before", "after")))


def test_a_private_address_is_refused_with_words(company: factories.Acme) -> None:
    adam = as_(company, "adam")
    form = {"name": "Upstream", "kind": "openai", "base_url": "http://10.0.0.1/latest", "is_enabled": "on",
            "connect_timeout_ms": 5000, "first_byte_timeout_ms": 60000, "idle_timeout_ms": 60000,
            "total_timeout_ms": 60000, "price_list": "", "new_credential": ""}  # fmt: skip

    response = adam.post(page(Provider, "change", company.provider.pk), form, follow=True)

    assert "not a public address" in response.content.decode()
    company.provider.refresh_from_db()
    assert company.provider.base_url == factories.UPSTREAM


def test_a_route_is_written_with_its_targets(company: factories.Acme) -> None:
    adam = as_(company, "adam")
    inline = {"targets-TOTAL_FORMS": 1, "targets-INITIAL_FORMS": 0, "targets-0-model": company.model.pk,
              "targets-0-priority": 0, "targets-0-weight": 5}  # fmt: skip

    response = adam.post(
        page(Route, "add"),
        {
            "organization": company.organization.pk, "alias": "smart", "description": "", "is_enabled": "on",
            "strategy": "weighted", "config": '{"weights": {"cost": 1}}', "retries": 1, **inline,
        },
    )  # fmt: skip

    assert response.status_code == 302
    route = Route.objects.get(alias="smart")
    assert (route.strategy, route.config, route.retries) == ("weighted", {"weights": {"cost": 1}}, 1)
    assert [(t.model, t.weight) for t in route.targets.all()] == [(company.model, 5)]
    assert AuditEvent.objects.get(verb="route.create", object_id=str(route.pk)).actor == company.people["adam"]


def test_a_faulty_configuration_is_told_beside_its_field(company: factories.Acme) -> None:
    adam = as_(company, "adam")
    inline = {"targets-TOTAL_FORMS": 1, "targets-INITIAL_FORMS": 0, "targets-0-model": company.model.pk,
              "targets-0-priority": 0, "targets-0-weight": 5}  # fmt: skip
    config = '{"rules": [{"name": "r", "when": {"languages": ["xx"]}, "use": [{"model": "gpt-4o"}]}]}'

    response = adam.post(
        page(Route, "add"),
        {"organization": company.organization.pk, "alias": "smart", "description": "", "is_enabled": "on",
         "strategy": "content-based", "config": config, "retries": 0, **inline},
    )  # fmt: skip

    (error,) = response.context["adminform"].form.errors["config"]
    assert error.startswith("config.rules.0.when.languages.0: Must be one of en, de")
    assert not Route.objects.filter(alias="smart").exists()


def test_an_admin_neither_makes_nor_ends_owners(company: factories.Acme) -> None:
    adam = as_(company, "adam")
    alice, bob = company.members["alice"], company.members["bob"]

    adam.post(page(Membership, "change", bob.pk), {"role": "owner", "team": ""})
    adam.post(page(Membership), {"action": "end", "_selected_action": [alice.pk]})

    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.archived_at, bob.role) == (None, "developer")


def test_people_pages_are_the_superusers(company: factories.Acme) -> None:
    root, carol = as_(company, "root"), company.people["carol"]

    root.post(page(User), {"action": "archive", "_selected_action": [carol.pk]})
    root.post(page(User), {"action": "erase", "_selected_action": [carol.pk]})

    carol.refresh_from_db()
    assert (carol.is_active, carol.username, carol.email) == (False, f"erased-{carol.pk}", "")
    assert as_(company, "alice").get(page(User)).status_code == 403


def test_a_platform_row_is_not_an_admins(company: factories.Acme) -> None:
    adam = as_(company, "adam")

    opened = adam.get(page(Provider, "change", company.shared_provider.pk))
    adam.post(page(Provider, "delete", company.shared_provider.pk), {"post": "yes"})

    assert opened.status_code == 200
    assert 'name="_save"' not in opened.content.decode()
    assert Provider.objects.filter(pk=company.shared_provider.pk).exists()


def test_an_invitation_from_the_admin_is_mailed(company: factories.Acme) -> None:
    alice = as_(company, "alice")
    before = OutboxMessage.objects.count()

    alice.post(
        page(company.invitation.__class__, "add"),
        {"organization": company.organization.pk, "email": "zoe@example.com", "role": "developer", "team": ""},
    )

    assert OutboxMessage.objects.count() == before + 1


@pytest.mark.parametrize(
    "model", [VirtualKey, Provider, Route, Membership, Organization], ids=lambda m: m._meta.model_name
)
def test_lists_do_not_ask_per_row(model: Any, company: factories.Acme, django_assert_max_num_queries: Any) -> None:
    root = as_(company, "root")
    root.get(page(model))

    with django_assert_max_num_queries(14):
        root.get(page(model))


def test_people_are_invited_from_their_page(company: factories.Acme) -> None:
    owner, developer = (as_(company, name).get(page(Membership)).content.decode() for name in ("alice", "bob"))

    assert "<h1>People</h1>" in owner
    assert f'<a class="addlink" href="{page(company.invitation.__class__, "add")}">Invite</a>' in owner
    assert f'<td class="field-email">{company.people["bob"].email}</td>' in owner
    assert "Invite</a>" not in developer


def test_what_capabilities_are_for_is_said(company: factories.Acme) -> None:
    form = as_(company, "alice").get(page(Model, "add")).content.decode()

    assert "Separated by commas, such as chat, tools, vision, audio, embeddings." in form
