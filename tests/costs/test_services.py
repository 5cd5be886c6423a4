from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from costs.models import PriceOverride
from costs.services import close_price_override, set_price_override
from gateway.models import AuditEvent, ConfigChange, Membership, Organization, User
from gateway.services.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
JANUARY, MARCH, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 6))


@pytest.fixture
def acme() -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", "root@example.com", "a long passphrase")


def state(organization, **fields) -> PriceOverride:
    defaults = {
        "provider": "openai",
        "model": "gpt-4o",
        "actor": None,
        "valid_from": JANUARY,
        "prices": {"input": "2.00", "output": Decimal(8)},
    }
    return set_price_override(organization=organization, **{**defaults, **fields})


def windows() -> list[tuple[datetime, datetime | None]]:
    return list(PriceOverride.objects.order_by("valid_from").values_list("valid_from", "valid_to"))


def test_a_price_is_stored_as_decimal_text_with_its_audit_row(acme, root):
    row = state(acme, provider="Azure_OpenAI", actor=root, currency="eur", source="contract 7")

    row.refresh_from_db()
    assert (row.provider, row.prices, row.currency) == ("azure", {"input": "2.00", "output": "8"}, "EUR")
    event = AuditEvent.objects.get()
    assert (event.verb, event.organization, event.actor, event.object_id) == ("price.set", acme, root, str(row.pk))
    assert event.after["prices"] == {"input": "2.00", "output": "8"}


def test_a_new_price_closes_the_one_in_force(acme):
    first = state(acme)
    state(acme, valid_from=MARCH, model="GPT-4o")

    assert windows() == [(JANUARY, MARCH), (MARCH, None)]
    closing = AuditEvent.objects.get(verb="price.close")
    assert (closing.object_id, closing.before, closing.after) == (
        str(first.pk),
        {"valid_to": None},
        {"valid_to": MARCH.isoformat()},
    )


def test_other_targets_are_left_alone(acme):
    state(acme)
    state(None, valid_from=MARCH)
    state(acme, valid_from=MARCH, model="gpt-4o*")
    state(acme, valid_from=MARCH, provider="azure")

    assert windows() == [(JANUARY, None), (MARCH, None), (MARCH, None), (MARCH, None)]


def test_a_price_may_end_where_a_later_one_begins_but_not_reach_into_it(acme):
    state(acme, valid_from=MARCH)

    with pytest.raises(Conflict) as refused:
        state(acme, valid_from=JANUARY)
    state(acme, valid_from=JANUARY, valid_to=MARCH)

    assert refused.value.code == "price_overlaps"
    assert windows() == [(JANUARY, MARCH), (MARCH, None)]


def test_a_short_price_does_not_silently_end_one_that_goes_on(acme):
    state(acme)

    with pytest.raises(Conflict) as refused:
        state(acme, valid_from=MARCH, valid_to=JUNE)

    assert refused.value.code == "price_would_lapse"
    assert windows() == [(JANUARY, None)]


def test_a_refusal_leaves_no_trace(acme):
    state(acme, valid_from=JUNE)
    state(acme, valid_from=JANUARY, valid_to=MARCH)
    events = AuditEvent.objects.count()

    with pytest.raises(Conflict):
        state(acme, valid_from=JANUARY + timedelta(days=1))

    assert windows() == [(JANUARY, MARCH), (JUNE, None)]
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prices": {"inptu": "1"}}, "price_invalid"),
        ({"prices": {"input": "-1"}}, "price_invalid"),
        ({"prices": {"input": "NaN"}}, "price_invalid"),
        ({"prices": {"input": "abc"}}, "price_amount"),
        ({"prices": {"input": 0.1}}, "price_amount"),
        ({"prices": None}, "price_invalid"),
        ({"discount_percent": Decimal(101)}, "price_invalid"),
        ({"valid_to": JANUARY}, "price_invalid"),
        ({"valid_from": datetime(2026, 1, 1)}, "price_invalid"),
        ({"currency": "dollar"}, "price_currency"),
        ({"model": " "}, "price_target"),
    ],
)
def test_what_cannot_be_billed_is_refused(acme, fields, code):
    with pytest.raises(Invalid) as refused:
        state(acme, **fields)

    assert refused.value.code == code
    assert not PriceOverride.objects.exists()


def test_closing_ends_a_price_once(acme):
    row = state(acme)

    close_price_override(override=row, actor=None, valid_to=JUNE)
    close_price_override(override=row, actor=None, valid_to=MARCH)
    with pytest.raises(Conflict):
        close_price_override(override=row, actor=None, valid_to=JUNE)
    with pytest.raises(Invalid):
        close_price_override(override=row, actor=None, valid_to=JANUARY)

    assert windows() == [(JANUARY, MARCH)]


def test_the_database_refuses_overlaps_changes_and_removals(acme):
    row = state(acme)
    twin = PriceOverride(organization=acme, provider="openai", model="gpt-4O", prices={"input": "1"}, valid_from=MARCH)

    with pytest.raises(IntegrityError, match="price_override_no_overlap"), transaction.atomic():
        twin.save()
    for statement in (
        "UPDATE costs_priceoverride SET prices = '{}'",
        "UPDATE costs_priceoverride SET valid_from = now()",
        "DELETE FROM costs_priceoverride",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    assert PriceOverride.objects.get() == row


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("models", [("gpt-4o", "gpt-4o"), ("gpt-4o", "GPT-4o")])
def test_two_people_at_once_leave_one_price(models):
    acme = Organization.objects.create(slug="acme", name="Acme")
    ready, outcomes = threading.Barrier(2), []

    def attempt(model: str) -> None:
        try:
            ready.wait(10)
            state(acme, model=model)
            outcomes.append("stated")
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=[model]) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(outcomes) == ["price_overlaps", "stated"]
    assert PriceOverride.objects.count() == 1


def test_spellings_of_a_model_are_stated_one_after_another(acme):
    locks = set()
    for number, name in enumerate(("gpt-4o", "GPT-4o")):
        with CaptureQueriesContext(connection) as queries:
            state(acme, model=name, valid_from=JUNE + timedelta(days=number))
        locks |= {one["sql"] for one in queries if "pg_advisory_xact_lock" in one["sql"] and "'price:" in one["sql"]}

    assert len(locks) == 1


@pytest.mark.django_db(transaction=True)
def test_a_price_is_a_configuration_change():
    before = ConfigChange.objects.count()

    row = state(None)

    change = ConfigChange.objects.order_by("-version").first()
    assert ConfigChange.objects.count() == before + 1
    assert change is not None
    assert (change.entity, change.entity_id) == ("price", str(row.pk))


def test_the_admin_states_and_ends_prices_through_the_services(client, root, settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    client.force_login(root)
    add = reverse("admin:costs_priceoverride_add")
    form = {"provider": "openai", "model": "gpt-4o", "price_input": "2", "currency": "USD"}
    when = {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00", "valid_to_0": "", "valid_to_1": ""}

    created = client.post(add, form | when)
    refused = client.post(add, form | when)
    listed = client.get(reverse("admin:costs_priceoverride_changelist"))
    row = PriceOverride.objects.get()
    shown = client.get(reverse("admin:costs_priceoverride_change", args=[row.pk]))
    ended = client.post(
        reverse("admin:costs_priceoverride_changelist"), {"action": "end_now", "_selected_action": [str(row.pk)]}
    )

    row.refresh_from_db()
    assert (created.status_code, refused.status_code, ended.status_code) == (302, 302, 302)
    assert refused.url.startswith(f"{add}?provider=openai&model=gpt-4o&price_input=2&")
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert client.get(refused.url).status_code == 200
    assert row.valid_to is not None
    assert set(AuditEvent.objects.values_list("verb", "actor_id")) == {("price.set", root.pk), ("price.close", root.pk)}


def test_prices_in_the_console_are_the_administrators(client, acme, root, settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    people = {role: User.objects.create_user(role, f"{role}@example.com") for role in ("owner", "analyst", "developer")}
    for role, person in people.items():
        Membership.objects.create(organization=acme, user=person, role=role)
    shared = state(None)
    add, pages = reverse("admin:costs_priceoverride_add"), reverse("admin:costs_priceoverride_changelist")
    form = {"provider": "openai", "model": "o9", "price_input": "2", "currency": "USD"}
    when = {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00", "valid_to_0": "", "valid_to_1": ""}
    answers = {}

    for role, person in people.items():
        client.force_login(person)
        settings_page = client.get(reverse("admin:settings")).content.decode()
        answers[role] = (pages in settings_page, client.get(pages).status_code, client.get(add).status_code)

    assert answers == {"owner": (True, 200, 200), "analyst": (True, 200, 403), "developer": (False, 403, 403)}
    client.force_login(people["owner"])
    assert client.post(add, form | when).status_code == 200
    assert PriceOverride.objects.filter(model="o9").count() == 0
    assert client.post(add, form | when | {"organization": str(acme.pk)}).status_code == 302
    assert PriceOverride.objects.get(model="o9").organization == acme
    client.post(pages, {"action": "end_now", "_selected_action": [str(shared.pk)]})
    shared.refresh_from_db()
    assert shared.valid_to is None
