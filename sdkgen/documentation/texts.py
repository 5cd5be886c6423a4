"""Documentation as Markdown, and `llms.txt`: the same as pages, for people and for assistants. Pure."""

from collections.abc import Iterable

from sdkgen.documentation.pages import ExamplePage, StepPage, Writer
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import markdown, one_line
from sdkgen.languages.base.language import About, filled
from sdkgen.languages.base.snippets import Snippets

FENCES = {"python": "python", "typescript": "js", "java": "java", "go": "go", "csharp": "csharp"}


def documents(about: About, api: Api, config: Config, snippets: Snippets) -> dict[str, str | bytes]:
    """What a package carries beside its own reference: path → text."""
    writer = Writer(api, about, config, snippets, filled(about.install, config))
    return {
        "docs/tutorial.md": tutorial(writer.steps(), about.id, about.display_name),
        "docs/examples.md": examples(writer.examples(), about.id, about.display_name),
        "llms.txt": llms(writer),
    }


def llms(writer: Writer, *, base: str = "docs/") -> str:
    """In the form of https://llmstxt.org: a title, a summary, and one line for each method. `base` stands before the
    names of files that it links to."""
    api, about = writer.api, writer.about
    lines = [
        f"# {markdown(api.title)}: {markdown(about.display_name)}",
        "",
        f"> {markdown(one_line(api.doc)) or 'A client library.'}",
        "",
        f"Install: `{writer.install}`. {about.minimum_runtime}. Keys and the address come from GATEWAY_API_KEY, "
        "GATEWAY_MANAGEMENT_KEY and GATEWAY_BASE_URL.",
        "",
        "## Docs",
        "",
        f"- [Tutorial]({base}tutorial.md): from installing to production",
        f"- [Examples]({base}examples.md): by use case",
        "",
        "## First call",
        "",
        *fenced(next(iter(writer.examples("chat")), None), about.id),
    ]
    for resource in api.resources:
        lines += ["", f"## {'.'.join(resource.path)}", ""]
        for method in resource.methods:
            said = markdown(summary_of(method.doc, f"{method.http} {method.path}"))
            lines.append(f"- `{writer.snippets.place(resource, method)}`: {said}")
    return "\n".join(lines) + "\n"


def summary_of(doc: str, otherwise: str) -> str:
    return one_line(doc).partition(". ")[0].rstrip(".") or otherwise


def fenced(example: ExamplePage | None, language: str) -> list[str]:
    return [f"```{FENCES[language]}", example.code.rstrip(), "```"] if example is not None else []


def tutorial(steps: Iterable[StepPage], language: str, display_name: str) -> str:
    lines = [f"# Tutorial: {markdown(display_name)}"]
    for step in steps:
        lines += ["", f"## {step.number}. {markdown(step.title)}", "", markdown(step.text)]
        if step.command:
            lines += ["", "```sh", step.command, "```"]
        if step.code:
            lines += ["", f"```{FENCES[language]}", step.code.rstrip(), "```"]
    return "\n".join(lines) + "\n"


def examples(found: Iterable[ExamplePage], language: str, display_name: str) -> str:
    lines = [f"# Examples: {markdown(display_name)}"]
    use_case = ""
    for one in found:
        if one.use_case != use_case:
            use_case = one.use_case
            lines += ["", f"## {markdown(use_case.replace('-', ' ').capitalize())}"]
        lines += ["", f"### {markdown(one.title)}", "", markdown(one.doc), "", *fenced(one, language)]
    return "\n".join(lines) + "\n"
