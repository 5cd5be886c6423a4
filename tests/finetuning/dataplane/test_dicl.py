"""The nearest examples reach the base's provider in the client's format; usage, price and streams are the base's."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest

from finetuning.dicl import Bank
from tests.finetuning.dataplane.conftest import AnthropicRecorder, Tuned
from tests.gateway.dataplane.conftest import Recorder


def record(question: str, answer: str, **extra: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer, **extra},
        ]
    }


BANK = Bank.of_records(
    [
        record("How do I reset my password?", "Settings, Security, Reset.", weight=1),
        record("Where is my invoice?", "Billing, Invoices."),
        record("My password is not accepted", "Reset it under Security."),
    ]
)
TOOL = {"id": "c1", "type": "function", "function": {"name": "reset", "arguments": "{}"}}
TOOLS = Bank.of_records(
    [
        {"messages": [{"role": "user", "content": "reset password now"},
                      {"role": "assistant", "content": None, "tool_calls": [TOOL]}]},
        record("reset password", "Under Security."),
    ]
)  # fmt: skip
SHOWN = [
    {"role": "user", "content": "My password is not accepted"},
    {"role": "assistant", "content": "Reset it under Security."},
    {"role": "user", "content": "How do I reset my password?"},
    {"role": "assistant", "content": "Settings, Security, Reset."},
]
SYSTEM = {"role": "system", "content": "You help."}
ASKED = {"role": "user", "content": "reset password"}
ROUNDS = [(turn["role"], turn["content"]) for turn in [*SHOWN, ASKED]]


@pytest.fixture(scope="session")
def recorders(tuned: Tuned) -> Iterator[dict[str, Recorder]]:
    """Upstreams of both formats that keep what they are sent, and banks in front of them and of the simulator."""
    found = {"openai": Recorder(), "anthropic": AnthropicRecorder()}
    for kind, recorder in found.items():
        tuned.stack.insert("gateway_allowedupstream", host="127.0.0.1", port=recorder.port, note="")
        provider = tuned.stack.provider(
            f"recorder-{kind}", kind=kind, base_url=f"http://127.0.0.1:{recorder.port}/v1",
            organization_id=tuned.organization,
        )  # fmt: skip
        tuned.bank(f"ft:dicl:{kind}", BANK, provider, "recorded", shots=2)
        tuned.bank(f"ft:dicl:{kind}:short", BANK, provider, "recorded", context=140, shots=2)
        tuned.bank(f"ft:dicl:{kind}:tools", TOOLS, provider, "recorded", shots=2)
        tuned.stack.model(provider, f"plain-{kind}", "recorded", organization=tuned.organization)
    tuned.bank("ft:dicl:sim", BANK, tuned.base, "gpt-4o-mini", shots=2)
    yield found
    for recorder in found.values():
        recorder.socket.close()


@pytest.fixture
def sent(recorders: dict[str, Recorder]) -> dict[str, Recorder]:
    for recorder in recorders.values():
        recorder.bodies.clear()
    return recorders


def only_body(recorder: Recorder) -> dict[str, Any]:
    (body,) = recorder.bodies
    return dict(orjson.loads(body))


@pytest.mark.slow
def test_the_nearest_stand_before_the_question(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    body = {"model": "ft:dicl:openai", "messages": [SYSTEM, ASKED], "temperature": 0}
    answer = tuned.stack.request("POST", "/v1/chat/completions", body, tuned.secret)

    assert answer.status == 200
    assert answer.headers["x-gateway-examples"] == "2"
    assert answer.headers["x-gateway-model"] == "ft:dicl:openai"
    # without `weight`, which is a field of training files alone
    assert only_body(sent["openai"]) == {"model": "recorded", "messages": [SYSTEM, *SHOWN, ASKED], "temperature": 0}


def test_an_anthropic_base_of_an_openai_client(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    body = {"model": "ft:dicl:anthropic", "messages": [SYSTEM, ASKED], "max_tokens": 10}
    answer = tuned.stack.request("POST", "/v1/chat/completions", body, tuned.secret)

    assert answer.status == 200
    found = only_body(sent["anthropic"])
    assert [(turn["role"], text(turn)) for turn in found["messages"]] == ROUNDS
    assert "You help." in str(found["system"])


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_an_anthropic_client(tuned: Tuned, sent: dict[str, Recorder], kind: str) -> None:
    body = {"model": f"ft:dicl:{kind}", "system": "You help.", "messages": [ASKED], "max_tokens": 10}
    answer = tuned.stack.request("POST", "/v1/messages", body, tuned.secret)

    assert answer.status == 200
    turns = [turn for turn in only_body(sent[kind])["messages"] if turn["role"] != "system"]
    assert [(turn["role"], text(turn)) for turn in turns] == [
        (turn["role"], turn["content"]) for turn in [*SHOWN, ASKED]
    ]


@pytest.mark.parametrize("asked", ["reset password", [ASKED]], ids=["text", "items"])
def test_a_client_of_responses(tuned: Tuned, sent: dict[str, Recorder], asked: Any) -> None:
    body = {"model": "ft:dicl:anthropic", "input": asked, "max_output_tokens": 10}
    answer = tuned.stack.request("POST", "/v1/responses", body, tuned.secret)

    assert answer.status == 200
    turns = only_body(sent["anthropic"])["messages"]
    assert [(turn["role"], text(turn)) for turn in turns] == [
        (turn["role"], turn["content"]) for turn in [*SHOWN, ASKED]
    ]


def test_what_does_not_fit_the_context_is_left_out(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    # 140 − 24 of the prompt − 100 of the answer = 16: the nearest takes 4+6 and 4+6, the second no longer fits
    body = {"model": "ft:dicl:openai:short", "messages": [ASKED], "max_tokens": 90}
    answer = tuned.stack.request("POST", "/v1/chat/completions", body, tuned.secret)

    assert answer.headers["x-gateway-examples"] == "1"
    assert only_body(sent["openai"])["messages"] == [*SHOWN[2:], ASKED]


def test_calls_of_tools_are_shown_in_the_format_that_has_them(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    body = {"model": "ft:dicl:openai:tools", "messages": [ASKED]}
    tuned.stack.request("POST", "/v1/chat/completions", body, tuned.secret)
    in_chat = [turn.get("tool_calls") for turn in only_body(sent["openai"])["messages"]]
    body = {"model": "ft:dicl:anthropic:tools", "messages": [ASKED], "max_tokens": 10}
    tuned.stack.request("POST", "/v1/messages", body, tuned.secret)
    in_messages = [text(turn) for turn in only_body(sent["anthropic"])["messages"]]

    assert [TOOL] in in_chat
    assert in_messages == ["reset password", "Under Security.", "reset password"]


def test_nothing_alike_nothing_shown(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    body = b'{"model": "ft:dicl:openai", "messages": [{"role": "user", "content": "\xe6\xbc\xa2"}]}'
    answer = tuned.stack.request("POST", "/v1/chat/completions", body, tuned.secret)

    assert answer.headers["x-gateway-examples"] == "0"
    assert sent["openai"].bodies == [body.replace(b"ft:dicl:openai", b"recorded")]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_usage_and_price_are_the_bases_and_the_name_is_its_own(
    tuned: Tuned, sent: dict[str, Recorder], is_stream: bool
) -> None:
    plain = tuned.stack.chat(tuned.secret, "gpt-4o-mini", "reset password", stream=is_stream)
    answer = tuned.stack.chat(tuned.secret, "ft:dicl:sim", "reset password", stream=is_stream)

    assert answer.status == 200
    (line,) = tuned.stack.lines(answer.headers["x-request-id"])
    (bare,) = tuned.stack.lines(plain.headers["x-request-id"])
    assert (line["provider"], line["model_served"], line["usage_source"]) == ("openai", "ft:dicl:sim", "reported")
    assert line["price_status"] == bare["price_status"] == "priced"
    assert line["input_tokens"] > bare["input_tokens"]
    per_token = [Decimal(each["charges"][0]["unit_price"]) for each in (line, bare)]
    assert per_token[0] == per_token[1] > 0


def test_a_route_whose_first_target_is_a_bank(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    with tuned.stack.connect() as connection:
        rows = connection.execute("SELECT id, name FROM gateway_model").fetchall()
    ids = {row["name"]: str(row["id"]) for row in rows}
    first = [ids["ft:dicl:openai"], ids["plain-openai"]]
    tuned.stack.route("with-bank", first, organization_id=tuned.organization)
    tuned.stack.route("bank-behind", first[::-1], organization_id=tuned.organization)
    tuned.stack.wait_until_current()

    with_bank = tuned.stack.chat(tuned.secret, "with-bank", "reset password")
    behind = tuned.stack.chat(tuned.secret, "bank-behind", "reset password")

    assert with_bank.headers["x-gateway-examples"] == "2"
    assert "x-gateway-examples" not in behind.headers
    assert [len(orjson.loads(body)["messages"]) for body in sent["openai"].bodies] == [5, 1]


def test_a_bank_that_cannot_be_read_is_no_silent_base(tuned: Tuned, sent: dict[str, Recorder]) -> None:
    tuned.bank("ft:dicl:torn", BANK, tuned.base, "gpt-4o-mini")
    with tuned.stack.connect() as connection:
        connection.execute(
            "UPDATE finetuning_tunedmodel SET artifact = 'torn', artifact_sha256 = repeat('1', 64) WHERE name = %s",
            ["ft:dicl:torn"],
        )
    tuned.stack.wait_until_current()

    answer = tuned.stack.chat(tuned.secret, "ft:dicl:torn", "reset password")

    assert (answer.status, answer.error_code) == (503, "artifact_unavailable")


def text(turn: dict[str, Any]) -> str:
    content = turn["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
