"""Rules and dashboards: valid PromQL over metrics that the gateway exports, and a runbook for every alarm."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.deploy.files import MONITORING, ROOT
from tests.docs.pages import rows

RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(MONITORING.glob("grafana-*.json"))
}
PANELS = [
    (panel["title"], target["expr"])
    for dashboard in DASHBOARDS.values()
    for panel in dashboard["panels"]
    for target in panel["targets"]
]
METRICS_PAGE = ROOT / "docs/operations/metrics.md"
EXPORTED = {
    name
    for cell in re.findall(r"^\| (`(?:gateway|process)_[^|]+) \|", METRICS_PAGE.read_text(), re.MULTILINE)
    for name in re.findall(r"`(\w+)`", cell)
} | {"up"}  # which is Prometheus' own
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
ALARMS = [rule for rule in RULES if "alert" in rule]
OBJECTIVES = {"LLMGatewayRequestsFail": 0.005, "LLMGatewayFirstTokensSlow": 0.05, "LLMGatewayLedgerLate": 0.001}
"""Alarms of the objectives, and what part of all may fail."""


def selectors(node: Any) -> Iterator[Any]:
    """Every vector selector of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None and not isinstance(child, (str, int, float)):
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


def names(expression: str) -> set[str]:
    """The metrics that it reads; `_bucket` of a histogram is the histogram. Raises for what is no PromQL."""
    found = {str(one.name) for one in selectors(promql_parser.parse(expression))}
    return {name.removesuffix("_bucket") for name in found}


EXPRESSIONS = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES] + PANELS


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=lambda value: str(value)[:40])
def test_expressions_read_what_is_exported(name: str, expression: str) -> None:
    read = names(expression)

    assert read, name
    assert read - EXPORTED - RECORDED == set()


def test_parsing_finds_the_metrics_of_nested_expressions() -> None:
    text = "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m]))) / avg_over_time((max(b) > bool 60)[1h:1m]) and c"

    assert names(text) == {"a", "b", "c"}
    with pytest.raises(ValueError, match="parenthesis"):
        promql_parser.parse("sum(rate(a[5m])")


@pytest.mark.parametrize("rule", ALARMS, ids=lambda rule: rule["alert"])
def test_every_alarm_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(), re.MULTILINE)

    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_runbook_has_its_alarm() -> None:
    text = (ROOT / "docs/operations/runbooks.md").read_text()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    named = [rule["annotations"]["runbook"].partition("#") for rule in ALARMS]

    assert headings == {anchor for path, _, anchor in named if path == "docs/operations/runbooks.md"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_burn_rates_are_those_of_the_workbook(name: str) -> None:
    burns = [rule for rule in RULES if rule.get("alert") == name]

    found = [
        (rule["labels"]["severity"], *re.findall(r"(\d+[mhd]) > ([\d.]+) \* ([\d.]+)", rule["expr"])) for rule in burns
    ]
    budget = f"{OBJECTIVES[name]:g}"
    assert found == [
        ("page", ("1h", "14.4", budget), ("5m", "14.4", budget)), ("page", ("6h", "6", budget), ("30m", "6", budget)),
        ("ticket", ("1d", "3", budget), ("2h", "3", budget)), ("ticket", ("3d", "1", budget), ("6h", "1", budget)),
    ]  # fmt: skip
    assert [rule["labels"]["window"] for rule in burns] == ["1h", "6h", "1d", "3d"]


def test_the_objectives_are_those_of_the_page() -> None:
    promised = {cells[0]: 1 - float(cells[2].removesuffix(" %")) / 100 for cells in rows(METRICS_PAGE, "objective")}

    assert [round(part, 6) for part in promised.values()] == list(OBJECTIVES.values())


def test_every_recorded_ratio_is_used_over_its_own_window() -> None:
    ratios = {rule["record"]: rule["expr"] for rule in RULES if ":ratio" in rule.get("record", "")}
    used = {name for rule in ALARMS for name in names(rule["expr"])}

    assert set(ratios) - used == set()
    for name, expression in ratios.items():
        window = re.sub(r".*:ratio(?:_rate)?", "", name)
        assert set(re.findall(r"\[(\w+)(?::1m)?\]", expression)) == {window}, name


def test_failures_count_providers_and_the_gateway_itself() -> None:
    ratios = [rule["expr"] for rule in RULES if rule.get("record", "").startswith("llm_gateway:failed_requests:")]

    assert len(ratios) == 7
    for expression in ratios:
        divided = promql_parser.parse(expression)
        assert {str(one.name) for one in selectors(divided.lhs)} == {"gateway_requests_total", "gateway_errors_total"}
        # A sum over nothing is nothing, and nothing plus a number is nothing: one of the two is often not there.
        assert [part.count("or vector(0)") for part in expression.split(" / ")] == [2, 2]


def test_the_first_of_a_labelled_counter_rings_too() -> None:
    """`increase` sees nothing of a series that begins at one."""
    watched = {"LLMGatewayInternalError": "gateway_errors_total", "LLMGatewayUnpriced": "gateway_unpriced_total"}

    for rule in ALARMS:
        if rule["alert"] in watched:
            name = watched.pop(rule["alert"])
            assert re.search(rf"{name}\S*\s+unless max_over_time\({name}\S* offset", rule["expr"])
    assert watched == {}


def test_what_is_absent_rings() -> None:
    jobs = {job["job_name"] for path in MONITORING.glob("prometheus*.yaml") for job in scrapes(path)}
    absence = " ".join(rule["expr"] for rule in ALARMS if "absent(" in rule["expr"])

    assert jobs == {"llm-gateway", "llm-gateway-ledger"}
    for job in jobs:
        assert f'up{{job="{job}"}} == 0 or absent(up{{job="{job}"}})' in absence
    assert "absent(gateway_ledger_lag_seconds)" in absence
    assert 'absent(gateway_heartbeat_age_seconds{kind="background"})' in absence


def scrapes(path: Path) -> list[dict[str, Any]]:
    """The jobs of a Prometheus configuration; none for another file."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text()).get("scrape_configs", [])
    return found


@pytest.mark.parametrize(
    "metric",
    ["gateway_queue_lag_seconds", "gateway_ledger_archives_broken", "gateway_ledger_detached_tables",
     "gateway_replica_lag_seconds", "gateway_replica_used", "gateway_spool_bytes", "gateway_spools_silent",
     "gateway_spools_silent_leased", "gateway_errors_total"],
)  # fmt: skip
def test_alarms_watch(metric: str) -> None:
    recorded = {rule["record"]: names(rule["expr"]) for rule in RULES if "record" in rule}
    read = {name for rule in ALARMS for name in names(rule["expr"])}

    assert metric in read | {one for name in read for one in recorded.get(name, ())}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_lie_beside_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    panels = DASHBOARDS[name]["panels"]
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_operations_are_drawn() -> None:
    drawn = {name for panel, expression in PANELS for name in names(expression)}

    assert {
        "gateway_outbox_waiting", "gateway_outbox_dead", "gateway_jobs", "gateway_queue_length", "gateway_replica_used",
        "gateway_ledger_detached_tables", "gateway_ledger_archives_broken", "llm_gateway:queue_lag_seconds:max",
        "llm_gateway:failed_requests:ratio_rate1h", "llm_gateway:ledger_late:ratio1h",
    } <= drawn  # fmt: skip
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS) == 2


def test_what_is_tried_of_the_rules_is_there() -> None:
    tried = yaml.safe_load((MONITORING / "rules.test.yaml").read_text())["tests"]
    named = {one["alertname"] for test in tried for one in test.get("alert_rule_test", ())}
    assert named <= {rule["alert"] for rule in ALARMS}
    assert named >= {*OBJECTIVES, "LLMGatewayNoWriter", "LLMGatewayNoBackground", "LLMGatewayProcessSilent"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")
@pytest.mark.parametrize("command", [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]])
def test_prometheus_says_so_too(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
