"""How configuration reaches the data plane, and what happens when it cannot."""

import threading
from typing import Any

import pytest

from gateway.dataplane.routing.policy import DEFAULT, Policy
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import Catalog, KeyView, ProviderView, Snapshot, Target
from gateway.ledger.ids import uuid7
from tests.gateway.dataplane.conftest import World


def key_view(identity: str) -> KeyView:
    return KeyView(identity, "o", "p", None, None, frozenset(), frozenset(), None, None, None, None)


def test_a_rotated_digest_replaces_the_former_one() -> None:
    snapshot = Snapshot()
    snapshot.put_key(b"old", key_view("k"))

    snapshot.put_key(b"new", key_view("k"))

    assert set(snapshot.keys) == {b"new"}
    snapshot.drop_key("k")
    assert (snapshot.keys, snapshot.digests) == ({}, {})


def test_an_organizations_own_rows_win_and_routes_win_over_models() -> None:
    provider = ProviderView("1", "p", "openai", "openai", Origin("h", 80, tls=False), "/v1", "", Timeouts())
    platform, own, routed = (Target(name, name, provider) for name in ("platform", "own", "routed"))
    catalog = Catalog(
        models={("", "m"): (platform,), ("org", "m"): (own,), ("", "only"): (platform,)},
        routes={("", "m"): (routed,)},
        policies={("", "m"): Policy(alias="m")},
    )

    assert catalog.find("org", "m") == ((own,), DEFAULT)
    assert catalog.find("other", "m") == ((routed,), Policy(alias="m"))
    assert catalog.find("org", "only") == ((platform,), DEFAULT)
    assert catalog.find("org", "absent") == ((), DEFAULT)
    assert set(catalog.names_for("org")) == {"m", "only"}


def test_an_unusable_route_hides_rows_of_its_name() -> None:
    provider = ProviderView("1", "p", "openai", "openai", Origin("h", 80, tls=False), "/v1", "", Timeouts())
    target = Target("t", "t", provider)
    catalog = Catalog(
        models={("", "a"): (target,), ("org", "a"): (target,), ("org", "b"): (target,)},
        routes={("", "a"): (target,)},
        policies={("", "a"): Policy(alias="a")},
        unusable={("org", "a"): "route_misconfigured", ("", "b"): "no_target"},
    )

    assert (catalog.find("org", "a"), catalog.why_unusable("org", "a")) == (((), DEFAULT), "route_misconfigured")
    assert (catalog.find("other", "a")[0], catalog.why_unusable("other", "a")) == ((target,), None)
    assert (catalog.find("other", "b")[0], catalog.why_unusable("other", "b")) == ((), "no_target")
    assert catalog.find("org", "b") == ((target,), DEFAULT)
    assert (set(catalog.names_for("org")), set(catalog.names_for("other"))) == ({"b"}, {"a"})


def test_concurrent_changes_all_arrive(world: World) -> None:
    """Versions commit in order: a change that commits later is never skipped (rule 18)."""
    stack = world.stack
    secrets: list[str] = []

    def create() -> None:
        secrets.append(stack.key(world.organization, world.project)[0])

    threads = [threading.Thread(target=create) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [stack.get("/v1/models", secret).status for secret in secrets] == [200] * 12


def test_a_change_bumps_the_version_last_in_its_transaction(world: World) -> None:
    with world.stack.connect() as connection:

        def version() -> int:
            row = connection.execute("SELECT version FROM gateway_configversion").fetchone()
            assert row is not None
            return int(row["version"])

        before = version()
        with connection.transaction():
            connection.execute("UPDATE gateway_project SET name = name WHERE id = %s", [world.project])
            assert version() == before
        assert version() == before + 1


@pytest.fixture
def unreachable_configuration(world: World) -> Any:
    def rename(old: str, new: str) -> None:
        with world.stack.connect() as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("gateway_configversion", "gateway_configversion_away")
    yield
    rename("gateway_configversion_away", "gateway_configversion")
    world.stack.wait_for(lambda: world.stack.get("/readyz").status == 200)


@pytest.mark.slow
def test_stale_configuration_fails_readiness_and_follows_each_organizations_policy(
    world: World, request: pytest.FixtureRequest
) -> None:
    stack = world.stack
    closed = stack.insert(
        "gateway_organization", slug=f"closed-{uuid7().hex[-6:]}", name="c", currency="USD", reporting_timezone="UTC",
        is_demo=False, fails_closed=True,
    )  # fmt: skip
    secret, _ = stack.key(closed, stack.project(closed))
    stack.wait_until_current()
    assert stack.chat(secret, "gpt-4o", max_tokens=1).status == 200
    request.getfixturevalue("unreachable_configuration")

    stack.wait_for(lambda: stack.get("/readyz").status == 503, timeout_s=10)

    refused = stack.chat(secret, "gpt-4o", max_tokens=1)
    assert (refused.status, refused.error_code) == (503, "configuration_stale")
    assert stack.chat(world.secret, "gpt-4o", max_tokens=1).status == 200
