"""Keys: what is stored, what rotation keeps, and who wins when two act at once."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from gateway import credentials
from gateway.ledger.booking import derived_id
from gateway.models import AuditEvent, KeyForeignSpend, KeySpend, VirtualKey
from gateway.services import identity, keys
from gateway.services.errors import Conflict, Invalid
from tests import factories


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


def make(company: factories.Acme, **limits: Any) -> keys.IssuedKey:
    return keys.create_key(
        organization=company.organization, project=company.assistant, actor=None, name="test", **limits
    )


def test_the_secret_is_not_stored(company: factories.Acme) -> None:
    key, secret = make(company)

    assert len(secret) == 46
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(k)::text FROM gateway_virtualkey k WHERE id = %s", [key.pk])
        row = cursor.fetchone()[0]
    assert secret not in row
    assert secret[11:] not in row
    assert bytes(VirtualKey.objects.get(pk=key.pk).digest) == credentials.digest(secret)[1]


def test_authenticate_knows_old_peppers_and_nothing_else(company: factories.Acme, settings: Any) -> None:
    old = settings.KEY_PEPPERS
    key, secret = make(company)

    settings.KEY_PEPPERS = {**old, 9: b"\x09" * 32}
    assert keys.authenticate(secret) == key
    assert keys.authenticate(secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None
    assert keys.authenticate("sk-" + secret) is None

    settings.KEY_PEPPERS = {9: b"\x09" * 32}
    assert keys.authenticate(secret) is None


def test_revoked_expired_archived_and_orphaned_keys_do_not_authenticate(company: factories.Acme) -> None:
    revoked = make(company)
    keys.revoke_key(key=revoked.key, actor=None)
    expired = make(company)
    VirtualKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now())
    orphaned = make(company, user=company.people["bob"])
    type(company.people["bob"]).objects.filter(username="bob@acme.example").update(is_active=False)
    closed = keys.create_key(organization=company.organization, project=company.banner, actor=None, name="banner")
    identity.archive_project(project=company.banner, actor=None)

    assert [keys.authenticate(k.secret) for k in (revoked, expired, orphaned, closed)] == [None] * 4


def test_rotation_without_overlap_stops_the_old_key(company: factories.Acme) -> None:
    old = make(company, rpm_limit=60, allowed_models=["gpt-4o"], budget_amount=Decimal(10))
    KeySpend.objects.create(key_id=old.key.pk, spent=Decimal("3.25"))

    new = keys.rotate_key(key=old.key, actor=None)

    assert keys.authenticate(old.secret) is None
    assert keys.authenticate(new.secret) == new.key
    fresh = VirtualKey.objects.get(pk=new.key.pk)
    assert (fresh.rpm_limit, fresh.allowed_models, fresh.rotated_from) == (60, ["gpt-4o"], old.key)
    assert (fresh.budget_amount, fresh.lineage) == (Decimal(10), old.key.pk)  # one budget for both, never refilled


def test_rotation_with_overlap_keeps_both_for_a_while(company: factories.Acme) -> None:
    old = make(company)

    new = keys.rotate_key(key=old.key, actor=None, overlap_s=3600)

    assert keys.authenticate(old.secret) is not None
    assert keys.authenticate(new.secret) is not None
    left = VirtualKey.objects.get(pk=old.key.pk).expires_at - timezone.now()  # type: ignore[operator]
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    with pytest.raises(Conflict):
        keys.rotate_key(key=old.key, actor=None)


@pytest.mark.parametrize(
    "limits",
    [
        {"scopes": []}, {"scopes": ["root"]}, {"budget_amount": Decimal(-1)},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
)  # fmt: skip
def test_nonsense_limits_are_refused(limits: dict[str, Any], company: factories.Acme) -> None:
    with pytest.raises(Invalid):
        make(company, **limits)


def test_a_foreign_project_or_owner_is_refused(company: factories.Acme) -> None:
    with pytest.raises(Invalid):
        keys.create_key(organization=company.organization, project=company.globex_project, actor=None, name="x")
    with pytest.raises(Invalid):
        make(company, user=company.people["mallory"])


def test_revoking_twice_is_one_event(company: factories.Acme) -> None:
    key = make(company).key

    first = keys.revoke_key(key=key, actor=None)
    second = keys.revoke_key(key=key, actor=None)

    assert first.revoked_at == second.revoked_at
    assert AuditEvent.objects.filter(verb="key.revoke", object_id=str(key.pk)).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_in_two_processes_one_wins() -> None:
    company = factories.acme()
    key = company.keys["bob"]
    script = (
        "import django; django.setup()\n"
        "from gateway.models import VirtualKey\n"
        "from gateway.services import keys\n"
        "from gateway.services.errors import Conflict\n"
        f"key = VirtualKey.objects.get(pk='{key.pk}')\n"
        "print('ready', flush=True); input()\n"
        "try:\n"
        "    keys.rotate_key(key=key, actor=None, overlap_s=60); print('won')\n"
        "except Conflict as error:\n"
        "    print(error.code)\n"
    )
    environment = _environment()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(2)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"

    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda r=racer: outcomes.append(r.communicate("\n")[0].strip())) for racer in racers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["key_already_rotated", "won"]
    assert key.successors.count() == 1


def _environment() -> dict[str, str]:
    """The test's own database for a child process."""
    wanted = connection.get_connection_params()
    url = f"postgresql://{wanted['user']}@/{wanted['dbname']}?host={quote(str(wanted['host']))}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}


@pytest.mark.django_db(transaction=True)
def test_what_a_key_spends_in_other_currencies_is_beside_its_spend(company: factories.Acme) -> None:
    """5 USD, 7 and 2 EUR, 1 GBP; one of the euros is taken back."""

    def paid(cost: str, currency: str) -> dict[str, Any]:
        charge = {"meter": "request", "rate_id": "r", "quantity": cost, "unit_price": "1", "cost": cost}
        return {"cost": Decimal(cost), "list_cost": None, "currency": currency, "charges": [charge]}

    lines = [
        factories.line(company, **paid(cost, currency))
        for cost, currency in (("5", "USD"), ("7", "EUR"), ("2", "EUR"), ("1", "GBP"))
    ]
    factories.book_lines(*lines)
    back = {"id": derived_id(lines[1]["id"], "test"), "corrects": lines[1]["id"], "kind": "adjustment"}
    factories.book_lines(lines[1] | back | {"is_final": False} | paid("-1", "EUR"))

    spend = KeySpend.objects.get(key_id=company.keys["bob"].pk)
    other = KeyForeignSpend.objects.filter(key_id=company.keys["bob"].pk).order_by("currency")
    assert (spend.spent, spend.requests) == (5, 4)
    assert list(other.values_list("currency", "spent")) == [("EUR", 8), ("GBP", 1)]
    call_command("verify_ledger", "--organization", "acme")
    other.filter(currency="EUR").update(spent=3)
    with pytest.raises(CommandError, match="spend of keys"):
        call_command("verify_ledger", "--organization", "acme")


def test_a_currency_in_which_books_are_kept_stays(company: factories.Acme) -> None:
    identity.update_organization(organization=company.organization, actor=None, currency="EUR")
    factories.book_lines(factories.line(company))

    with pytest.raises(Conflict) as caught:
        identity.update_organization(organization=company.organization, actor=None, currency="USD")
    identity.update_organization(organization=company.organization, actor=None, name="Acme GmbH", currency="EUR")

    assert caught.value.message == (
        "The books are kept in EUR since the first call; costs can be asked for in any currency."
    )
    company.organization.refresh_from_db()
    assert (company.organization.name, company.organization.currency) == ("Acme GmbH", "EUR")
