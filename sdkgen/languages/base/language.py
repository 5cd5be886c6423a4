"""What a package of `sdkgen.languages` offers, and the way from a representation to a package's files. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sdkgen.ir.codec import sha
from sdkgen.ir.nodes import Api
from sdkgen.ir.select import SelectionError, select
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.files import Origin, with_manifest
from sdkgen.languages.base.names import Lock, Name, Names, settle
from sdkgen.languages.base.readme import tailored

EXAMPLE_MODEL = "gpt-4o-mini"
"""That templates of READMEs and examples name."""


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a language. `maturity`: `stable`, or `preview` for one whose conformance is not complete.
    `install` and `quick_start` are a command and a program in which `{package}`, `{module}`, `{version}` and `{file}`
    (the downloaded archive) stand for those of a package."""

    id: str
    display_name: str
    minimum_runtime: str
    maturity: str
    features: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    dependencies: tuple[str, ...] = ()
    install: str = ""
    quick_start: str = ""


class Language(Protocol):
    """One language. Implementations hold no state; equal arguments give equal files."""

    about: About

    def lock(self) -> Lock:
        """The names that are published, from `names.lock.json` beside the implementation."""

    def propose(self, api: Api) -> list[Name]:
        """Names by rule: of every type, method, and of each field or member whose name is not its wire name."""

    def checked(self, config: Config) -> Config:
        """With the language's names where the configuration has none. Raises ConfigError for names that its package
        registry or its compiler refuses."""

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        """The package: path → content, without the manifest."""


def archive_name(config: Config) -> str:
    """Of a package's archive: names of modules in Go, of Maven and of npm hold what no file's name may."""
    name = re.sub("[/:]", "-", config.package.replace("@", ""))
    return f"{name}-{config.version}.zip"


def filled(text: str, config: Config) -> str:
    """`About.install` or `About.quick_start` of a package."""
    names = {"package": config.package, "module": config.module, "version": config.version}
    return text.format(**names, file=archive_name(config))


@dataclass(frozen=True, slots=True)
class Generated:
    """A package in memory, and what is to be said of its names."""

    files: Mapping[str, bytes]
    names: Names
    config: Config


@dataclass(frozen=True, slots=True)
class Order:
    """A client made to order: the API that its own is a part of, Markdown for its README, and the model that its
    examples ask for."""

    whole: Api
    readme: str = ""
    model: str = EXAMPLE_MODEL


def generate(language: Language, api: Api, config: Config, order: Order | None = None) -> Generated:
    """Raises ConfigError, NameCollisionError and OutputError."""
    config = language.checked(config)
    order = order or Order(api)
    if config.operations:
        try:
            api = select(api, config.operations)
        except SelectionError as error:
            raise ConfigError("operations", str(error)) from error
    names = settle(language.propose(api), language.lock())
    origin = Origin(language.about.id, config.version, api.document_sha, sha(api), config.sha())
    files = dict(language.files(api, names, config))
    if api is not order.whole:
        files["README.md"] = tailored(str(files["README.md"]), order.whole, api, config.auth, order.readme)
    if order.model != EXAMPLE_MODEL:
        files |= {path: str(text).replace(EXAMPLE_MODEL, order.model) for path, text in files.items()
                  if path == "README.md" or path.startswith(("docs/", "examples/"))}  # fmt: skip
    return Generated(with_manifest(files, origin), names, config)
