"""Pages and entries of SDKs."""

from gateway.console import ConsoleProvider, NavEntry, Page, Section
from sdkgen.console import versions


class SdkConsole(ConsoleProvider):
    """SDKs, from the first try to the release."""

    pages = (
        Page("sdks/versions/", versions.version_page, "sdk_versions"),
        Page("sdks/versions/guide/", versions.guide_file, "sdk_guide"),
    )
    navigation = (NavEntry("Versions", "admin:sdk_versions", "history", Section.SDKS, 40),)
