"""Parts of an API, names in a shape, the README of a part: pure, exact."""

from dataclasses import replace

import pytest

from sdkgen.custom.access import allowed, reads
from sdkgen.custom.shape import Offer, Shape, changes, shaped
from sdkgen.ir.nodes import Api, Enum, Model, Ref
from sdkgen.ir.select import SelectionError, nearest, only, select
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import Order, generate
from sdkgen.languages.registry import LANGUAGES, named

SHAPE = Shape(
    "acme", "Acme", "EUR", "UTC", "k", "the key x", ("inference",),
    (Offer("gpt-4.1", (), 128_000, 16_000, "2 EUR per 1M input tokens"), Offer("gpt-4-1", (), None, None, "free"),
     Offer("fast", ("a", "b"), 8_000, None, "price unknown")),
    (), (),
)  # fmt: skip


def ids(api: Api) -> list[str]:
    return [method.id for resource in api.resources for method in resource.methods]


def test_patterns_are_ids_places_and_resources(api: Api) -> None:
    assert ids(select(api, ["chat"])) == ids(select(api, ["chat.*"])) == ["chat_completions_create"]
    assert ids(select(api, ["embeddings_create", "models"])) == ["embeddings_create", "v1_models_retrieve",
                                                                 "v1_models_list"]  # fmt: skip
    assert set(ids(select(api, ["manage.budgets"]))) == set(ids(select(api, ["manage.budgets.*"])))


def test_unknown_names_get_the_nearest(api: Api) -> None:
    with pytest.raises(SelectionError) as raised:
        select(api, ["chat", "chat.completion.create", "qqqqqq"])

    assert raised.value.unknown == {
        "chat.completion.create": ["chat.completions.create", "chat_completions_create", "completions.create"],
        "qqqqqq": [],
    }
    assert nearest(api, "embedings")[0] == "embeddings"


def test_only_reachable_types_stay(api: Api) -> None:
    part = only(api, ["embeddings_create"])

    assert {one.name for one in part.types if not one.name.startswith("Embedding")} == {"Prompt"}
    assert 0 < len(part.types) < 12


def test_models_become_an_open_enumeration(api: Api) -> None:
    part = shaped(api, SHAPE, ["chat_completions_create"])

    names = part.type_named("ModelName")
    assert isinstance(names, Enum)
    assert names.values == ("gpt-4.1", "fast")  # gpt-4-1 would be the same identifier
    assert names.doc == "What the key x may ask for. Also: gpt-4-1."
    assert names.notes == (
        "2 EUR per 1M input tokens. Context window: 128,000 tokens, answers of up to 16,000.",
        "Route to a, b. Price unknown. Context window: 8,000 tokens.",
    )
    request = part.type_named("ChatCompletionRequest")
    assert isinstance(request, Model)
    assert {one.name: one.type for one in request.fields}["model"] == Ref("ModelName")
    assert Shape.from_json(SHAPE.as_json()) == SHAPE


def test_what_changed_is_said() -> None:
    first, second, third = SHAPE.models
    later = replace(
        SHAPE, scopes=(), currency="USD", limits=("x",),
        models=(replace(first, price="3"), replace(third, context_tokens=9_000), replace(second, name="new")),
    )  # fmt: skip

    assert changes(SHAPE, SHAPE) == []
    assert [code for code, _ in changes(SHAPE, later)] == [
        "scopes", "models_gone", "models_new", "prices", "models_changed", "limits", "organization",
    ]  # fmt: skip
    assert [code for code, _ in changes(SHAPE, None)] == ["key_gone"]


def test_scopes_allow_what_views_allow(api: Api) -> None:
    reading, writing = set(allowed(api, ["manage:read"])), set(allowed(api, ["manage:write"]))
    calling = set(allowed(api, ["inference"]))

    assert reading < writing
    assert not calling & writing
    assert {"budgets_list", "analytics_query", "sdk_validate"} <= reading  # a question by POST reads
    assert "budgets_create" in writing - reading
    assert "chat_completions_create" in calling
    assert not {"me_change_password", "auth_token_create", "organizations_create"} & (writing | calling)
    assert allowed(api, ["ingest"]) == []
    methods = {method.id: method for resource in api.resources for method in resource.methods}
    assert [reads(methods[one]) for one in ("budgets_list", "analytics_query", "budgets_create")] == [True, True, False]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_part_says_only_what_it_has(api: Api, language: str) -> None:
    config = Config(operations=("models.list",))
    files = generate(named(language), api, config, Order(api, "## Made for *me*\n\nText.\n")).files
    readme = files["README.md"].decode()

    assert "## This client\n\nMade to order: 1 of " in readme
    assert "## Made for *me*\n\nText.\n\n## " in readme
    assert "hat.completions" not in readme.lower()
    assert "manage" not in readme.lower().replace("management", "")
    assert not [path for path in files if path.startswith("examples/")]
