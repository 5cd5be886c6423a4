"""What each project of the demo company sends, as it should: figures of its distributions. Pure; explained in
docs/demo-data.md. What is wasteful in it is planted by `config.demo.waste`."""

from dataclasses import dataclass

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"

# Share of a day's requests by UTC hour; each row is normalised when used.
PROFILES: dict[str, tuple[float, ...]] = {
    "office": (1, 1, 1, 1, 1, 3, 10, 30, 62, 80, 84, 72, 58, 76, 88, 84, 74, 58, 40, 24, 14, 8, 4, 2),
    "consumer": (14, 9, 6, 5, 6, 10, 20, 36, 52, 60, 64, 68, 70, 66, 62, 62, 66, 74, 84, 90, 82, 64, 42, 24),
    "night": (8, 90, 100, 82, 20, *(0.4,) * 19),
    "dawn": (*(0.0,) * 5, 1.0, *(0.0,) * 18),
    "flat": (1.0,) * 24,
}


@dataclass(frozen=True, slots=True)
class Workload:
    """One project's traffic. Token figures are medians and sigmas of lognormal distributions.

    `daily`: requests on a working day at the end of the 90 days; `weekend`: factor on Saturday and Sunday.
    `shared_blocks`: 512-token blocks at the start of the prompt that are equal in all requests; `cached`: share of
    requests whose shared blocks are read from the vendor's cache; `writes`: share that writes them (vendors that bill
    writes). `repeats`: share of requests that repeat one of the week's `pool` of questions byte for byte. `tags`: JSON
    texts. Shares of what goes wrong: `runaway` answers go on until `max_tokens`; `overfilled` prompts lie up to 8 %
    above a `bound` of tokens; `paid_retries` requests were given up by the client, billed, and made again;
    `paid_failures` time out after the prompt was read and billed.
    """

    project: str
    daily: float
    model: str
    profile: str
    weekend: float
    input: tuple[float, float]
    output: tuple[float, float]
    endpoint: str = CHAT
    route: str = ""
    stream: float = 0.0
    reasoning: float = 0.0
    shared_blocks: int = 0
    cached: float = 0.0
    writes: float = 0.0
    repeats: float = 0.0
    pool: int = 600
    runaway: float = 0.0
    overfilled: float = 0.0
    bound: int = 0
    paid_retries: float = 0.0
    paid_failures: float = 0.0
    longest_input: int = 120_000
    max_tokens: int | None = None
    end_users: int = 0
    tools: int = 0
    sdk: str = "openai-python/1.109.1"
    tags: tuple[str, ...] = ()


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "support-assistant", 1_190, "gpt-5.4-mini", "consumer", 0.6, (2_300, 0.5), (210, 0.6),
        route="support-chat", stream=0.95, reasoning=120, shared_blocks=2, cached=0.6, max_tokens=1_024, end_users=420,
        tools=4, sdk="openai-js/6.8.0", tags=('{"feature": "chat"}', '{"feature": "order-status"}'),
    ),
    Workload(
        "ticket-triage", 790, "gpt-4o-mini", "office", 0.35, (3_100, 0.45), (3, 0.5),
        max_tokens=16, tags=('{"queue": "email"}', '{"queue": "web"}'),
    ),
    Workload(
        "voice-of-customer", 190, "claude-haiku-4-5", "office", 0.3, (3_600, 0.5), (760, 0.4), max_tokens=2_560,
        sdk="python/0.9.0",
    ),
    Workload(
        "code-review", 220, "claude-opus-5-5", "office", 0.08, (9_200, 0.6), (720, 0.6),
        shared_blocks=8, cached=0.55, writes=0.2, max_tokens=4_096, tools=6,
        tags=('{"repo": "fleet-core"}', '{"repo": "atlas-web"}'),
    ),
    Workload(
        "dev-copilot", 980, "gpt-5.4", "office", 0.12, (5_200, 0.55), (340, 0.7),
        stream=1.0, reasoning=160, shared_blocks=6, cached=0.82, max_tokens=4_096, tools=9, sdk="openai-js/6.8.0",
    ),
    Workload("ci-evals", 150, "gpt-5.4", "flat", 0.9, (2_600, 0.4), (480, 0.5), max_tokens=2_048),
    Workload(
        "docs-search", 1_180, "text-embedding-3-small", "consumer", 0.5, (420, 0.7), (0, 0.0),
        endpoint=EMBEDDINGS,
    ),
    Workload(
        "answer-search", 700, "claude-haiku-4-5", "consumer", 0.5, (7_400, 0.18), (260, 0.5),
        stream=0.9, shared_blocks=12, cached=0.93, writes=0.05, max_tokens=1_024, end_users=160, repeats=0.03,
    ),
    Workload(
        "product-copy", 330, "mistral-large-2512", "office", 0.1, (850, 0.5), (250, 0.5), max_tokens=16_384,
        sdk="typescript/0.8.0",
        tags=('{"market": "eu"}', '{"market": "us"}'),
    ),
    Workload("translation", 630, "gemini-2.5-flash", "consumer", 0.75, (1_150, 0.6), (1_050, 0.6), max_tokens=8_192),
    Workload(
        "contract-extraction", 850, "gpt-5.4-mini", "consumer", 0.9, (11_500, 0.5), (620, 0.5),
        reasoning=180, max_tokens=4_096, sdk="openai-python/2.7.1",
    ),
    Workload(
        "fleet-telemetry", 790, "gpt-4o-mini", "flat", 1.0, (780, 0.35), (95, 0.4), max_tokens=256,
        sdk="go/0.9.0",
    ),
    Workload(
        "parts-matching", 130, "gpt-5.4", "office", 0.3, (5_200, 0.4), (420, 0.5), reasoning=330, max_tokens=8_192,
        sdk="csharp/0.8.0",
    ),
    Workload(
        "voice-picking", 130, "gpt-4.1", "office", 0.2, (9_000, 0.4), (620, 0.5), stream=0.9, max_tokens=4_096,
    ),
    Workload(
        "incident-analysis", 250, "deepseek.r1-v1:0", "flat", 0.8, (13_500, 0.3), (900, 0.4), max_tokens=8_192,
        longest_input=30_000, sdk="java/0.9.0",
    ),
    Workload(
        "tender-review", 30, "gemini-2.5-pro", "office", 0.1, (120_000, 0.25), (850, 0.4), max_tokens=8_192,
        longest_input=195_000,
    ),
    Workload(
        "site-survey", 60, "claude-opus-5-5", "office", 0.2, (19_000, 0.35), (640, 0.5), max_tokens=4_096, end_users=60,
    ),
)  # fmt: skip

# Base latency of a model: milliseconds to the first token (median) and tokens per second (median).
SPEED: dict[str, tuple[float, float]] = {
    "gpt-5.4": (620, 75),
    "gpt-5.4-mini": (420, 140),
    "gpt-4o-mini": (330, 110),
    "gpt-4.1": (480, 85),
    "text-embedding-3-small": (90, 1e9),
    "claude-opus-5-5": (1_100, 55),
    "claude-haiku-4-5": (380, 130),
    "gemini-2.5-flash": (350, 170),
    "gemini-2.5-pro": (2_600, 95),
    "deepseek/deepseek-r1": (900, 60),
    "deepseek.r1-v1:0": (1_000, 55),
    "mistral-large-2512": (480, 60),
}
