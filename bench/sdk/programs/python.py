"""The Python SDK against `http.client` and `json`: `python.py ADDRESS` prints JSON. With `--openai` the openai library
takes part in the streams; it has to be importable. The SDK's folder is on PYTHONPATH."""

import http.client
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable

import llm_gateway

ROUNDS, CALLS, CHUNKS = 7, 200, 40_000
BODY = {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}
HEADERS = {"authorization": "Bearer gw-bench", "content-type": "application/json"}


class Raw:
    """What one would write by hand, on one connection."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self.connection = http.client.HTTPConnection(host, int(port))

    def post(self, body: dict[str, object]) -> http.client.HTTPResponse:
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), HEADERS)
        return self.connection.getresponse()

    def call(self) -> None:
        assert json.loads(self.post(BODY).read())["choices"][0]["message"]["content"]

    def stream(self) -> None:
        seen = 0
        response = self.post({**BODY, "stream": True})
        for line in response:
            if line.startswith(b"data: {"):
                seen += json.loads(line[6:])["choices"][0]["delta"]["content"] is not None
        assert seen == CHUNKS, seen


def main(address: str, *, with_openai: bool) -> None:
    raw, client = Raw(address), llm_gateway.Gateway(base_url=address, api_key="gw-bench")

    def call() -> None:
        assert client.chat.completions.create(**BODY).choices[0].message.content

    def stream() -> None:
        with client.chat.completions.stream(**BODY) as events:
            seen = sum(1 for event in events if event.choices[0].delta.content is not None)
        assert seen == CHUNKS, seen

    streams: dict[str, Callable[[], None]] = {"raw": raw.stream, "sdk": stream}
    if with_openai:
        streams["openai"] = openai_stream(address)
    calls: dict[str, Callable[[], None]] = {"raw": raw.call, "sdk": call}
    took: dict[str, list[float]] = {name: [] for name in calls}
    rates: dict[str, list[float]] = {name: [] for name in streams}
    cpu = 0.0
    for number in range(ROUNDS + 1):
        for name, once in calls.items():
            before = time.process_time()
            found = statistics.median(seconds(once) for _ in range(CALLS))
            if name == "sdk":
                cpu = (time.process_time() - before) / CALLS
            if number:
                took[name].append(found)
        for name, once in streams.items():
            rate = CHUNKS / seconds(once)
            if number:
                rates[name].append(rate)
    said = {
        "runtime": f"CPython {sys.version.split()[0]}",
        "raw_p50_us": statistics.median(took["raw"]) * 1e6, "sdk_p50_us": statistics.median(took["sdk"]) * 1e6,
        "sdk_cpu_us": cpu * 1e6,
        "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **{f"{name}_chunks_per_s": statistics.median(found) for name, found in rates.items()},
    }  # fmt: skip
    print(json.dumps(said))


def openai_stream(address: str) -> Callable[[], None]:
    import openai

    client = openai.OpenAI(base_url=f"{address}/v1", api_key="gw-bench")

    def stream() -> None:
        events = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Say hello."}], stream=True
        )
        seen = sum(1 for event in events if event.choices[0].delta.content is not None)
        assert seen == CHUNKS, seen

    return stream


def seconds(once: Callable[[], None]) -> float:
    began = time.perf_counter()
    once()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], with_openai="--openai" in sys.argv)
