"""The SDKs' own pages and entries."""

from gateway.api.permissions import ANALYSTS, KEY_MAKERS
from gateway.console import ConsoleProvider, NavEntry, Page, Section
from sdkgen.console import custom, documentation, overview, playground, usage, versions


class SdkConsole(ConsoleProvider):
    """Clients in five languages: packages, and what there is to read of them."""

    pages = (
        Page("sdks/", overview.overview, "sdks"),
        Page("sdks/build/", overview.build, "sdk_build"),
        Page("sdks/builds/<uuid:job_id>/", overview.download, "sdk_archive"),
        Page("sdks/custom/", custom.custom_client, "sdk_custom"),
        Page("sdks/custom/operations/", custom.custom_operations, "sdk_custom_operations"),
        Page("sdks/custom/check/", custom.custom_check, "sdk_custom_check"),
        Page("sdks/custom/<uuid:job_id>/", custom.custom_download, "sdk_custom_archive"),
        Page("sdks/docs/", documentation.first, "sdk_docs_first"),
        Page("sdks/docs/<str:language>/", documentation.start, "sdk_docs"),
        Page("sdks/docs/<str:language>/reference/", documentation.reference, "sdk_reference"),
        Page("sdks/docs/<str:language>/reference/<str:method>/", documentation.method, "sdk_method"),
        Page("sdks/docs/<str:language>/types/", documentation.types, "sdk_types"),
        Page("sdks/docs/<str:language>/types/<str:name>/", documentation.type_page, "sdk_type"),
        Page("sdks/docs/<str:language>/changelog/", documentation.changelog, "sdk_changelog"),
        Page("sdks/docs/<str:language>/examples/", documentation.examples, "sdk_examples"),
        Page("sdks/docs/<str:language>/tutorial/", documentation.tutorial, "sdk_tutorial"),
        Page("sdks/docs/<str:language>/tutorial/<str:step>/", documentation.tutorial, "sdk_step"),
        Page("sdks/versions/", versions.version_page, "sdk_versions"),
        Page("sdks/versions/guide/", versions.guide_file, "sdk_guide"),
        Page("sdks/usage/", usage.usage_page, "sdk_usage", ANALYSTS),
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
        NavEntry("Packages", "admin:sdks", "package", Section.SDKS, 10),
        NavEntry(
            "Documentation", "admin:sdk_docs_first", "manual", Section.SDKS, 20,
            also=("admin:sdk_docs", "admin:sdk_reference", "admin:sdk_method", "admin:sdk_types",
                  "admin:sdk_type", "admin:sdk_examples", "admin:sdk_tutorial", "admin:sdk_step",
                  "admin:sdk_changelog"),
        ),
        NavEntry("Custom client", "admin:sdk_custom", "scissors", Section.SDKS, 30),
        NavEntry("Versions", "admin:sdk_versions", "layers", Section.SDKS, 40),
        NavEntry("In use", "admin:sdk_usage", "radar", Section.SDKS, 50),
        NavEntry("Playground", "admin:playground", "terminal", Section.SDKS, 60, also=("admin:playground_request",)),
    )  # fmt: skip
