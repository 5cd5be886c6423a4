"""Pages and navigation entries that providers contribute: order, permission, the marked entry."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import clear_url_caches, path, reverse
from pytest_django import Settings

from analytics.console.navigation import navigation
from config import urls
from gateway.choices import Role
from gateway.console import ConsoleProvider, ConsoleSite, NavEntry, Page, Permission, Section, providers
from tests.console.company import Company
from tests.console.conftest import SignIn

OWNERS = frozenset({Role.OWNER})


def vendors(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    return HttpResponse(str(site.each_context(request)["console"].scope.current))


class VendorsConsole(ConsoleProvider):
    """What another app would bring."""

    pages = (Page("vendors/", vendors, "vendors", OWNERS), Page("requests/vendors/", vendors, "open_vendors"))
    navigation = (
        NavEntry("Zeta", "admin:open_vendors", "list", Section.OVERVIEW, 15),
        NavEntry("Vendors", "admin:vendors", "shield", Section.ORGANIZATION, 5),
        NavEntry("Alpha", "admin:open_vendors", "list", Section.OVERVIEW, 15, ""),
        NavEntry("Nowhere", "admin:not_there", "list"),
    )


@pytest.fixture
def extended(settings: Settings) -> Iterator[None]:
    """The site with one more provider; URLs are read again, and once more afterwards."""
    settings.ANALYTICS_PROVIDERS = [*project.ANALYTICS_PROVIDERS, f"{__name__}.VendorsConsole"]
    kept = list(urls.urlpatterns)
    place = next(index for index, pattern in enumerate(kept) if getattr(pattern, "app_name", "") == "admin")
    urls.urlpatterns[place] = path("admin/", admin.site.urls)
    clear_url_caches()
    yield
    urls.urlpatterns[:] = kept
    clear_url_caches()


def labels(url: str, allowed: Permission | None = None) -> dict[str, list[str]]:
    request = RequestFactory().get(url)
    sections = navigation(request, lambda permission: allowed is None or permission in ("", allowed))
    return {section.label: [item.label for item in section.items] for section in sections}


OWN = {
    "Home",
    "Alpha",
    "Zeta",
    "Requests",
    "Keys",
    "Providers",
    "Vendors",
    "Projects",
    "Audit",
    "Settings",
    "API docs",
}


def chosen(sections: dict[str, list[str]]) -> dict[str, list[str]]:
    """The entries this test is about: other apps go on adding theirs."""
    return {section: [item for item in items if item in OWN] for section, items in sections.items()}


def test_entries_stand_by_section_order_and_label(extended: None) -> None:
    found = labels("/admin/")

    assert list(found) == [section.value for section in Section if section.value in found]
    assert chosen(found) == {section: [] for section in found} | {
        "": ["Home", "Alpha", "Zeta", "Requests"],
        "Gateway": ["Keys", "Providers"],
        "Organization": ["Vendors", "Projects", "Audit"],
        "System": ["Settings", "API docs"],
    }


def test_an_entry_shows_to_whom_its_page_opens(extended: None) -> None:
    keys = labels("/admin/", "gateway.virtualkey")

    assert "Keys" in keys["Gateway"]
    assert "Providers" not in keys["Gateway"]
    assert "Vendors" not in keys.get("Organization", [])
    assert "Vendors" in labels("/admin/", OWNERS)["Organization"]


@pytest.mark.parametrize(
    ("url", "marked"),
    [
        ("/admin/", ["Home"]),
        ("/admin/requests/", ["Requests"]),
        ("/admin/requests/req_1/", ["Requests"]),
        ("/admin/requests/vendors/", ["Alpha", "Zeta"]),
        ("/admin/gateway/model/add/", ["Models"]),
        ("/admin/gateway/route/", ["Routes"]),
        ("/admin/costs/budget/add/", ["Budgets"]),
        ("/admin/password_change/", []),
    ],
)
def test_the_longest_match_alone_is_marked(extended: None, url: str, marked: list[str]) -> None:
    sections = navigation(RequestFactory().get(url), lambda permission: True)

    assert [item.label for section in sections for item in section.items if item.current] == marked


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("adam", 403), ("mallory", 403), ("root", 200)])
def test_the_permission_guards_the_page_itself(
    extended: None, company: Company, sign_in: SignIn, name: str, status: int
) -> None:
    response = sign_in(name).get("/admin/vendors/")

    assert response.status_code == status
    assert (response.content == b"Acme Robotics") is (status == 200)


def test_a_contributed_page_wants_a_login(extended: None, company: Company) -> None:
    assert Client().get("/admin/vendors/")["Location"] == "/admin/login/?next=/admin/vendors/"


def test_every_entry_has_an_icon_and_leads_somewhere() -> None:
    symbols = set(re.findall(r'<symbol id="([\w-]+)"', (Path(project.BASE_DIR) / "static/img/icons.svg").read_text()))

    for entry in (entry for provider in providers() for entry in provider.navigation):
        assert entry.icon in symbols, entry
        assert reverse(entry.url_name)


def test_no_two_entries_share_an_icon() -> None:
    icons = [entry.icon for provider in providers() for entry in provider.navigation]

    assert len(set(icons)) == len(icons)


def test_a_wrong_path_is_named(settings: Settings) -> None:
    settings.ANALYTICS_PROVIDERS = ["costs.console.Nothing"]

    with pytest.raises(ImportError, match=r"costs\.console"):
        providers()
