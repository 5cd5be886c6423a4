"""What the demo's clients say of themselves: the header that the gateway's own SDKs send, read as the data plane reads
it. Pure."""

from collections.abc import Sequence

import orjson

from config.demo.calls import Calls
from config.demo.documents import BEFORE, sha_of
from config.demo.workloads import Workload
from gateway.dataplane.callers import about_of, sdk_of

PLACES = {
    "python": ("cpython-3.12", "linux"), "typescript": ("node-22.11", "linux"), "java": ("java-21", "linux"),
    "go": ("go-1.24", "linux"), "csharp": ("dotnet-8.0", "windows"),
}  # fmt: skip
"""Runtime and system of each SDK's clients, as their runtimes write them."""
OLDEST = next(iter(BEFORE))


def is_own(workload: Workload) -> bool:
    """Whether its client is an SDK of the gateway's."""
    return workload.sdk.partition("/")[0] in PLACES


def version_on(workload: Workload, before: int) -> str:
    """Which one a project calls with on the day `before` days before the last: its own, as soon as that is out."""
    wanted = workload.sdk.partition("/")[2]
    return wanted if before < BEFORE[wanted].days else OLDEST


def header(workload: Workload, before: int, attempt: int, is_stream: bool) -> bytes:
    """`X-Gateway-SDK` of an attempt, counted from 1. Repeats are the client's where no route has further targets."""
    language = workload.sdk.partition("/")[0]
    version = version_on(workload, before)
    runtime, system = PLACES[language]
    retry = 0 if workload.route else attempt - 1
    via = "; via=stream" if is_stream else ""
    return (
        f"{language}/{version}; rt={runtime}; os={system}; spec={sha_of(version)[:12]}; try={retry}{via}"
    ).encode()  # fmt: skip


def columns(workload: Workload, calls: Calls, before: int) -> dict[str, Sequence[str] | str]:
    """`sdk` and `sdk_about` of a day's attempts; other libraries say nothing but their name."""
    if not is_own(workload):
        return {"sdk": workload.sdk}
    name = sdk_of(b"", header(workload, before, 1, is_stream=False))
    said = list(zip(calls.attempt.tolist(), calls.stream.tolist(), strict=True))
    about = {one: orjson.dumps(about_of(header(workload, before, *one))).decode() for one in set(said)}
    return {"sdk": name or workload.sdk, "sdk_about": [about[one] for one in said]}
