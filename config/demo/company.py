"""The demo company as data: teams, projects, people, keys, catalogue, with ids derived from the seed. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from config.demo.story import OUTAGE, PILOT, PRICE_CHANGE, Calendar
from config.demo.workloads import SPEED, WORKLOADS
from gateway.ledger.ids import ms_of, uuid7

NAME = "Fjordlight Robotics"
DOMAIN = "example.com"
FOUNDED = 120
"""Days before the last day at which everything that is not part of the story was set up."""

TEAMS = {
    "support": "Customer Support",
    "engineering": "Engineering",
    "data": "Data & Search",
    "marketing": "Marketing",
    "operations": "Operations & Legal",
}
# project → (team, name, keys of services, keys of developers)
PROJECTS: dict[str, tuple[str, str, tuple[str, ...], int]] = {
    "support-assistant": ("support", "Support assistant", ("production", "staging"), 1),
    "ticket-triage": ("support", "Ticket triage", ("worker",), 1),
    "voice-of-customer": ("support", "Voice of the customer", ("weekly-digest",), 1),
    "code-review": ("engineering", "Code review bot", ("ci-bot",), 1),
    "dev-copilot": ("engineering", "Developer copilot", (), 8),
    "ci-evals": ("engineering", "CI evaluations", ("nightly", "pilot"), 0),
    "docs-search": ("data", "Documentation search", ("indexer", "query"), 1),
    "answer-search": ("data", "Answer search", ("production",), 1),
    "product-copy": ("marketing", "Product copy", ("cms",), 2),
    "translation": ("marketing", "Translation", ("site", "app"), 0),
    "contract-extraction": ("operations", "Contract extraction", ("nightly-batch",), 1),
    "voice-picking": ("operations", "Voice picking", ("handhelds",), 0),
    "parts-matching": ("operations", "Parts matching", ("erp",), 0),
    "tender-review": ("operations", "Tender review", ("bid-desk",), 0),
    "site-survey": ("engineering", "Site survey", ("planner",), 0),
    "incident-analysis": ("engineering", "Incident analysis", ("on-call",), 0),
    "fleet-telemetry": ("operations", "Fleet telemetry", ("edge-eu", "edge-us", "edge-apac", "edge-lab"), 0),
}
RUNAWAY_KEY = ("dev-copilot", "agent-sandbox")
PILOT_KEY = ("ci-evals", "pilot")
# (project, key) of keys that nothing is sent with: never, or not any more
UNUSED_KEYS = (
    ("support-assistant", "load-test-2025"),
    ("docs-search", "old-indexer"),
    ("answer-search", "prototype"),
    ("product-copy", "agency"),
    ("translation", "vendor-trial"),
)
PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("Ingrid Solheim", "owner", ""),
    ("Mateo Rivas", "admin", ""),
    ("Yuki Tanabe", "admin", ""),
    ("Clara Voss", "analyst", ""),
    ("Samuel Adeyemi", "analyst", ""),
    ("Hanna Lindqvist", "manager", "support"),
    ("Rohan Mehta", "manager", "engineering"),
    ("Sofia Marchetti", "manager", "data"),
    ("Emil Novak", "manager", "marketing"),
    ("Aisha Karim", "manager", "operations"),
    ("Theo Brandt", "developer", "engineering"),
    ("Lena Fischer", "developer", "engineering"),
    ("Diego Santos", "developer", "engineering"),
    ("Mei Chen", "developer", "engineering"),
    ("Oskar Lund", "developer", "engineering"),
    ("Priya Nair", "developer", "engineering"),
    ("Jonas Weber", "developer", "engineering"),
    ("Amara Okafor", "developer", "engineering"),
    ("Nils Bergman", "developer", "support"),
    ("Zoe Martin", "developer", "support"),
    ("Farid Rahimi", "developer", "data"),
    ("Kaja Wolff", "developer", "data"),
    ("Luca Romano", "developer", "marketing"),
    ("Tess Janssen", "developer", "operations"),
)
# slug → (name, kind of the wire format, price list)
# simulated by one OpenAI-compatible endpoint, priced by the vendors' own lists
PROVIDERS: dict[str, tuple[str, str, str]] = {
    "openai": ("OpenAI", "openai", "openai"),
    "anthropic": ("Anthropic", "openai-compatible", "anthropic"),
    "google": ("Google Gemini", "openai-compatible", "google"),
    "mistral": ("Mistral", "openai-compatible", "mistral"),
    "novita": ("Novita AI", "openai-compatible", "novita"),
    "bedrock": ("Amazon Bedrock", "openai-compatible", "aws"),
}
# name → (provider, capabilities, context tokens, longest output)
MODELS: dict[str, tuple[str, tuple[str, ...], int, int | None]] = {
    "gpt-5.4": ("openai", ("chat", "tools", "reasoning"), 1_050_000, 128_000),
    "gpt-5.4-mini": ("openai", ("chat", "tools", "reasoning"), 400_000, 128_000),
    "gpt-4o-mini": ("openai", ("chat", "tools"), 128_000, 16_384),
    "gpt-4.1": ("openai", ("chat", "tools"), 1_047_576, 32_768),
    "text-embedding-3-small": ("openai", ("embeddings",), 8_192, None),
    "claude-opus-5-5": ("anthropic", ("chat", "tools"), 1_000_000, 64_000),
    "claude-haiku-4-5": ("anthropic", ("chat", "tools"), 200_000, 64_000),
    "gemini-2.5-flash": ("google", ("chat", "tools"), 1_048_576, 65_536),
    "gemini-2.5-pro": ("google", ("chat", "tools"), 1_048_576, 65_536),
    "mistral-large-2512": ("mistral", ("chat", "tools"), 262_144, 16_384),
    "deepseek/deepseek-r1": ("novita", ("chat",), 64_000, 16_000),
    "deepseek.r1-v1:0": ("bedrock", ("chat",), 128_000, 32_768),
}
# alias → models in the order they are tried
ROUTES: dict[str, tuple[str, ...]] = {
    "support-chat": ("gpt-5.4-mini", "mistral-large-2512"),
    "cheap-and-fast": ("gpt-4o-mini", "gemini-2.5-flash"),
}
FALLBACK = ROUTES["support-chat"][1]
MODEL_NAMES = tuple(MODELS)
assert set(SPEED) == set(MODELS)


@dataclass(frozen=True, slots=True)
class Key:
    """A key: `user` is the index of its owner in `PEOPLE`, None for a service."""

    project: str
    name: str
    user: int | None
    created: int = FOUNDED

    @property
    def is_used(self) -> bool:
        return (self.project, self.name) not in UNUSED_KEYS


@dataclass(frozen=True)
class Company:
    """Ids and keys of one run: the same for the same slug, seed and calendar. `is_clean`: the same company without the
    waste that is planted in it."""

    slug: str
    seed: int
    calendar: Calendar
    is_clean: bool = False

    def id_of(self, kind: str, name: str, created: int = FOUNDED) -> UUID:
        """UUIDv7 of the day it was set up and a hash of its name."""
        digest = hashlib.sha256(f"{self.seed}/{self.slug}/{kind}/{name}".encode()).digest()
        return uuid7(ms_of(self.calendar.midnight(created)), int.from_bytes(digest[:10], "big"))

    @cached_property
    def organization(self) -> UUID:
        return self.id_of("organization", self.slug)

    @cached_property
    def price_override(self) -> UUID:
        return self.id_of("price", "gpt-5.4", PRICE_CHANGE)

    def project(self, slug: str) -> UUID:
        return self.id_of("project", slug)

    def team(self, slug: str) -> UUID:
        return self.id_of("team", slug)

    def user(self, index: int) -> UUID:
        return self.id_of("user", PEOPLE[index][0])

    def key(self, key: Key) -> UUID:
        return self.id_of("key", f"{key.project}/{key.name}", key.created)

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        return tuple(_keys())


def email(name: str, slug: str) -> str:
    """Unique over demo organizations: all but the usual one carry their slug."""
    tag = "" if slug == "demo" else f"+{slug}"
    return f"{name.lower().replace(' ', '.')}{tag}@{DOMAIN}"


def slug_of(name: str) -> str:
    return name.split(" ")[0].lower()


def _keys() -> Iterator[Key]:
    for project, (team, _, services, developers) in PROJECTS.items():
        for name in services:
            yield Key(project, name, None, PILOT if (project, name) == PILOT_KEY else FOUNDED)
        people = [index for index, (_, role, of) in enumerate(PEOPLE) if of == team and role == "developer"]
        for index in people[:developers]:
            yield Key(project, f"{slug_of(PEOPLE[index][0])}-laptop", index)
    theo = next(index for index, (name, _, _) in enumerate(PEOPLE) if name == "Theo Brandt")
    yield Key(*RUNAWAY_KEY, theo, OUTAGE)
    for project, name in UNUSED_KEYS:
        yield Key(project, name, None)


assert {workload.project for workload in WORKLOADS} == set(PROJECTS)
