"""Rules and dashboard: valid PromQL over metrics that the gateway exports, and a runbook for every alarm."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from tests.deploy.files import DEPLOY, ROOT

MONITORING = DEPLOY / "monitoring"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
PANELS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPORTED = set(re.findall(r"`((?:gateway|process)_[a-z_0-9]+)`", (ROOT / "docs/operations/metrics.md").read_text()))
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


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


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alarm_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(), re.MULTILINE)

    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_runbook_has_its_alarm() -> None:
    text = (ROOT / "docs/operations/runbooks.md").read_text()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}

    assert headings == {rule["annotations"]["runbook"].partition("#")[2] for rule in RULES if "alert" in rule}


def test_burn_rates_are_those_of_the_workbook() -> None:
    burns = [rule for rule in RULES if rule.get("alert") == "LLMGatewayRequestsFail"]

    factors = [float(re.findall(r"> ([\d.]+) \*", rule["expr"])[0]) for rule in burns]
    assert [(rule["labels"]["window"], factor) for rule, factor in zip(burns, factors, strict=True)] == [
        ("1h", 14.4), ("6h", 6.0), ("1d", 3.0), ("3d", 1.0),
    ]  # fmt: skip
    assert all(len(re.findall(r"\* 0\.005", rule["expr"])) == 2 for rule in burns)


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
