"""Single sign-on against providers over HTTP: a well-kept one from PyPI, and one that lies on request."""

import base64
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
import pytest
import requests
import time_machine
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from oidc_provider_mock import User as ProviderUser
from oidc_provider_mock import run_server_in_thread
from pytest_django import Settings
from rest_framework.test import APIClient

from config import env
from gateway.models import AuditEvent, ExternalIdentity, Membership, OutboxMessage, User
from gateway.oidc import provider as calls
from gateway.oidc.configuration import Grant, Oidc
from gateway.services import people, secondfactor
from gateway.signin import confirmation
from tests import factories
from tests.gateway.signin import provider as liar
from tests.gateway.signin.provider import CLIENT, CLIENT_SECRET, SUBJECT, Provider

CALLBACK = "/sign-in/sso/callback/"
DEVELOPER = Grant("developer")


@pytest.fixture(scope="module")
def server() -> Any:
    with liar.running() as running:
        yield running


@pytest.fixture
def provider(server: Provider, settings: Settings) -> Provider:
    """Honest until a test says otherwise."""
    kept = server.keys["first"]
    server.__init__(server.url)  # type: ignore[misc]
    server.keys = {"first": kept}
    configure(settings, server.url)
    return server


def configure(settings: Settings, issuer: str, **changes: Any) -> None:
    calls.forget()
    settings.CONSOLE_URL = "http://testserver"
    settings.GATEWAY_PRIVATE_UPSTREAMS = (urlsplit(issuer).netloc,)
    oidc = Oidc(
        issuer=issuer, client_id=CLIENT, client_secret=CLIENT_SECRET, domains={"acme.example": "acme"},
        default=DEVELOPER, role_claim="groups",
    )  # fmt: skip
    settings.OIDC = replace(oidc, **changes)


def begin(client: Client, query: str = "next=/admin/usage/") -> dict[str, str]:
    """What the browser is sent to the provider with."""
    answer = client.get(f"/sign-in/sso/?{query}")
    assert answer.status_code == 302, answer.content
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def go(provider: Provider, client: Client, query: str = "next=/admin/usage/", **answer: str) -> Any:
    """There and back."""
    asked = begin(client, query)
    provider.nonces["the-code"] = asked["nonce"]
    return client.get(CALLBACK, {"code": "the-code", "state": asked["state"], **answer})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_real_provider_signs_a_new_person_in(company: factories.Acme, settings: Settings) -> None:
    eve = ProviderUser(sub="eve", claims={"email": "Eve@Acme.example", "email_verified": True, "given_name": "Eve"})
    with run_server_in_thread(user_claims=[eve]) as running:
        configure(settings, f"http://localhost:{running.server_port}")
        client = Client()
        away = client.get("/sign-in/sso/?next=/admin/usage/")["Location"]
        back = requests.post(away, data={"sub": "eve"}, allow_redirects=False, timeout=10).headers["Location"]
        path = back.removeprefix("http://testserver")
        done, again = client.get(path), client.get(path)

    person = User.objects.get(email="Eve@Acme.example")
    assert (done.status_code, done["Location"]) == (302, "/admin/usage/")
    assert (again.status_code, again["Location"]) == (302, "/admin/")  # signed in by then; nothing was redeemed again
    assert client.session["_auth_user_id"] == str(person.pk)
    assert client.session["client"]["method"] == "sso"
    assert (person.username, person.first_name, person.has_usable_password()) == ("eve@acme.example", "Eve", False)
    assert Membership.objects.get(user=person).role == "developer"
    assert ExternalIdentity.objects.get(user=person).subject == "eve"
    assert client.get("/admin/usage/").status_code == 200


def test_what_is_sent(provider: Provider, company: factories.Acme) -> None:
    client = Client()
    asked = begin(client)
    provider.nonces["the-code"] = asked["nonce"]
    client.get(CALLBACK, {"code": "the-code", "state": asked["state"]})

    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    assert {len(asked["state"]), len(asked["nonce"]), len(asked["code_challenge"])} == {43}
    form = provider.redeemed[0]
    assert (form["grant_type"], form["client_id"], "client_secret" in form) == ("authorization_code", CLIENT, False)
    assert base64.b64decode(provider.authorizations[0].removeprefix("Basic ")) == b"the-gateway:s3cret%2Fwith%3Asigns"
    import hashlib

    hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert hashed == asked["code_challenge"]


LIES: dict[str, dict[str, Any]] = {
    "wrong nonce": {"nonce": "another"}, "no nonce": {"nonce": None}, "wrong audience": {"aud": "another-client"},
    "several audiences without azp": {"aud": [CLIENT, "another"]}, "another azp": {"azp": "another"},
    "wrong issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": None}, "expired": {"exp": 1_700_000_000},
    "no expiry": {"exp": None}, "from the future": {"iat": 4_000_000_000}, "no subject": {"sub": None},
    "empty subject": {"sub": ""}, "long subject": {"sub": "x" * 256}, "no audience": {"aud": None},
    "unverified e-mail": {"email_verified": False}, "nothing about the e-mail": {"email_verified": None},
    "verified by another word": {"email_verified": "yes"}, "unknown domain": {"email": "eve@evil.example"},
    "subdomain": {"email": "eve@sub.acme.example"}, "domain twice": {"email": "eve@acme.example@evil.example"},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_token_with_a_lie_lets_nobody_in(lie: str, provider: Provider, company: factories.Acme) -> None:
    provider.claims = LIES[lie]
    before, client = User.objects.count(), Client()

    answer = go(provider, client)

    assert (answer.status_code, urlsplit(answer["Location"]).path) == (302, "/admin/login/")
    assert not is_in(client)
    assert (User.objects.count(), ExternalIdentity.objects.count()) == (before, 0)


@pytest.mark.parametrize("how", ["none", "HS256 with the public key", "other key", "other kind", "no token", "rubbish"])
def test_a_token_with_a_bad_signature_lets_nobody_in(how: str, provider: Provider, company: factories.Acme) -> None:
    provider.sign = {
        "none": liar.unsigned, "HS256 with the public key": liar.with_public_key(provider), "other key": liar.other_key,
        "other kind": liar.elliptic, "no token": lambda claims: "", "rubbish": lambda claims: "a.b.c",
    }[how]  # fmt: skip
    client = Client()

    answer = go(provider, client)

    assert "Single sign-on did not work" in client.get(answer["Location"]).content.decode()
    assert not is_in(client)


def test_state_and_code_work_once_and_only_where_they_began(provider: Provider, company: factories.Acme) -> None:
    client, other = Client(), Client()
    asked = begin(client)
    provider.nonces["the-code"] = asked["nonce"]
    query = {"code": "the-code", "state": asked["state"]}

    elsewhere = other.get(CALLBACK, query)
    assert (urlsplit(elsewhere["Location"]).path, is_in(other), provider.redeemed) == ("/admin/login/", False, [])
    assert client.get(CALLBACK, query)["Location"] == "/admin/usage/"
    client.logout()
    assert urlsplit(client.get(CALLBACK, query)["Location"]).path == "/admin/login/"
    assert len(provider.redeemed) == 1
    again = begin(client)
    assert (
        urlsplit(client.get(CALLBACK, {"code": "the-code", "state": again["state"]})["Location"]).path
        == "/admin/login/"
    )
    assert not is_in(client)


def test_an_attempt_ends_after_ten_minutes(provider: Provider, company: factories.Acme) -> None:
    client = Client()
    asked = begin(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1), tick=False):
        client.get(CALLBACK, {"code": "the-code", "state": asked["state"]})

    assert (is_in(client), provider.redeemed) == (False, [])


def test_answers_of_another_issuer_and_refusals(provider: Provider, company: factories.Acme) -> None:
    for answer in ({"iss": "https://evil.example"}, {"code": "", "error": "access_denied"}):
        client = Client()
        assert urlsplit(go(provider, client, **answer)["Location"]).path == "/admin/login/"
        assert not is_in(client)
    assert provider.redeemed == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"}, {"issuer": None}, {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": None},
    ],
)  # fmt: skip
def test_metadata_that_is_not_the_issuers(metadata: dict[str, Any], provider: Provider, db: None) -> None:
    provider.metadata = metadata
    assert Client().get("/sign-in/sso/")["Location"].startswith("/admin/login/")


def test_private_addresses_are_not_called(provider: Provider, settings: Settings, db: None) -> None:
    settings.GATEWAY_PRIVATE_UPSTREAMS = ()
    assert Client().get("/sign-in/sso/")["Location"].startswith("/admin/login/")
    assert provider.asked == []


def test_keys_rotate_and_forged_ones_do_not_make_us_call(provider: Provider, company: factories.Acme) -> None:
    go(provider, Client())
    provider.keys["second"] = liar.rsa.generate_private_key(65537, 2048)
    for known in calls._known.values():
        known.keys_at -= calls.LOOK_AGAIN_S
    rotated = Client()
    go(provider, rotated)
    provider.sign = lambda claims: liar.jwt.encode(claims, provider.keys["first"], "RS256", headers={"kid": "forged"})
    forged = Client()
    go(provider, forged)

    assert (is_in(rotated), is_in(forged)) == (True, False)
    assert provider.asked.count("/jwks") == 2


def test_the_address_may_come_from_the_user_info(provider: Provider, company: factories.Acme) -> None:
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = {"sub": SUBJECT, "email": "eve@acme.example", "email_verified": True}
    client = Client()
    go(provider, client)
    provider.userinfo["sub"] = "somebody else"
    other = Client()
    go(provider, other)

    assert (is_in(client), is_in(other)) == (True, False)


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_next_stays_here(url: str, provider: Provider, company: factories.Acme) -> None:
    assert go(provider, Client(), f"next={url}")["Location"] == "/admin/"


# ---- whose account -----------------------------------------------------------------------------------------------


def test_a_member_is_linked_once_by_a_verified_address(provider: Provider, bob: User, company: factories.Acme) -> None:
    provider.claims = {"email": "BOB@acme.example"}
    client = Client()
    go(provider, client)
    provider.claims = {"email": "changed@elsewhere.example", "email_verified": False}
    again = Client()
    go(provider, again)

    assert client.session["_auth_user_id"] == again.session["_auth_user_id"] == str(bob.pk)
    assert AuditEvent.objects.filter(verb="identity.link", actor_id=bob.pk).count() == 1


def test_a_reassigned_address_does_not_open_the_account(provider: Provider, bob: User) -> None:
    provider.claims = {"email": "bob@acme.example"}
    go(provider, Client())
    provider.claims = {"email": "bob@acme.example", "sub": "another"}
    client = Client()

    answer = go(provider, client)

    assert not is_in(client)
    assert "belongs to an account with another identity" in client.get(answer["Location"]).content.decode()


def test_superusers_and_strangers_with_an_account_connect_themselves(
    provider: Provider, company: factories.Acme, settings: Settings
) -> None:
    root, mallory = company.people["root"], company.people["mallory"]
    for person in (root, mallory):
        person.email = f"{person.username.partition('@')[0]}@acme.example"
        person.save()
        provider.claims = {"email": person.email, "sub": str(person.pk)}
        client = Client()
        answer = go(provider, client)
        assert not is_in(client)
        assert "Sign in with your password and connect" in client.get(answer["Location"]).content.decode()

    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    provider.claims = {"email": "anything@example.com", "sub": "root-at-provider", "email_verified": None}
    done = go(provider, client, "purpose=connect&next=/admin/account/")
    assert done["Location"] == "/admin/account/"
    fresh = Client()
    go(provider, fresh)
    assert fresh.session["_auth_user_id"] == str(root.pk)


def test_an_identity_belongs_to_one_person(provider: Provider, bob: User, alice: User) -> None:
    provider.claims = {"email": "bob@acme.example"}
    go(provider, Client())
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    go(provider, client, "purpose=connect")

    assert ExternalIdentity.objects.get().user == bob


def test_who_was_archived_stays_out(provider: Provider, bob: User, company: factories.Acme) -> None:
    provider.claims = {"email": "bob@acme.example"}
    go(provider, Client())
    people.archive_user(user=bob, actor=None)
    linked = Client()
    go(provider, linked)
    provider.claims = {"email": "carol@acme.example", "sub": "carol"}
    people.archive_user(user=company.people["carol"], actor=None)
    unlinked = Client()
    go(provider, unlinked)

    assert (is_in(linked), is_in(unlinked)) == (False, False)


def test_without_a_default_role_nobody_new_comes_in(
    provider: Provider, settings: Settings, company: factories.Acme
) -> None:
    configure(settings, provider.url, default=None, roles={"llm": Grant("analyst")})
    stranger, known = Client(), Client()
    go(provider, stranger)
    provider.claims = {"groups": ["other", "llm"]}
    go(provider, known)

    assert (is_in(stranger), is_in(known)) == (False, True)
    assert Membership.objects.get(user__email="eve@acme.example").role == "analyst"


def test_claims_give_the_role_at_each_sign_in_and_never_touch_owners(
    provider: Provider, settings: Settings, company: factories.Acme
) -> None:
    roles = {"leads": Grant("manager", "search"), "admins": Grant("admin"), "lost": Grant("manager", "no-such-team")}
    configure(settings, provider.url, role_claim="realm_access.roles", roles=roles)

    def held(group: str) -> tuple[str, Any]:
        provider.claims = {"realm_access": {"roles": [group]}}
        go(provider, Client())
        membership = Membership.objects.get(user__email="eve@acme.example")
        return membership.role, membership.team and membership.team.slug

    assert held("unknown") == ("developer", None)
    assert held("leads") == ("manager", "search")
    assert held("lost") == ("manager", "search")
    assert held("admins") == ("admin", None)
    provider.claims = {"email": "alice@acme.example", "sub": "alice", "realm_access": {"roles": ["leads"]}}
    go(provider, Client())
    assert Membership.objects.get(user=company.people["alice"]).role == "owner"


# ---- confirming, second factor, passwords --------------------------------------------------------------------------


def test_the_provider_confirms_the_same_person_with_a_fresh_proof(
    provider: Provider, bob: User, company: factories.Acme
) -> None:
    provider.claims = {"email": "bob@acme.example"}
    client = Client()
    go(provider, client)

    def confirm(**claims: Any) -> bool:
        session = client.session
        session[confirmation.CONFIRMED_AT] = 1
        session.save()
        provider.claims = {"email": "bob@acme.example", **claims}
        go(provider, client, "purpose=confirm&next=/admin/keys/add/")
        return client.get("/admin/keys/add/").status_code == 200

    assert "purpose=confirm" in client.get("/sudo/").content.decode()
    assert begin(client, "purpose=confirm")["prompt"] == "login"
    assert confirm()
    assert not confirm(auth_time=1_700_000_000)
    assert not confirm(auth_time=None)
    assert not confirm(sub="another")


def test_the_gateways_own_code_may_be_asked_after_the_provider(
    provider: Provider, settings: Settings, bob: User
) -> None:
    configure(settings, provider.url, asks_code=True)
    bob.memberships.get().organization.__class__.objects.update(requires_second_factor=True)
    provider.claims = {"email": "bob@acme.example"}
    client = Client()

    answer = go(provider, client)

    assert (answer["Location"], is_in(client)) == ("/sign-in/set-up/", False)
    configure(settings, provider.url)
    trusted = Client()
    go(provider, trusted)
    assert is_in(trusted)
    assert not secondfactor.is_enabled(bob)


def test_passwords_can_be_switched_off_but_for_operators(
    provider: Provider, settings: Settings, bob: User, company: factories.Acme
) -> None:
    settings.PASSWORD_SIGN_IN = False
    root = company.people["root"]
    root.set_password(factories.PASSWORD)
    root.save()

    def status(username: str) -> tuple[int, int]:
        body = {"username": username, "password": factories.PASSWORD}
        api = APIClient().post("/api/v1/auth/token", body)
        return Client().post("/admin/login/", {**body, "next": "/admin/"}).status_code, api.status_code

    page = Client().get("/admin/login/").content.decode()
    assert (status(bob.username), status("nobody"), status(root.username)) == ((200, 401), (200, 401), (302, 200))
    assert "Sign in with single sign-on" in page
    assert "For operators of the platform alone" in page
    people.request_password_reset(email=bob.email)
    assert not OutboxMessage.objects.filter(dedupe_key__startswith="password-reset").exists()


def test_without_a_provider_there_is_no_button(db: None) -> None:
    assert django_settings.OIDC is None
    assert not re.search("single sign-on", Client().get("/admin/login/").content.decode(), re.IGNORECASE)
    assert Client().get("/sign-in/sso/").status_code == 404


# ---- settings ----------------------------------------------------------------------------------------------------

GOOD = {"OIDC_ISSUER": "https://login.example.com", "OIDC_CLIENT_ID": "gw", "OIDC_DOMAINS": "Example.com=acme"}


def test_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **GOOD,
        "OIDC_DEFAULT_ROLE": "developer",
        "OIDC_ROLES": "a=b=admin,leads=manager:search",
    }.items():
        monkeypatch.setenv(name, value)

    found = env.load().oidc

    assert found is not None
    assert (found.domains, found.default) == ({"example.com": "acme"}, DEVELOPER)
    assert found.roles == {"a=b": Grant("admin"), "leads": Grant("manager", "search")}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OIDC_ISSUER", "http://login.example.com", "https://"), ("OIDC_CLIENT_ID", "", "OIDC_CLIENT_ID"),
        ("OIDC_DOMAINS", "", "OIDC_DOMAINS"), ("OIDC_ALGORITHMS", "RS256,HS256", "HS256"),
        ("OIDC_ALGORITHMS", "none", "none"), ("OIDC_DEFAULT_ROLE", "owner", "owner"),
        ("OIDC_ROLES", "leads=manager", "needs a team"), ("OIDC_SCOPES", "email", "openid"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one, text in {**GOOD, name: value}.items():
        monkeypatch.setenv(one, text)
    with pytest.raises(environ.ImproperlyConfigured, match=words):
        env.load()


def test_passwords_off_needs_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_SIGN_IN", "false")
    with pytest.raises(environ.ImproperlyConfigured, match="PASSWORD_SIGN_IN"):
        env.load()
