"""The Helm chart: it names only settings and commands that there are, and what it renders keeps our rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.needed import lacking
from unlearn.admin.rights import Role
from unlearn.cli.main import COMMANDS
from unlearn.environment.variables import NO_SETTINGS
from unlearn.settings_sources import fields, file_variable, load, secret_paths, variable

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "unlearn"
VALUES = sorted((ROOT / "deploy" / "helm" / "values").glob("*.yaml"))
TEMPLATES = {path.name: path.read_text() for path in sorted((CHART / "templates").iterdir())}
ITS_OWN = {
    "UNLEARN_CONSOLE__HOSTS",
    "UNLEARN_DRAIN_WITHIN",
    "UNLEARN_GATEWAY__HOSTS",
    "UNLEARN_HTTP",
    "UNLEARN_KAFKA__BOOTSTRAP_SERVERS",
    "UNLEARN_KAFKA__GROUP_INSTANCE_ID",
    "UNLEARN_KAFKA__SASL_CLIENT_ID",
    "UNLEARN_KAFKA__SASL_MECHANISM",
    "UNLEARN_KAFKA__SASL_USERNAME",
    "UNLEARN_KAFKA__SECURITY_PROTOCOL",
    "UNLEARN_KAFKA__SESSION_TIMEOUT",
    "UNLEARN_LOG_FORMAT",
    "UNLEARN_MODEL",
    "UNLEARN_SERVICES_DIR",
    "UNLEARN_SERVING__HOSTS",
    "UNLEARN_STORE__URL",
}
"""What the chart sets from values of its own, or the image sets."""
KAFKA_ROLES: Mapping[str, Role] = {
    "worker": "worker",
    "topics": "creator",
    "serve": "scorer",
    "gateway": "sender",
    "console": "operator",
}
"""Whose rights on Kafka each role of the chart needs."""

Manifest = Mapping[str, Any]
each = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


# -- without helm


def test_every_variable_is_a_setting() -> None:
    known = {variable(path) for path, _ in fields()} | {file_variable(path) for path in secret_paths()} | NO_SETTINGS
    texts = [*TEMPLATES.values(), *(path.read_text() for path in (*VALUES, *CHART.glob("values*")))]
    named = {name for text in texts for name in re.findall(r"\bUNLEARN_[A-Z_]*[A-Z]\b", text)}
    assert len(named) > 20
    assert named - known == set()


def test_settings_take_neither_secrets_nor_what_the_chart_sets() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    refused = set(schema["properties"]["settings"]["propertyNames"]["not"]["enum"])
    assert refused == ITS_OWN | {variable(path) for path in secret_paths()}
    set_here = set(re.findall(r"(?:^|name: )(UNLEARN_\w+)[:,]", "\n".join(TEMPLATES.values()), re.MULTILINE))
    assert set_here - {"UNLEARN_CONSOLE__SCORERS", "UNLEARN_GATEWAY__DOMAIN"} <= ITS_OWN


def test_it_is_the_chart_of_this_release() -> None:
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (release, release)


@pytest.mark.parametrize("source", [ROOT / "deploy/prometheus/rules.yml", ROOT / "deploy/grafana/unlearn.json"])
def test_alerts_and_board_are_the_files_that_are_tested(source: Path) -> None:
    linked = CHART / "files" / source.name
    assert linked.is_symlink()
    assert linked.resolve() == source
    assert f'"files/{source.name}"' in "".join(TEMPLATES.values())


# -- with helm


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Where check.sh keeps what it built.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "unlearn" / "chart-tools" / "bin"
    program = shutil.which("helm", path=f"{os.environ.get('PATH', '')}:{cache}")
    if program is None:
        lacking("helm", "the chart is NOT rendered here, for want of helm: deploy/helm/check.sh builds it, once")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)


@cache
def rendered(values: Path) -> tuple[Manifest, ...]:
    done = helm("template", "mail", str(CHART), "--kube-version", "1.31.0", "-f", str(values))
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(values: Path, kind: str) -> list[Manifest]:
    return [one for one in rendered(values) if one["kind"] == kind]


def pods(values: Path) -> Iterator[tuple[Manifest, Manifest]]:
    """Labels and specification of every pod."""
    for one in rendered(values):
        if one["kind"] in ("StatefulSet", "Deployment", "Job"):
            template = one["spec"]["template"]
            yield template["metadata"]["labels"], template["spec"]


def worker(values: Path) -> Manifest:
    (spec,) = (spec for labels, spec in pods(values) if labels["app.kubernetes.io/component"] == "worker")
    return spec


@each
def test_pods_have_no_rights_and_write_to_volumes_alone(values: Path) -> None:
    found = list(pods(values))
    assert len(found) >= 2
    for _, spec in found:
        (container,) = spec["containers"]
        context, own = spec["securityContext"], container["securityContext"]
        # Services of the namespace would become variables UNLEARN_..., and such are refused unless they are settings.
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert {"memory"} <= container["resources"]["limits"].keys()
        assert {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")} <= {"/tmp", "/store"}
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in spec["volumes"]}
        assert container["args"][0] in COMMANDS


@each
def test_probes_and_ends(values: Path) -> None:
    for labels, spec in pods(values):
        (container,) = spec["containers"]
        if labels["app.kubernetes.io/component"] == "topics":
            continue
        ports = {port["name"] for port in container["ports"]}
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
        assert [probe["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
        assert {probe["port"] for probe in probes} == ports
    variables = {one["name"]: one for one in worker(values)["containers"][0]["env"]}
    assert worker(values)["terminationGracePeriodSeconds"] > int(variables["UNLEARN_DRAIN_WITHIN"]["value"]) + 10
    assert variables["UNLEARN_KAFKA__GROUP_INSTANCE_ID"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def settings_map(values: Path) -> Manifest:
    (found,) = (one for one in of_kind(values, "ConfigMap") if "UNLEARN_MODEL" in one["data"])
    return found


def environment(values: Path, spec: Manifest, folder: Path) -> Iterator[tuple[str, str]]:
    """The variables of a pod's container, its files in a folder."""
    (container,) = spec["containers"]
    settings = settings_map(values)
    if "envFrom" in container:
        assert container["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
        yield from settings["data"].items()
    mounted = {
        item["path"]
        for volume in spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }
    for one in container["env"]:
        value = one.get("value", "mail-unlearn-worker-0")
        if value.startswith("/etc/unlearn/"):
            file = folder / value.rpartition("/")[2]
            assert file.name in mounted
            file.write_text("redis://:x@redis:6379/0" if "REDIS" in file.name else "http://registry:8081-or-a-secret")
            value = str(file)
        yield one["name"], value


@each
def test_settings_of_each_pod_are_taken(values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for labels, spec in pods(values):
        role = labels["app.kubernetes.io/component"]
        with monkeypatch.context() as patch:
            for name, value in environment(values, spec, tmp_path):
                patch.setenv(name, value)
            settings = load(demo=role in ("serve", "topics")).settings
        assert settings.model == "mail"
        assert settings.redis.url.get_secret_value().startswith("redis://:x@") == (role in ("worker", "console"))
        assert settings.http == ("0.0.0.0:9100" if role == "worker" else None)


def secret_of(spec: Manifest, variable: str) -> Manifest | None:
    """Where a pod's file comes from, as {name, items}."""
    sources = [one["secret"] for volume in spec["volumes"] for one in volume.get("projected", {}).get("sources", [])]
    return next((one for one in sources if one["items"][0]["path"] == variable), None)


@each
def test_each_role_logs_in_as_who_has_its_rights(values: Path, tmp_path: Path) -> None:
    with_login = "saslMechanism" in yaml.safe_load(values.read_text())["kafka"]
    passwords = []
    for labels, spec in pods(values):
        variables = dict(environment(values, spec, tmp_path))
        user = f"mail-{KAFKA_ROLES[labels['app.kubernetes.io/component']]}" if with_login else None
        assert variables.get("UNLEARN_KAFKA__SASL_USERNAME") == user
        passwords.append(secret_of(spec, "UNLEARN_KAFKA__SASL_PASSWORD_FILE"))
    if with_login:
        assert None not in passwords
        assert len({one["name"] for one in passwords if one}) == len(passwords)


def with_settings(values: Path, *given: str) -> dict[str, Manifest]:
    """Each role's pod, rendered with values set beside those of the file."""
    done = helm("template", "mail", str(CHART), "--kube-version", "1.31.0", "-f", str(values), "--set", ",".join(given))
    assert done.returncode == 0, done.stderr
    templates = [
        one["spec"]["template"] for one in yaml.safe_load_all(done.stdout) if "template" in one.get("spec", {})
    ]
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"] for one in templates}


@pytest.mark.parametrize("role", [*KAFKA_ROLES])
def test_a_role_is_who_it_says_and_the_others_are_all_alike(role: str) -> None:
    everything = next(path for path in VALUES if path.stem == "everything")
    names = ("saslUsername", "saslClientId", "serviceAccount", "storeLoginSecret")
    nobody = [f"{other}.{name}=" for other in KAFKA_ROLES for name in names[:3]]
    own = [f"{role}.{name}=own-{name.lower()}" for name in names if name != names[3] or role in ("worker", "serve")]
    shared = ["kafka.saslUsername=all", "kafka.saslClientId=all", "serviceAccount.name=all", "store.loginSecret=all"]
    for found, spec in with_settings(everything, *nobody, *shared, *own).items():
        (container,) = spec["containers"]
        variables = {one["name"]: one.get("value") for one in container["env"]}
        logins = [one["secretRef"]["name"] for one in container.get("envFrom", []) if "secretRef" in one]
        is_it = found == role
        assert variables["UNLEARN_KAFKA__SASL_USERNAME"] == ("own-saslusername" if is_it else "all")
        assert variables["UNLEARN_KAFKA__SASL_CLIENT_ID"] == ("own-saslclientid" if is_it else "all")
        assert spec["serviceAccountName"] == ("own-serviceaccount" if is_it else "all")
        if found in ("worker", "serve", "console"):
            assert logins == ["own-storeloginsecret" if is_it and role != "console" else "all"]


@each
def test_what_is_scraped_watched_and_scaled_is_there(
    values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kinds of others' operators, whose schemas aren't at hand: what they refer to exists."""
    labels = [found for found, _ in pods(values)]
    ports = {port["name"] for _, spec in pods(values) for port in spec["containers"][0].get("ports", [])}
    for monitor in of_kind(values, "PodMonitor"):
        assert {one["port"] for one in monitor["spec"]["podMetricsEndpoints"]} == ports
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        assert all(wanted <= one.items() for one in labels)
    for scaled in of_kind(values, "ScaledObject"):
        (workers,) = of_kind(values, "StatefulSet")
        target, trigger = scaled["spec"]["scaleTargetRef"], scaled["spec"]["triggers"][0]["metadata"]
        assert (target["kind"], target["name"]) == ("StatefulSet", workers["metadata"]["name"])
        assert "replicas" not in workers["spec"]
        assert scaled["spec"]["minReplicaCount"] >= 1
        assert trigger["limitToPartitionsWithLag"] == "true"
        assert all(isinstance(value, str) for value in trigger.values())
        for name, value in environment(values, worker(values), tmp_path):
            monkeypatch.setenv(name, value)
        settings = load().settings
        assert (trigger["consumerGroup"], trigger["topic"]) == (settings.group_id, settings.events_topic)
        (login,) = of_kind(values, "TriggerAuthentication")
        given = login["spec"]["env"] + login["spec"]["secretTargetRef"]
        assert {one["parameter"] for one in given} >= {"username", "password", "ca"}
        (password,) = (one for one in given if one["parameter"] == "password")
        mounted = secret_of(worker(values), "UNLEARN_KAFKA__SASL_PASSWORD_FILE")
        assert mounted is not None
        assert (password["name"], password["key"]) == (mounted["name"], mounted["items"][0]["key"])
    for budget in of_kind(values, "PodDisruptionBudget"):
        wanted = budget["spec"]["selector"]["matchLabels"].items()
        assert sum(wanted <= one.items() for one in labels) == 1


@each
def test_the_store_is_where_its_readers_look(values: Path) -> None:
    settings = settings_map(values)
    folder = settings["data"]["UNLEARN_STORE__URL"] == "file:///store"
    assert len(of_kind(values, "PersistentVolumeClaim")) == folder
    for labels, spec in pods(values):
        reads = labels["app.kubernetes.io/component"] in ("worker", "serve", "console")
        mounted = {one["mountPath"] for one in spec["containers"][0]["volumeMounts"]}
        logins = [one for one in spec["containers"][0].get("envFrom", []) if "secretRef" in one]
        assert ("/store" in mounted, bool(logins)) == (folder and reads, not folder and reads)


@each
def test_alerts_and_board_come_as_they_are(values: Path) -> None:
    """Kinds that no schema is at hand for: the whole of the source is in them, braces of alerts and queries too."""
    given = yaml.safe_load(values.read_text())
    rules = of_kind(values, "PrometheusRule")
    boards = [one for one in of_kind(values, "ConfigMap") if "unlearn.json" in one["data"]]
    assert len(rules) == ("prometheusRule" in given)
    assert len(boards) == ("grafana" in given)
    for one in rules:
        assert one["spec"] == yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
        assert given["prometheusRule"].get("labels", {}).items() <= one["metadata"]["labels"].items()
    for one in boards:
        assert one["data"]["unlearn.json"] == (ROOT / "deploy/grafana/unlearn.json").read_text()
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "Models"}


def test_an_example_has_alerts_and_board() -> None:
    given = [yaml.safe_load(values.read_text()) for values in VALUES]
    assert any({"prometheusRule", "grafana"} <= one.keys() for one in given)


@each
def test_servers_know_the_names_of_their_services(values: Path, tmp_path: Path) -> None:
    """And those of the values, as an Ingress asks by one; other names are refused."""
    given = yaml.safe_load(values.read_text())
    services = {one["metadata"]["name"] for one in of_kind(values, "Service")}
    for labels, spec in pods(values):
        role = labels["app.kubernetes.io/component"]
        setting = {"serve": "SERVING", "gateway": "GATEWAY", "console": "CONSOLE"}.get(role)
        variables = dict(environment(values, spec, tmp_path))
        if setting is None:
            assert not any(name.endswith("__HOSTS") for name in variables)
            continue
        known = json.loads(variables[f"UNLEARN_{setting}__HOSTS"])
        service = f"mail-unlearn-{role}"
        assert service in services
        assert {service, f"{service}.default", f"{service}.default.svc.cluster.local"} <= set(known)
        assert set(given[role].get("hosts", [])) <= set(known)


GATEWAY = "gateway.enabled=true,gateway.domain=erase.example"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("model=", "model"),
        ("kafka.bootstrapServers=kafka", "bootstrapServers"),
        ("kafka.securityProtocol=SASL_SSL", "saslMechanism"),
        ("kafka.securityProtocol=SASL_SSL,kafka.saslMechanism=PLAIN", "worker.saslUsername"),
        (
            "kafka.securityProtocol=SASL_SSL,kafka.saslMechanism=PLAIN,worker.saslUsername=it",
            "topics.saslUsername",
        ),
        ("settings.UNLEARN_KAFKA__SASL_CLIENT_ID=x", "UNLEARN_KAFKA__SASL_CLIENT_ID"),
        ("serve.saslUser=x", "serve"),
        ("settings.UNLEARN_SECRET=plain", "UNLEARN_SECRET"),
        ("settings.UNLEARN_REDIS__URL=redis://:x@redis", "UNLEARN_REDIS__URL"),
        ("settings.UNLEARN_HTTP=0.0.0.0:1", "UNLEARN_HTTP"),
        ("settings.PYTHONPATH=x", "PYTHONPATH"),
        ("settings.UNLEARN_CONSOLE__HOSTS=x", "UNLEARN_CONSOLE__HOSTS"),
        ("console.hosts[0]=https://unlearn.example", "console"),
        ("grafana.dashboard.label=x", "dashboard"),
        ("store.url=file:///store", "store"),
        ("worker.replica=3", "worker"),
        ("autoscaling.minReplicas=0", "autoscaling"),
        (GATEWAY, "UNLEARN_GATEWAY__TOKENS"),
        (
            "autoscaling.enabled=true,kafka.securityProtocol=SASL_SSL,kafka.saslMechanism=GSSAPI",
            "TriggerAuthentication",
        ),
    ],
)
def test_wrong_values_are_refused_by_name(given: str, named: str) -> None:
    minimal = str(next(path for path in VALUES if path.stem == "minimal"))
    done = helm("template", "mail", str(CHART), "--kube-version", "1.31.0", "-f", minimal, "--set", given)
    assert done.returncode != 0
    assert named in done.stderr
