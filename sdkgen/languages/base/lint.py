"""What is to be said of a configuration before a package is made of it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sdkgen.ir.nodes import Api
from sdkgen.ir.select import SelectionError, select
from sdkgen.languages.base.config import Config, ConfigError, read_fields
from sdkgen.languages.base.language import Language
from sdkgen.languages.base.names import NameCollisionError, settle

SECRET = re.compile(r"\b(?:gw|sk|gwrun)-[A-Za-z0-9_\-]{12,}|\bBearer\s+\S{8,}")
Level = Literal["error", "warning", "suggestion"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`field` is empty for the whole; `fix` says what to do."""

    level: Level
    field: str
    code: str
    message: str
    fix: str


def lint(language: Language, api: Api, said: Mapping[str, Any]) -> list[Finding]:
    """Everything at once, errors first. A configuration without errors makes a package."""
    found = list(_fields(said))
    found += [_secret(name) for name, value in said.items() if SECRET.search(str(value))]
    if not any(one.level == "error" for one in found):
        config = read_fields(said)
        found += _of_language(language, config)
        found += _of_operations(language, api, config)
        found += _of_values(config)
    order = ("error", "warning", "suggestion")
    return sorted(found, key=lambda one: order.index(one.level))


def _fields(said: Mapping[str, Any]) -> Iterator[Finding]:
    """Each field alone, so that every wrong one is named."""
    for name, value in said.items():
        try:
            read_fields({name: value})
        except ConfigError as error:
            known = ", ".join(sorted(one.name for one in fields(Config)))
            is_unknown = name not in {one.name for one in fields(Config)}
            code, fix = ("unknown_field", f"Use one of {known}.") if is_unknown else ("invalid", "Correct it.")
            yield Finding("error", name, code, error.message, fix)


def _secret(name: str) -> Finding:
    return Finding(
        "error", name, "secret_in_configuration", "This looks like a key; whoever gets the package would have it.",
        "Leave it out: clients read GATEWAY_API_KEY.",
    )  # fmt: skip


def _of_language(language: Language, config: Config) -> Iterator[Finding]:
    try:
        language.checked(config)
    except ConfigError as error:
        fix = f"Choose a name that {language.about.display_name} takes."
        yield Finding("error", error.field, "invalid_name", error.message, fix)


def _of_operations(language: Language, api: Api, config: Config) -> Iterator[Finding]:
    try:
        part = select(api, config.operations) if config.operations else api
    except SelectionError as error:
        fix = "Patterns are of operationIds or of places in a client, such as chat.*"
        yield Finding("error", "operations", "unknown_operation", str(error), fix)
        return
    try:
        settle(language.propose(part), language.lock())
    except NameCollisionError as error:
        yield Finding("error", "operations", "name_collision", str(error), "Choose fewer operations, or report it.")
    old = [method.id for resource in part.resources for method in resource.methods if method.deprecated]
    if old:
        yield Finding("warning", "operations", "deprecated_operation", f"Deprecated: {', '.join(old)}.",
                      "Leave them out.")  # fmt: skip
    if not config.operations:
        yield Finding("suggestion", "operations", "everything", f"All {_count(part)} operations are in the package.",
                      'Choose what is called, such as ["chat.*", "models.*"], for a smaller one.')  # fmt: skip


def _count(api: Api) -> int:
    return sum(len(resource.methods) for resource in api.resources)


def _of_values(config: Config) -> Iterator[Finding]:
    host = re.sub(r"^https?://", "", config.base_url).partition("/")[0].partition(":")[0]
    is_here = host in ("localhost", "127.0.0.1", "[::1]")
    if config.base_url.startswith("http://") and not is_here:
        yield Finding("warning", "base_url", "no_tls", "Keys would travel without encryption.", "Use https.")
    if is_here:
        yield Finding("suggestion", "base_url", "local_address", "Callers elsewhere have to give another address.",
                      "Name the address of your gateway.")  # fmt: skip
    if config.base_url.endswith("/"):
        yield Finding("suggestion", "base_url", "trailing_slash", "The slash at the end says nothing.", "Leave it out.")
    pauses = sum(min(8.0, 0.5 * 2**number) for number in range(config.max_retries))
    if config.total_timeout_s <= pauses:
        yield Finding("warning", "total_timeout_s", "shorter_than_retries",
                      f"The pauses of {config.max_retries} repeats alone take up to {pauses:g} s.",
                      "Allow more time, or fewer repeats.")  # fmt: skip
    if config.first_byte_timeout_s >= config.total_timeout_s:
        yield Finding("warning", "first_byte_timeout_s", "never_reached",
                      "The time-out of the whole call comes first.",
                      "Make it shorter than total_timeout_s.")  # fmt: skip
