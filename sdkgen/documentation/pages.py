"""Documentation of one language as data: getting started, reference, examples, tutorial, questions. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sdkgen.documentation.limits import default_of, limits_of
from sdkgen.documentation.questions import QUESTIONS
from sdkgen.documentation.types import TypePage, types
from sdkgen.examples.catalog import Step, examples_for, named, steps_for
from sdkgen.examples.curl import curl
from sdkgen.examples.data import Example, ExampleError, bind, body_model, place_of
from sdkgen.examples.make import example as example_of
from sdkgen.ir.nodes import Api, Const, Field, Method, Model, Parameter, Resource
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import one_line, sentence
from sdkgen.languages.base.language import About
from sdkgen.languages.base.snippets import Snippets


@dataclass(frozen=True, slots=True)
class ArgumentPage:
    """`name` and `type` are the language's, `wire` is the document's. `default` is JSON, empty when unsaid."""

    name: str
    wire: str
    where: str
    type: str
    required: bool
    default: str
    constraint: str
    doc: str


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What a status is raised as."""

    status: int
    name: str


@dataclass(frozen=True, slots=True)
class MethodPage:
    """`id` is the place in a client, `call` how the language writes it. `example` is a whole program."""

    id: str
    operation_id: str
    call: str
    signature: str
    http: str
    path: str
    doc: str
    arguments: tuple[ArgumentPage, ...]
    returns: str
    errors: tuple[ErrorPage, ...]
    is_stream: bool
    is_paged: bool
    is_idempotent: bool
    deprecated: bool
    key: str
    example: str


@dataclass(frozen=True, slots=True)
class ResourcePage:
    id: str
    doc: str
    methods: tuple[MethodPage, ...]


@dataclass(frozen=True, slots=True)
class ExamplePage:
    """`output` is the regular expression that a run prints something of; empty when that depends on what there is."""

    id: str
    title: str
    doc: str
    use_case: str
    operation: str
    arguments: Mapping[str, Any]
    variant: str
    code: str
    curl: str
    output: str


@dataclass(frozen=True, slots=True)
class StepPage:
    """`number` counts from 1; ids are the same in every language. `code` is empty for a step that is a command."""

    id: str
    number: int
    title: str
    text: str
    command: str
    code: str
    output: str


@dataclass(frozen=True, slots=True)
class SectionPage:
    id: str
    title: str
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class QuestionPage:
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Documentation:
    """Of one version of one language."""

    language: str
    display_name: str
    version: str
    getting_started: tuple[SectionPage, ...]
    reference: tuple[ResourcePage, ...]
    types: tuple[TypePage, ...]
    examples: tuple[ExamplePage, ...]
    tutorials: tuple[StepPage, ...]
    faq: tuple[QuestionPage, ...]
    changelog: str = ""


@dataclass(frozen=True)
class Writer:
    """Of one language, one API and one configuration. `install` is the command that installs the package, `key` what
    stands for a key in commands."""

    api: Api
    about: About
    config: Config
    snippets: Snippets
    install: str = ""
    key: str = "gw-…"

    def documentation(self) -> Documentation:
        about = self.about
        return Documentation(
            about.id, about.display_name, self.config.version, tuple(self.getting_started()),
            tuple(self.reference()), tuple(types(self.api, self.snippets)), tuple(self.examples()), tuple(self.steps()),
            tuple(QuestionPage(question, answer) for question, answer in QUESTIONS),
        )  # fmt: skip

    # ---- reference -----------------------------------------------------------------------------------------------
    def reference(self) -> Iterable[ResourcePage]:
        for resource in self.api.resources:
            pages = tuple(self.method(resource, method) for method in resource.methods)
            yield ResourcePage(".".join(resource.path), one_line(resource.doc), pages)

    def method(self, resource: Resource, method: Method) -> MethodPage:
        example = example_of(self.api, resource, method, "minimal")
        return MethodPage(
            id=place_of(resource, method), operation_id=method.id, call=self.snippets.place(resource, method),
            signature=self.snippets.signature(resource, method), http=method.http, path=method.path, doc=method.doc,
            arguments=tuple(self._arguments(method)), returns=self.snippets.returns(method),
            errors=tuple(self._errors(method)), is_stream=method.stream is not None,
            is_paged=method.pagination is not None, is_idempotent=method.idempotent, deprecated=method.deprecated,
            key=method.auth, example=self.code(example),
        )  # fmt: skip

    def _arguments(self, method: Method) -> Iterable[ArgumentPage]:
        for one in method.parameters:
            yield self._argument(method, one, one.where)
        model = body_model(self.api, method)
        hidden = method.stream.param if method.stream else ""
        for inner in model.fields if isinstance(model, Model) else ():
            if inner.name != hidden and not isinstance(inner.type, Const):
                yield self._argument(method, inner, "body")

    def _argument(self, method: Method, one: Parameter | Field, where: str) -> ArgumentPage:
        name, kind = self.snippets.argument(method, one)
        return ArgumentPage(
            name, one.name, where, kind, one.required, default_of(one), limits_of(one), one_line(one.doc)
        )  # fmt: skip

    def _errors(self, method: Method) -> Iterable[ErrorPage]:
        for status in method.errors:
            yield ErrorPage(status, self.snippets.error(status))

    # ---- examples and the tutorial -------------------------------------------------------------------------------
    def code(self, example: Example) -> str:
        """Empty for one that this API does not fit: a part of the whole has fewer operations and fields."""
        try:
            return self.snippets.program(self.snippets.of(bind(self.api, example)))
        except ExampleError:
            return ""

    def examples(self, use_case: str = "") -> Iterable[ExamplePage]:
        for one in examples_for(self.api, use_case):
            if code := self.code(one):
                yield ExamplePage(
                    one.id, one.title, one.doc, one.use_case, one.operation, one.arguments, one.variant, code,
                    curl(self.api, bind(self.api, one)), one.expects.output,
                )  # fmt: skip

    def steps(self) -> Iterable[StepPage]:
        told = [(one, self.code(one.example) if one.example else "") for one in steps_for(self.api)]
        for number, (one, code) in enumerate([(one, code) for one, code in told if code or one.command], 1):
            output = one.example.expects.output if one.example else ""
            yield StepPage(one.id, number, one.title, one.text, self._command(one), code, output)

    def _command(self, step: Step) -> str:
        words = {"{install}": self.install, "{base_url}": self.config.base_url, "{key}": self.key}
        found = step.command
        for word, value in words.items():
            found = found.replace(word, value)
        return found

    # ---- the beginning -------------------------------------------------------------------------------------------
    def getting_started(self) -> Iterable[SectionPage]:
        about = self.about
        yield SectionPage(
            "install", "Install", f"{about.display_name} needs {about.minimum_runtime}. "
            f"Dependencies: {', '.join(about.dependencies) or 'none'}.", self.install,
        )  # fmt: skip
        yield SectionPage(
            "key", "Say where and who", "A virtual key calls models; a management key calls the management API.",
            f"export GATEWAY_BASE_URL={self.config.base_url}\nexport GATEWAY_API_KEY={self.key}",
        )  # fmt: skip
        for name, title in (("chat", "First call"), ("stream", "Events"), ("model-not-found", "Errors"),
                            ("cost", "What it cost")):  # fmt: skip
            if code := self.code(named(name)):
                yield SectionPage(name, title, named(name).doc, code)


def summary(page: MethodPage) -> str:
    """One line."""
    return sentence(page.doc) or f"{page.http} {page.path}"
