"""What `doctor` asks of an installation that goes live: each check passes, warns, and is silent outside production."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from config.doctor import CHECKS, Outcome, data, golive
from costs.invoices.models import Invoice, InvoiceState
from costs.models import Budget
from gateway.choices import LimitScope, Role
from gateway.models import OutboxMessage, ProvisionedPerson, SecondFactor, VirtualKey
from gateway.services import audit
from tests import factories

pytestmark = pytest.mark.django_db
OWN = [check for check in CHECKS if check.__module__ == golive.__name__]


@pytest.fixture(autouse=True)
def production(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    data.unreachable.cache_clear()
    settings.IS_PRODUCTION = True
    settings.DATA_DIR = tmp_path
    yield settings
    data.unreachable.cache_clear()


@pytest.mark.parametrize("check", OWN, ids=lambda check: check.__name__)
def test_another_profile_is_not_asked(production: Settings, check: golive.Check) -> None:
    production.IS_PRODUCTION = False

    assert check().outcome is Outcome.OFF


def test_ten_checks_each_with_a_name_of_its_own() -> None:
    assert len({check().name for check in OWN}) == len(OWN) == 10


def test_the_first_password(tmp_path: Path) -> None:
    assert golive.first_password().outcome is Outcome.OK
    (tmp_path / "admin-password").write_text("secret")

    found = golive.first_password()
    assert (found.outcome, found.detail) == (Outcome.WARNING, f"{tmp_path / 'admin-password'} is still there")


def test_two_owners_who_may_sign_in() -> None:
    company = factories.OrganizationFactory(slug="company")
    factories.OrganizationFactory(slug="sample", is_demo=True)
    first = factories.MembershipFactory(organization=company, role=Role.OWNER)
    factories.MembershipFactory(organization=company, role=Role.ADMIN)
    gone = factories.MembershipFactory(organization=company, role=Role.OWNER, user__is_active=False)

    assert golive.owners().detail == "fewer than 2: company"
    gone.user.is_active = True
    gone.user.save()
    assert golive.owners().outcome is Outcome.OK
    first.archived_at = timezone.now()
    first.save()
    assert golive.owners().outcome is Outcome.WARNING


def test_second_factors(production: Settings) -> None:
    root = factories.UserFactory(username="root", is_superuser=True)
    assert golive.second_factors().detail == "superusers without: root"
    factor = SecondFactor.objects.create(user=root, secret=b"")
    assert golive.second_factors().detail == "superusers without: root"  # begun, not confirmed
    factor.confirmed_at = timezone.now()
    factor.save()
    company = factories.OrganizationFactory(slug="company")

    assert golive.second_factors().detail == "not required by company"
    production.PASSWORD_SIGN_IN = False
    assert golive.second_factors().outcome is Outcome.OK
    production.PASSWORD_SIGN_IN = True
    company.requires_second_factor = True
    company.save()
    assert golive.second_factors().outcome is Outcome.OK


def test_keys_that_manage_have_an_end() -> None:
    company = factories.acme()
    own = sorted(company.keys[name].prefix for name in ("read", "write"))
    assert golive.management_keys().detail == f"without an end: {', '.join(own)}"

    VirtualKey.objects.filter(prefix__in=own).update(expires_at=timezone.now() + timedelta(days=30))
    assert golive.management_keys().outcome is Outcome.OK


def test_somebody_was_ended_by_the_directory() -> None:
    assert golive.leavers().outcome is Outcome.OFF
    company = factories.OrganizationFactory()
    person = factories.UserFactory()
    ProvisionedPerson.objects.create(organization=company, user=person)
    assert golive.leavers().outcome is Outcome.WARNING
    with transaction.atomic():
        audit.record(organization=company, actor=None, verb="directory.deactivate", target=person)

    assert golive.leavers().outcome is Outcome.OK


@pytest.mark.parametrize(
    ("peppers", "field_keys", "outcome"),
    [
        ({1: b"a"}, ("x",), Outcome.WARNING),
        ({1: b"a", 2: b"b"}, ("x", "y"), Outcome.WARNING),
        ({1: b"a", 2: b"b"}, ("x",), Outcome.OK),
    ],
)
def test_secrets_were_rotated(
    monkeypatch: pytest.MonkeyPatch, peppers: dict[int, bytes], field_keys: tuple[str, ...], outcome: Outcome
) -> None:
    ring = SimpleNamespace(peppers=peppers, field_keys=field_keys)
    monkeypatch.setattr(golive.keyring, "current", lambda fresh: ring)

    assert golive.rotation().outcome is outcome


def test_a_mail_was_delivered() -> None:
    now = timezone.now()
    assert golive.delivered_mail().detail == "none was ever delivered"
    OutboxMessage.objects.create(topic="webhook", dedupe_key="0", payload={}, due_at=now, dead_at=now)
    OutboxMessage.objects.create(topic="mail", dedupe_key="1", payload={}, due_at=now, delivered_at=now)
    assert golive.delivered_mail().outcome is Outcome.OK

    OutboxMessage.objects.create(topic="mail", dedupe_key="2", payload={}, due_at=now, dead_at=now)
    assert golive.delivered_mail().detail == "1 were given up"


def test_what_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    factories.OrganizationFactory()
    assert golive.prices().outcome is Outcome.OK

    lacking = [SimpleNamespace(provider="openai", model=f"gpt-{number}") for number in range(7)]
    monkeypatch.setattr(golive, "unpriced", lambda **asked: lacking)
    assert golive.prices().detail == "none for openai/gpt-0, openai/gpt-1, openai/gpt-2, openai/gpt-3, openai/gpt-4 …"


def test_every_organization_has_a_budget() -> None:
    company = factories.OrganizationFactory(slug="company")
    assert golive.budgets().detail == "none in company"
    budget = Budget.objects.create(
        organization=company, name="All", scope=LimitScope.ORGANIZATION, scope_value=str(company.pk),
        amount=Decimal(100), currency="USD", tracked_from=timezone.now(),
    )  # fmt: skip
    assert golive.budgets().outcome is Outcome.OK

    budget.archived_at = timezone.now()
    budget.save()
    assert golive.budgets().outcome is Outcome.WARNING


@pytest.mark.parametrize(("days", "state", "outcome"), [
    (10, InvoiceState.READY, Outcome.OK), (90, InvoiceState.READY, Outcome.WARNING),
    (10, InvoiceState.FAILED, Outcome.WARNING),
])  # fmt: skip
def test_an_invoice_was_reconciled(days: int, state: str, outcome: Outcome) -> None:
    end: date = timezone.now().date() - timedelta(days=days)
    Invoice.objects.create(
        organization=factories.OrganizationFactory(), file_name="a.csv", format="openai", digest="0" * 64, size_bytes=1,
        state=state, vendor="openai", start=end - timedelta(days=30), end=end, drift_percent=Decimal("0.5"),
    )  # fmt: skip

    found = golive.invoices()
    assert found.outcome is outcome
    if outcome is Outcome.OK:
        assert found.detail == f"openai until {end:%Y-%m-%d}, drift 0.50 %"
