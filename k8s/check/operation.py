"""Whether what runs would find, survive and reach what it must: settings, replicas, the ways of calls, measures."""

import re
import tomllib

from build import ROLES, ROOT, alerts, dig, given, yaml
from rule import CONTAINER, INTAKE, NATS, POD, REQUIRED, put, rule, without, write


def files_of(pod, build):
    """The paths of the files in a role's one volume, and its configuration."""
    paths, config = set(), {}
    for source in pod.spec["volumes"][0]["projected"]["sources"]:
        ((kind, of),) = source.items()
        made = dig(build.find("ConfigMap", of["name"]), "data", {})
        there = made or given().get((kind[0].upper() + kind[1:], of["name"]), [])
        paths |= {f"/etc/muster/{item['path']}" for item in of.get("items", [{"path": key} for key in there])}
        config |= tomllib.loads(made.get("muster.toml", ""))
    return paths, config


@rule(
    write("muster.toml", ', "http://nats-2.nats:8222"', ""),
    write("muster.toml", "nats-2.nats:4222", "nats-2.nats:4221"),
    write("muster.toml", "/vault.key", "/vault"),
    write("muster.toml", "0.0.0.0:9464", "127.0.0.1:9464"),
    write("accounts.conf", "$NATS_MONITOR", "$NATS_MONITEUR"),
    write("secured.conf", 'include "accounts.conf"', ""),
    put(NATS, f"{CONTAINER} env 1 value", "[nats://nats-0.nats:6222]"),
    write("three.conf", "sync_interval: always", ""),
    put(NATS, "spec replicas", 4),
)
def settings(build):
    """The configurations name the servers, ports and files that there are, and the servers sync every record."""
    servers = [f"nats-{number}.nats" for number in range(dig(build.find("StatefulSet", "nats"), "spec replicas", 1))]
    for pod in [pod for pod in build.pods if pod.name != "nats"]:
        paths, config = files_of(pod, build)
        wanted = {
            "listen": f"0.0.0.0:{pod.ports['grpc']}",
            "admin-listen": f"0.0.0.0:{pod.ports['admin']}",
            "journal": ",".join(f"tls://{server}:4222" for server in servers),
            "nats-monitor": [f"http://{server}:8222" for server in servers],
        }
        yield from (f"{pod.name}: {key} is not {value}" for key, value in wanted.items() if config.get(key) != value)
        named = {value for value in config.values() if str(value).startswith("/")} | {"/etc/muster/muster.toml"}
        yield from (f"{pod.name}: {path} is not both there and named" for path in named ^ paths)
    (files,) = [one["data"] for one in build.all("ConfigMap") if "secured.conf" in one["data"]]
    if {"secured.conf", *re.findall('(?m)^include "(.*)"', files["secured.conf"])} != files.keys():
        yield f"secured.conf does not include just {files.keys()}"
    if "sync_interval: always" not in files["three.conf"]:
        yield "the NATS servers do not sync every record"
    (nats,) = [one for pod in build.pods if pod.name == "nats" for one in pod.containers]
    known = {one["name"]: one.get("value", "") for one in nats["env"]} | dict.fromkeys(given()["ConfigMap", "nats-keys"], "")
    unknown = {name for text in files.values() for name in re.findall(r"\$(NATS_\w+)", re.sub("#.*", "", text))} - known.keys()
    yield from (f"nothing says what ${name} is" for name in unknown)
    is_cluster = "\ncluster {" in files["secured.conf"]
    if is_cluster != (len(servers) > 1) or is_cluster and re.findall("nats://(.*?):6222", known["NATS_ROUTES"]) != servers:
        yield f"the routes of the NATS servers do not lead to {servers}"


@rule(
    put("Deployment muster-dispatch", "spec replicas", 1),
    put("HorizontalPodAutoscaler muster-intake", "spec minReplicas", 1),
    put(INTAKE, "spec replicas", 2),
    put(INTAKE, "spec strategy rollingUpdate maxUnavailable", 1),
    put(INTAKE, f"{POD} topologySpreadConstraints", None),
    put(NATS, "spec replicas", 2),
    put(NATS, f"{POD} affinity", None),
    put(NATS, f"{CONTAINER} args 3", "/tmp"),
    put("PodDisruptionBudget nats", "spec maxUnavailable", 2),
    put("PodDisruptionBudget muster-intake", "spec maxUnavailable", 0),
    without("PodDisruptionBudget muster-dispatch"),
)
def availability(build):
    """For real, any node may go: two of each role or more and three NATS servers, apart, and nobody takes two of them at once."""
    if not build.name.startswith("production"):
        return
    for one, pod in zip(build.all("Deployment", "StatefulSet"), build.pods):
        scaling = build.find("HorizontalPodAutoscaler", pod.name)
        if scaling and "replicas" in one["spec"]:
            yield f"{pod.name}: whoever applies this undoes what was scaled"
        replicas = scaling["spec"]["minReplicas"] if scaling else one["spec"].get("replicas", 1)
        if replicas != 3 if pod.name == "nats" else replicas < 2:
            yield f"{pod.name}: {replicas} is not how many there should be"
        if dig(build.find("PodDisruptionBudget", pod.name), "spec maxUnavailable") != 1:
            yield f"{pod.name}: who empties a node takes more than one of them, or waits for ever"
        if one["kind"] == "Deployment" and dig(one, "spec strategy rollingUpdate maxUnavailable") != 0:
            yield f"{pod.name}: an update takes one away before there is another"
        apart = dig(pod.spec, f"affinity podAntiAffinity {REQUIRED}", [])
        apart = apart + [of for of in pod.spec.get("topologySpreadConstraints", []) if of["whenUnsatisfiable"] == "DoNotSchedule"]
        if "kubernetes.io/hostname" not in [of["topologyKey"] for of in apart]:
            yield f"{pod.name}: two of them may stand on one node"
        for claim in dig(one, "spec volumeClaimTemplates", []):
            (container,) = pod.containers
            (disk,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == claim["metadata"]["name"]]
            if container["args"][-2:] != ["--store_dir", disk]:
                yield f"{pod.name}: its store is not on its disk"


def services():
    """The gRPC services of Muster, and the Service of the role that has each."""
    for role in ROLES:
        for path in ROOT.glob(f"proto/muster/{role}/v1/*.proto"):
            package, *names = re.findall(r"(?m)^(?:package|service) ([\w.]+)", path.read_text())
            yield from ((f"{package}.{name}", f"muster-{role}") for name in names)
    for name in ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]:
        yield name, "muster-monitor"


@rule(
    put("GRPCRoute muster", "spec rules 1 matches 0 method service", "muster.intake.v1.Intake"),
    put("GRPCRoute muster", "spec rules 1 backendRefs 0 name", "muster-monitor"),
    put("GRPCRoute muster", "spec rules 1 backendRefs 0 port", 7401),
    put("GRPCRoute muster", "spec parentRefs 0 namespace", "muster"),
    put("GRPCRoute muster", "spec hostnames 0", "elsewhere.example.eu"),
    put("BackendTLSPolicy muster", "spec targetRefs 0 name", "registry"),
    put("Gateway muster", "spec listeners 0 allowedRoutes namespaces", {"from": "Same"}),
    put("Namespace muster-gateway", "metadata labels muster/may-call", "no"),
)
def gateway(build):
    """Every gRPC service has its way through the gateway to the role that has it, by TLS."""
    for route, gate, policy in zip(build.all("GRPCRoute"), build.all("Gateway"), build.all("BackendTLSPolicy")):
        (listener,), home = gate["spec"]["listeners"], gate["metadata"]["namespace"]
        if route["spec"]["parentRefs"] != [{"name": gate["metadata"]["name"], "namespace": home}]:
            yield "the route does not begin at the gateway"
        if route["spec"]["hostnames"] != [listener["hostname"]]:
            yield "the route is for another name than the gateway's"
        if dig(listener, "allowedRoutes namespaces selector matchLabels") != {"kubernetes.io/metadata.name": "muster"}:
            yield "the gateway does not take the route"
        if build.find("Namespace", home)["metadata"]["labels"].get("muster/may-call") != "yes":
            yield "the gateway may not call"
        ways = set()
        for of in route["spec"]["rules"]:
            ways |= {(match["method"]["service"], to["name"], to["port"]) for match in of["matches"] for to in of["backendRefs"]}
        if wrong := ways ^ {(service, role, 7400) for service, role in services()}:
            yield f"these ways are missing, or lead wrong: {wrong}"
        if {of["name"] for of in policy["spec"]["targetRefs"]} != {role for _, role, _ in ways}:
            yield "the gateway speaks to some role without TLS"


@rule(
    put("PodMonitor muster", "spec jobLabel", "app.kubernetes.io/component"),
    put("PodMonitor muster", "spec podMetricsEndpoints 0 relabelings 0 sourceLabels 0", "__meta_kubernetes_pod_name"),
    put("PrometheusRule muster", "spec groups 0 rules 0 expr", "max by (machine) (muster_log_broken) > 0"),
)
def metrics(build):
    """The alerts are those of deploy/prometheus, and find the labels that they speak of."""
    for monitor, of in zip(build.all("PodMonitor"), build.all("PrometheusRule")):
        if of["spec"] != yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text()):
            yield "the alerts are others"
        jobs = {pod.labels.get(monitor["spec"]["jobLabel"]) for pod in build.behind(monitor["spec"]["selector"])}
        if jobs != {"muster"}:
            yield f"the alerts speak of the job muster, and the jobs are {jobs}"
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        labels = {one["targetLabel"]: one["sourceLabels"] for one in endpoint["relabelings"]}
        component = "__meta_kubernetes_pod_label_app_kubernetes_io_component"
        if labels != {"service": [component], "instance": ["__meta_kubernetes_pod_name"]}:
            yield f"the labels are {labels}"
