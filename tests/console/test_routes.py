"""Routes in the console: list, editor with targets as rows, simulation; who may, whose, at what cost, good and bad."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from gateway.console.simulation import SampleForm, body_of
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.models import AuditEvent, Model, Organization, Route, RouteTarget
from tests.console.company import Company
from tests.console.conftest import SignIn

LIST = "/admin/routes/"
ADD = "/admin/routes/add/"


def model_of(company: Company, name: str) -> Model:
    return Model.objects.get(organization=company.organization, name=name)


def fast(company: Company) -> Route:
    return Route.objects.get(organization=company.organization, alias="fast")


def form(company: Company, *targets: tuple[str, str, str], **changes: Any) -> dict[str, Any]:
    """What the browser posts; `targets` are `(model, priority, weight)`."""
    ids = {model.name: str(model.pk) for model in Model.objects.filter(organization=company.organization)}
    rows = targets or (("gpt-4o-mini", "0", "3"), ("claude-haiku-4-5", "1", "1"))
    return {
        "alias": "smart", "description": "", "is_enabled": "on", "strategy": "priority", "config": "{}", "retries": "0",
        "deadline_ms": "", "hedge_after_ms": "", "output_cap": "", "seen": "",
        "target_model": [ids.get(name, name) for name, _, _ in rows],
        "target_priority": [priority for _, priority, _ in rows], "target_weight": [weight for _, _, weight in rows],
        **changes,
    }  # fmt: skip


def edit(client: Client, route: Route) -> str:
    return client.get(reverse("admin:route", args=[route.pk])).content.decode()


# ---- who and whose ---------------------------------------------------------------------------------------------------
def test_members_read_and_administrators_write(company: Company, sign_in: SignIn) -> None:
    page = reverse("admin:route", args=[fast(company).pk])
    paths = (LIST, page, ADD, reverse("admin:route_target"), reverse("admin:route_simulate", args=[fast(company).pk]))

    opened = {
        person: [sign_in(person).get(path).status_code for path in paths]
        for person in ("alice", "adam", "dave", "carol", "bob", "mallory")
    }

    everything, reading, nothing = [200] * 5, [200, 200, 403, 403, 403], [403] * 5
    assert opened == {
        "alice": everything, "adam": everything, "dave": reading, "carol": reading, "bob": reading, "mallory": nothing,
    }  # fmt: skip
    assert '<form class="form"' not in sign_in("bob").get(page).content.decode()
    assert sign_in("bob").post(page, form(company, alias="mine")).status_code == 403
    assert sign_in("bob").post(ADD, form(company)).status_code == 403
    assert fast(company).alias == "fast"


def test_anothers_route_does_not_exist(company: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other-one", name="Other")
    theirs = Route.objects.create(organization=other, alias="theirs")
    alice = sign_in("alice")

    assert alice.get(reverse("admin:route", args=[theirs.pk])).status_code == 404
    assert alice.post(reverse("admin:route", args=[theirs.pk]), form(company)).status_code == 404
    assert alice.get(reverse("admin:route_simulate", args=[theirs.pk])).status_code == 404
    assert "theirs" not in alice.get(LIST).content.decode()


def test_a_platforms_route_is_read_by_all_and_written_by_superusers(company: Company, sign_in: SignIn) -> None:
    shared = Route.objects.create(alias="shared-one", description="of the platform")
    page = reverse("admin:route", args=[shared.pk])

    assert "shared-one" in sign_in("bob").get(LIST).content.decode()
    assert sign_in("alice").post(page, form(company)).status_code == 403
    alices, roots = (sign_in(name).get(page).content.decode() for name in ("alice", "root"))
    assert ("target_model" in alices, "target_model" in roots) == (False, True)
    assert "gpt-4o-mini ·" not in roots  # an organization's model cannot be its target


def test_the_list_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        route = Route.objects.create(organization=company.organization, alias=f"r{number}")
        for model in Model.objects.all():
            RouteTarget.objects.create(route=route, model=model, priority=number)
    alice = sign_in("alice")

    with django_assert_max_num_queries(10):
        text = alice.get(LIST).content.decode()

    assert text.count("and 1 more") == 30
    with django_assert_max_num_queries(12):
        edit(alice, fast(company))


def test_without_routes_the_page_says_how_to_add_one(company: Company, sign_in: SignIn) -> None:
    RouteTarget.objects.all().delete()
    Route.objects.all().delete()

    assert ADD in sign_in("alice").get(LIST).content.decode()
    assert "An administrator can add one." in sign_in("bob").get(LIST).content.decode()


# ---- the editor ------------------------------------------------------------------------------------------------------
def test_a_route_is_added_with_its_targets(company: Company, sign_in: SignIn) -> None:
    config = {"rules": [{"name": "long", "when": {"min_prompt_tokens": 9}, "use": [{"model": "gpt-4o-mini"}]}]}
    fields = form(
        company, strategy="cost-optimized", config=json.dumps(config), retries="2", deadline_ms="20000",
        hedge_after_ms="800", output_cap="4096", drop_unsupported="on", description="Clever enough",
    )  # fmt: skip

    answer = sign_in("alice").post(ADD, fields)

    route = Route.objects.get(alias="smart")
    assert answer["Location"] == reverse("admin:route", args=[route.pk])
    assert (route.organization, route.strategy, route.config) == (company.organization, "cost-optimized", config)
    assert (route.retries, route.deadline_ms, route.hedge_after_ms, route.output_cap) == (2, 20_000, 800, 4096)
    assert (route.is_enabled, route.drop_unsupported, route.description) == (True, True, "Clever enough")
    assert list(route.targets.values_list("model__name", "priority", "weight")) == [
        ("gpt-4o-mini", 0, 3), ("claude-haiku-4-5", 1, 1),
    ]  # fmt: skip
    event = AuditEvent.objects.get(verb="route.create")
    assert event.actor == company.people["alice"]
    listed = sign_in("bob").get(LIST).content.decode()
    for words in ("2 retries", "deadline 20,000 ms", "hedged after 800 ms", "at most 4,096 output tokens"):
        assert words in listed


def test_a_route_is_changed_and_rows_without_a_model_are_left_out(company: Company, sign_in: SignIn) -> None:
    route, alice = fast(company), sign_in("alice")
    rows = (("gpt-4o", "4", "7"), ("", "0", "1"))

    answer = alice.post(
        reverse("admin:route", args=[route.pk]),
        form(company, *rows, alias="faster", is_enabled="", seen=route.updated_at.isoformat()),
    )

    assert answer.status_code == 302
    route.refresh_from_db()
    assert (route.alias, route.is_enabled) == ("faster", False)
    assert list(route.targets.values_list("model__name", "priority", "weight")) == [("gpt-4o", 4, 7)]
    assert "This route is off" in edit(alice, route)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"alias": ""}, "This field is required."),
    ({"alias": "fast"}, "A route fast exists."),
    ({"config": '{"rules": [}'}, "line 1, column 12"),
    ({"config": '["rules"]'}, "Must be an object."),
    ({"config": '{"rules": [{"name": "\\u0000", "use": [{"model": "gpt-4o"}]}]}'}, "NUL character"),
    ({"config": '{"rules": [{"name": "\\ud800", "use": [{"model": "gpt-4o"}]}]}'}, "cannot be stored"),
    ({"config": '{"rules": [{"name": "r", "when": {"moon": 1}, "use": [{"model": "gpt-4o"}]}]}'},
     "config.rules.0.when: There is no setting"),
    ({"config": '{"rules": [{"name": "r", "use": [{"model": "no-such"}]}]}'},
     "config.rules.0.use.0: No target of the route is picked by this."),
    ({"strategy": "weighted"}, "config.weights: The strategy"),
    ({"strategy": "fastest"}, "Select a valid choice."),
    ({"retries": "11"}, "less than or equal to 10"),
    ({"deadline_ms": "0"}, "greater than or equal to 1"),
    ({"target_model": ["", ""]}, "A route needs at least one target."),
    ({"target_model": ["nonsense", ""]}, "Choose one of the models."),
    ({"target_priority": ["-1", "1"]}, "The priority is a whole number from 0 to 32,767."),
    ({"target_weight": ["1.5", "1"]}, "The weight is a whole number from 0 to"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words for _, words in BAD])
def test_what_is_wrong_is_told_in_place_and_nothing_typed_is_lost(
    company: Company, sign_in: SignIn, changes: dict[str, Any], words: str
) -> None:
    answer = sign_in("alice").post(ADD, form(company, **{"description": "kept words", **changes}))

    text = answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    assert answer.status_code == 200
    assert (words in text, "kept words" in text) == (True, True)
    assert changes.get("config", "{}") in text
    assert list(Route.objects.values_list("alias", flat=True)) == ["fast"]


def test_the_same_model_twice_is_told_at_the_targets(company: Company, sign_in: SignIn) -> None:
    answer = sign_in("alice").post(ADD, form(company, ("gpt-4o", "0", "1"), ("gpt-4o", "1", "1")))

    assert "A model can be a target once." in answer.content.decode()


def test_another_organizations_model_cannot_be_a_target(company: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other-one", name="Other")
    model = model_of(company, "gpt-4o")
    Model.objects.filter(pk=model.pk).update(organization=other)

    answer = sign_in("alice").post(ADD, form(company, (str(model.pk), "0", "1")))

    assert "Choose one of the models." in answer.content.decode()


def test_a_change_that_somebody_else_made_meanwhile_is_not_overwritten_unseen(
    company: Company, sign_in: SignIn
) -> None:
    route = fast(company)
    fields = form(company, alias="mine", seen=route.updated_at.isoformat())
    page = reverse("admin:route", args=[route.pk])
    sign_in("adam").post(page, form(company, alias="adams", seen=route.updated_at.isoformat()))
    alice = sign_in("alice")

    refused = alice.post(page, fields).content.decode()
    route.refresh_from_db()
    kept = route.alias
    again = alice.post(page, fields | {"seen": route.updated_at.isoformat()})

    assert "Somebody has changed this route" in refused
    assert f'value="{route.updated_at.isoformat()}"' in refused
    assert (kept, again.status_code) == ("adams", 302)
    assert Route.objects.get(pk=route.pk).alias == "mine"


def test_rows_are_added_with_and_without_scripts(company: Company, sign_in: SignIn) -> None:
    alice = sign_in("alice")

    fragment = alice.get(reverse("admin:route_target")).content.decode()
    page = alice.post(ADD, form(company) | {"more": "1"}).content.decode()

    assert (fragment.count('name="target_model"'), "<html" in fragment) == (1, False)
    assert page.count('name="target_model"') == 3
    assert not Route.objects.filter(alias="smart").exists()


def test_a_stored_configuration_that_nobody_understands_can_be_mended(company: Company, sign_in: SignIn) -> None:
    route, alice = fast(company), sign_in("alice")
    Route.objects.filter(pk=route.pk).update(config={"rules": 7})

    assert "&quot;rules&quot;: 7" in edit(alice, route)
    simulated = alice.get(reverse("admin:route_simulate", args=[route.pk])).content.decode()
    assert "config.rules: Must be a list." in simulated
    assert alice.get(LIST).status_code == 200


# ---- simulation ------------------------------------------------------------------------------------------------------
def sample(**changes: Any) -> dict[str, Any]:
    return {"endpoint": "/v1/chat/completions", "message": "Hello!", "body": "", "tags": "", **changes}


def test_the_page_shows_the_order_and_why(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    route, alice = fast(company), sign_in("alice")
    Route.objects.filter(pk=route.pk).update(
        strategy="cost-optimized",
        config={"rules": [{"name": "gold", "when": {"tags": [{"key": "tier", "values": ["gold"]}]},
                           "use": [{"model": "gemini-2.5-flash"}], "only": True}]},
    )  # fmt: skip
    path = reverse("admin:route_simulate", args=[route.pk])

    with django_assert_max_num_queries(18):
        plain = alice.get(path).content.decode()
    gold = alice.post(path, sample(tags="tier=gold", key=str(company.keys["search"].pk))).content.decode()

    assert "2 of 2 targets can be tried." in plain
    assert "no rule applies" in plain
    assert plain.index("gpt-4o-mini</th>") < plain.index("gemini-2.5-flash</th>")
    assert "Tried when every target before it failed." in plain
    assert "rule <strong>gold</strong>" in gold
    assert gold.index("gemini-2.5-flash</th>") < gold.index("gpt-4o-mini</th>")
    assert "Not tried: rule gold." in gold
    part = alice.post(path, sample(), headers={"HX-Request": "true"}).content.decode()
    assert ("<html" in part, "Where the call goes" in part) == (False, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tags": "nonsense"}, "Each tag is name=value."),
        ({"tags": "a=b=c"}, "no comma and no equals sign"),
        ({"body": "{"}, "The body is not valid JSON"),
        ({"body": '{"messages": 7}'}, "is required and must be"),
        ({"strategy": "weighted"}, "There is no strategy"),
        ({"endpoint": "/v1/nothing"}, "Select a valid choice."),
        ({"prompt_tokens": "0"}, "greater than or equal to 1"),
        ({"key": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice."),
    ],
)  # fmt: skip
def test_a_sample_that_could_not_be_called_is_told_in_place(
    company: Company, sign_in: SignIn, changes: dict[str, Any], words: str
) -> None:
    path = reverse("admin:route_simulate", args=[fast(company).pk])

    text = sign_in("alice").post(path, sample(**changes)).content.decode().replace("&#x27;", "'")

    assert (words in text, "Where the call goes" in text, "field-bad" in text) == (True, False, True)


def test_another_organizations_key_is_no_key(company: Company, sign_in: SignIn) -> None:
    key = company.keys["search"]
    other = Organization.objects.create(slug="other-one", name="Other")
    type(key).objects.filter(pk=key.pk).update(organization=other)
    path = reverse("admin:route_simulate", args=[fast(company).pk])

    assert "Select a valid choice." in sign_in("alice").post(path, sample(key=str(key.pk))).content.decode()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_gets_a_body_of_the_size_asked_for(company: Company, sign_in: SignIn, endpoint: str) -> None:
    path = reverse("admin:route_simulate", args=[fast(company).pk])
    fields = sample(endpoint=endpoint, prompt_tokens="5000", has_tools="on", has_image="on", is_stream="on")

    text = sign_in("alice").post(path, fields).content.decode()

    chat = ENDPOINTS[endpoint].is_chat
    assert "Where the call goes" in text
    assert ("with tools" in text, "image and text" in text) == (chat, chat or endpoint.startswith("/v1/images/"))


def test_the_body_is_in_the_wire_format_of_its_endpoint(company: Company) -> None:
    bound = SampleForm(
        sample(endpoint="/v1/messages", has_tools="on", is_stream="on"), user=company.people["alice"],
        organization=company.organization,
    )  # fmt: skip
    assert bound.is_valid()

    assert body_of(bound.cleaned_data) == {
        "max_tokens": 1024, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}],
        "tools": [{"name": "get_weather", "input_schema": {
            "type": "object", "properties": {"city": {"type": "string"}}}}],
        "stream": True,
    }  # fmt: skip
