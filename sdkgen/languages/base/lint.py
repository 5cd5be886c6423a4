"""What is to be said of a configuration before a package is made of it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from sdkgen.ir.nodes import Api
from sdkgen.ir.select import SelectionError, select
from sdkgen.languages.base import document
from sdkgen.languages.base.config import SECRET, Config, ConfigError, holds_secret, read_fields
from sdkgen.languages.base.language import Language
from sdkgen.languages.base.names import Name, NameCollisionError, settle
from sdkgen.languages.base.readme import KEYS, count, needed_auth

SEMVER = re.compile(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
)
"""Semantic Versioning 2.0.0, section 9, without build metadata."""
PRE = re.compile(r"(?i)(?:a|b|c|rc|alpha|beta|pre|preview|dev|post)[-._]?\d*(?:[-._]?(?:dev|post)[-._]?\d*)?")
"""What PEP 440 takes behind the numbers, as far as semantic versions have it."""
MOST_NAMED = 5
Level = Literal["error", "warning", "suggestion"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`field` is empty for the whole; `fix` says what to do. `pointer` is a JSON pointer: into what was sent
    (`/config/headers/X-Team`), or into the OpenAPI document (`#/paths/…`)."""

    level: Level
    field: str
    code: str
    message: str
    fix: str
    pointer: str = ""


def lint(language: Language, api: Api, said: Mapping[str, Any]) -> list[Finding]:
    """Everything at once, errors first. A configuration without errors makes a package."""
    found = list(_fields(said)) + list(_secrets(said))
    wrong = {one.field for one in found}
    config = read_fields({name: value for name, value in said.items() if name not in wrong})  # the rest is looked at
    found += _of_language(language, config)
    found += _of_operations(language, api, config)
    found += _of_values(config)
    order = ("error", "warning", "suggestion")
    pointed = [one if one.pointer else replace(one, pointer=pointer_of(one.field)) for one in found]
    return sorted(pointed, key=lambda one: order.index(one.level))


def pointer_of(field: str, *below: str) -> str:
    """`/config/headers/X-Team` (RFC 6901)."""
    parts = ["config", *([field] if field else []), *below]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _fields(said: Mapping[str, Any]) -> Iterator[Finding]:
    """Each field alone, so that every wrong one is named."""
    for name, value in said.items():
        try:
            read_fields({name: value})
        except ConfigError as error:
            known = ", ".join(sorted(one.name for one in fields(Config)))
            is_unknown = name not in {one.name for one in fields(Config)}
            if name == "headers" and error.message.endswith("into a package"):
                continue  # named by `_secrets`, header by header
            code, fix = ("unknown_field", f"Use one of {known}.") if is_unknown else ("invalid", "Correct it.")
            yield Finding("error", name, code, error.message, fix)


def _secrets(said: Mapping[str, Any]) -> Iterator[Finding]:
    for name, value in said.items():
        if name == "headers" and isinstance(value, dict):
            for header, text in value.items():
                if isinstance(text, str) and holds_secret(str(header), text):
                    yield _secret(name, pointer_of(name, str(header)))
        elif SECRET.search(str(value)) or (name == "base_url" and re.match(r"https?://[^/]*@", str(value))):
            yield _secret(name, pointer_of(name))


def _secret(name: str, pointer: str) -> Finding:
    return Finding(
        "error", name, "secret_in_configuration", "This looks like a key; whoever gets the package would have it.",
        "Leave it out: clients read GATEWAY_API_KEY.", pointer,
    )  # fmt: skip


def _of_language(language: Language, config: Config) -> Iterator[Finding]:
    for name in ("package", "module"):
        try:
            alone = replace(config, module="") if name == "package" else replace(config, package="")
            language.checked(alone)
        except ConfigError as error:
            fix = f"Choose a name that {language.about.display_name} takes."
            yield Finding("error", error.field, "invalid_name", error.message, fix)
    if not SEMVER.fullmatch(config.version):
        yield Finding("error", "version", "no_semantic_version", f"{config.version} is no semantic version.",
                      "Write three numbers without leading zeros, such as 1.2.0 or 1.2.0-rc.1.")  # fmt: skip
    _, _, before = config.version.partition("-")
    if language.about.id == "python" and before and not PRE.fullmatch(before):
        yield Finding("error", "version", "no_python_version", f"pip takes no version {config.version} (PEP 440).",
                      "Call a pre-release 1.2.0-alpha.1, 1.2.0-beta.1 or 1.2.0-rc.1.")  # fmt: skip


def _of_operations(language: Language, api: Api, config: Config) -> Iterator[Finding]:
    try:
        part = select(api, config.operations) if config.operations else api
    except SelectionError as error:
        for pattern, near in error.unknown.items():
            fix = f"Did you mean {' or '.join(near)}?" if near else "Patterns are of operationIds, places or resources."
            index = str(config.operations.index(pattern))
            yield Finding("error", "operations", "unknown_operation", f"No operation fits {pattern}.", fix,
                          pointer_of("operations", index))  # fmt: skip
        return
    proposed: list[Name] = []
    try:
        proposed = language.propose(part)
        settle(proposed, language.lock())
    except NameCollisionError as error:
        yield Finding("error", "operations", "name_collision", str(error), "Choose fewer operations, or report it.")
    yield from _of_auth(part, config)
    for one in document.problems(part, None if config.operations else api):
        yield Finding(one.level, "operations", one.code, one.message, one.fix, one.pointer)
    if changed := document.renamed(part, proposed):
        shown = ", ".join(f"{wire} is {name}" for wire, name in changed[:MOST_NAMED])
        more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        yield Finding("suggestion", "operations", "reserved_word",
                      f"Words that {language.about.display_name} or its clients keep for themselves: {shown}{more}.",
                      "Nothing has to be done; the preview has all names.")  # fmt: skip
    old = [method for resource in part.resources for method in resource.methods if method.deprecated]
    for method in old:
        yield Finding("warning", "operations", "deprecated_operation", f"Deprecated: {method.id}.", "Leave it out.",
                      method.pointer)  # fmt: skip
    if not config.operations:
        yield Finding("suggestion", "operations", "everything", f"All {count(part)} operations are in the package.",
                      'Choose what is called, such as ["chat.*", "models.*"], for a smaller one.')  # fmt: skip


def _of_auth(part: Api, config: Config) -> Iterator[Finding]:
    needed = needed_auth(part)
    if not config.auth:
        return
    for one in needed:
        if one not in config.auth:
            ids = [method.id for resource in part.resources for method in resource.methods if method.auth == one]
            shown = ", ".join(ids[:MOST_NAMED]) + (" …" if len(ids) > MOST_NAMED else "")
            yield Finding("error", "auth", "auth_missing", f"{shown} cannot be called without {KEYS[one]}.",
                          f'Add "{one}" to auth, or leave these operations out.')  # fmt: skip
    for index, one in enumerate(config.auth):
        if one not in needed:
            yield Finding("warning", "auth", "auth_unused", f"No operation takes {KEYS[one]}.", "Leave it out.",
                          pointer_of("auth", str(index)))  # fmt: skip


def _of_values(config: Config) -> Iterator[Finding]:
    address = re.sub(r"^https?://", "", config.base_url)
    host, _, path = address.partition("/")
    is_here = host.partition(":")[0] in ("localhost", "127.0.0.1") or host.startswith("[::1]")
    if config.base_url.startswith("http://") and not is_here:
        yield Finding("warning", "base_url", "no_tls", "Keys would travel without encryption.", "Use https.")
    if is_here:
        yield Finding("suggestion", "base_url", "local_address", "Callers elsewhere have to give another address.",
                      "Name the address of your gateway.")  # fmt: skip
    if config.base_url.endswith("/"):
        yield Finding("suggestion", "base_url", "trailing_slash", "The slash at the end says nothing.", "Leave it out.")
    if path.strip("/"):
        yield Finding("warning", "base_url", "path_in_address",
                      f"Clients add /v1/… and /api/v1/… to the address; calls would go below /{path.strip('/')}.",
                      "Leave the path out, unless a proxy serves the gateway there.")  # fmt: skip
    yield from _of_times(config)


def _of_times(config: Config) -> Iterator[Finding]:
    pauses = sum(min(8.0, 0.5 * 2**number) for number in range(config.max_retries))
    if config.total_timeout_s <= pauses:
        yield Finding("warning", "total_timeout_s", "shorter_than_retries",
                      f"The pauses of {config.max_retries} repeats alone take up to {pauses:g} s.",
                      "Allow more time, or fewer repeats.")  # fmt: skip
    for name in ("connect_timeout_s", "first_byte_timeout_s", "idle_timeout_s"):
        if getattr(config, name) >= config.total_timeout_s:
            yield Finding("warning", name, "never_reached", "The time-out of the whole call comes first.",
                          "Make it shorter than total_timeout_s.")  # fmt: skip
