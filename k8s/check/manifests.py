"""Whether each manifest is right by itself, and whatever one names of another is there."""

import functools
import itertools
import json
import re

from build import dig, given, walk
from rule import COMPONENT, CONTAINER, INTAKE, NATS, POD, REQUIRED, put, rule

import kubernetes_validate  # noqa: I001, build says where

# The oldest version of Kubernetes that README.md names, and the newest whose schema is at hand.
VERSIONS = ["1.33", "1.37"]

# Kinds that are not Kubernetes' own: their schemas are not at hand.
NOT_VALIDATED = ["BackendTLSPolicy", "GRPCRoute", "Gateway", "PodMonitor", "PrometheusRule"]

PROBES = ["livenessProbe", "readinessProbe", "startupProbe"]


@functools.cache
def invalid(document, version):
    try:
        kubernetes_validate.validate(json.loads(document), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        return "Kubernetes does not know this kind"


@rule(
    put(INTAKE, f"{CONTAINER} imagePullPolice", "Always"),
    put("Service muster-intake", "spec ports 0 port", "7400"),
    put("Service muster-intake", "kind", "Dienst"),
)
def schema(build):
    """Kubernetes takes every manifest, and knows every field of it."""
    for one, version in itertools.product(build.documents, VERSIONS):
        if one["kind"] not in NOT_VALIDATED and (wrong := invalid(json.dumps(one), version)):
            yield f"{one['kind']} {one['metadata']['name']} in {version}: {wrong}"


@rule(
    put(INTAKE, f"{CONTAINER} startupProbe", None, "no startupProbe"),
    put(NATS, f"{CONTAINER} resources limits memory", None, "no limit of memory"),
    put(NATS, f"{CONTAINER} securityContext readOnlyRootFilesystem", False, "no read-only root"),
    put(INTAKE, f"{CONTAINER} image", "muster", "no version"),
    put(INTAKE, f"{POD} automountServiceAccountToken", None, "token"),
    put("ServiceAccount muster-intake", "automountServiceAccountToken", True, "token"),
    put(INTAKE, f"{POD} serviceAccountName", "muster-monitor", "account of its own"),
    put(INTAKE, f"{POD} enableServiceLinks", True, "environment"),
    put(INTAKE, f"{POD} terminationGracePeriodSeconds", 10, "killed"),
)
def pods(build):
    """Every pod has probes, resources, a root that nobody writes to, no token, an account of its own, and time to end."""
    accounts = [pod.spec.get("serviceAccountName", "default") for pod in build.pods]
    for pod, account in zip(build.pods, accounts):
        refusals = [pod.spec, build.find("ServiceAccount", account) or {}]
        if any(of.get("automountServiceAccountToken") is not False for of in refusals):
            yield f"{pod.name} may hold a token"
        if account == "default" or accounts.count(account) > 1:
            yield f"{pod.name} has no account of its own"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.name} is told of every Service in its environment, where Muster looks for settings"
        for one in pod.containers:
            has = {probe: probe in one for probe in PROBES}
            has["request of processor time"] = dig(one, "resources requests cpu")
            has["request of memory"] = dig(one, "resources requests memory")
            has["limit of memory"] = dig(one, "resources limits memory")
            has["read-only root"] = dig(one, "securityContext readOnlyRootFilesystem")
            has["version of its image"] = re.search(r":(?!latest$)[\w.-]+$", one["image"])
            yield from (f"{pod.name} has no {what}" for what, there in has.items() if not there)
            # A process of Muster ends within 10 s of being asked.
            if pod.spec.get("terminationGracePeriodSeconds", 30) < dig(one, "lifecycle preStop sleep seconds", 0) + 15:
                yield f"{pod.name} is killed before it has ended by itself"


@rule(
    put("Service muster-intake", f"spec selector {COMPONENT}", "inteke"),
    put("PodDisruptionBudget muster-intake", f"spec selector matchLabels {COMPONENT}", "inteke"),
    put("NetworkPolicy desk", f"spec podSelector matchLabels {COMPONENT}", "desk"),
    put("NetworkPolicy desk", f"spec ingress 0 from 0 podSelector matchLabels {COMPONENT}", "desk"),
    put("PodMonitor muster", "spec selector matchLabels app.kubernetes.io/name", "mustard"),
    put("HorizontalPodAutoscaler muster-intake", "spec scaleTargetRef name", "intake"),
    put(INTAKE, f"spec selector matchLabels {COMPONENT}", "monitor"),
    put(INTAKE, f"{POD} topologySpreadConstraints 0 labelSelector matchLabels {COMPONENT}", "monitor"),
    put(INTAKE, f"{POD} topologySpreadConstraints 0 labelSelector matchLabels", {}),
    put(NATS, f"{POD} affinity podAntiAffinity {REQUIRED} 0 labelSelector matchLabels a", "b"),
)
def selectors(build):
    """Every selector finds pods; one by which pods are kept apart finds those of the same kind and no others."""
    for one in build.all("Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        name, spec = f"{one['kind']} {one['metadata']['name']}", one["spec"]
        own = spec.get("selector", spec.get("podSelector"))
        wanted = [{"matchLabels": own} if one["kind"] == "Service" else own]
        wanted += [peer["podSelector"] for _, peer in walk(spec) if isinstance(peer, dict) and peer.keys() == {"podSelector"}]
        yield from (f"{name}: nothing is {labels}" for labels in wanted if not build.behind(labels))
    for one, pod in zip(build.all("Deployment", "StatefulSet"), build.pods):
        apart = [value for key, value in walk(pod.spec) if key == "labelSelector"]
        for selector in [one["spec"]["selector"], *apart]:
            if build.behind(selector) != [pod]:
                yield f"{pod.name}: its {selector} finds {[other.name for other in build.behind(selector)]}"
    for one in build.all("HorizontalPodAutoscaler"):
        if not build.find(dig(one, "spec scaleTargetRef kind"), dig(one, "spec scaleTargetRef name")):
            yield f"{one['metadata']['name']}: there is nothing to scale"


KINDS = {name + ending: name[0].upper() + name[1:] for name in ("configMap", "secret") for ending in ("", "Ref", "KeyRef")}


def used(build):
    """Every ConfigMap and Secret that something uses: who, its kind, its name, and which of its keys, if not all."""
    for one in build.all("Deployment", "StatefulSet", "Gateway", "BackendTLSPolicy"):
        for key, of in walk(one["spec"]):
            if key in KINDS:
                keys = {item["key"] for item in of.get("items", [of]) if "key" in item}
                yield one["metadata"]["name"], KINDS[key], of.get("name") or of["secretName"], keys
            for ref in of if key in ("certificateRefs", "caCertificateRefs") else []:
                keys = {"ca.crt"} if key == "caCertificateRefs" else {"tls.crt", "tls.key"}
                yield one["kind"], ref.get("kind", "Secret"), ref["name"], keys


@rule(
    put(INTAKE, f"{POD} volumes 0 projected sources 0 configMap name", "mustard"),
    put(INTAKE, f"{POD} volumes 0 projected sources 5 secret items 0 key", "clef"),
    put(INTAKE, f"{POD} volumes 0 projected sources 6 secret name", "muster-nats"),
    put(NATS, f"{CONTAINER} envFrom 0 configMapRef name", "keys"),
    put(NATS, f"{POD} volumes 1 secret secretName", "muster-tls"),
    put("BackendTLSPolicy muster", "spec validation caCertificateRefs 0 name", "mustard"),
    put(INTAKE, f"{CONTAINER} volumeMounts 0 name", "mustard"),
    put(INTAKE, f"{CONTAINER} readinessProbe httpGet port", "metrics"),
    put(INTAKE, f"{CONTAINER} args 1", "--role=$(ROLL)"),
    put(INTAKE, f"{POD} serviceAccountName", "intake"),
    put("Service muster-intake", "spec ports 0 targetPort", "http"),
    put(NATS, "spec serviceName", "gnats"),
    put("PodMonitor muster", "spec podMetricsEndpoints 0 port", "metrics"),
    put("Service muster-intake", "kind", "Secret", "no secret"),
)
def references(build):
    """Whatever is named is there, or in README.md's table of what must be there before; and nothing there is named in vain."""
    if build.all("Secret"):
        yield "no secret belongs into a manifest"
    before = given()
    for who, kind, name, keys in used(build):
        made = build.find(kind, name)
        there = made["data"].keys() if made else before.get((kind, name))
        if there is None or not keys <= there:
            yield f"{who}: there is no {kind} {name} with {keys or 'anything'} in it"
    if build.all("Gateway"):
        unused = before.keys() - {(kind, name) for _, kind, name, _ in used(build)}
        yield from (f"nothing uses the {kind} {name} that README.md asks for" for kind, name in unused)
    for owner, pod in zip(build.all("Deployment", "StatefulSet"), build.pods):
        if not build.find("ServiceAccount", pod.spec.get("serviceAccountName")):
            yield f"{pod.name}: there is no such account"
        claims = [one["metadata"] for one in dig(owner, "spec volumeClaimTemplates", [])]
        volumes = {one["name"] for one in pod.spec.get("volumes", []) + claims}
        for one in pod.containers:
            if {mount["name"] for mount in one.get("volumeMounts", [])} != volumes:
                yield f"{pod.name}: what it mounts is not {volumes}"
            if any(dig(one, f"{probe} httpGet port") not in pod.ports for probe in PROBES):
                yield f"{pod.name}: it is probed at no port of its own"
            known = {env["name"] for env in one.get("env", [])}
            texts = [value for _, value in walk([one.get("args"), one.get("env")]) if isinstance(value, str)]
            unknown = {name for text in texts for name in re.findall(r"\$\((\w+)\)", text)} - known
            yield from (f"{pod.name}: nothing says what $({name}) is" for name in unknown)
    for one in build.all("Service"):
        wanted = {port["targetPort"]: port["port"] for port in one["spec"]["ports"]}
        for pod in build.behind({"matchLabels": one["spec"]["selector"]}):
            if not wanted.items() <= pod.ports.items():
                yield f"Service {one['metadata']['name']}: {pod.name} has the ports {pod.ports}, not {wanted}"
    for one in build.all("StatefulSet"):
        if dig(build.find("Service", one["spec"]["serviceName"]), "spec clusterIP") != "None":
            yield f"{one['metadata']['name']}: its pods have no addresses of their own"
    for one in build.all("PodMonitor"):
        asked, pods = {port["port"] for port in one["spec"]["podMetricsEndpoints"]}, build.behind(one["spec"]["selector"])
        yield from (f"PodMonitor: {pod.name} has no such port" for pod in pods if not asked <= pod.ports.keys())
