"""Python as a target. Pure but for reading its own files."""

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from sdkgen.documentation.texts import documents
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config, ConfigError, checked
from sdkgen.languages.base.language import About
from sdkgen.languages.base.names import Lock, Name, Names
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.python.models import Modules
from sdkgen.languages.python.naming import propose
from sdkgen.languages.python.package import Package
from sdkgen.languages.python.resources import Resources
from sdkgen.languages.python.selftest import tests
from sdkgen.languages.python.snippets import PythonSnippets
from sdkgen.languages.python.types import Spelling

QUICK_START = """\
from {module} import Gateway

client = Gateway(api_key="gw-…")
answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{{"role": "user", "content": "Say hello."}}])
print(answer.choices[0].message.content, answer.gateway.cost)
"""


class Python:
    """See `sdkgen.languages.base.language.Language`."""

    about = About(
        id="python",
        display_name="Python",
        minimum_runtime="Python 3.11",
        maturity="stable",
        features=(
            "sync", "async", "streaming", "retries", "idempotency", "pagination", "uploads", "typed-errors",
            "response-metadata", "cancellation", "time-outs", "no-dependencies",
        ),
        aliases=("py", "python3"),
        install="pip install ./{file}",
        quick_start=QUICK_START,
    )  # fmt: skip

    def lock(self) -> Lock:
        file = resources.files("sdkgen.languages.python").joinpath("names.lock.json")
        return Lock.loads(file.read_text(encoding="utf-8")) if file.is_file() else Lock()

    def propose(self, api: Api) -> list[Name]:
        return list(propose(api, usage_of(api)))

    def checked(self, config: Config) -> Config:
        config = replace(
            checked(config), package=config.package or "llm-gateway-sdk", module=config.module or "llm_gateway"
        )
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]{0,98}[A-Za-z0-9])?", config.package):
            raise ConfigError("package", "no name of a distribution (letters, digits, '.', '_', '-')")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", config.module) or keyword.iskeyword(config.module):
            raise ConfigError("module", "no name of a module (small letters, digits, '_')")
        if config.module in sys.stdlib_module_names:
            raise ConfigError("module", f"{config.module} is a module of Python's own")
        return config

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        usage, spelling = usage_of(api), Spelling.of(api, names)
        modules, tree = Modules(api, usage, spelling), Resources(api, usage, spelling)
        snippets = PythonSnippets(api, names, config)
        files = dict(Package(api, config, modules, tree, spelling).files())
        return {**files, **documents(self.about, api, config, snippets), **dict(tests(api, config, snippets))}
