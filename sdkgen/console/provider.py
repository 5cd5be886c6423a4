"""The SDKs' own pages and entries."""

from gateway.console import ConsoleProvider, NavEntry, Page, Section
from sdkgen.console import custom


class SdkConsole(ConsoleProvider):
    """Clients in five languages."""

    pages = (
        Page("sdks/custom/", custom.custom_client, "sdk_custom"),
        Page("sdks/custom/operations/", custom.custom_operations, "sdk_custom_operations"),
        Page("sdks/custom/check/", custom.custom_check, "sdk_custom_check"),
        Page("sdks/custom/<uuid:job_id>/", custom.custom_download, "sdk_custom_archive"),
    )
    navigation = (NavEntry("Custom client", "admin:sdk_custom", "sliders", Section.SDKS, 30),)
