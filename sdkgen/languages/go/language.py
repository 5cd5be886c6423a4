"""Go as a target. Pure but for reading its own files."""

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from sdkgen.documentation.texts import documents
from sdkgen.ir.nodes import Api, Ref
from sdkgen.languages.base.config import Config, ConfigError, checked
from sdkgen.languages.base.language import About
from sdkgen.languages.base.names import Lock, Name, Names
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.go.models import Models
from sdkgen.languages.go.naming import KEYWORDS, propose
from sdkgen.languages.go.package import Package
from sdkgen.languages.go.resources import Resources
from sdkgen.languages.go.selftest import tests
from sdkgen.languages.go.snippets import GoSnippets
from sdkgen.languages.go.types import Spelling

_ELEMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._~\-]{0,98}[A-Za-z0-9])?"

QUICK_START = """\
package main

import (
\t"context"
\t"fmt"
\t"log"

\tgateway "{package}"
)

func main() {{
\tclient, err := gateway.NewClient(gateway.WithAPIKey("gw-…"))
\tif err != nil {{
\t\tlog.Fatal(err)
\t}}
\tvar meta gateway.Meta
\tanswer, err := client.Chat.Completions.Create(context.Background(), gateway.ChatCompletionRequest{{
\t\tModel:    "gpt-4o-mini",
\t\tMessages: []gateway.ChatMessage{{gateway.ChatUserMessage{{Content: gateway.ChatUserContentString("Say hello.")}}}},
\t}}, gateway.WithMeta(&meta))
\tif err != nil {{
\t\tlog.Fatal(err)
\t}}
\tfmt.Println(answer.Choices[0].Message.Content.Value(), meta.Cost)
}}
"""


class Go:
    """See `sdkgen.languages.base.language.Language`. `Config.package` is the path of the module, `Config.module` the
    name of the package."""

    about = About(
        id="go",
        display_name="Go",
        minimum_runtime="Go 1.19",
        maturity="stable",
        features=(
            "streaming", "retries", "idempotency", "pagination", "uploads", "typed-errors", "response-metadata",
            "cancellation", "time-outs", "no-dependencies",
        ),
        aliases=("golang",),
        install="unzip {file} -d llmgateway && go mod edit -replace {package}=./llmgateway && go get {package}",
        quick_start=QUICK_START,
    )  # fmt: skip

    def lock(self) -> Lock:
        file = resources.files("sdkgen.languages.go").joinpath("names.lock.json")
        return Lock.loads(file.read_text(encoding="utf-8")) if file.is_file() else Lock()

    def propose(self, api: Api) -> list[Name]:
        return list(propose(api))

    def checked(self, config: Config) -> Config:
        config = replace(
            checked(config), package=config.package or "example.com/llmgateway", module=config.module or "llmgateway"
        )
        if not re.fullmatch(rf"{_ELEMENT}(?:/{_ELEMENT})*", config.package) or len(config.package) > 200:
            raise ConfigError("package", "no path of a module (elements of letters, digits, '.', '_', '~', '-')")
        if not re.fullmatch(r"[a-z][a-z0-9]{0,60}", config.module) or config.module in KEYWORDS | {"main"}:
            raise ConfigError("module", "no name of a package (small letters and digits, no keyword)")
        return config

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        spelling = Spelling.of(api, names)
        models = Models(api, usage_of(api), spelling, _hidden(api))
        snippets = GoSnippets(api, names, config)
        more = documents(self.about, api, config, snippets) | dict(tests(api, names, config, snippets))
        return dict(Package(api, config, models, Resources(api, spelling), spelling).files()) | more


def _hidden(api: Api) -> frozenset[tuple[str, str]]:
    """(model, field) of the fields that ask for a stream: a method of its own does."""
    return frozenset(
        (method.body.type.name, method.stream.param)
        for resource in api.resources
        for method in resource.methods
        if method.stream and method.body and isinstance(method.body.type, Ref)
    )
