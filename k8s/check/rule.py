"""Rules, and the faults that they must notice."""

RULES = []


def rule(*faults):
    """A rule tells what is wrong with a build; it must tell something of a sound build with any of these faults."""

    def add(look):
        RULES.append((look, faults))
        return look

    return add


def fault(says, told, change):
    """A change to a build, and what must be told of it."""
    change.says, change.told = says, told
    return change


def put(what, path, value, told=""):
    """Puts a value into the manifest of this kind and name; `None` takes out what is there."""

    def change(build):
        *way, last = [int(step) if step.isdigit() else step for step in path.split()]
        at = build.find(*what.split())
        for step in way:
            at = at[step] if isinstance(at, list) else at.setdefault(step, {})
        if value is None:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value

    return fault(f"{what}: {path} = {value}", told, change)


def without(what):
    """Takes a manifest out."""
    return fault(f"no {what}", "", lambda build: build.documents.remove(build.find(*what.split())))


def write(file, old, new):
    """Writes something else into a file that a ConfigMap holds."""

    def change(build):
        (files,) = [one["data"] for one in build.all("ConfigMap") if file in one["data"]]
        assert old in files[file]
        files[file] = files[file].replace(old, new)

    return fault(f"{file}: '{new}' for '{old}'", "", change)


# What most faults are put into.
INTAKE, NATS = "Deployment muster-intake", "StatefulSet nats"
POD, CONTAINER = "spec template spec", "spec template spec containers 0"
COMPONENT = "app.kubernetes.io/component"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
