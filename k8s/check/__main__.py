"""Whether the manifests hold together: `python3 k8s/check` renders every overlay, alone and with every component, and looks at
what comes out by every rule. Then it breaks what came out in many ways, and sees that the rules notice. No cluster is asked."""

import sys

import manifests
import network
import operation
import restricted
from build import builds
from rule import RULES

complaints, faults = [], 0
for build in builds():
    print(f"{build.name}: {len(build.documents)} manifests")
    for look, _ in RULES:
        complaints += [f"{build.name}: {look.__name__}: {wrong}" for wrong in look(build)]
    # A rule that notices nothing is no rule.
    for look, breaks in RULES if build.name == "production with every component" else []:
        for fault in breaks:
            faults += 1
            if not any(fault.told in wrong for wrong in look(build.broken(fault))):
                complaints.append(f"the rule {look.__name__} does not notice: {fault.says}")
print(f"{len(RULES)} rules notice {faults} faults; not validated, having no schema here: {', '.join(manifests.NOT_VALIDATED)}")
sys.exit("\n".join(complaints) or 0)
