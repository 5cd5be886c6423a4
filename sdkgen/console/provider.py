"""Pages and entries of SDKs."""

from gateway.api.permissions import KEY_MAKERS
from gateway.console import ConsoleProvider, NavEntry, Page, Section
from sdkgen.console import playground


class SdkConsole(ConsoleProvider):
    """SDKs, from the first try to the release."""

    pages = (
        Page("playground/", playground.page, "playground", KEY_MAKERS),
        Page("playground/request/", playground.from_request, "playground_request", KEY_MAKERS),
        Page("playground/code/", playground.as_code, "playground_code", KEY_MAKERS),
        Page("playground/worker.js", playground.worker, "playground_worker", KEY_MAKERS, cacheable=True),
        Page(
            "playground/sdk/<slug:version>/<path:path>", playground.package_file, "playground_sdk", KEY_MAKERS,
            cacheable=True,
        ),
    )  # fmt: skip
    navigation = (
        NavEntry("Playground", "admin:playground", "play", Section.SDKS, 20, also=("admin:playground_request",)),
    )
