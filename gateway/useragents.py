"""A user agent in words that people know: the browser and the system. Pure; a guess, since it says what it likes."""

OTHER = "Another program"
# The first that is found counts: Edge calls itself Chrome, and Chrome calls itself Safari, too.
_BROWSERS = (
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")), ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "CriOS/")), ("Safari", ("Safari/",)), ("curl", ("curl/",)),
)  # fmt: skip
_SYSTEMS = (
    ("iOS", ("iPhone", "iPad", "iPod")), ("Android", ("Android",)), ("Windows", ("Windows",)),
    ("macOS", ("Macintosh", "Mac OS X", "Darwin")), ("Linux", ("Linux", "X11", "CrOS")),
)  # fmt: skip


def words(agent: str) -> str:
    """`Firefox on Linux`, `curl`, `Another program on Windows`; `Unknown` when nothing was sent."""
    if not agent.strip():
        return "Unknown"
    browser, system = _first(_BROWSERS, agent) or OTHER, _first(_SYSTEMS, agent)
    return f"{browser} on {system}" if system else browser


def _first(names: tuple[tuple[str, tuple[str, ...]], ...], agent: str) -> str:
    return next((name for name, marks in names if any(mark in agent for mark in marks)), "")
