"""Guardrails as they are configured, and what a text's findings mean: pass, redact, block."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.guardrails import veils
from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.injection import THRESHOLD, InjectionCheck
from gateway.guardrails.checks.json_schema import JsonSchemaCheck
from gateway.guardrails.checks.patterned import pii_check, secrets_check
from gateway.guardrails.checks.size import MaxSizeCheck
from gateway.guardrails.finding import Check, Finding, redacted

BLOCK, REDACT, FLAG = "block", "redact", "flag"
INPUT, OUTPUT, BOTH = "input", "output", "both"
WEBHOOK = "webhook"
WHOLE_KINDS = frozenset({"max_size", "json_schema", "prompt_injection"})
"""Kinds that judge a text as a whole, so there is nothing in it to redact."""

CONFIG_KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "pii": {"entities": list},
    "secrets": {"entities": list},
    "deny_list": {"terms": list},
    "max_size": {"max_chars": int},
    "json_schema": {"schema": str},
    "prompt_injection": {"threshold": (int, float)},
    WEBHOOK: {"url": str, "timeout_ms": int, "fails_open": bool},
}
"""What each kind's configuration may say."""


def build_check(kind: str, config: Mapping[str, Any]) -> Check:
    """The check of a configuration. Raises `ValueError` with a reason a person can act on."""
    check_config(kind, config)
    makers: dict[str, Callable[[], Check]] = {
        "pii": lambda: pii_check(_strings(config, "entities")),
        "secrets": lambda: secrets_check(_strings(config, "entities")),
        "deny_list": lambda: DenyListCheck(_strings(config, "terms")),
        "max_size": lambda: MaxSizeCheck(config["max_chars"]),
        "json_schema": lambda: JsonSchemaCheck(config["schema"]),
        "prompt_injection": lambda: InjectionCheck(float(config.get("threshold", THRESHOLD))),
    }
    if kind not in makers:
        raise ValueError(f"there is no guardrail of kind {kind!r}")
    return makers[kind]()


def check_config(kind: str, config: Mapping[str, Any]) -> None:
    """Known names of the right types, and what the kind cannot do without. Raises `ValueError`."""
    keys = CONFIG_KEYS.get(kind)
    if keys is None:
        raise ValueError(f"there is no guardrail of kind {kind!r}")
    if unknown := sorted(set(config) - set(keys)):
        raise ValueError(f"{kind} has no setting {unknown[0]!r}; it has {', '.join(keys) or 'none'}")
    for name, value in config.items():
        wanted = keys[name]
        is_number_by_mistake = isinstance(value, bool) and wanted is not bool
        if not isinstance(value, wanted) or is_number_by_mistake:
            raise ValueError(f"{name} has the wrong type")
    for name in {"deny_list": ["terms"], "max_size": ["max_chars"], "json_schema": ["schema"], WEBHOOK: ["url"]}.get(
        kind, []
    ):
        if name not in config:
            raise ValueError(f"{kind} needs {name}")


def _strings(config: Mapping[str, Any], name: str) -> list[str]:
    values = config.get(name, [])
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} is a list of texts")
    return list(values)


@dataclass(frozen=True, slots=True)
class Rail:
    """One guardrail in force."""

    id: str
    name: str
    kind: str
    action: str
    check: Check

    @property
    def window(self) -> int:
        return self.check.window


@dataclass(frozen=True, slots=True)
class Hit:
    """A guardrail that found something: `whats` are the names of its findings, `count` how many there were."""

    rail: Rail
    whats: tuple[str, ...]
    count: int


@dataclass(slots=True)
class Verdict:
    """What became of one or several texts. `blocked_by` is the first guardrail that blocks."""

    hits: list[Hit] = field(default_factory=list)
    blocked_by: Hit | None = None

    def add(self, rail: Rail, findings: Sequence[Finding]) -> None:
        hit = Hit(rail, tuple(dict.fromkeys(finding.what for finding in findings)), len(findings))
        self.hits.append(hit)
        if rail.action == BLOCK and self.blocked_by is None:
            self.blocked_by = hit


def is_clean(texts: Iterable[str], rails: Sequence[Rail]) -> bool:
    """Whether no guardrail finds anything in any of the texts: `screen` would leave them as they are."""
    for text in texts:
        in_json = veils.is_json(text)
        for rail in rails:
            if veils.find(rail.check, text, in_json=in_json):
                return False
    return True


def screen(text: str, rails: Iterable[Rail], verdict: Verdict, *, in_json: bool | None = None) -> str:
    """The text after every guardrail in order, each seeing what the one before left; findings go to `verdict`.

    `in_json`: whether it is JSON text, or a piece of one; None: as it begins.
    """
    if in_json is None:
        in_json = veils.is_json(text)
    for rail in rails:
        findings = veils.find(rail.check, text, in_json=in_json)
        if findings:
            verdict.add(rail, findings)
            if rail.action == REDACT:
                text = redacted(text, findings)
    return text
