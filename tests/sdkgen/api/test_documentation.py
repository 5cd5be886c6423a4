"""Documentation, examples and llms.txt over HTTP."""

import json
import re
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from sdkgen import builds, reading
from sdkgen.examples.catalog import EXAMPLES, STEPS, USE_CASES
from sdkgen.ir.nodes import Api
from sdkgen.services import store_release
from sdkgen.versions import Change
from tests.gateway.api.conftest import Caller

URL = "/api/v1/sdk"


@pytest.fixture(autouse=True)
def _representation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the process would make for itself, which takes seconds."""
    monkeypatch.setattr(builds, "representation", lambda: api)
    reading.forget()


@pytest.mark.slow
def test_documentation_of_every_language(caller: Caller, api: Api) -> None:
    operations = {".".join((*one.path, method.name)) for one in api.resources for method in one.methods}
    expected = {
        "python": ("client.chat.completions.create", "errors.NotFound", "pip install ./llm-gateway-sdk-1.0.0.zip"),
        "typescript": ("client.chat.completions.create", "NotFoundError", "npm install ./"),
        "java": ("gateway.chat().completions().create", "NotFoundException", "mvn "),
        "go": ("client.Chat.Completions.Create", "gateway.ErrNotFound", "go get "),
        "csharp": ("client.Chat.Completions.CreateAsync", "NotFoundException", "dotnet add "),
    }
    for language, (call, error, install) in expected.items():
        said = caller("developer").get(f"{URL}/documentation/{language}").json()

        methods = {one["id"]: one for resource in said["reference"] for one in resource["methods"]}
        assert set(methods) == operations
        assert [one for one in methods.values() if not (one["signature"] and one["example"])] == []
        chat = methods["chat.completions.create"]
        assert (chat["call"], chat["is_stream"], chat["is_idempotent"], chat["key"]) == (call, True, True, "key")
        assert {one["wire"] for one in chat["arguments"] if one["required"]} == {"model", "messages"}
        assert {one["name"] for one in chat["errors"] if one["status"] == 404} == {error}
        assert install in said["getting_started"][0]["code"]
        assert "http://testserver" in said["getting_started"][1]["code"]
        assert [one["id"] for one in said["examples"]] == [one.id for one in EXAMPLES]
        assert [one["id"] for one in said["tutorials"]] == [one.id for one in STEPS]
        assert [one["number"] for one in said["tutorials"]] == list(range(1, len(STEPS) + 1))
        assert len(said["faq"]) >= 5
        assert said["changelog"].startswith("# Changelog")


def test_javascript_is_plain(caller: Caller) -> None:
    said = caller("developer").get(f"{URL}/examples/JavaScript?use_case=streaming").json()

    assert said["language"] == "typescript"
    assert [one["id"] for one in said["examples"]] == ["stream", "stream-messages"]
    assert [one["id"] for one in said["tutorials"]] == ["stream"]
    assert "import { Gateway } from" in said["examples"][0]["code"]
    assert json.loads(said["examples"][0]["arguments_json"])["model"] == "gpt-4o-mini"
    assert said["examples"][0]["curl"].startswith('curl -N "$GATEWAY_BASE_URL/v1/chat/completions"')
    assert said["use_cases"] == list(USE_CASES)


def test_what_is_not_there(caller: Caller) -> None:
    get = caller("developer").get

    for path, status, code in (
        ("documentation/cobol", 404, "unknown_language"), ("documentation/cobol/llms.txt", 404, "unknown_language"),
        ("documentation/go?version=9.9.9", 404, "unknown_version"), ("examples/go?use_case=x", 400, "unknown_use_case"),
        ("documentation/go/types/Teapot", 404, "unknown_type"),
        ("documentation/cobol/types/ChatMessage", 404, "unknown_language"),
    ):  # fmt: skip
        answer = get(f"{URL}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


def test_of_a_release(
    caller: Caller, api: Api, document: dict[str, object], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    store_release(version="1.3.0", document={"openapi": "3.1.0"}, api=api)

    said = caller("developer").get(f"{URL}/documentation/python?version=1.3.0").json()

    assert said["version"] == "1.3.0"
    assert "llm-gateway-sdk-1.3.0.zip" in said["getting_started"][0]["code"]
    assert "## [1.3.0] - " in said["changelog"]
    caller("developer").get(f"{URL}/documentation/python")
    person = caller("developer")
    with django_assert_num_queries(4):
        assert person.get(f"{URL}/documentation/python").status_code == 200


@pytest.mark.slow
def test_the_changelog_is_that_of_the_stored_releases(caller: Caller, api: Api) -> None:
    read = caller("developer").get
    assert read(f"{URL}/documentation/go").json()["changelog"] == "# Changelog\n\nNo release is stored yet.\n"

    change = Change("method.removed", "models.get", "#/x", "models.get is gone.", operations=("v1_models_retrieve",))
    added = Change("method.added", "models.list", "#/y", "models.list is new.")
    first = store_release(
        version="1.0.0", document={"openapi": "3.1.0"}, api=api, released_at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    store_release(
        version="2.0.0", document={"openapi": "3.1.1"}, api=api, previous=first, changes=[added, change],
        released_at=datetime(2026, 3, 9, tzinfo=UTC),
    )  # fmt: skip

    oldest = "## [1.0.0] - 2026-03-01\n\nThe first release: there is nothing to compare it with.\n"
    assert read(f"{URL}/documentation/go").json()["changelog"] == (
        "# Changelog\n\n## [2.0.0] - 2026-03-09\n\n### Breaking\n\n* models.get is gone.\n\n### Added\n\n"
        f"* models.list is new.\n\n{oldest}"
    )
    assert read(f"{URL}/documentation/go?version=1.0.0").json()["changelog"] == f"# Changelog\n\n{oldest}"


@pytest.mark.slow
def test_types_of_every_language(caller: Caller, api: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    expected = {
        "python": ("ChatCompletionParam", "max_tokens", "int | None", "Sequence[ChatMessageParam]"),
        "typescript": ("ChatCompletionRequest", "max_tokens", "number | null", "readonly ChatMessage[]"),
        "java": ("ChatCompletionRequest", "maxTokens", "Optional<Long>", "List<ChatMessage>"),
        "go": ("ChatCompletionRequest", "MaxTokens", "Opt[int64]", "[]ChatMessage"),
        "csharp": ("ChatCompletionRequest", "MaxTokens", "long?", "IReadOnlyList<IChatMessage>"),
    }
    for language, (name, field, kind, messages) in expected.items():
        listed = caller("developer").get(f"{URL}/documentation/{language}").json()["types"]
        assert [one["id"] for one in listed] == [one.name for one in api.types]
        assert {"id": "ChatCompletionRequest", "name": name, "kind": "object", "doc": "", "deprecated": False} in listed

        said = caller("developer").get(f"{URL}/documentation/{language}/types/ChatCompletionRequest").json()
        fields = {one["wire"]: one for one in said["fields"]}
        assert [one["wire"] for one in said["fields"]][:3] == ["messages", "model", "audio"]  # what is needed first
        assert (said["name"], said["is_sent"], said["is_received"]) == (name, True, False)
        assert (said["methods"], said["types"]) == (["chat.completions.create"], [])
        told = fields["max_tokens"]
        assert (told["name"], told["type"], told["constraint"]) == (field, kind, "≥ 1")
        assert (fields["messages"]["type"], fields["messages"]["types"]) == (messages, ["ChatMessage"])
    person = caller("developer")
    with django_assert_num_queries(3):
        union = person.get(f"{URL}/documentation/go/types/ChatMessage").json()
    assert (union["kind"], union["discriminator"], union["types"]) == ("union", "role", ["ChatCompletionRequest"])
    assert [one["tag"] for one in union["variants"]] == ["system", "developer", "user", "assistant", "tool"]
    words = person.get(f"{URL}/documentation/go/types/ServiceTier").json()
    assert (words["kind"], "auto" in {one["value"] for one in words["words"]}) == ("words", True)


def test_text_for_assistants(caller: Caller, api: Api) -> None:
    answer = caller("developer").get(f"{URL}/documentation/go/llms.txt")

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    assert text.startswith("# LLM Gateway: Go\n\n> ")
    listed = re.findall(r"^- `(client\.\S+)`: .+$", text, re.MULTILINE)
    assert len(listed) == len(set(listed)) == sum(len(one.methods) for one in api.resources)
