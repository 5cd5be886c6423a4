"""Prometheus finds what the manifests start, with a token, and autoscaling finds what Prometheus recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import reverse

from tests.deploy import files
from tests.deploy.test_monitoring import EXPORTED, RECORDED, scrapes

IN_A_CLUSTER = files.MONITORING / "prometheus.yaml"
BESIDE_COMPOSE = files.MONITORING / "prometheus.compose.yaml"
ADAPTER: dict[str, Any] = yaml.safe_load((files.MONITORING / "prometheus-adapter.yaml").read_text())
NAMESPACE = yaml.safe_load((files.KUBERNETES / "kustomization.yaml").read_text())["namespace"]
PATHS = {"llm-gateway": "/metrics", "llm-gateway-ledger": "/metrics/ledger"}


def of(kind: str, name: str = "gateway") -> dict[str, Any]:
    return next(one for one in files.manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name))


def discovered() -> list[dict[str, str]]:
    """What `role: pod` finds: a target for each port of a container, and one for a container without any."""
    templates = {one["metadata"]["name"]: one["spec"]["template"] for one in files.manifests() if has_pods(one)}
    return [
        {
            "__meta_kubernetes_namespace": NAMESPACE,
            "__meta_kubernetes_pod_name": f"{name}-0",
            "__meta_kubernetes_pod_phase": "Running",
            "__meta_kubernetes_pod_label_app": template.get("metadata", {}).get("labels", {}).get("app", ""),
            "__meta_kubernetes_pod_container_name": container["name"],
            "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
            "__address__": f"192.0.2.1:{port.get('containerPort', '')}",
        }
        for name, template in templates.items()
        for container in template["spec"]["containers"]
        for port in container.get("ports", [{}])
    ]


def has_pods(one: dict[str, Any]) -> bool:
    return "template" in one.get("spec", {})


def relabelled(labels: dict[str, str], configs: list[dict[str, Any]]) -> dict[str, str] | None:
    """As Prometheus does it, for the three actions that are used; None: dropped."""
    for config in configs:
        value = ";".join(labels.get(name, "") for name in config["source_labels"])
        matches = re.fullmatch(config.get("regex", "(.*)"), value) is not None
        if config.get("action", "replace") == "replace":
            labels = labels | {config["target_label"]: value}
        elif matches != (config["action"] == "keep"):
            return None
    return labels


def test_each_data_plane_of_the_cluster_is_asked_and_nothing_else() -> None:
    job = scrapes(IN_A_CLUSTER)[0]
    found = [made for one in discovered() if (made := relabelled(one, job["relabel_configs"]))]

    assert [(one["__address__"], one["namespace"], one["pod"]) for one in found] == [
        ("192.0.2.1:8000", NAMESPACE, "gateway-0")
    ]
    assert relabelled(discovered()[0] | {"__meta_kubernetes_pod_phase": "Failed"}, job["relabel_configs"]) is None
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": [NAMESPACE]}}]


@pytest.mark.parametrize("path", [IN_A_CLUSTER, BESIDE_COMPOSE], ids=lambda path: path.name)
def test_both_addresses_are_asked_with_the_token_and_rules_are_loaded(path: Path) -> None:
    whole = yaml.safe_load(path.read_text())

    assert {job["job_name"]: job["metrics_path"] for job in scrapes(path)} == PATHS
    assert reverse("ledger-metrics") == PATHS["llm-gateway-ledger"]
    for job in scrapes(path):
        folder, _, name = job["authorization"]["credentials_file"].rpartition("/")
        assert (job["authorization"]["type"], folder) == ("Bearer", "/etc/prometheus/gateway")
        assert name in of("Secret")["stringData"]
    assert [(path.parent / name).is_file() for name in whole["rule_files"]] == [True]


def test_the_installation_of_the_cluster_is_asked_by_its_service() -> None:
    host, _, port = scrapes(IN_A_CLUSTER)[1]["static_configs"][0]["targets"][0].partition(":")
    service = of("Service")
    name, namespace, _ = host.split(".")

    assert (name, namespace) == (service["metadata"]["name"], NAMESPACE)
    (offered,) = service["spec"]["ports"]
    ports = {one["name"]: one["containerPort"] for one in files.pods()["gateway"]["containers"][0]["ports"]}
    assert (int(port), ports[offered["targetPort"]]) == (offered["port"], 8000)
    assert host in of("ConfigMap")["data"]["ALLOWED_HOSTS"].split(",")


def test_the_installation_of_compose_is_asked_by_its_data_plane() -> None:
    metrics, ledger = scrapes(BESIDE_COMPOSE)
    host, _, port = ledger["static_configs"][0]["targets"][0].partition(":")

    # Once, however many data planes there are: each tells of all that share its volume.
    assert metrics["static_configs"] == ledger["static_configs"] == [{"targets": [f"{host}:8000"]}]
    assert port == "8000"
    assert files.services()[host]["ports"] == ["${GATEWAY_BIND:-127.0.0.1}:8000:8000"]
    assert host in files.example(files.DEPLOY / "gateway.env.example")["ALLOWED_HOSTS"].split(",")


def test_prometheus_may_list_pods_and_reach_them() -> None:
    role, binding = of("Role", "gateway-metrics"), of("RoleBinding", "gateway-metrics")

    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    assert binding["roleRef"]["name"] == "gateway-metrics"
    assert of("NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"port": 8000}]


def test_nothing_is_said_by_annotations_which_bear_no_token() -> None:
    assert [path.name for path in files.KUBERNETES.rglob("*.yaml") if "prometheus.io/" in path.read_text()] == []


def test_autoscaling_finds_its_metrics() -> None:
    """The adapter's names, by the kind of metric, and that each is made of what there is."""
    offered = {kind: {} for kind in ("Pods", "External")}
    for kind, part in (("Pods", "rules"), ("External", "externalRules")):
        for rule in ADAPTER[part]:
            series = rule["seriesQuery"].partition("{")[0]
            assert series in EXPORTED | RECORDED
            assert "<<.LabelMatchers>>" in rule["metricsQuery"]  # else a selector selects nothing
            offered[kind][rule.get("name", {}).get("as", series)] = rule
    wanted = {kind: set() for kind in offered}
    for one in files.manifests():
        for metric in one.get("spec", {}).get("metrics", ()):
            if metric["type"] in wanted:
                wanted[metric["type"]].add(metric[metric["type"].lower()]["metric"]["name"])

    assert wanted == {
        "Pods": {"gateway_active_requests"}, "External": {"gateway_rollup_lag_seconds", "gateway_queue_lag_seconds"},
    }  # fmt: skip
    assert {kind: set(rules) for kind, rules in offered.items()} == wanted
    assert all(rule["resources"] == {"namespaced": False} for rule in ADAPTER["externalRules"])
