"""What is looked at: everything that an overlay makes, and what README.md says of it."""

import copy
import functools
import itertools
import pathlib
import re
import subprocess
import sys
import tempfile

K8S = pathlib.Path(__file__).resolve().parent.parent
ROOT = K8S.parent


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


TOOLS = pathlib.Path(output(ROOT / "scripts/kubernetes").strip())
sys.path.insert(0, str(TOOLS))
import yaml  # noqa: E402, it is there only now

ROLES = ["registry", "intake", "eligibility", "dispatch", "monitor"]
README = (K8S / "README.md").read_text()


def table(header):
    """The rows of the table in README.md that begins with this row."""
    lines = itertools.dropwhile(lambda line: line != header, README.splitlines())
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows][2:]


def ticked(cell):
    return set(re.findall("`(.*?)`", cell))


def given():
    """What README.md says must be there before: {("Secret", "muster-tls"): {"tls.crt", …}, …}."""
    return {(what.split()[0], *ticked(what)): ticked(keys) for what, keys, _ in table("| what | keys | for |")}


def dig(within, path, default=None):
    """What is found within nested mappings along a path of words."""
    for step in path.split():
        within = within.get(step) if isinstance(within, dict) else None
    return default if within is None else within


def walk(within):
    """Every key and its value, however deep."""
    for key, value in within.items() if isinstance(within, dict) else enumerate(within):
        yield key, value
        if isinstance(value, (dict, list)):
            yield from walk(value)


def chosen(selector, labels):
    """Whether a selector chooses what has these labels."""
    assert selector.keys() <= {"matchLabels"}, "this check does not understand expressions"
    return selector.get("matchLabels", {}).items() <= labels.items()


class Pod:
    """A pod as its Deployment or StatefulSet makes it, or somebody else's."""

    def __init__(self, name, labels, spec={}, namespace={"kubernetes.io/metadata.name": "muster"}):
        self.name, self.labels, self.spec, self.namespace = name, labels, spec, namespace
        self.containers = spec.get("initContainers", []) + spec.get("containers", [])
        self.ports = {port["name"]: port["containerPort"] for one in self.containers for port in one.get("ports", [])}


class Build:
    """Everything that an overlay makes."""

    def __init__(self, name, documents):
        self.name, self.documents = name, documents

    def all(self, *kinds):
        return [one for one in self.documents if one["kind"] in kinds]

    def find(self, kind, name):
        return next((one for one in self.all(kind) if one["metadata"]["name"] == name), None)

    @functools.cached_property
    def pods(self):
        made = [(one["metadata"]["name"], one["spec"]["template"]) for one in self.all("Deployment", "StatefulSet")]
        return [Pod(name, template["metadata"]["labels"], template["spec"]) for name, template in made]

    def behind(self, selector):
        return [pod for pod in self.pods if chosen(selector, pod.labels)]

    def broken(self, fault):
        build = Build(self.name, copy.deepcopy(self.documents))
        fault(build)
        return build


def kustomize(directory):
    return list(yaml.safe_load_all(output(TOOLS / "kubectl", "kustomize", directory)))


def alerts():
    """The alerts as README.md puts them together."""
    head, body = K8S / "components/prometheus-operator/rule-head.yaml", ROOT / "deploy/prometheus/alerts.yml"
    return yaml.safe_load(head.read_text() + re.sub("(?m)^", "  ", body.read_text()))


def builds():
    """Every overlay alone, and with every component."""
    found = lambda pattern: sorted(path.parent for path in K8S.glob(f"{pattern}/kustomization.yaml"))
    for overlay in found("overlays/*"):
        yield Build(overlay.name, kustomize(overlay))
        # Beside them, because kustomize takes no absolute paths.
        with tempfile.TemporaryDirectory(dir=K8S) as directory:
            near = lambda paths: [f"../{path.relative_to(K8S)}" for path in paths]
            whole = {"resources": near([overlay]), "components": near(found("components/*"))}
            pathlib.Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(whole))
            yield Build(f"{overlay.name} with every component", kustomize(directory) + [alerts()])
