"""Gemini's format, by raw bytes; the shapes were also read by `google-genai` when they were written."""

import json

import pytest

from tests.gateway.simulator.raw import fetch

KEY = {"x-goog-api-key": "AIza-test"}
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}
CLOCK = {"name": "get_time", "parametersJsonSchema": {"type": "object", "properties": {}}}


def ask(text="hello", **fields):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def generate(simulator, payload, *, model="gemini-2.5-flash", verb="generateContent", headers=KEY):
    return fetch(simulator, f"/v1beta/models/{model}:{verb}", payload, headers=headers)


def stream(simulator, payload, model="gemini-2.5-flash"):
    answer = fetch(simulator, f"/v1beta/models/{model}:streamGenerateContent?alt=sse", payload, headers=KEY)
    return [json.loads(block.removeprefix("data: ")) for block in answer.body.decode().strip().split("\n\n")]


def no_thinking(**config):
    return {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}, **config}}


def test_answer_and_usage(simulator):
    body = generate(simulator, ask(**no_thinking(maxOutputTokens=5))).json()

    candidate = body["candidates"][0]
    assert candidate["finishReason"] == "MAX_TOKENS"
    assert candidate["content"]["role"] == "model"
    assert body["usageMetadata"] == {
        "promptTokenCount": 7,
        "candidatesTokenCount": 5,
        "totalTokenCount": 12,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}],
    }
    assert body["modelVersion"] == "gemini-2.5-flash"


def test_thoughts_are_counted_apart_and_shown_when_asked(simulator):
    hidden = generate(simulator, ask()).json()
    shown = generate(simulator, ask(generationConfig={"thinkingConfig": {"includeThoughts": True}})).json()

    usage = hidden["usageMetadata"]
    assert usage["thoughtsTokenCount"] >= 64
    assert usage["totalTokenCount"] == 7 + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    assert "thought" not in hidden["candidates"][0]["content"]["parts"][0]
    assert shown["candidates"][0]["content"]["parts"][0]["thought"] is True


def test_stream_says_what_the_whole_answer_says(simulator):
    whole = generate(simulator, ask()).json()
    chunks = stream(simulator, ask())

    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", [])]
    assert "".join(part["text"] for part in parts) == whole["candidates"][0]["content"]["parts"][0]["text"]
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks[-2:]] == [None, "STOP"]
    assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]
    assert chunks[0]["usageMetadata"]["candidatesTokenCount"] == 1


def test_stream_without_alt_is_one_array(simulator):
    body = generate(simulator, ask(), verb="streamGenerateContent").json()

    assert body[0]["candidates"][0]["finishReason"] == "STOP"


def test_parallel_calls_have_no_ids_and_one_signature(simulator):
    body = generate(simulator, ask("call tools", tools=[{"functionDeclarations": [WEATHER, CLOCK]}])).json()

    first, second = body["candidates"][0]["content"]["parts"]
    assert first["functionCall"]["name"] == "get_weather"
    assert list(first["functionCall"]["args"]) == ["city"]
    assert second["functionCall"] == {"name": "get_time", "args": {}}
    assert first["thoughtSignature"]
    assert "thoughtSignature" not in second
    assert body["candidates"][0]["finishReason"] == "STOP"


def test_gemini_3_wants_its_signature_back(simulator):
    def follow(**extra):
        call = {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}, **extra}
        answer = {"functionResponse": {"name": "get_weather", "response": {"result": "15"}}}
        contents = [
            *ask("call tool")["contents"],
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [answer]},
        ]
        payload = {"contents": contents, "tools": [{"functionDeclarations": [WEATHER]}]}
        return generate(simulator, payload, model="gemini-3.8-flash")

    assert follow().status == 400
    assert "thought_signature" in follow().json()["error"]["message"]
    assert follow(thoughtSignature="c2ln").json()["candidates"][0]["content"]["parts"][0]["text"]


def test_forced_function_and_json_schema(simulator):
    tools = [{"functionDeclarations": [WEATHER, CLOCK]}]
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_time"]}}
    forced = generate(simulator, ask(tools=tools, toolConfig=config)).json()
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    typed = generate(simulator, ask(**no_thinking(responseMimeType="application/json", responseSchema=schema))).json()

    assert forced["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "get_time"
    assert list(json.loads(typed["candidates"][0]["content"]["parts"][0]["text"])) == ["city"]


def test_prompt_is_cached_by_itself(fresh_simulator):
    payload = ask("word " * 2_000, **no_thinking(maxOutputTokens=1))
    first = generate(fresh_simulator, payload).json()["usageMetadata"]
    second = generate(fresh_simulator, payload).json()["usageMetadata"]

    assert "cachedContentTokenCount" not in first
    assert second["cachedContentTokenCount"] == 1_920
    assert second["promptTokenCount"] == first["promptTokenCount"] == 2_007


def test_blocked_prompt_and_filtered_answer(simulator):
    blocked = generate(simulator, ask(), model="sim-fault-prompt-blocked").json()
    filtered = generate(simulator, ask(), model="sim-fault-content-filter@2").json()

    assert blocked["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in blocked
    assert filtered["candidates"][0]["finishReason"] == "SAFETY"
    assert filtered["usageMetadata"]["candidatesTokenCount"] == 2


def test_embeddings_and_token_counts(simulator):
    content = {"content": {"parts": [{"text": "hello world"}]}, "outputDimensionality": 3}
    one = generate(simulator, content, model="gemini-embedding-001", verb="embedContent").json()
    many = {"requests": [{"model": "models/gemini-embedding-001", **content}] * 2}
    two = generate(simulator, many, model="gemini-embedding-001", verb="batchEmbedContents").json()
    counted = generate(simulator, ask(), verb="countTokens").json()

    assert len(one["embedding"]["values"]) == 3
    assert [item["values"] for item in two["embeddings"]] == [one["embedding"]["values"]] * 2
    assert two["usageMetadata"] == {"promptTokenCount": 4}
    assert counted == {"totalTokens": 7}


def test_models(simulator):
    listed = fetch(simulator, "/v1beta/models", headers=KEY).json()
    one = fetch(simulator, "/v1beta/models/gemini-2.5-flash", headers=KEY).json()

    assert one in listed["models"]
    assert fetch(simulator, "/v1/models", headers=KEY).json() == listed
    assert fetch(simulator, "/v1/models/gemini-2.5-flash:generateContent", ask(), headers=KEY).status == 200
    assert one["supportedGenerationMethods"] == ["generateContent", "countTokens"]


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({}, "INVALID_ARGUMENT", "contents is not specified"),
        (ask(tool=1), "INVALID_ARGUMENT", 'Unknown name "tool"'),
        (ask(generationConfig={"responseSchema": {"type": "OBJECT"}}), "INVALID_ARGUMENT", "application/json"),
        (ask(tools=[{"functionDeclarations": [{"name": "1 a"}]}]), "INVALID_ARGUMENT", "Invalid function name"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "INVALID_ARGUMENT", "valid role"),
        ({"contents": [{"role": "user", "parts": [{"inlineData": {"data": ""}}]}]}, "INVALID_ARGUMENT", "mime type"),
    ],
)
def test_bad_requests(simulator, payload, status, word):
    answer = generate(simulator, payload)

    assert (answer.status, answer.json()["error"]["status"]) == (400, status)
    assert word in answer.json()["error"]["message"]


def test_keys_and_models_are_required(simulator):
    assert generate(simulator, ask(), headers={}).json()["error"]["status"] == "PERMISSION_DENIED"
    bad = generate(simulator, ask(), headers={"x-goog-api-key": "sk-invalid"}).json()["error"]
    assert (bad["code"], bad["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert generate(simulator, ask(), model="gemini-none").json()["error"]["status"] == "NOT_FOUND"
    assert generate(simulator, ask(), headers={"authorization": "Bearer k"}).status == 200


def test_quota_failure_says_when_to_come_back(simulator):
    answer = generate(simulator, ask(), model="sim-fault-error-429@7")

    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["details"][0]["retryDelay"] == "7s"


def test_error_in_stream(simulator):
    chunks = stream(simulator, ask(), model="sim-fault-error-in-stream")

    assert len(chunks) == 4
    assert chunks[-1]["error"]["status"] == "UNAVAILABLE"
