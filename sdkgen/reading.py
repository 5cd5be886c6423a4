"""What there is to read of SDKs: documentation, examples and `llms.txt` of a version, made once in a process.

Nothing in it is of an organization: it is the same for everybody.
"""

from dataclasses import replace
from functools import lru_cache

from gateway.services.errors import Invalid, NotFound
from sdkgen import builds
from sdkgen.documentation.pages import Documentation, Writer
from sdkgen.documentation.texts import llms
from sdkgen.examples.catalog import USE_CASES
from sdkgen.examples.render import Renderer, renderer
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.language import Language
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.models import Release
from sdkgen.services import representation_of

MASKED_KEY = "gw-••••••••"
"""What stands for the reader's key."""
KEPT = 12
JAVASCRIPT = ("javascript", "js")


def language_of(text: str) -> Language:
    """Raises NotFound."""
    try:
        return named(text)
    except KeyError:
        raise NotFound("unknown_language", f"Languages are {', '.join(LANGUAGES)}.") from None


def documentation(language: str, *, version: str = "", base_url: str = "") -> Documentation:
    """Of a release, or of the code that runs when no version is said; `base_url` is the gateway's, as commands have
    it. One query with a version. Raises NotFound."""
    found = language_of(language)
    if version:
        release = Release.objects.filter(version=version).first()
        if release is None:
            raise NotFound("unknown_version", f"There is no release {version}.")
        return _released(found.about.id, release.ir_sha256, version, base_url)
    return _current(found.about.id, base_url)


def examples_use_case(said: str) -> str:
    """Raises Invalid."""
    if said and said not in USE_CASES:
        raise Invalid("unknown_use_case", f"Use cases are {', '.join(USE_CASES)}.", field="use_case")
    return said


@lru_cache(maxsize=KEPT)
def _current(language: str, base_url: str) -> Documentation:
    api = builds.representation()
    return _documentation(_writer(named(language), api, renderer(api), "", base_url))


@lru_cache(maxsize=KEPT)
def _released(language: str, sha: str, version: str, base_url: str) -> Documentation:
    api = representation_of(Release.objects.get(ir_sha256=sha, version=version))
    return _documentation(_writer(named(language), api, Renderer(api), version, base_url))


@lru_cache(maxsize=KEPT)
def llms_text(language: str, base_url: str) -> str:
    """`llms.txt` of the code that runs. Raises NotFound."""
    found = language_of(language)
    api = builds.representation()
    return llms(_writer(found, api, renderer(api), "", base_url))


def _documentation(writer: Writer) -> Documentation:
    return writer.documentation(changelog(writer.api, writer.config.version))


def forget() -> None:
    """For tests, which change the representation."""
    _current.cache_clear()
    _released.cache_clear()
    llms_text.cache_clear()


def changelog(api: Api, version: str) -> str:
    """What the package's own says."""
    return f"# Changelog\n\n## {version}\n\nMade of {api.title} {api.version}, document {api.document_sha[:12]}.\n"


def _writer(language: Language, api: Api, made: Renderer, version: str, base_url: str) -> Writer:
    config = language.checked(Config())
    config = replace(config, version=version or config.version, base_url=base_url or config.base_url)
    install = builds.Package(language, config).filled(language.about.install)
    return Writer(api, language.about, config, made.snippets(language.about.id), install, MASKED_KEY)
