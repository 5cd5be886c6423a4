"""The capacity model against values reckoned by hand."""

import pytest

from config.capacity import Costs, Load, plan, used_cores

COSTS = Costs(dataplane_us=600, writer_us=30, postgres_us=50, background_us=20, ledger_bytes=1000, rollup_bytes=10,
              spool_bytes=1500)  # fmt: skip


def test_a_thousand_requests_a_second() -> None:
    need = plan(Load(peak=1000, requests_per_day=10_000_000, kept_days=90, consoles=2, outage_s=3600), COSTS)

    assert need.dataplane_cores == pytest.approx(1.0)
    assert (need.dataplanes, need.writers, need.backgrounds) == (1, 1, 1)
    assert need.postgres_cores == pytest.approx(0.05 / 0.6)
    assert need.ledger_gb == pytest.approx(900)
    assert need.rollups_gb == pytest.approx(40)
    assert need.spool_gb == pytest.approx(5.4)
    assert need.connections == 9 + 24 + 12 + 2
    assert need.memory_gb == pytest.approx(1.06)


def test_more_lines_cost_the_parts_behind_the_spool_alone() -> None:
    one, two = (plan(Load(5000, 1e8, lines_per_request=n), COSTS) for n in (1, 2))

    assert two.dataplane_cores == one.dataplane_cores
    assert two.postgres_cores == pytest.approx(2 * one.postgres_cores)
    assert two.ledger_gb == pytest.approx(2 * one.ledger_gb)
    assert one.dataplanes == 5
    assert used_cores(1000, COSTS) == pytest.approx(0.7)
    assert used_cores(1000, COSTS, 2) == pytest.approx(0.8)
