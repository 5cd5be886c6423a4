"""Which model of the ledger a name in an export means. Pure; no vendor's list of models is needed.

A name is first taken as it is. Only names that the other side does not have are reduced to what they share: without
dated snapshot, version suffix, vendor or region prefix. Sources of the spellings: OpenAI snapshots and `ft:` names
(https://platform.openai.com/docs/models), Bedrock model and inference-profile ids
(https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html), Bedrock usage types
(https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html), Azure meter names
(https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

_REGIONS = re.compile(r"^(?:us|eu|apac|au|ca|jp|sa|global|us-gov)\.(?=[a-z0-9-]+\.)")
_VENDOR = re.compile(
    r"^(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|qwen|openai|google|stability|azure|models|vertex_ai|bedrock)"
    r"[./](?=.)"
)
_DATES = re.compile(r"(?<![0-9])(?:20\d{2}-[01]\d-[0-3]\d|20\d{2}[01]\d[0-3]\d)(?![0-9])")
_SUFFIX = re.compile(r"(?:[-@]v\d+(?::\d+)?(?::\d+k)?|:\d+(?::\d+k)?|-latest|-preview(?:-\d{2}-\d{2})?|@default)$")
_SHORT_DATE = re.compile(r"-(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?=-|$)")
_SEPARATORS = re.compile(r"[\s_/@-]+")
_CLAUDE = re.compile(r"claude")
_CLAUDE_PARTS = re.compile(r"\d+|[a-z]+")
ALL = ""
"""The group of an export that names no models."""


def family(name: str) -> str:
    """What different spellings of one model share; "" for no name."""
    lower = name.strip().lower()
    if not lower:
        return ""
    tuned = lower.startswith(("ft:", "ft-"))
    if tuned:
        lower = lower[3:].split(":", 1)[0]
    lower = _REGIONS.sub("", lower)
    while (shorter := _VENDOR.sub("", lower)) != lower:
        lower = shorter
    lower = _DATES.sub("", lower)
    while (shorter := _SUFFIX.sub("", lower.strip(" -@:"))) != lower:
        lower = shorter
    lower = _SEPARATORS.sub("-", lower).strip("-")
    if _CLAUDE.search(lower):
        return ("ft:" if tuned else "") + _claude(lower)
    lower = lower.replace("gpt-35", "gpt-3.5")
    if lower.startswith(("gpt", "o1", "o3", "o4")):
        lower = _SHORT_DATE.sub("", lower)
    return ("ft:" if tuned else "") + lower


def _claude(name: str) -> str:
    """`claude-3-5-sonnet`, `Claude3.5Sonnet`, `Claude Sonnet 3.5` → one name."""
    parts = [part for part in _CLAUDE_PARTS.findall(name) if part not in ("claude", "v")]
    words = sorted(part for part in parts if part.isalpha())
    numbers = [part for part in parts if part.isdigit() and len(part) < 3]
    return "-".join(["claude", *words, ".".join(numbers)]).rstrip("-")


def groups(billed: Iterable[str], booked: Iterable[str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Name → group, for each side. A group is named as the ledger names it where that is one name."""
    theirs, ours = set(billed), set(booked)
    if ALL in theirs:
        return dict.fromkeys(theirs, ALL), dict.fromkeys(ours, ALL)
    by_family: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    exact = {name.lower(): name for name in ours}
    left: dict[str, str] = {}
    right: dict[str, str] = {}
    for name in sorted(theirs):
        if name.lower() in exact:
            left[name] = right[exact[name.lower()]] = exact[name.lower()]
        else:
            by_family[family(name)][0].append(name)
    for name in sorted(ours - right.keys()):
        by_family[family(name)][1].append(name)
    undated = {family(name): name for name in right if family(name) == name.lower()}
    for key, (from_bill, from_ledger) in by_family.items():
        group = from_ledger[0] if len(from_ledger) == 1 else undated.get(key) or (key if from_ledger else "")
        if not from_ledger and not group:
            left.update((name, name) for name in from_bill)
            continue
        if not from_bill and key not in undated:
            right.update((name, name) for name in from_ledger)
            continue
        left.update(dict.fromkeys(from_bill, group))
        right.update(dict.fromkeys(from_ledger, group))
    return left, right
