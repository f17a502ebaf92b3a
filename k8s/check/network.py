"""Who may speak to whom: what the NetworkPolicies let through, judged as Kubernetes does, is what README.md's table says."""

import itertools

from build import ROLES, Pod, chosen, table, walk
from rule import COMPONENT, put, rule, without


def space(name, **labels):
    return {"kubernetes.io/metadata.name": name} | labels


# Others' pods: those that README.md names, and some that nobody named and who may do nothing.
OTHERS = [
    Pod("callers", {}, namespace=space("gateways") | {"muster/may-call": "yes"}),
    Pod("prometheus", {"app.kubernetes.io/name": "prometheus"}, namespace=space("monitoring")),
    Pod("collector", {"app.kubernetes.io/name": "opentelemetry-collector"}, namespace=space("monitoring")),
    Pod("dns", {"k8s-app": "kube-dns"}, namespace=space("kube-system")),
    Pod("a pod of monitoring", {"app.kubernetes.io/name": "grafana"}, namespace=space("monitoring")),
    Pod("a pod of kube-system", {"app.kubernetes.io/name": "muster"}, namespace=space("kube-system")),
    Pod("a prometheus elsewhere", {"app.kubernetes.io/name": "prometheus"}, namespace=space("default")),
    Pod("a nats elsewhere", {"app.kubernetes.io/name": "nats"}, namespace=space("default")),
]
# One that somebody puts into Muster's namespace.
STRAY = Pod("a stray pod", {})


def is_ours(pod):
    return pod.namespace == space("muster")


def meets(peer, pod):
    """Whether a policy's peer is this pod. Whose an address is nobody knows here: it may be anybody's."""
    if "ipBlock" in peer:
        return True
    in_namespace = chosen(peer["namespaceSelector"], pod.namespace) if "namespaceSelector" in peer else is_ours(pod)
    return in_namespace and chosen(peer.get("podSelector", {}), pod.labels)


def covers(port, number, protocol):
    """Whether a policy's port, or range of them, has this one."""
    first = port.get("port", 0)
    last = port.get("endPort", first) if "port" in port else 65535
    return port.get("protocol", "TCP") == protocol and first <= number <= last


def lets(build, side, pod, other, number, protocol):
    """Whether the policies let `pod` send (egress) or receive (ingress) what goes to this port."""
    bound = [one["spec"] for one in build.all("NetworkPolicy") if is_ours(pod) and chosen(one["spec"]["podSelector"], pod.labels)]
    bound = [spec for spec in bound if side.capitalize() in spec["policyTypes"]]
    if not bound:
        return True
    end = "from" if side == "ingress" else "to"
    return any(
        (not arrow.get(end) or any(meets(peer, other) for peer in arrow[end]))
        and (not arrow.get("ports") or any(covers(port, number, protocol) for port in arrow["ports"]))
        for spec in bound
        for arrow in spec.get(side, [])
    )


def let_through(build):
    """Every connection that is let out at one end and in at the other. Tried are all ports that anybody named, and one more."""
    named = {value for key, value in walk(build.all("NetworkPolicy")) if key == "port"}
    named |= {port for pod in build.pods for port in pod.ports.values()}
    ours = [*build.pods, STRAY]
    ends = [*itertools.product(ours, ours), *itertools.product(ours, OTHERS), *itertools.product(OTHERS, ours)]
    for (source, target), number, protocol in itertools.product(ends, {1, *named}, ["TCP", "UDP"]):
        if lets(build, "egress", source, target, number, protocol) and lets(build, "ingress", target, source, number, protocol):
            yield source.name, target.name, f"{number}/{protocol}"


def stated(build):
    """The same as README.md says it."""
    meant = {role: [f"muster-{role}"] for role in ROLES}
    meant |= {"every role": [f"muster-{role}" for role in ROLES], "every pod": [pod.name for pod in [*build.pods, STRAY]]}
    for source, target, ports, _ in table("| from | to | port | why |"):
        yield from itertools.product(meant.get(source, [source]), meant.get(target, [target]), ports.split())


@rule(
    put("NetworkPolicy roles", "spec ingress 0 from 1", {"namespaceSelector": {}}),
    put("NetworkPolicy roles", "spec ingress 0 from", []),
    put("NetworkPolicy roles", "spec ingress 1 from 0 podSelector", None),
    put("NetworkPolicy roles", "spec ingress 1 ports", []),
    put("NetworkPolicy roles", "spec ingress 2", {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 22}]}),
    put("NetworkPolicy roles", "spec ingress 0 ports 0 endPort", 9464),
    put("NetworkPolicy nats", "spec ingress 0 from 0 namespaceSelector", {"matchLabels": space("default")}),
    put("NetworkPolicy nats", "spec ingress 0 ports 1", None),
    put("NetworkPolicy desk", "spec egress", []),
    put("Deployment muster-monitor", f"spec template metadata labels {COMPONENT}", "dispatch"),
    without("NetworkPolicy names"),
    without("NetworkPolicy nobody"),
)
def network(build):
    """Nothing is let through but what README.md says, and all of that."""
    let, said = set(let_through(build)), set(stated(build))
    yield from (f"{source} may speak to {target} at {port}, and README.md does not say so" for source, target, port in let - said)
    yield from (f"{source} may not speak to {target} at {port}, and README.md says so" for source, target, port in said - let)


@rule(
    without("NetworkPolicy nobody"),
    put("NetworkPolicy nobody", "spec policyTypes", ["Ingress"]),
    put("NetworkPolicy nobody", "spec podSelector", {"matchLabels": {"app.kubernetes.io/name": "muster"}}),
    put("NetworkPolicy nobody", "spec ingress", [{}]),
)
def default_deny(build):
    """One policy lets nothing through for any pod of the namespace, whoever put it there."""
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in [one["spec"] for one in build.all("NetworkPolicy")]:
        yield "no policy denies everything to everybody"
