"""What was published about other gateways, tried on the console; `docs/security/incidents.md` has the table."""

from tests.console.company import Company
from tests.console.conftest import SignIn


def test_names_are_shown_as_they_are(company: Company, sign_in: SignIn) -> None:
    company.organization.name = "{{ 7|add:7 }}{% now 'Y' %}<img src=x onerror=alert(1)>"
    company.organization.save()

    page = sign_in("alice").get("/admin/").content.decode()

    assert "{{ 7|add:7 }}{% now &#x27;Y&#x27; %}&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page


def test_signing_out_ends_the_session_wherever_it_is_kept(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    kept = client.cookies["sessionid"].value
    assert client.get("/admin/").status_code == 200

    client.post("/admin/logout/")
    client.cookies["sessionid"] = kept

    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/admin/login/")
