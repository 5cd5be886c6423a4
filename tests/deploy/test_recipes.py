"""The container recipes: valid by their schemas, locked down, and true to the commands and variables that there are."""

import re
from importlib import import_module
from ipaddress import ip_address, ip_network
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from tests.deploy import files

READ = set(re.findall(r"^#([A-Z_]+)=", (files.ROOT / ".env.example").read_text(), re.MULTILINE))
OLDEST = "1.30"


@pytest.mark.parametrize("one", files.manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_manifests_are_valid(one: dict[str, Any]) -> None:
    for version in (OLDEST, kubernetes_validate.latest_version()):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_kustomization_names_every_file_but_the_example() -> None:
    named = yaml.safe_load((files.KUBERNETES / "kustomization.yaml").read_text())["resources"]

    there = {path.name for path in files.KUBERNETES.glob("*.yaml")}
    assert there - set(named) == {"kustomization.yaml", "secret.example.yaml"}


def test_what_runs_once_per_release_has_the_same_image_and_is_made_anew() -> None:
    """A Job's template cannot be changed: the former one goes by itself, or by the page's first command."""
    once = yaml.safe_load((files.KUBERNETES / "prepare" / "kustomization.yaml").read_text())
    always = yaml.safe_load((files.KUBERNETES / "kustomization.yaml").read_text())
    job = next(one for one in files.manifests() if one["kind"] == "Job")
    page = (files.ROOT / "docs/operations/containers.md").read_text()
    typed = re.findall(r"^kubectl .*(?:prepare|-k deploy/kubernetes$).*$", page, re.MULTILINE)

    assert once["resources"] == [path.name for path in (files.KUBERNETES / "prepare").glob("job.yaml")]
    assert (once["namespace"], once["images"]) == (always["namespace"], always["images"])
    assert job["spec"]["ttlSecondsAfterFinished"] == 24 * 3600
    assert [line.split(" --")[0] for line in typed] == [
        f"kubectl delete job -n {once['namespace']} {job['metadata']['name']}",
        "kubectl apply -k deploy/kubernetes/prepare",
        f"kubectl wait -n {once['namespace']}",
        "kubectl apply -k deploy/kubernetes",
    ]


@pytest.mark.parametrize("command", files.commands(), ids=" ".join)
def test_every_command_exists(command: list[str]) -> None:
    if command[1] == "manage.py":
        parser = load_command_class(get_commands()[command[2]], command[2]).create_parser("manage.py", command[2])
        parser.parse_args(command[3:])
        return
    assert command[:3] == ["python", "-m", "config.embedded.serve"]
    options = import_module("config.embedded.serve").parser().parse_args(command[3:])
    module, _, name = options.app.partition(":")
    assert hasattr(import_module(module), name)
    if ":" in options.protocol:
        module, _, name = options.protocol.partition(":")
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("recipe", ["compose", "kubernetes"])
def test_workers_take_every_queue_and_one_schedules(recipe: str) -> None:
    from_pods = [container["command"] for pod in files.pods().values() for container in pod["containers"]]
    found = from_pods if recipe == "kubernetes" else [one["command"] for one in files.services().values()]
    background = [command for command in found if "run_background" in command]
    taken = [name for one in background if "--queues" in one for name in one[one.index("--queues") + 1].split(",")]

    assert sorted(taken) == ["default", "ledger", "reports", "rollup", "scan"]
    assert [command[-1] for command in background if "--no-beat" not in command] == ["--beat-only"]


def test_every_queue_of_a_task_is_one_of_the_contract() -> None:
    from config.celery import app

    app.loader.import_default_modules()
    tasks = [name for name in app.tasks if not name.startswith("celery.")]
    queues = {name: app.amqp.router.route({}, name)["queue"].name for name in tasks}

    assert set(queues.values()) == {"default", "ledger", "reports", "rollup", "scan"}
    assert [queues[name] for name in ("analytics.prune_minutes", "costs.repricing", "gateway.outbox_relay")] == [
        "rollup", "ledger", "default",
    ]  # fmt: skip


def test_variables_are_ones_that_are_read() -> None:
    named = {name for one in files.services().values() for name in one["environment"]}
    named |= set(files.example(files.DEPLOY / "gateway.env.example"))
    for one in files.manifests():
        named |= set(one.get("data", {}) if one["kind"] == "ConfigMap" else one.get("stringData", {}))

    assert named - READ == set()


@pytest.mark.parametrize("name", files.pods())
def test_pods_are_locked_down(name: str) -> None:
    pod = files.pods()[name]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert set(container["resources"]) == {"requests", "limits"}
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}


USERS = {"postgres": "999:999", "redis": "999:999", "pgbouncer": "70:70"}
"""Of the images that are not ours: the users that they make."""


@pytest.mark.parametrize("name", files.compose()["services"])
def test_services_are_locked_down(name: str) -> None:
    service = files.compose()["services"][name]

    assert service["user"] == USERS.get(name, "10001:10001")
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in {one.partition(":")[0] for one in service["tmpfs"]}
    assert "healthcheck" in service or name == "prepare"


def alive(command: list[str]) -> list[str]:
    """The probe of a process of ours that does not listen."""
    kind = "writer" if "write_ledger" in command else "beat" if "--beat-only" in command else "background"
    return ["python", "manage.py", "alive", kind]


@pytest.mark.parametrize("name", [name for name in files.services() if name not in ("prepare", "console", "dataplane")])
def test_services_are_asked_for_their_own_life(name: str) -> None:
    service = files.services()[name]

    assert service["healthcheck"]["test"] == ["CMD", *alive(service["command"])]


LASTING = [name for name in files.pods() if name != "gateway-prepare"]


@pytest.mark.parametrize(
    ("pod", "container"),
    [(pod, container["name"]) for pod in LASTING for container in files.pods()[pod]["containers"]],
    ids="-".join,
)
def test_every_container_has_a_probe_that_asks_it_alone(pod: str, container: str) -> None:
    """A probe that asks the database would restart the fleet when that is away, and pass when another lives."""
    found = next(one for one in files.pods()[pod]["containers"] if one["name"] == container)
    liveness = found["livenessProbe"]

    if container == "dataplane":
        assert liveness["httpGet"] == {"path": "/healthz", "port": "http"}
        assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        assert found["startupProbe"]["httpGet"] == liveness["httpGet"]
    elif container == "console":
        socket = found["command"][found["command"].index("--listen") + 1]
        assert socket in liveness["exec"]["command"][-1]
    else:
        assert liveness["exec"]["command"] == alive(found["command"])
        assert liveness["initialDelaySeconds"] + liveness["periodSeconds"] * liveness["failureThreshold"] <= 300


def scaled_by(metric: dict[str, Any]) -> str:
    if metric["type"] == "ContainerResource":
        return str(metric["containerResource"]["name"])
    named = metric[metric["type"].lower()]["metric"]
    return " of ".join([named["name"], *named.get("selector", {}).get("matchLabels", {}).values()])


def test_what_is_scaled_by_what() -> None:
    scalers = [one["spec"] for one in files.manifests() if one["kind"] == "HorizontalPodAutoscaler"]

    assert {one["scaleTargetRef"]["name"]: [scaled_by(metric) for metric in one["metrics"]] for one in scalers} == {
        "gateway": ["gateway_active_requests", "cpu"],
        "worker-ledger": ["gateway_rollup_lag_seconds", "gateway_queue_lag_seconds of rollup"],
        "worker-scan": ["gateway_queue_lag_seconds of scan"],
        "worker": ["gateway_queue_lag_seconds of default"],
    }


def test_the_proxy_of_the_host_is_believed_and_nobody_else() -> None:
    (network,) = files.compose()["networks"]["default"]["ipam"]["config"]
    trusted = files.example(files.DEPLOY / "gateway.env.example")["GATEWAY_TRUSTED_PROXIES"]

    assert trusted == network["gateway"]
    assert ip_address(trusted) in ip_network(network["subnet"])


def test_only_the_data_plane_is_published_and_on_this_host_alone() -> None:
    published = {name: one["ports"] for name, one in files.compose()["services"].items() if "ports" in one}

    assert published == {"dataplane": ["${GATEWAY_BIND:-127.0.0.1}:8000:8000"]}


def test_the_image_runs_as_the_user_of_the_recipes_and_holds_no_secrets() -> None:
    text = (files.ROOT / "Dockerfile").read_text()
    ignored = (files.ROOT / ".dockerignore").read_text().splitlines()

    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    installs = re.findall(r"pip install (?:.*\\\n)*.*", text)
    assert all("--require-hashes" in line for line in installs)
    # console and background processes read and write the ledger's archive
    assert set(re.findall(r"-r (\S+)", " ".join(installs))) == {"requirements.txt", "requirements-parquet.txt"}
    (copied,) = re.findall(r"^COPY (requirements.*) \./$", text, re.MULTILINE)
    assert set(copied.split()) == {"requirements.txt", "requirements-parquet.txt"}
    assert {".env", "var", ".git"} <= set(ignored)
    own = {app.partition(".")[0] for app in settings.INSTALLED_APPS if (files.ROOT / app.partition(".")[0]).is_dir()}
    assert own == {"config", "gateway", "analytics", "costs", "finetuning", "sdkgen"}
    assert own & set(ignored) == set()


def test_a_pod_has_time_to_drain() -> None:
    pod = files.pods()["gateway"]
    by_name = {container["name"]: container for container in pod["containers"]}
    command = by_name["dataplane"]["command"]
    drain = int(command[command.index("--drain") + 1])
    waits = {name: int(by_name[name]["lifecycle"]["preStop"]["exec"]["command"][1]) for name in ("dataplane", "writer")}

    assert waits["dataplane"] + drain < waits["writer"] < pod["terminationGracePeriodSeconds"]
