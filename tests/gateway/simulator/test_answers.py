import json
import math
import statistics

from gateway.simulator.answers import make_answer
from gateway.simulator.calls import ChatCall, Tool, Usage
from gateway.simulator.catalog import CATALOG

MODEL = CATALOG["gpt-4o"]
WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
CLOCK = Tool("get_time", {"type": "object", "properties": {}})


def answer(model=MODEL, seed=7, cached=0, **fields):
    call = ChatCall(**{"model": model.name, "digest": b"d", "prompt": ["a", "b"]} | fields)
    return make_answer(model, call, seed=seed, cached=cached, id_token="0", created=0)


def test_same_request_and_seed_same_answer():
    assert answer() == answer()
    assert answer().choices != answer(seed=8).choices
    assert answer().choices != answer(digest=b"e").choices


def test_output_lengths_are_lognormal_about_the_models_median():
    lengths = [answer(digest=b"%d" % number).usage.completion for number in range(2_001)]

    assert abs(statistics.median(lengths) / MODEL.output_median - 1) < 0.05
    assert abs(statistics.stdev(math.log(length) for length in lengths) - 0.7) < 0.03


def test_limit_cuts_the_text():
    full, cut = answer(), answer(max_tokens=5)

    assert cut.choices[0].finish_reason == "length"
    assert cut.usage == Usage(prompt=2, completion=5)
    assert cut.choices[0].tokens == full.choices[0].tokens[:5]
    assert full.choices[0].finish_reason == "stop"
    exact = answer(max_tokens=full.usage.completion)
    assert exact.choices[0].finish_reason == "stop"


def test_stop_sequence_ends_the_text_before_it():
    full = "".join(answer().choices[0].tokens)
    stop = full.split()[4]

    stopped = answer(stop=("never said", stop))

    assert "".join(stopped.choices[0].tokens) == full[: full.index(stop)]
    assert stopped.choices[0].finish_reason == "stop"
    assert stopped.usage.completion == len(stopped.choices[0].tokens)


def test_several_choices_differ_and_their_tokens_add_up():
    made = answer(n=3, max_tokens=30)

    assert len({choice.tokens for choice in made.choices}) == 3
    assert made.usage.completion == sum(len(choice.tokens) for choice in made.choices)


def test_reasoning_counts_against_the_limit():
    model = CATALOG["o4-mini"]

    assert answer(model).usage.reasoning > 0
    assert answer(model, effort="none").usage.reasoning == 0
    starved = answer(model, max_tokens=64)
    assert starved.usage == Usage(prompt=2, completion=64, reasoning=64)
    assert starved.choices[0].tokens == ()
    assert starved.choices[0].finish_reason == "length"


def test_tool_is_called_when_forced_or_asked_for():
    tools = (WEATHER, CLOCK)
    named = answer(tools=tools, must_call="get_time").choices[0]
    required = answer(tools=tools, must_call="required").choices[0]
    asked = answer(tools=tools, last_user_text="Please call tool now").choices[0]
    both = answer(tools=tools, last_user_text="Call tools!").choices[0]
    one = answer(tools=tools, last_user_text="Call tools!", parallel_tools=False).choices[0]

    assert ([call.name for call in named.tool_calls], named.finish_reason) == (["get_time"], "stop")
    assert ([call.name for call in required.tool_calls], required.finish_reason) == (["get_weather"], "tool_calls")
    assert ([call.name for call in asked.tool_calls], asked.finish_reason) == (["get_weather"], "tool_calls")
    assert [call.name for call in both.tool_calls] == ["get_weather", "get_time"]
    assert [call.name for call in one.tool_calls] == ["get_weather"]
    assert isinstance(json.loads("".join(required.tool_calls[0].arguments))["city"], str)


def test_no_tool_without_cause():
    for fields in (
        {"last_user_text": "hello"},
        {"last_user_text": "call tool", "must_call": "none"},
        {"last_user_text": "call tool", "after_tool": True},
        {"last_user_text": "call tool", "tools": ()},
    ):
        assert answer(**{"tools": (WEATHER,)} | fields).choices[0].tool_calls == ()


def test_tool_arguments_are_cut_by_the_limit():
    full = answer(tools=(WEATHER,), must_call="required")
    cut = answer(tools=(WEATHER,), must_call="required", max_tokens=full.usage.completion - 1)

    assert cut.choices[0].finish_reason == "length"
    assert cut.choices[0].tool_calls[0].arguments == full.choices[0].tool_calls[0].arguments[:-1]
    assert cut.usage.completion == full.usage.completion - 1


def test_json_answers_are_json():
    anything = "".join(answer(json_schema={}).choices[0].tokens)
    shaped = "".join(answer(json_schema=WEATHER.schema).choices[0].tokens)

    assert set(json.loads(anything)) == {"answer", "confidence"}
    assert set(json.loads(shaped)) == {"city"}


def test_catalogue_covers_five_vendors():
    assert {model.vendor for model in CATALOG.values()} == {"openai", "anthropic", "google", "mistralai", "meta"}
