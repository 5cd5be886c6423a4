"""Names and ledger values that are markup, links or templates elsewhere, on pages with charts in real Chromium: nothing
is carried out, fetched or linked, and nothing offends the policy."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.server import ConsoleServer
from tests.console.test_browser import Watched, browser, signed_in, watched  # noqa: F401  (fixtures)

pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURE = "q<img src=x onerror=window.hit=1>{{7*7}}\u202e"
LINK = 'q<a href="javascript:window.hit=1">z</a>'
SCRIPT = "q\"'><script>window.hit=1</script>{% raw %}"
POISON = f"""
import random
from datetime import timedelta
from django.utils import timezone
from analytics.services import declare_tag
from gateway.models import *
from tests.console.company import Company, line, load
names = [{PICTURE!r}, {LINK!r}, {SCRIPT!r}]
acme = Organization.objects.get(slug="acme")
company = Company(acme)
for kind, found in ((Team, company.teams), (Project, company.projects)):
    for number, row in enumerate(kind.objects.filter(organization=acme).order_by("slug")):
        found[row.slug] = row
        kind.objects.filter(pk=row.pk).update(name=names[number % 3] + row.slug)
for slug in company.projects:
    company.keys[slug] = VirtualKey.objects.filter(project__slug=slug, name="production").first()
company.keys["bob"] = VirtualKey.objects.get(name="bob's key")
declare_tag(organization=acme, actor=None, key="evil")
rng, lines = random.Random(3), []
for number in range(90):
    made = line(company, timezone.now() - timedelta(hours=2 * number + 1), rng, model_served="gpt-4o")
    evil = names[number % 3]
    lines.append(made | {{"model_served": evil, "model_requested": evil, "end_user": evil, "tag_set": {{"evil": evil}},
        "route": evil, "cost": made["cost"] * 500, "list_cost": made["list_cost"] * 500,
        "error_type": evil if number % 9 == 0 else None, "status": "upstream_error" if number % 9 == 0 else "ok"}})
load(company, lines)
for kind in (VirtualKey, Provider, Organization):
    for number, row in enumerate(kind.objects.all()):
        kind.objects.filter(pk=row.pk).update(name=names[number % 3] + "name")
Model.objects.update(upstream_name=names[0])
Route.objects.update(description=names[2])
User.objects.exclude(username="root@example.com").update(first_name=names[0][:50], last_name=names[1][:50])
print("poisoned")
"""
PAGES = (
    "/admin/?organization=acme&range=30d",
    *(
        f"/admin/usage/?organization=acme&range=30d&by={by}&view={view}"
        for by, view in (
            ("model", "bars"), ("model", "lines"), ("model", "table"), ("team", "bars"), ("project", "lines"),
            ("api_key", "bars"), ("provider", "bars"), ("tag.evil", "bars"), ("tag.evil", "table"),
        )
    ),
    *(f"/admin/compare/?organization=acme&of={of}&range=30d" for of in ("model", "provider", "team", "project")),
    "/admin/usage/?organization=acme&range=30d&measure=requests&view=heat",
    "/admin/performance/?organization=acme&range=30d",
    "/admin/forecasts/?organization=acme",
    "/admin/requests/?organization=acme&columns=provider,cost,status,end_user,route,sdk&range=30d",
    "/admin/showback/?organization=acme",
    "/admin/allocation/?organization=acme",
    "/admin/security/?organization=acme",
    "/admin/anomalies/?organization=acme",
    "/admin/realtime/?organization=acme",
    "/admin/keys/?organization=acme",
    "/admin/models/?organization=acme",
    "/admin/providers/?organization=acme",
    "/admin/routes/?organization=acme",
    "/admin/playground/?organization=acme",
    "/admin/budgets/?organization=acme",
    "/admin/reports/add/?template=weekly_team&organization=acme",
)  # fmt: skip
LIVE = """
() => [
  window.hit,
  [...document.querySelectorAll('*')].flatMap((one) => [...one.attributes].map((each) => each.name + '=' + each.value))
    .filter((text) => /^on[a-z]+=window|^(xlink:)?href=\\s*javascript:/i.test(text)),
  document.querySelectorAll('img[src="x"]').length,
  [...document.scripts].filter((one) => !one.type.endsWith('json') && one.textContent.includes('window.hit')).length
]
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    server = ConsoleServer(tmp_path_factory.mktemp("hostile"))
    try:
        server.start()
        assert server.shell(POISON).endswith("poisoned")
        yield server
    finally:
        server.stop()


def trouble(page: Any) -> list[str]:
    hit, attributes, pictures, scripts = page.evaluate(LIVE)
    found = [f"carried out: {hit}"] if hit else []
    found += attributes
    found += ["a picture"] * pictures + ["a script"] * scripts
    return found + (["a template"] if "q49" in page.inner_text("body") else [])


def test_nothing_in_a_name_comes_to_life(signed_in: Watched, console: ConsoleServer) -> None:  # noqa: F811
    page, wrong, showing = signed_in.page, [], []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))

    for path in PAGES:
        answer = page.goto(f"{console.url}{path}", wait_until="networkidle")
        assert answer is not None
        assert (path, answer.status) == (path, 200)
        found = trouble(page)
        if "<img src=x" in page.inner_text("body") or "<img src=x" in page.evaluate("document.body.textContent"):
            showing.append(path)
        for shape in page.locator(".point path").all()[-6:]:  # the labels that appear under the pointer
            if (box := shape.bounding_box()) is not None and box["height"] > 1:
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                page.wait_for_timeout(60)
        found += trouble(page) + signed_in.complaints + page.evaluate("window.violations")
        wrong += [f"{path}: {one}" for one in dict.fromkeys(found)]
        signed_in.complaints.clear()

    assert wrong == []
    assert [url for url in asked if not url.startswith((console.url, "data:", "blob:")) or url.endswith("/x")] == []
    assert len(showing) > 15  # or nothing was tried
