"""C# as a target. Pure but for reading its own files."""

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from sdkgen.documentation.texts import documents
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config, ConfigError, checked
from sdkgen.languages.base.language import About
from sdkgen.languages.base.names import Lock, Name, Names
from sdkgen.languages.csharp.naming import KEYWORDS, proposed
from sdkgen.languages.csharp.package import Package
from sdkgen.languages.csharp.selftest import tests
from sdkgen.languages.csharp.snippets import CSharpSnippets

QUICK_START = """\
using System;
using {module};

using var client = new GatewayClient(new ClientOptions {{ ApiKey = "gw-…" }});
var answer = await client.Chat.Completions.CreateAsync(new()
{{
    Model = "gpt-4o-mini",
    Messages = new IChatMessage[] {{ new ChatUserMessage {{ Content = "Say hello." }} }},
}});
Console.WriteLine(answer.Choices[0].Message.Content + " " + answer.Gateway?.Cost);
"""


class CSharp:
    """See `sdkgen.languages.base.language.Language`."""

    about = About(
        id="csharp",
        display_name="C#",
        minimum_runtime=".NET Standard 2.0 (.NET Framework 4.6.2, .NET Core 3.1, .NET 5 and later)",
        maturity="stable",
        features=(
            "async", "streaming", "retries", "idempotency", "pagination", "uploads", "typed-errors",
            "response-metadata", "cancellation", "time-outs", "no-dependencies",
        ),
        aliases=("c#", "cs", "dotnet"),
        dependencies=("System.Text.Json (.NET Standard 2.0 alone)",),
        install="unzip {file} -d {package} && dotnet add reference {package}/{package}.csproj",
        quick_start=QUICK_START,
    )  # fmt: skip

    def lock(self) -> Lock:
        file = resources.files("sdkgen.languages.csharp").joinpath("names.lock.json")
        return Lock.loads(file.read_text(encoding="utf-8")) if file.is_file() else Lock()

    def propose(self, api: Api) -> list[Name]:
        return list(proposed(api))

    def checked(self, config: Config) -> Config:
        config = replace(
            checked(config), package=config.package or "LlmGateway.Sdk", module=config.module or "LlmGateway"
        )
        if not re.fullmatch(r"[A-Za-z0-9_]+(?:[.\-][A-Za-z0-9_]+)*", config.package) or len(config.package) > 100:
            raise ConfigError("package", "no id of a NuGet package (letters, digits, '_', parted by '.' or '-')")
        parts = config.module.split(".")
        if not all(re.fullmatch(r"[A-Z][A-Za-z0-9]{0,60}", part) and part.lower() not in KEYWORDS for part in parts):
            raise ConfigError("module", "no namespace (parts in Pascal case, parted by '.')")
        if parts[0] == "System":
            raise ConfigError("module", "System is the platform's namespace")
        return config

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        snippets = CSharpSnippets(api, names, config)
        more = documents(self.about, api, config, snippets) | dict(tests(api, config, snippets))
        return dict(Package(api, names, config).files()) | more
