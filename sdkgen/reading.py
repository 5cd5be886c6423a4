"""What there is to read of SDKs: documentation, examples and `llms.txt` of a version, made once in a process.

Nothing in it is of an organization: it is the same for everybody.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from gateway.services.errors import Invalid, NotFound
from sdkgen import builds
from sdkgen.documentation.pages import Documentation, Writer
from sdkgen.documentation.texts import llms
from sdkgen.documentation.types import TypePage
from sdkgen.examples.catalog import USE_CASES
from sdkgen.examples.render import Renderer, renderer
from sdkgen.history import notes
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import Language
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.models import Release
from sdkgen.services import representation_of
from sdkgen.versions.guide import release_notes

MASKED_KEY = "gw-••••••••"
"""What stands for the reader's key."""
KEPT = 12
FIRST = "The first release: there is nothing to compare it with."
NO_RELEASE = "No release is stored yet."
JAVASCRIPT = ("javascript", "js")


def language_of(text: str) -> Language:
    """Raises NotFound."""
    try:
        return named(text)
    except KeyError:
        raise NotFound("unknown_language", f"Languages are {', '.join(LANGUAGES)}.") from None


def documentation(language: str, *, version: str = "", base_url: str = "") -> Documentation:
    """Of a release, or of the code that runs when no version is said; `base_url` is the gateway's, as commands have
    it. One query, two with a version. Raises NotFound."""
    found = language_of(language)
    if version:
        release = Release.objects.filter(version=version).first()
        if release is None:
            raise NotFound("unknown_version", f"There is no release {version}.")
        made = _released(found.about.id, release.ir_sha256, version, base_url)
    else:
        made = _current(found.about.id, base_url)
    return replace(made, changelog=changelog(found.about.id, version))


def examples_use_case(said: str) -> str:
    """Raises Invalid."""
    if said and said not in USE_CASES:
        raise Invalid("unknown_use_case", f"Use cases are {', '.join(USE_CASES)}.", field="use_case")
    return said


@lru_cache(maxsize=KEPT)
def _current(language: str, base_url: str) -> Documentation:
    api = builds.representation()
    return _writer(named(language), api, renderer(api), "", base_url).documentation()


@lru_cache(maxsize=KEPT)
def _released(language: str, sha: str, version: str, base_url: str) -> Documentation:
    api = representation_of(Release.objects.get(ir_sha256=sha, version=version))
    return _writer(named(language), api, Renderer(api), version, base_url).documentation()


@lru_cache(maxsize=KEPT)
def llms_text(language: str, base_url: str) -> str:
    """`llms.txt` of the code that runs. Raises NotFound."""
    found = language_of(language)
    api = builds.representation()
    return llms(_writer(found, api, renderer(api), "", base_url))


def type_page(language: str, name: str) -> TypePage:
    """By its id, of the code that runs. Raises NotFound."""
    found = _types(language_of(language).about.id).get(name)
    if found is None:
        raise NotFound("unknown_type", "There is no type of that name.")
    return found


def _types(language: str) -> Mapping[str, TypePage]:
    return {page.id: page for page in _current(language, "").types}


def forget() -> None:
    """For tests, which change the representation."""
    _current.cache_clear()
    _released.cache_clear()
    llms_text.cache_clear()


def changelog(language: str, version: str = "") -> str:
    """Of the stored releases up to `version`, or of all, as Markdown."""
    lines = ["# Changelog", ""]
    for one in notes(language, version):
        remark = FIRST if one.is_first else ""
        told = release_notes(one.version, one.released_on.isoformat(), one.entries, remark)
        lines += told[:4] if one.is_first else told
    return "\n".join(lines if len(lines) > 2 else [*lines, NO_RELEASE]).rstrip() + "\n"


def _writer(language: Language, api: Api, made: Renderer, version: str, base_url: str) -> Writer:
    config = language.checked(Config())
    config = replace(config, version=version or config.version, base_url=base_url or config.base_url)
    install = builds.Package(language, config).filled(language.about.install)
    return Writer(api, language.about, config, made.snippets(language.about.id), install, MASKED_KEY)
