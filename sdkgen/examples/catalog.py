"""The examples that documentation shows, by use case, and the steps of the tutorial. Data. Pure.

Each is rendered in every language and run in tests against a real gateway; `expects.output` is what it must print.
"""

from dataclasses import dataclass, replace
from typing import Any

from sdkgen.examples.data import Example, ExampleError, Expects, Options, find
from sdkgen.ir.nodes import Api

MODEL = "gpt-4o-mini"
TEXT = ("choices", 0, "message", "content")
COST, REQUEST = ("gateway", "cost"), ("gateway", "request_id")
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FILE = "training.jsonl"
FILE_LINES = tuple(
    f'{{"messages": [{{"role": "user", "content": "Question {n}"}}, {{"role": "assistant", "content": "Answer {n}"}}]}}'
    for n in range(1, 13)
)
"""What the examples upload, as lines of JSON."""


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def _chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": said(text), **more}


CHAT = "chat.completions.create"
EXAMPLES: tuple[Example, ...] = (
    Example(
        "chat", "Ask a model", CHAT, _chat("Say hello."), use_case="chat", shows=(TEXT,), expects=Expects(output=r"\w"),
        doc="One question, one answer, in the wire format of OpenAI.",
    ),
    Example(
        "conversation", "Go on with a conversation", CHAT,
        {"model": MODEL, "temperature": 0.2, "max_tokens": 64, "messages": [
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": "What is a route?"},
            {"role": "assistant", "content": "A name that stands for several models."},
            {"role": "user", "content": "And a deployment?"}]},
        use_case="chat", shows=(TEXT,), expects=Expects(output=r"\w"),
        doc="Earlier turns are sent again; a system message says how to answer.",
    ),
    Example(
        "responses", "Ask in the wire format of Responses", "responses.create", {"model": MODEL, "input": "Say hello."},
        use_case="chat", shows=(("id",), ("status",)), expects=Expects(output=r"resp_\S+ completed"),
        doc="The same models through OpenAI's newer format.",
    ),
    Example(
        "messages", "Ask in Anthropic's wire format", "messages.create",
        {"model": MODEL, "max_tokens": 64, "messages": said("Say hello.")}, use_case="chat",
        shows=(("role",), ("stop_reason",)), expects=Expects(output=r"assistant (end_turn|max_tokens)"),
        doc="Any model of the gateway answers in it, whoever makes it.",
    ),
    Example(
        "stream", "Print an answer while it is made", CHAT, _chat("Count to ten."), variant="stream",
        use_case="streaming", shows=(("choices", "*", "delta", "content"),), expects=Expects(output=r"\w"),
        doc="Events come as the model makes them. A stream that breaks off raises an error that holds what had come.",
    ),
    Example(
        "stream-messages", "Events of Anthropic's wire format", "messages.create",
        {"model": MODEL, "max_tokens": 64, "messages": said("Say hello.")}, variant="stream", use_case="streaming",
        expects=Expects(output=r"(?i)message.?start"),
        doc="Each event has a type of its own; one that this version does not know is handed over as it came.",
    ),
    Example(
        "tools", "Let the model call a tool", CHAT,
        _chat("What is the weather in Paris?", tools=[WEATHER], tool_choice="required"), use_case="tools",
        shows=(("choices", 0, "message", "tool_calls", 0, "function", "name"),
               ("choices", 0, "message", "tool_calls", 0, "function", "arguments")),
        expects=Expects(output=r"weather\s+\{"),
        doc="The answer names the tool and its arguments as JSON. Run it, and send its result as a message of the role "
        "tool.",
    ),
    Example(
        "json", "Get an answer that fits a schema", CHAT,
        _chat("Name a city and its country.", response_format={"type": "json_schema", "json_schema": {
            "name": "city", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}}),
        use_case="structured-output", shows=(TEXT,), expects=Expects(output=r"\S"),
        doc="The answer's text is JSON of that schema.",
    ),
    Example(
        "embeddings", "Turn texts into vectors", "embeddings.create",
        {"model": "text-embedding-3-small", "input": ["First text", "Second text"], "dimensions": 8},
        use_case="embeddings", shows=(("model",), ("usage", "total_tokens")),
        expects=Expects(output=r"text-embedding-3-small \d+"), doc="Several texts in one call cost one round trip.",
    ),
    Example(
        "models", "List the models that a key may call", "models.list", use_case="models",
        expects=Expects(output=r"gpt-4o-mini"), doc="What is listed is what the key is allowed.",
    ),
    Example(
        "upload", "Upload a file", "files.create", {"file": FILE, "purpose": "fine-tune"}, use_case="files",
        shows=(("id",), ("purpose",)), expects=Expects(output=r"file-\S+ fine-tune"),
        doc="The file is read while it is sent.",
    ),
    Example(
        "files", "List uploaded files, page by page", "files.list", {"limit": 2}, variant="paged", use_case="files",
        shows=(("id",),), expects=Expects(output=r"file-\S+"), doc="Each page is asked for when the loop reaches it.",
    ),
    Example(
        "model-not-found", "Catch an error by its kind", CHAT, {"model": "no-such-model", "messages": said("Hello.")},
        variant="error", use_case="errors", expects=Expects(404, "model_not_found", r"404 model_not_found"),
        doc="Every code of the gateway has a class; all have one base. Errors say the id of the request.",
    ),
    Example(
        "retries", "Say how often and how long", CHAT, _chat("Say hello."), use_case="errors",
        options=Options(max_retries=4, total_timeout_s=30), shows=(TEXT,), expects=Expects(output=r"\w"),
        doc="Calls of models carry an idempotency key, so one that is repeated is made and billed once.",
    ),
    Example(
        "idempotent", "Name a call yourself", CHAT, _chat("Say hello."), use_case="errors",
        options=Options(idempotency_key="order-1207"), shows=(REQUEST,), expects=Expects(output=r"req_\w+"),
        doc="A second process that sends the same key gets the first one's answer, and nothing is billed again.",
    ),
    Example(
        "async", "Do not wait for an answer", CHAT, _chat("Say hello."), variant="async", use_case="async",
        shows=(TEXT,), expects=Expects(output=r"\w"), doc="Calls run beside each other.",
    ),
    Example(
        "cost", "See what a call cost, and whose it was", CHAT, _chat("Say hello."), use_case="cost",
        options=Options(tags={"feature": "greeting"}, end_user="ada"), shows=(COST, REQUEST),
        expects=Expects(output=r"req_\w+"),
        doc="The cost is exact and in the organization's currency. Tags and end users are dimensions of every report.",
    ),
    Example(
        "cache", "Ask for a fresh answer", CHAT, _chat("Say hello."), use_case="cost",
        options=Options(cache="no-cache"), shows=(("gateway", "cache"),), expects=Expects(output=r"bypass|miss"),
        doc="Equal calls may be answered from the cache where a policy says so; this one is not.",
    ),
    Example(
        "keys", "List virtual keys", "manage.api_keys.list", {"page_size": 50}, variant="paged", use_case="management",
        shows=(("name",),), expects=Expects(output=r"\S"), doc="With a management key.",
    ),
    Example(
        "projects", "List projects", "manage.projects.list", {"page_size": 50}, variant="paged", use_case="management",
        shows=(("slug",),), expects=Expects(output=r"\S"), doc="With a management key.",
    ),
    Example(
        "budgets", "List budgets", "manage.budgets.list", {"page_size": 50}, variant="paged", use_case="management",
        shows=(("id",), ("amount",)), doc="With a management key.",
    ),
)  # fmt: skip
USE_CASES = tuple(dict.fromkeys(one.use_case for one in EXAMPLES))


@dataclass(frozen=True, slots=True)
class Step:
    """Of the tutorial. `command` is one of a shell: `{install}` stands for the language's own."""

    id: str
    title: str
    text: str
    example: Example | None = None
    command: str = ""


def _step(name: str, title: str, text: str, example: str, command: str = "") -> Step:
    return Step(name, title, text, replace(named(example), id=name), command)


def named(name: str) -> Example:
    """Raises ExampleError."""
    for one in EXAMPLES:
        if one.id == name:
            return one
    raise ExampleError(f"there is no example {name}")


STEPS: tuple[Step, ...] = (
    Step("install", "Install the package", "It needs nothing beside the language's own library.", None, "{install}"),
    _step("key", "Give it a key", "Keys and the address come from the environment, so that no secret is in the code. "
          "The list of models shows that both are right.", "models",
          "export GATEWAY_BASE_URL={base_url}\nexport GATEWAY_API_KEY={key}"),
    _step("first-call", "Make the first call", "A client is made once and kept: it keeps its connections.", "chat"),
    _step("stream", "Print the answer while it is made", "The same call as events. Leaving the loop ends the call.",
          "stream"),
    _step("tools", "Let the model call a tool", "Tools are described by a JSON schema.", "tools"),
    _step("errors", "Handle what goes wrong", "Errors are told apart by class, not by their text. What is safe to "
          "repeat is repeated by itself.", "model-not-found"),
    _step("upload", "Upload a file", f"A path, bytes or a stream. Here `{FILE}` holds lines of JSON.", "upload"),
    _step("paging", "Walk through a list", "The loop asks for the next page when it needs one.", "files"),
    _step("async", "Call beside other work", "Answers of calls that do not depend on each other are awaited together.",
          "async"),
    _step("cost", "Keep an eye on cost", "Each answer says what it cost. A budget that is used up is an error of its "
          "own, and is never repeated.", "cost"),
    _step("deploy", "Make it ready for production", "Say how long a call may take and how often it is repeated. Logs "
          "and errors have the id of the request, by which the console finds it.", "retries"),
)  # fmt: skip


def examples_for(api: Api, use_case: str = "") -> list[Example]:
    """Those whose operation the API has."""
    return [one for one in EXAMPLES if use_case in ("", one.use_case) and has(api, one)]


def steps_for(api: Api) -> list[Step]:
    return [one for one in STEPS if one.example is None or has(api, one.example)]


def has(api: Api, example: Example) -> bool:
    try:
        find(api, example.operation)
    except ExampleError:
        return False
    return True
