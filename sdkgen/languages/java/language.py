"""Java as a target. Pure but for reading its own files."""

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from sdkgen.documentation.texts import documents
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config, ConfigError, checked
from sdkgen.languages.base.language import About
from sdkgen.languages.base.names import Lock, Name, Names
from sdkgen.languages.java.naming import KEYWORDS, propose
from sdkgen.languages.java.package import Package
from sdkgen.languages.java.selftest import tests
from sdkgen.languages.java.snippets import JavaSnippets
from sdkgen.languages.java.source import OWN
from sdkgen.languages.java.types import Spelling

QUICK_START = """\
import {module}.LlmGateway;
import {module}.models.*;
import java.util.List;

class QuickStart {{
    public static void main(String[] arguments) {{
        var gateway = new LlmGateway();  // GATEWAY_API_KEY, GATEWAY_BASE_URL
        var request = ChatCompletionRequest.of(List.of(ChatUserMessage.of("Say hello.")), "gpt-4o-mini");
        var answer = gateway.chat().completions().create(request);
        System.out.println(answer.choices().get(0).message().content().orElse(""));
    }}
}}
"""


class Java:
    """See `sdkgen.languages.base.language.Language`. A package is called `group:artifact`, a module is a package of
    Java."""

    about = About(
        id="java",
        display_name="Java",
        minimum_runtime="Java 17",
        maturity="preview",
        features=(
            "sync", "async", "streaming", "retries", "idempotency", "pagination", "uploads", "typed-errors",
            "response-metadata", "cancellation", "time-outs", "no-dependencies",
        ),
        aliases=("jdk", "java17"),
        install="unzip {file} -d llm-gateway-java && mvn -f llm-gateway-java install",
        quick_start=QUICK_START,
    )  # fmt: skip

    def lock(self) -> Lock:
        file = resources.files("sdkgen.languages.java").joinpath("names.lock.json")
        return Lock.loads(file.read_text(encoding="utf-8")) if file.is_file() else Lock()

    def propose(self, api: Api) -> list[Name]:
        return list(propose(api))

    def checked(self, config: Config) -> Config:
        config = replace(
            checked(config), package=config.package or f"{OWN}:llm-gateway-sdk", module=config.module or OWN
        )
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,100}:[A-Za-z0-9_.\-]{1,100}", config.package):
            raise ConfigError("package", "no coordinates of Maven (group:artifact; letters, digits, '.', '_', '-')")
        parts = config.module.split(".")
        if len(config.module) > 100 or any(
            not re.fullmatch(r"[a-z][a-z0-9_]*", one) or one in KEYWORDS for one in parts
        ):
            raise ConfigError("module", "no name of a package (small letters, digits, '_', parted by '.')")
        if parts[0] in ("java", "javax", "jdk"):
            raise ConfigError("module", f"packages below {parts[0]} are Java's own")
        return config

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        snippets = JavaSnippets(api, names, config)
        more = documents(self.about, api, config, snippets) | dict(tests(api, config, snippets))
        return dict(Package(api, config, Spelling.of(api, names)).files()) | more
