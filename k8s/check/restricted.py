"""The pod security standard *restricted* of Kubernetes, control by control under its name there."""

from build import dig, walk
from rule import CONTAINER, INTAKE, POD, put, rule

SYSCTLS = set(
    """kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start net.ipv4.tcp_syncookies
    net.ipv4.ping_group_range net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout
    net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem""".split()
)
CAPABILITIES = set(
    """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID
    SYS_CHROOT""".split()
)
VOLUMES = set("configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split())
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def baseline(spec, containers, values):
    """What *baseline* forbids already."""
    yield "HostProcess", True not in values("hostProcess")
    yield "Host Namespaces", not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    yield "Privileged Containers", True not in values("privileged")
    yield "Capabilities", all(set(added) <= CAPABILITIES for added in values("add"))
    yield "HostPath Volumes", not values("hostPath")
    yield "Host Ports", not any(values("hostPort"))
    yield "Host Probes / Lifecycle Hooks", not any(ask.get("host") for ask in values("httpGet") + values("tcpSocket"))
    yield "AppArmor", all(of["type"] in ("RuntimeDefault", "Localhost") for of in values("appArmorProfile"))
    yield "SELinux", all(of.get("type", "") in SELINUX and not of.keys() & {"user", "role"} for of in values("seLinuxOptions"))
    yield "/proc Mount Type", set(values("procMount")) <= {"Default"}
    yield "Seccomp", all(of["type"] != "Unconfined" for of in values("seccompProfile"))
    yield "Sysctls", all(one["name"] in SYSCTLS for of in values("sysctls") for one in of)


def restricted(spec, containers, values):
    """What *restricted* forbids beside."""
    # A container's own setting counts before its pod's.
    settings = [dig(spec, "securityContext", {}) | dig(one, "securityContext", {}) for one in containers]
    yield "Volume Types", all(volume.keys() <= VOLUMES | {"name"} for volume in spec.get("volumes", []))
    yield "Privilege Escalation", all(of.get("allowPrivilegeEscalation") is False for of in settings)
    yield "Running as Non-root", all(of.get("runAsNonRoot") is True for of in settings)
    yield "Running as Non-root user", 0 not in values("runAsUser")
    yield "Seccomp", all(dig(of, "seccompProfile type") in ("RuntimeDefault", "Localhost") for of in settings)
    yield "Capabilities", all("ALL" in dig(of, "capabilities drop", []) for of in settings) and all(
        set(added) <= {"NET_BIND_SERVICE"} for added in values("add")
    )


@rule(
    put(INTAKE, f"{CONTAINER} securityContext windowsOptions", {"hostProcess": True}, "baseline: HostProcess."),
    put(INTAKE, f"{POD} hostNetwork", True, "baseline: Host Namespaces."),
    put(INTAKE, f"{CONTAINER} securityContext privileged", True, "baseline: Privileged Containers."),
    put(INTAKE, f"{CONTAINER} securityContext capabilities add", ["SYS_ADMIN"], "baseline: Capabilities."),
    put(INTAKE, f"{POD} volumes 0", {"name": "muster", "hostPath": {"path": "/"}}, "baseline: HostPath Volumes."),
    put(INTAKE, f"{CONTAINER} ports 0 hostPort", 7400, "baseline: Host Ports."),
    put(INTAKE, f"{CONTAINER} livenessProbe httpGet host", "10.0.0.1", "baseline: Host Probes / Lifecycle Hooks."),
    put(INTAKE, f"{CONTAINER} securityContext appArmorProfile", {"type": "Unconfined"}, "baseline: AppArmor."),
    put(INTAKE, f"{POD} securityContext seLinuxOptions", {"type": "spc_t"}, "baseline: SELinux."),
    put(INTAKE, f"{CONTAINER} securityContext procMount", "Unmasked", "baseline: /proc Mount Type."),
    put(INTAKE, f"{CONTAINER} securityContext seccompProfile", {"type": "Unconfined"}, "baseline: Seccomp."),
    put(INTAKE, f"{POD} securityContext sysctls", [{"name": "kernel.msgmax", "value": "1"}], "baseline: Sysctls."),
    put(INTAKE, f"{POD} volumes 0", {"name": "muster", "nfs": {"server": "a", "path": "/"}}, "restricted: Volume Types."),
    put(INTAKE, f"{CONTAINER} securityContext allowPrivilegeEscalation", None, "restricted: Privilege Escalation."),
    put(INTAKE, f"{CONTAINER} securityContext runAsNonRoot", False, "restricted: Running as Non-root."),
    put(INTAKE, f"{POD} securityContext runAsUser", 0, "restricted: Running as Non-root user."),
    put(INTAKE, f"{POD} securityContext seccompProfile", None, "restricted: Seccomp."),
    put(INTAKE, f"{CONTAINER} securityContext capabilities drop", ["NET_RAW"], "restricted: Capabilities."),
    put("Namespace muster", "metadata labels pod-security.kubernetes.io/enforce", "baseline", "does not enforce"),
)
def pod_security(build):
    """The standard holds for every pod, and the namespace enforces it."""
    labels = build.find("Namespace", "muster")["metadata"]["labels"]
    for mode in ["enforce", "audit", "warn"]:
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"the namespace does not {mode} it"
    for pod in build.pods:
        entries = list(walk(pod.spec))
        values = lambda wanted: [value for key, value in entries if key == wanted]
        for standard in (baseline, restricted):
            for control, holds in standard(pod.spec, pod.containers, values):
                if not holds:
                    yield f"{pod.name}: {standard.__name__}: {control}."
