"""Calls as code: any operation of a representation, with nested arguments, in the idiom of each SDK. Pure.

For documentation, migration guides and "copy as code" alike. An example is data (`sdkgen.examples.data.Example`):

    example = call(api, "chat.completions", "create", {"model": "gpt-4o-mini", "messages": [...]})
    render("java", example, api)          # a whole program: imports, client, call, what is printed
    render("csharp", example, api, form="body")  # statements alone; `client` (Java: `gateway`) is there
    render("go", example, api, form="call")      # the expression alone

Languages are those of `sdkgen.languages.registry` by id or alias, `javascript` (plain ESM, as `typescript` is) and
`curl`. Keys and the address are never in the code: programs take them from GATEWAY_API_KEY, GATEWAY_MANAGEMENT_KEY and
GATEWAY_BASE_URL. Names are those of the lock, as in the package. `Renderer` keeps what is costly to make (the names of
a whole API): take it for many examples, or for a configuration of your own (another package, namespace or version).
ExampleError says what does not fit: an operation that is not there, an argument that it does not know or misses.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from sdkgen.examples.curl import curl
from sdkgen.examples.data import Call, Example, bind
from sdkgen.ir.nodes import Api, Method, Resource
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.names import Lock, Names, settle
from sdkgen.languages.base.snippets import Snippet, Snippets
from sdkgen.languages.csharp.snippets import CSharpSnippets
from sdkgen.languages.go.snippets import GoSnippets
from sdkgen.languages.java.snippets import JavaSnippets
from sdkgen.languages.python.snippets import PythonSnippets
from sdkgen.languages.registry import named
from sdkgen.languages.typescript.snippets import TypeScriptSnippets

Form = Literal["program", "body", "call"]
MAKERS: dict[str, Callable[[Api, Names, Config], Snippets]] = {
    "python": PythonSnippets, "typescript": TypeScriptSnippets, "java": JavaSnippets, "go": GoSnippets,
    "csharp": CSharpSnippets,
}  # fmt: skip
LANGUAGES = (*MAKERS, "curl")
KEPT = 4
_renderers: dict[int, "Renderer"] = {}


def snippets(language: str, api: Api, *, config: Config | None = None, lock: Lock | None = None) -> Snippets:
    """With the names that a package of `api` has; `config` and `lock` are the language's own when left out. Raises
    KeyError for a language that is not known."""
    found = named(language)
    names = settle(found.propose(api), found.lock() if lock is None else lock)
    return MAKERS[found.about.id](api, names, found.checked(config or Config()))


class Renderer:
    """Of one API; `configs` by id of language, the language's own where there is none."""

    def __init__(self, api: Api, configs: Mapping[str, Config] | None = None) -> None:
        self.api = api
        self._configs = dict(configs or {})
        self._snippets: dict[str, Snippets] = {}

    def snippets(self, language: str) -> Snippets:
        """Raises KeyError for a language that is not known."""
        name = named(language).about.id
        if name not in self._snippets:
            self._snippets[name] = snippets(name, self.api, config=self._configs.get(name))
        return self._snippets[name]

    def snippet(self, language: str, example: Example | Call) -> Snippet:
        """Raises ExampleError."""
        return self.snippets(language).of(example if isinstance(example, Call) else bind(self.api, example))

    def render(self, language: str, example: Example | Call, *, form: Form = "program", name: str = "Example") -> str:
        """`name` is that of the program's class, where the language wants one. Raises ExampleError and KeyError."""
        if language.strip().lower() == "curl":
            return curl(self.api, example if isinstance(example, Call) else bind(self.api, example))
        made = self.snippet(language, example)
        if form == "program":
            return self.snippets(language).program(made, name)
        return made.body if form == "body" else made.call


def render(language: str, example: Example, api: Api, *, form: Form = "program") -> str:
    """See the module. Raises ExampleError and KeyError."""
    return renderer(api).render(language, example, form=form)


def renderer(api: Api) -> Renderer:
    """The renderer of a representation, kept for the latest few."""
    found = _renderers.get(id(api))
    if found is None or found.api is not api:  # an id is given again when its object is gone; this one is kept
        while len(_renderers) >= KEPT:
            _renderers.pop(next(iter(_renderers)), None)
        found = _renderers[id(api)] = Renderer(api)
    return found


def call(
    api: Api, resource: Resource | tuple[str, ...] | str, method: Method | str, arguments: Mapping[str, Any],
    **more: Any,
) -> Example:  # fmt: skip
    """An example of one call. `resource` is a node, its path or that with dots; `more` are further fields of Example
    (`variant="stream"`, `shows=…`). Raises ExampleError when it does not fit the operation."""
    path = resource.path if isinstance(resource, Resource) else resource
    where = path if isinstance(path, str) else ".".join(path)
    place = f"{where}.{method.name if isinstance(method, Method) else method}"
    fields: dict[str, Any] = {"id": place, "title": place, "operation": place, "arguments": arguments, **more}
    example = Example(**fields)
    bind(api, example)
    return example
