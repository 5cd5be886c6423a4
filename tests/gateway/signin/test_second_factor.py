"""The second factor: codes, recovery codes, throttling, sign-in in console and API, who may end it."""

import re
from collections import Counter
from datetime import timedelta
from io import StringIO
from typing import Any

import pyotp
import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from gateway import credentials
from gateway.models import AuditEvent, Membership, OutboxMessage, RecoveryCode, SecondFactor, Session, User
from gateway.services import outbox, people, secondfactor, sessions, tokens
from gateway.services.errors import Conflict, Forbidden, Invalid
from gateway.services.secondfactor import Outcome
from tests import factories
from tests.gateway.signin.conftest import with_password

API = "/api/v1"
LOGIN = "/admin/login/"
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # (RFC 6238, appendix B: "12345678901234567890")


def enrol(user: User) -> tuple[str, list[str]]:
    """An authenticator whose first code was one of three minutes ago; its secret and the recovery codes."""
    secret = secondfactor.begin(user=user).secret
    with time_machine.travel(timezone.now() - timedelta(minutes=3), tick=False):
        codes = secondfactor.confirm(user=user, code=code_of(secret))
    return secret, codes


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(timezone.now() + timedelta(seconds=30 * steps))


def sign_in(user: User, client: Client | None = None, path: str = "/admin/usage/") -> Any:
    found = client or Client()
    return found, found.post(LOGIN, {"username": user.username, "password": factories.PASSWORD, "next": path})


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924")])
def test_codes_are_those_of_the_rfc(at: int, code: str, bob: User) -> None:
    """RFC 6238, appendix B, SHA-1; the last six of its eight digits."""
    SecondFactor.objects.create(user=bob, secret=credentials.encrypt(RFC_SECRET), confirmed_at=timezone.now())

    with time_machine.travel(at, tick=False):
        assert secondfactor.check(user=bob, code=code) == Outcome.CODE


def test_the_secret_is_under_the_field_keys_and_recovery_codes_are_digests(bob: User) -> None:
    secret, codes = enrol(bob)

    row = SecondFactor.objects.get(user=bob)
    assert credentials.decrypt(row.secret) == secret
    assert secret.encode() not in bytes(row.secret)
    assert [len(code) for code in codes] == [19] * 10
    assert {len(bytes(one.digest)) for one in RecoveryCode.objects.all()} == {32}


def test_a_code_works_once_within_one_step_of_drift(bob: User) -> None:
    secret, _ = enrol(bob)
    now = timezone.now().replace(second=10, microsecond=0)
    with time_machine.travel(now, tick=False):
        answers = [
            secondfactor.check(user=bob, code=code_of(secret, steps)) for steps in (-2, 2, -1, -1, 0, -1, 1, 0, 1)
        ]

    good, wrong = Outcome.CODE, Outcome.WRONG
    assert answers == [wrong, wrong, good, wrong, good, wrong, good, wrong, wrong]


def test_the_first_code_is_not_good_for_a_sign_in(bob: User) -> None:
    secret = secondfactor.begin(user=bob).secret
    with pytest.raises(Invalid):
        secondfactor.confirm(user=bob, code="12345")
    with time_machine.travel(timezone.now(), tick=False):
        secondfactor.confirm(user=bob, code=code_of(secret))
        assert secondfactor.check(user=bob, code=code_of(secret)) == Outcome.WRONG
    with pytest.raises(Conflict):
        secondfactor.begin(user=bob)
    with pytest.raises(Conflict):
        secondfactor.confirm(user=bob, code=code_of(secret))


def test_a_recovery_code_works_once_however_it_is_typed(bob: User) -> None:
    _, codes = enrol(bob)

    assert secondfactor.check(user=bob, code=f" {codes[3].upper().replace('-', ' ')} ") == Outcome.RECOVERY
    assert secondfactor.check(user=bob, code=codes[3]) == Outcome.WRONG
    assert secondfactor.status(bob) == (True, False, 9)
    fresh = secondfactor.renew_codes(user=bob)
    assert secondfactor.check(user=bob, code=codes[4]) == Outcome.WRONG
    assert secondfactor.check(user=bob, code=fresh[4]) == Outcome.RECOVERY


def test_ten_wrong_codes_lock_the_person_wherever_they_come_from(bob: User) -> None:
    secret, codes = enrol(bob)
    outcomes = [secondfactor.check(user=bob, code="wrong") for _ in range(10)]

    assert outcomes == [Outcome.WRONG] * 9 + [Outcome.LOCKED]
    assert secondfactor.check(user=bob, code=code_of(secret)) == Outcome.LOCKED
    assert secondfactor.check(user=bob, code=codes[0]) == Outcome.LOCKED
    assert AuditEvent.objects.filter(verb="second_factor.lock", organization=None).count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1), tick=False):
        assert secondfactor.check(user=bob, code=code_of(secret)) == Outcome.CODE


def test_a_person_is_mailed_whatever_happens_to_their_second_factor(
    company: factories.Acme, bob: User, mailoutbox: list[Any]
) -> None:
    OutboxMessage.objects.all().delete()
    _, codes = enrol(bob)
    secondfactor.check(user=bob, code=codes[0])
    for _ in range(10):
        secondfactor.check(user=bob, code="wrong")
    secondfactor.renew_codes(user=bob)
    secondfactor.remove(user=bob, actor=bob)
    enrol(bob)
    secondfactor.reset_member(membership=Membership.objects.get(user=bob), actor=company.people["alice"], is_owner=True)

    outbox.relay()

    assert {address for mail in mailoutbox for address in mail.to} == {bob.email}
    on = "A second factor was switched on for your account - LLM Gateway"
    assert Counter(mail.subject for mail in mailoutbox) == {
        on: 2,
        "A recovery code of your account was used to sign in - LLM Gateway": 1,
        "Ten wrong codes locked the second factor of your account for 15 minutes - LLM Gateway": 1,
        "New recovery codes were made for your account; the former ones ended - LLM Gateway": 1,
        "The second factor of your account was switched off - LLM Gateway": 1,
        "The second factor of your account was switched off by somebody who may - LLM Gateway": 1,
    }
    told = next(mail for mail in mailoutbox if mail.subject == on)
    assert told.body.startswith(f"A second factor was switched on for your account: {bob.username}, ")
    assert codes[0] not in told.body


# ---- the console -------------------------------------------------------------------------------------------------


def test_the_console_asks_for_a_code_before_there_is_a_session(bob: User) -> None:
    secret, _ = enrol(bob)
    client, first = sign_in(bob)

    outside = client.get("/admin/usage/")
    page = client.get("/sign-in/code/")
    wrong = client.post("/sign-in/code/", {"code": "000000"})
    right = client.post("/sign-in/code/", {"code": code_of(secret)})

    assert (first.status_code, first["Location"]) == (302, "/sign-in/code/")
    assert outside["Location"].startswith("/admin/login/")
    assert (page.status_code, wrong.status_code) == (200, 422)
    assert (right.status_code, right["Location"]) == (302, "/admin/usage/")
    assert client.get("/admin/usage/").status_code == 200
    assert client.get("/sign-in/code/").status_code == 302
    assert client.session["client"]["method"] == "password, code"


def test_a_recovery_code_signs_in_and_says_how_many_are_left(bob: User) -> None:
    _, codes = enrol(bob)
    client, _ = sign_in(bob)

    page = client.post("/sign-in/code/", {"code": codes[0]}, follow=True)

    assert "That recovery code is used up; 9 are left." in page.content.decode()
    assert sign_in(bob)[0].post("/sign-in/code/", {"code": codes[0]}).status_code == 422


def test_the_half_way_state_ends(bob: User) -> None:
    secret, _ = enrol(bob)
    late, changed, archived = (sign_in(bob)[0] for _ in range(3))

    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1), tick=False):
        assert late.post("/sign-in/code/", {"code": code_of(secret)})["Location"] == LOGIN
    bob.set_password("another long one 8")
    bob.save()
    assert changed.post("/sign-in/code/", {"code": code_of(secret)})["Location"] == LOGIN
    people.archive_user(user=bob, actor=None)
    assert archived.post("/sign-in/code/", {"code": code_of(secret)})["Location"] == LOGIN
    assert Client().get("/sign-in/code/")["Location"] == LOGIN


def test_wrong_codes_count_as_failed_sign_ins_do(bob: User) -> None:
    enrol(bob)
    client, _ = sign_in(bob)

    answers = [client.post("/sign-in/code/", {"code": "000000"}).status_code for _ in range(10)]
    again = sign_in(bob)[1]

    assert answers == [422] * 9 + [429]
    assert again.status_code == 429


def test_an_organization_may_require_it_and_then_nobody_comes_in_without(company: factories.Acme, bob: User) -> None:
    company.organization.requires_second_factor = True
    company.organization.save()
    client, first = sign_in(bob)

    page = client.get("/sign-in/set-up/")
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7]{32})<', page.content.decode())
    assert secret is not None
    outside = client.get("/admin/usage/")
    wrong = client.post("/sign-in/set-up/", {"code": "000000"})
    done = client.post("/sign-in/set-up/", {"code": code_of(secret[1])})

    assert (first.status_code, first["Location"]) == (302, "/sign-in/set-up/")
    assert "<svg" in page.content.decode()
    assert outside.status_code == 302
    assert wrong.status_code == 422
    assert (done.status_code, len(re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", done.content.decode()))) == (
        200,
        10,
    )
    assert client.get("/admin/usage/").status_code == 200
    assert sign_in(bob)[1]["Location"] == "/sign-in/code/"


def test_the_account_page_switches_it_on_and_off(bob: User) -> None:
    client, _ = sign_in(bob)
    page = client.get("/admin/account/second-factor/").content.decode()
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7]{32})<', page)
    assert secret is not None

    wrong = client.post("/admin/account/second-factor/", {"code": "000000"})
    codes = client.post("/admin/account/second-factor/", {"code": code_of(secret[1])})
    account = client.get("/admin/account/").content.decode()
    renewed = client.post("/admin/account/recovery-codes/")
    off = client.post("/admin/account/second-factor/remove/", follow=True)

    assert wrong.status_code == 422
    assert secret[1] in wrong.content.decode()
    assert (codes.status_code, "no-store" in codes["Cache-Control"]) == (200, True)
    assert "10 recovery codes left" in account
    assert renewed.status_code == 200
    assert "The second factor is off." in off.content.decode()
    events = AuditEvent.objects.filter(verb__startswith="second_factor", organization=None).order_by("id")
    verbs = ["second_factor.enable", "second_factor.renew_recovery_codes", "second_factor.disable"]
    assert [event.verb for event in events] == verbs


def test_a_code_confirms_as_a_password_does(bob: User) -> None:
    secret, codes = enrol(bob)
    client = Client()
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    answers = [client.post("/sudo/", {"code": code}).status_code for code in ("000000", code_of(secret), codes[0])]

    assert answers == [422, 302, 302]
    methods = AuditEvent.objects.filter(verb="session.confirm").order_by("id").values_list("after", flat=True)
    assert list(methods) == [{"method": "code"}, {"method": "recovery code"}]


def test_sessions_are_listed_and_the_others_are_ended(bob: User) -> None:
    (here, _), (there, _) = sign_in(bob), sign_in(bob)
    pair = tokens.issue(user=bob)

    page = here.get("/admin/account/").content.decode()
    done = here.post("/admin/account/sessions/end/", follow=True)

    assert Session.objects.filter(user_id=bob.pk).count() == 1
    assert page.count("This one") == 1
    assert "1 other browser is signed out" in done.content.decode()
    assert there.get("/admin/usage/").status_code == 302
    assert here.get("/admin/usage/").status_code == 200
    with pytest.raises(tokens.InvalidToken):
        tokens.rotate(refresh=pair.refresh)


def test_one_browser_is_ended_by_a_mark_that_is_not_its_key(company: factories.Acme, bob: User) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    (here, _), (there, _) = sign_in(bob), sign_in(bob, Client(headers={"User-Agent": firefox}))
    (third, _), (others, _) = sign_in(bob), sign_in(with_password(company.people["carol"]))
    pair = tokens.issue(user=bob)

    page = here.get("/admin/account/").content.decode()
    mark = sessions.mark_of(there.session.session_key)
    stolen = others.post("/admin/account/sessions/end-one/", {"session": mark}, follow=True)
    assert there.get("/admin/account/").status_code == 200
    done = here.post("/admin/account/sessions/end-one/", {"session": mark}, follow=True)
    again = here.post("/admin/account/sessions/end-one/", {"session": mark}, follow=True)
    odd = here.post("/admin/account/sessions/end-one/", {"session": "é\x00"})

    assert odd.status_code == 302
    assert f'<span title="{firefox}">Firefox on Linux</span>' in page
    assert page.count('name="session"') == 2
    assert mark in page
    assert there.session.session_key not in page
    assert "That browser was signed out already." in stolen.content.decode()
    assert "That browser is signed out." in done.content.decode()
    assert "That browser was signed out already." in again.content.decode()
    assert [one.get("/admin/usage/").status_code for one in (here, there, third)] == [200, 302, 200]
    assert tokens.rotate(refresh=pair.refresh)
    events = AuditEvent.objects.filter(verb="session.end").order_by("id")
    assert [(event.organization_id, event.actor_id) for event in events] == [
        (None, bob.pk), (company.organization.pk, bob.pk),
    ]  # fmt: skip


# ---- the API -----------------------------------------------------------------------------------------------------


def token(user: User, **more: str) -> Any:
    return APIClient().post(f"{API}/auth/token", {"username": user.username, "password": factories.PASSWORD, **more})


def test_the_token_endpoint_asks_for_the_code(bob: User) -> None:
    secret, codes = enrol(bob)
    with time_machine.travel(timezone.now(), tick=False):
        answers = [token(bob), token(bob, code="000000"), token(bob, code=code_of(secret))]
        answers += [token(bob, code=code_of(secret)), token(bob, code=codes[0])]

    assert [answer.status_code for answer in answers] == [401, 401, 200, 401, 200]
    assert [answers[index].json()["code"] for index in (0, 1, 3)] == [
        "second_factor_required", "second_factor_wrong", "second_factor_wrong",
    ]  # fmt: skip


def test_the_token_endpoint_keeps_the_policy(company: factories.Acme, bob: User) -> None:
    company.organization.requires_second_factor = True
    company.organization.save()

    answer = token(bob)

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_missing")


def test_wrong_codes_lock_the_token_endpoint(bob: User) -> None:
    secret, _ = enrol(bob)

    answers = [token(bob, code="000000").status_code for _ in range(10)]
    locked = token(bob, code=code_of(secret))

    assert answers == [401] * 9 + [429]
    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")


def test_the_whole_of_it_by_the_api(bob: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user=bob).access}")

    begun = client.post(f"{API}/me/second-factor").json()
    wrong = client.post(f"{API}/me/second-factor/confirm", {"code": "1"})
    codes = client.post(f"{API}/me/second-factor/confirm", {"code": code_of(begun["secret"])}).json()["recovery_codes"]
    known = client.get(f"{API}/me/second-factor").json()
    stolen = client.post(f"{API}/me/second-factor/disable", {"code": "000000"})
    renewed = client.post(f"{API}/me/recovery-codes", {"code": codes[0]}).json()["recovery_codes"]
    off = client.post(f"{API}/me/second-factor/disable", {"code": renewed[0]})

    assert begun["uri"].startswith("otpauth://totp/LLM%20Gateway:bob%40acme.example?secret=")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "second_factor_wrong")
    assert known == {"is_enabled": True, "is_required": False, "recovery_codes_left": 10}
    assert (stolen.status_code, off.status_code) == (403, 204)
    assert not secondfactor.is_enabled(bob)


# ---- who lost it -------------------------------------------------------------------------------------------------


def test_an_owner_resets_a_members(company: factories.Acme, bob: User) -> None:
    enrol(bob)
    membership = Membership.objects.get(user=bob)

    with pytest.raises(Forbidden):
        secondfactor.reset_member(membership=membership, actor=company.people["adam"], is_owner=False)
    secondfactor.reset_member(membership=membership, actor=company.people["alice"], is_owner=True)

    assert not secondfactor.is_enabled(bob)
    events = AuditEvent.objects.filter(verb="second_factor.reset")
    assert {(event.actor_id, event.organization_id) for event in events} == {
        (company.people["alice"].pk, None), (company.people["alice"].pk, company.organization.pk),
    }  # fmt: skip


def test_nor_an_owner_of_one_organization_for_another(company: factories.Acme, bob: User) -> None:
    enrol(bob)
    membership = Membership.objects.get(user=bob)
    other = factories.OrganizationFactory()
    Membership.objects.create(organization=other, user=bob, role="developer")  # type: ignore[misc]

    with pytest.raises(Forbidden) as refused:
        secondfactor.reset_member(membership=membership, actor=company.people["alice"], is_owner=True)
    assert refused.value.code == "second_factor_shared"
    assert secondfactor.is_enabled(bob)


def test_the_command_lets_a_locked_out_person_in(bob: User) -> None:
    enrol(bob)
    said = StringIO()

    call_command("reset_second_factor", bob.username, stdout=said)

    assert said.getvalue() == f"{bob.username} signs in without a second factor now.\n"
    assert sign_in(bob)[1]["Location"] == "/admin/usage/"
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("reset_second_factor", bob.username)
    with pytest.raises(CommandError, match="No user"):
        call_command("reset_second_factor", "nobody")


def test_erasing_a_person_forgets_their_second_factor(bob: User) -> None:
    enrol(bob)

    people.erase_user(user=bob, actor=None)

    assert (SecondFactor.objects.count(), RecoveryCode.objects.count()) == (0, 0)


def test_erasing_a_person_forgets_where_they_signed_in_from(bob: User, client: Client) -> None:
    client.post("/admin/login/", {"username": bob.username, "password": factories.PASSWORD})
    client.post("/admin/login/", {"username": bob.username, "password": "wrong"})
    assert [row.at is not None for row in sessions.sign_ins_of(bob)] == [True]
    names = {bob.username, bob.email}

    people.erase_user(user=bob, actor=None)

    assert not AccessLog.objects.filter(username__in=names).exists()
    assert not AccessAttempt.objects.filter(username__in=names).exists()
