"""The response cache over HTTP: hits cost nothing and reach no provider, and never cross a boundary."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Answer, Stack

GPT_4O_INPUT, GPT_4O_OUTPUT = Decimal("0.0000025"), Decimal("0.00001")


class Cached:
    """An organization with a cache policy and a key."""

    def __init__(self, stack: Stack, slug: str, **policy: Any) -> None:
        self.stack = stack
        self.organization = stack.organization(slug)
        self.project = stack.project(self.organization)
        self.secret, self.key_id = stack.key(self.organization, self.project)
        self.policy = self.add_policy(**policy)

    def add_policy(self, **changes: Any) -> str:
        base = {
            "organization_id": self.organization, "project_id": None, "is_enabled": True, "ttl_s": 60,
            "is_shared": False, "max_entry_bytes": 100_000, "is_semantic": False, "embedding_model": "",
            "similarity_threshold": 1, "generation": 1,
        }  # fmt: skip
        identity = self.stack.insert("gateway_cachepolicy", **base | changes)
        self.stack.wait_until_current()
        return identity

    def chat(
        self, content: str = "hello", secret: str = "", headers: dict[str, str] | None = None, **fields: Any
    ) -> Answer:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **fields}
        return self.stack.request("POST", "/v1/chat/completions", body, secret or self.secret, **headers or {})

    def upstream_calls(self) -> int:
        return int(self.stack.simulator.stats()["requests"])


@pytest.fixture
def cached(world: World, request: pytest.FixtureRequest) -> Cached:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return Cached(world.stack, f"cache-{name}"[:50])


def status(answer: Answer) -> str:
    return answer.headers["x-gateway-cache"]


def test_the_same_question_is_answered_from_the_cache_at_no_cost(cached: Cached) -> None:
    first = cached.chat(max_tokens=20, headers={"X_Request_ID": "cache-first"})
    before = cached.upstream_calls()
    second = cached.chat(max_tokens=20, headers={"X_Request_ID": "cache-second"}, user="another-person")

    assert (status(first), status(second)) == ("miss", "hit")
    assert second.body == first.body
    assert cached.upstream_calls() == before
    assert second.headers["x-gateway-cost"] == "0"
    (paid,) = cached.stack.lines("cache-first")
    (free,) = cached.stack.lines("cache-second")
    usage = first.json()["usage"]
    cost = usage["prompt_tokens"] * GPT_4O_INPUT + usage["completion_tokens"] * GPT_4O_OUTPUT
    assert (paid["kind"], paid["cost"], paid["cache_status"]) == ("attempt", cost, "miss")
    assert (free["kind"], free["cost"], free["list_cost"], free["cache_status"]) == ("cache_hit", 0, cost, "hit")
    assert (free["is_final"], free["input_tokens"], free["output_tokens"], free["charges"]) == (True, 0, 0, [])
    assert (free["provider"], free["model_served"], free["http_status"]) == ("openai", "gpt-4o", 200)


def test_a_stream_is_replayed_as_a_stream(cached: Cached) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{cached.stack.port}/v1", api_key=cached.secret, max_retries=0)

    def ask() -> tuple[list[Any], str]:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": "tell"}], max_tokens=12, stream=True,
            stream_options={"include_usage": True},
        )  # fmt: skip
        return [chunk.model_dump() for chunk in raw.parse()], raw.headers["x-gateway-cache"]

    first, second = ask(), ask()

    assert (first[1], second[1]) == ("miss", "hit")
    assert second[0] == first[0]
    assert second[0][-1]["usage"]["completion_tokens"] == 12


def test_a_replayed_stream_ends_with_the_gateways_comment_and_done(cached: Cached) -> None:
    fields = {"max_tokens": 5, "stream": True}
    cached.chat(**fields)
    again = cached.chat(**fields, headers={"X_Request_ID": "cache-stream-2"})

    assert again.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert again.body.endswith(b': gateway {"cost":"0","request_id":"cache-stream-2"}\n\ndata: [DONE]\n\n')
    assert b'"usage":{' not in again.body


@pytest.mark.parametrize("changes", [{"temperature": 0.5}, {"max_tokens": 21}, {"stream": True}, {"n": 2}])
def test_another_question_is_not_a_hit(cached: Cached, changes: dict[str, Any]) -> None:
    cached.chat("asked before", max_tokens=20)

    assert status(cached.chat("asked before", **{"max_tokens": 20, **changes})) == "miss"


def test_directives_of_the_caller(cached: Cached) -> None:
    def ask(directive: str) -> str:
        return status(cached.chat("directives", max_tokens=5, headers={"X_Gateway_Cache": directive}))

    assert ask("no-store") == "bypass"
    assert ask("max-age=60") == "miss"
    assert ask("max-age=60") == "hit"
    assert ask("no-store") == "bypass"
    assert ask("no-cache") == "miss"
    time.sleep(1.1)
    assert ask("max-age=1") == "miss"
    assert ask("MAX-AGE=30, something-else") == "hit"


def test_organizations_and_projects_have_their_own_answers(cached: Cached) -> None:
    other_project = cached.stack.project(cached.organization, "other")
    other_secret, _ = cached.stack.key(cached.organization, other_project)
    foreign = Cached(cached.stack, f"{cached.organization[:8]}-foreign")
    cached.chat("private", max_tokens=5)

    assert status(cached.chat("private", max_tokens=5)) == "hit"
    assert status(cached.chat("private", secret=other_secret, max_tokens=5)) == "miss"
    assert status(foreign.chat("private", max_tokens=5)) == "miss"


def test_projects_share_when_the_policy_says_so(world: World) -> None:
    cached = Cached(world.stack, "cache-shared", is_shared=True)
    secret, _ = cached.stack.key(cached.organization, cached.stack.project(cached.organization, "other"))
    cached.chat("shared", max_tokens=5)

    assert status(cached.chat("shared", secret=secret, max_tokens=5)) == "hit"


def test_a_projects_own_policy_wins(cached: Cached) -> None:
    cached.add_policy(project_id=cached.project, is_enabled=False)
    cached.chat("off here", max_tokens=5)

    assert status(cached.chat("off here", max_tokens=5)) == "bypass"


def test_an_answer_is_forgotten_after_its_time(world: World) -> None:
    cached = Cached(world.stack, "cache-ttl", ttl_s=1)
    cached.chat("brief", max_tokens=5)
    assert status(cached.chat("brief", max_tokens=5)) == "hit"

    time.sleep(1.1)

    assert status(cached.chat("brief", max_tokens=5)) == "miss"


def test_erasing_forgets_everything(cached: Cached) -> None:
    cached.chat("forget me", max_tokens=5)
    with cached.stack.connect() as connection:
        connection.execute("UPDATE gateway_cachepolicy SET generation = 2 WHERE id = %s", [cached.policy])
    cached.stack.wait_until_current()

    assert status(cached.chat("forget me", max_tokens=5)) == "miss"


def test_what_failed_was_cut_or_is_too_long_is_not_kept(world: World) -> None:
    cached = Cached(world.stack, "cache-failed", max_entry_bytes=1200)
    simulator = cached.stack.simulator

    simulator.configure(next_faults=["error-400"])
    assert cached.chat("refused", max_tokens=5).status == 400
    assert status(cached.chat("refused", max_tokens=5)) == "miss"

    simulator.configure(next_faults=["cut-stream@2"])
    assert b"stream_interrupted" in cached.chat("cut", max_tokens=8, stream=True).body
    assert status(cached.chat("cut", max_tokens=8, stream=True)) == "miss"

    long = {"content": "long", "max_tokens": 400}
    assert len(cached.chat(**long).body) > 1200
    assert status(cached.chat(**long)) == "miss"


def test_a_stampede_makes_one_upstream_call(cached: Cached) -> None:
    fields: dict[str, Any] = {"model": "sim-paced-3x400", "messages": [{"role": "user", "content": "stampede"}]}
    before = cached.upstream_calls()

    with ThreadPoolExecutor(20) as pool:
        ask = lambda _: cached.stack.request("POST", "/v1/chat/completions", fields, cached.secret)  # noqa: E731
        answers = list(pool.map(ask, range(20)))

    assert cached.upstream_calls() == before + 1
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sorted(map(status, answers)) == ["hit"] * 19 + ["miss"]


def test_a_follower_gets_the_answer_of_a_stream_whose_client_left(cached: Cached) -> None:
    fields = {
        "model": "sim-paced-3x400", "messages": [{"role": "user", "content": "left alone"}], "stream": True,
    }  # fmt: skip
    before = cached.upstream_calls()
    leader = openai.OpenAI(base_url=f"http://127.0.0.1:{cached.stack.port}/v1", api_key=cached.secret, max_retries=0)
    stream = leader.chat.completions.create(**fields)  # type: ignore[call-overload]
    next(iter(stream))
    found: list[Answer] = []
    follower = threading.Thread(
        target=lambda: found.append(
            cached.stack.request("POST", "/v1/chat/completions", fields, cached.secret, X_Request_ID="left-follower")
        )
    )
    follower.start()
    time.sleep(0.2)

    stream.response.close()
    follower.join(20)

    assert (found[0].status, status(found[0])) == (200, "hit")
    assert cached.upstream_calls() == before + 1
    chunks = [json.loads(line[6:]) for line in found[0].body.decode().splitlines() if line.startswith("data: {")]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_when_the_first_fails_one_of_its_followers_asks(cached: Cached) -> None:
    fields = {"model": "gpt-4o", "messages": [{"role": "user", "content": "unlucky"}], "max_tokens": 5}
    ask = lambda _: cached.stack.request("POST", "/v1/chat/completions", fields, cached.secret)  # noqa: E731
    cached.stack.simulator.configure(next_faults=["hang"])
    before = cached.upstream_calls()

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, 0)
        time.sleep(0.3)
        others = list(pool.map(ask, range(3)))

    assert first.result().status == 504
    assert sorted(map(status, others)) == ["hit", "hit", "miss"]
    assert cached.upstream_calls() == before + 2


def test_a_revoked_key_gets_no_kept_answer(cached: Cached) -> None:
    cached.chat("revoked", max_tokens=5)
    with cached.stack.connect() as connection:
        connection.execute("UPDATE gateway_virtualkey SET revoked_at = now() WHERE id = %s", [cached.key_id])
    cached.stack.wait_until_current()

    assert cached.chat("revoked", max_tokens=5).status == 401


def test_a_key_that_may_not_use_the_model_gets_no_kept_answer(cached: Cached) -> None:
    cached.chat("not for all", max_tokens=5)
    narrow, _ = cached.stack.key(cached.organization, cached.project, allowed_models=["gpt-4o-mini"])

    assert cached.chat("not for all", secret=narrow, max_tokens=5).error_code == "model_not_allowed"


# ---- by meaning ------------------------------------------------------------------------------------------------------
@pytest.fixture
def meaning(world: World, request: pytest.FixtureRequest) -> Cached:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return Cached(
        world.stack, f"mean-{name}"[:50], is_semantic=True, embedding_model="text-embedding-3-small",
        similarity_threshold="0.8000",
    )  # fmt: skip


NEAR = ("What is the capital city of France today", "What is the capital city of France today please")
"""The simulated embeddings are bags of words: these share all words but one."""


def test_a_question_that_means_the_same_is_a_hit(meaning: Cached) -> None:
    first = meaning.chat(NEAR[0], max_tokens=9, headers={"X_Request_ID": "mean-1"})
    before = meaning.upstream_calls()
    second = meaning.chat(NEAR[1], max_tokens=9, headers={"X_Request_ID": "mean-2"})

    assert (status(first), status(second)) == ("miss", "hit")
    assert second.body == first.body
    assert 0.8 <= float(second.headers["x-gateway-cache-similarity"]) < 1
    assert meaning.upstream_calls() == before + 1  # the embedding
    embedding, hit = sorted(meaning.stack.lines("mean-2"), key=lambda line: line["kind"])
    assert (embedding["kind"], embedding["endpoint"], embedding["is_final"]) == ("attempt", "/v1/embeddings", False)
    assert embedding["cost"] > 0
    assert (hit["kind"], hit["is_final"], hit["cost"]) == ("cache_hit", True, 0)


@pytest.mark.parametrize("changes", [{"temperature": 0.3}, {"max_tokens": 10}])
def test_another_context_is_another_question(meaning: Cached, changes: dict[str, Any]) -> None:
    meaning.chat(NEAR[0], max_tokens=9)

    assert status(meaning.chat(NEAR[1], **{"max_tokens": 9, **changes})) == "miss"


def test_text_that_only_the_lenient_parser_takes_is_never_compared(meaning: Cached) -> None:
    """The provider judges half a character; the cache has no word for it."""
    answer = meaning.chat(NEAR[0], max_tokens=9, user="\ud800")

    assert answer.status == 400
    assert answer.error_code != "internal_error"


def test_another_meaning_is_a_miss(meaning: Cached) -> None:
    meaning.chat(NEAR[0], max_tokens=9)

    assert status(meaning.chat("How do I bake bread with rye flour at home", max_tokens=9)) == "miss"


def test_meanings_never_cross_organizations(meaning: Cached) -> None:
    foreign = Cached(
        meaning.stack, f"{meaning.organization[:8]}-mean", is_semantic=True, embedding_model="text-embedding-3-small",
        similarity_threshold="0.5",
    )  # fmt: skip
    meaning.chat(NEAR[0], max_tokens=9)

    assert status(foreign.chat(NEAR[1], max_tokens=9)) == "miss"


def test_without_embeddings_the_question_is_asked(meaning: Cached) -> None:
    with meaning.stack.connect() as connection:
        connection.execute("UPDATE gateway_cachepolicy SET embedding_model = 'nowhere' WHERE id = %s", [meaning.policy])
    meaning.stack.wait_until_current()

    assert (meaning.chat(NEAR[0], max_tokens=9).status, status(meaning.chat(NEAR[1], max_tokens=9))) == (200, "miss")


def test_what_failed_is_not_remembered(meaning: Cached) -> None:
    meaning.stack.simulator.configure(next_faults=[None, "error-400"])  # the embedding, then the answer

    assert meaning.chat(NEAR[0], max_tokens=9).status == 400
    assert status(meaning.chat(NEAR[1], max_tokens=9)) == "miss"
