"""Prompts, replies and streams that a dialect can express, for hypothesis; and how to compare streams."""

from collections.abc import Iterable

import orjson
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gateway.dataplane.formats.ir import (
    Choice,
    Delta,
    Document,
    Event,
    Image,
    OutputFormat,
    Part,
    PartEnd,
    PartKind,
    PartStart,
    Prompt,
    Reasoning,
    Refusal,
    Reply,
    Signed,
    Start,
    Stop,
    Stopped,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
    UsageSeen,
)

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
BASE64 = st.from_regex(r"([A-Za-z0-9+/]{4}){1,4}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(NAMES, JSON, max_size=3).map(lambda value: orjson.dumps(value).decode())
SCHEMAS = st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(NAMES, JSON, max_size=2)})
TEXTS: SearchStrategy[Part] = st.builds(Text, TEXT)
MARKS = st.sampled_from([None, "5m", "1h"])
FRACTIONS = st.sampled_from([0, 0.25, 0.5, 1])
MEDIA = st.sampled_from(["image/png", "image/jpeg"])


def optional(strategy: SearchStrategy[object]) -> SearchStrategy[object]:
    return st.none() | strategy


# ---- prompts ---------------------------------------------------------------------------------------------------------
@st.composite
def conversations(
    draw: st.DrawFn,
    *,
    user_parts: SearchStrategy[Part],
    said: SearchStrategy[list[Part]],
    result_parts: SearchStrategy[list[Part]],
    failing: bool = False,
) -> list[Turn]:
    """Turns that alternate; an assistant's calls are answered by a turn of nothing but results."""
    turns = [Turn("user", draw(st.lists(user_parts, min_size=1, max_size=3)))]
    for _ in range(draw(st.integers(0, 2))):
        calls = draw(st.lists(st.builds(ToolUse, NAMES, NAMES, ARGUMENTS), max_size=2, unique_by=lambda call: call.id))
        words = draw(said)
        turns.append(Turn("assistant", [*words, *calls] or [Text("ok")]))
        if calls:
            results = [
                ToolResult(call.id, draw(result_parts), is_error=failing and draw(st.booleans())) for call in calls
            ]
            turns.append(Turn("user", list(results)))
        turns.append(Turn("user", draw(st.lists(user_parts, min_size=1, max_size=2))))
    return turns


@st.composite
def choices(draw: st.DrawFn, tools: list[Tool], *, subsets: bool = True) -> ToolChoice | None:
    if not tools:
        return None
    mode = draw(st.sampled_from(["auto", "none", "required", "one", "subset", ""]))
    if mode == "one":
        return ToolChoice("one", tools[0].name)
    if mode == "subset":
        return ToolChoice("required", names=(tools[0].name,)) if subsets else ToolChoice("required")
    return ToolChoice(mode) if mode else None  # type: ignore[arg-type]


def tools(*, strict: SearchStrategy[object], cache: SearchStrategy[object]) -> SearchStrategy[list[Tool]]:
    one = st.builds(Tool, NAMES, WORDS, SCHEMAS, strict, cache)  # type: ignore[arg-type]
    return st.lists(one, max_size=2, unique_by=lambda tool: tool.name)


IMAGES: SearchStrategy[Part] = st.builds(Image, url=st.just("https://example.com/a.png")) | st.builds(
    Image, data=BASE64, media_type=MEDIA
)
PDFS: SearchStrategy[Part] = st.builds(Document, data=BASE64, media_type=st.just("application/pdf"), name=NAMES)


@st.composite
def openai_prompts(draw: st.DrawFn, *, responses: bool) -> Prompt:
    """What both of OpenAI's chat formats have."""
    thoughts = st.lists(st.builds(Thinking, WORDS, NAMES, vendor=st.just("openai"), id=NAMES), max_size=1)
    texts = st.lists(TEXTS, max_size=1)
    said: SearchStrategy[list[Part]] = (
        st.tuples(thoughts, texts).map(lambda pair: [*pair[0], *pair[1]]) if responses else texts
    )
    user = TEXTS | IMAGES | PDFS
    found = draw(tools(strict=st.booleans() if responses else optional(st.booleans()), cache=st.none()))
    names = st.builds(OutputFormat, st.just("schema"), NAMES, SCHEMAS, optional(st.booleans()), WORDS)  # type: ignore[arg-type]
    prompt = Prompt(
        model=draw(NAMES),
        system=draw(st.lists(TEXTS, max_size=2)),
        turns=draw(conversations(user_parts=user, said=said, result_parts=st.lists(TEXTS, min_size=1, max_size=2))),
        stream=draw(st.booleans()),
        tools=list(found),
        tool_choice=draw(choices(found)),
        parallel_tool_calls=draw(optional(st.booleans())),  # type: ignore[arg-type]
        output=draw(st.none() | st.just(OutputFormat("json")) | names),
        max_tokens=draw(optional(st.integers(1, 9000))),  # type: ignore[arg-type]
        temperature=draw(optional(FRACTIONS)),  # type: ignore[arg-type]
        top_p=draw(optional(FRACTIONS)),  # type: ignore[arg-type]
        top_logprobs=draw(optional(st.integers(0, 5))),  # type: ignore[arg-type]
        verbosity=draw(optional(st.sampled_from(["low", "high"]))),  # type: ignore[arg-type]
        user=draw(optional(NAMES)),  # type: ignore[arg-type]
        metadata=draw(optional(st.dictionaries(NAMES, WORDS, min_size=1, max_size=2))),  # type: ignore[arg-type]
        service_tier=draw(optional(st.sampled_from(["auto", "standard", "flex", "priority"]))),  # type: ignore[arg-type]
        cache_key=draw(optional(NAMES)),  # type: ignore[arg-type]
    )
    effort = draw(st.sampled_from(["", "none", "low", "high"]))
    shown = draw(st.sampled_from(["", "auto", "detailed"])) if responses else ""
    if effort or shown:
        mode = "off" if effort == "none" else "on" if effort else ""
        prompt.reasoning = Reasoning(effort, mode=mode, shown=shown)  # type: ignore[arg-type]
    return prompt


@st.composite
def chat_prompts(draw: st.DrawFn) -> Prompt:
    prompt = draw(openai_prompts(responses=False))
    prompt.stop = draw(st.lists(TEXT, max_size=2))
    prompt.seed = draw(optional(st.integers(0, 99)))  # type: ignore[assignment]
    prompt.n = draw(optional(st.integers(1, 3)))  # type: ignore[assignment]
    prompt.presence_penalty = draw(optional(FRACTIONS))  # type: ignore[assignment]
    prompt.frequency_penalty = draw(optional(FRACTIONS))  # type: ignore[assignment]
    prompt.logit_bias = draw(optional(st.just({"50256": -100})))  # type: ignore[assignment]
    prompt.logprobs = draw(optional(st.booleans()))  # type: ignore[assignment]
    return prompt


@st.composite
def responses_prompts(draw: st.DrawFn) -> Prompt:
    prompt = draw(openai_prompts(responses=True))
    prompt.logprobs = draw(st.sampled_from([None, True]))
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, Image):
                part.detail = "auto"
    return prompt


@st.composite
def anthropic_prompts(draw: st.DrawFn) -> Prompt:
    thoughts = st.builds(Thinking, WORDS, NAMES, vendor=st.just("anthropic")) | st.builds(
        Thinking, redacted=NAMES, vendor=st.just("anthropic")
    )
    texts: SearchStrategy[Part] = st.builds(Text, TEXT, cache=MARKS)
    said = st.tuples(st.lists(thoughts, max_size=2), st.lists(texts, max_size=2)).map(lambda p: [*p[0], *p[1]])
    plain: SearchStrategy[Part] = st.builds(Document, text=TEXT, media_type=st.just("text/plain"), name=WORDS)
    images: SearchStrategy[Part] = st.builds(Image, data=BASE64, media_type=MEDIA, cache=MARKS)
    found = draw(tools(strict=st.sampled_from([None, True]), cache=MARKS))
    output = st.builds(OutputFormat, st.just("schema"), schema=SCHEMAS, strict=st.just(True))
    user = texts | images | IMAGES | PDFS | plain
    results = st.lists(texts | images | PDFS, max_size=2)
    alone = draw(optional(st.booleans())) if found else None
    choice = draw(choices(found, subsets=False))
    if choice is not None and choice.mode == "none":
        alone = None
    if alone is not None:
        choice = choice or ToolChoice("auto")
    prompt = Prompt(
        model="claude-sonnet-5-5",
        system=draw(st.lists(texts, max_size=2)),
        turns=draw(conversations(user_parts=user, said=said, result_parts=results, failing=True)),
        stream=draw(st.booleans()),
        tools=list(found),
        tool_choice=choice,
        parallel_tool_calls=False if alone else None,
        output=draw(st.none() | output),
        max_tokens=draw(st.integers(1, 9000)),
        temperature=draw(optional(FRACTIONS)),  # type: ignore[arg-type]
        top_p=draw(optional(FRACTIONS)),  # type: ignore[arg-type]
        top_k=draw(optional(st.integers(1, 50))),  # type: ignore[arg-type]
        stop=draw(st.lists(TEXT, max_size=2)),
        user=draw(optional(NAMES)),  # type: ignore[arg-type]
        service_tier=draw(st.sampled_from([None, "auto", "standard"])),
    )
    prompt.reasoning = draw(
        st.sampled_from(
            [None, Reasoning(mode="off"), Reasoning(mode="on", budget=2048), Reasoning("high", mode="adaptive"),
             Reasoning("low"), Reasoning(mode="adaptive", shown="omitted")]
        )
    )  # fmt: skip
    return prompt


# ---- replies and streams ---------------------------------------------------------------------------------------------
def usages(*, cache_writes: bool = False, audio: bool = False) -> SearchStrategy[Usage]:
    counts = st.integers(0, 500)

    @st.composite
    def build(draw: st.DrawFn) -> Usage:
        read, five, hour = draw(counts), draw(counts) if cache_writes else 0, draw(counts) if cache_writes else 0
        output = draw(st.integers(1, 500))
        usage = Usage(draw(counts) + read + five + hour, output, read, five, hour, draw(st.integers(0, output)))
        if audio:
            usage.audio_input, usage.audio_output = draw(counts), draw(counts)
        return usage

    return build()


@st.composite
def replies(
    draw: st.DrawFn, *, parts: SearchStrategy[list[Part]], stops: list[Stop], usage: SearchStrategy[Usage]
) -> Reply:
    """One choice; a stop that calls tools only when it does."""
    content = draw(parts)
    has_tools = any(isinstance(part, ToolUse) for part in content)
    stop = "tool_use" if has_tools else draw(st.sampled_from(stops))
    return Reply(id=draw(NAMES), model=draw(NAMES), choices=[Choice(content, stop)], usage=draw(usage))


def some_parts(*, vendor: str, refusals: bool, many_texts: bool, redacted: bool = True) -> SearchStrategy[list[Part]]:
    """Thinking, text, then tool calls."""
    signed: SearchStrategy[Part] = st.builds(Thinking, TEXT, NAMES, vendor=st.just(vendor))
    if redacted:
        signed |= st.builds(Thinking, redacted=NAMES, vendor=st.just(vendor))
    texts: SearchStrategy[Part] = st.builds(Text, TEXT) | (st.builds(Refusal, TEXT) if refusals else st.nothing())
    calls: SearchStrategy[Part] = st.builds(ToolUse, NAMES, NAMES, ARGUMENTS)
    return st.tuples(
        st.lists(signed, max_size=2), st.lists(texts, max_size=2 if many_texts else 1), st.lists(calls, max_size=3)
    ).map(lambda groups: [part for group in groups for part in group])


KINDS: dict[type[Part], PartKind] = {Text: "text", Refusal: "refusal", ToolUse: "tool_use", Thinking: "thinking"}


def events_of(reply: Reply, cuts: int) -> list[Event]:
    """The stream of a reply, each text in pieces of `cuts` characters."""
    found: list[Event] = [Start(reply.id, reply.model, reply.created)]
    for number, choice in enumerate(reply.choices):
        for index, part in enumerate(choice.parts):
            found += _part_events(part, index, number, cuts)
        assert choice.stop is not None
        found.append(Stopped(choice.stop, sequence=choice.sequence, choice=number))
    if reply.usage is not None:
        found.append(UsageSeen(reply.usage, reply.service_tier))
    return found


def _part_events(part: Part, index: int, choice: int, cuts: int) -> Iterable[Event]:
    if isinstance(part, Thinking) and part.redacted:
        yield PartStart(index, "redacted_thinking", redacted=part.redacted, vendor=part.vendor, choice=choice)
        yield PartEnd(index, choice)
        return
    assert isinstance(part, Text | Refusal | ToolUse | Thinking)
    start = PartStart(index, KINDS[type(part)], choice=choice)
    text = part.arguments if isinstance(part, ToolUse) else part.text
    if isinstance(part, ToolUse):
        start.id, start.name = part.id, part.name
    if isinstance(part, Thinking):
        start.vendor = part.vendor
    yield start
    for begin in range(0, len(text), cuts):
        yield Delta(index, text[begin : begin + cuts], choice)
    if isinstance(part, Thinking) and part.signature:
        yield Signed(index, part.signature, part.vendor, choice)
    yield PartEnd(index, choice)


def collected(events: Iterable[Event]) -> Reply:
    """The reply a stream adds up to. Fails when parts of one choice overlap."""
    reply = Reply()
    parts: dict[tuple[int, int], Part] = {}
    running: dict[int, int] = {}
    for event in events:
        number = getattr(event, "choice", 0)
        while len(reply.choices) <= number:
            reply.choices.append(Choice())
        choice = reply.choices[number]
        match event:
            case Start():
                reply.id, reply.model, reply.created = event.id, event.model, event.created
            case PartStart():
                assert number not in running
                running[number] = event.index
                assert event.index == len(choice.parts)
                choice.parts.append(_begun(event))
                parts[number, event.index] = choice.parts[-1]
            case Delta():
                assert running[number] == event.index
                _extend(parts[number, event.index], event.text)
            case Signed():
                part = parts[number, event.index]
                assert isinstance(part, Thinking)
                part.signature, part.vendor = event.signature, event.vendor
            case PartEnd():
                assert running.pop(number) == event.index
            case Stopped():
                choice.stop, choice.sequence = event.stop, event.sequence
            case UsageSeen():
                reply.usage, reply.service_tier = event.usage, event.service_tier
    assert not running
    return reply


def _begun(event: PartStart) -> Part:
    match event.kind:
        case "tool_use":
            return ToolUse(event.id, event.name, "")
        case "thinking" | "redacted_thinking":
            return Thinking(redacted=event.redacted, vendor=event.vendor)
        case "refusal":
            return Refusal("")
    return Text("")


def _extend(part: Part, text: str) -> None:
    if isinstance(part, ToolUse):
        part.arguments += text
    else:
        assert isinstance(part, Text | Refusal | Thinking)
        part.text += text
