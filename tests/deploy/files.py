"""What `deploy/` says, read once: the processes of both recipes, as commands and environments."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MONITORING = DEPLOY / "monitoring"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def services() -> dict[str, dict[str, Any]]:
    """The services that run the gateway's image."""
    return {name: one for name, one in compose()["services"].items() if one["image"].startswith("llm-gateway:")}


def manifests() -> list[dict[str, Any]]:
    """Every Kubernetes object, in the order of the files."""
    paths = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    return [one for path in paths for one in yaml.safe_load_all(path.read_text()) if one]


def pods() -> dict[str, dict[str, Any]]:
    """Pod specifications by the name of what makes them."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in manifests()
        if "template" in one.get("spec", {})
    }


def commands() -> list[list[str]]:
    """Every command of the gateway's image, of both recipes."""
    own = [container["command"] for pod in pods().values() for container in pod["containers"]]
    return [[str(part) for part in command] for command in (*own, *(one["command"] for one in services().values()))]


def example(path: Path) -> dict[str, str]:
    """The variables of an example of an environment file."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)
