"""The keys of a service in a Compose file for flags of `docker run`, where only the name differs.

Both directions read them: the export and the import.
"""

from __future__ import annotations

DEFAULT_NETWORK = "default"  # the key of the network that Compose makes for a project
# In an exported file: that the project's network stands for Docker's own bridge, as Compose has no word for that.
BRIDGE_NOTE = ("x-rockonweb", {"default_network": "bridge"})

SWITCH_KEYS = {"init": "init", "interactive": "stdin_open", "oom-kill-disable": "oom_kill_disable"}
SWITCH_KEYS |= {"privileged": "privileged", "read-only": "read_only", "tty": "tty"}


def _underscore_names(*flags: str) -> dict[str, str]:
    """Return flags with their keys in Compose, which differ only in the dashes."""
    return {flag: flag.replace("-", "_") for flag in flags}


TEXT_KEYS = {
    "cgroupns": "cgroup",
    "cpuset-cpus": "cpuset",
    "memory": "mem_limit",
    "memory-reservation": "mem_reservation",
}
TEXT_KEYS |= {"memory-swap": "memswap_limit", "pull": "pull_policy", "userns": "userns_mode", "workdir": "working_dir"}
TEXT_KEYS |= _underscore_names(
    "cgroup-parent", "domainname", "hostname", "isolation", "mac-address", "platform", "restart"
)
TEXT_KEYS |= _underscore_names("runtime", "shm-size", "stop-signal", "user", "uts")
NUMBER_KEYS = _underscore_names(
    "cpu-count", "cpu-percent", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime"
)
NUMBER_KEYS |= _underscore_names("cpu-shares", "oom-score-adj", "pids-limit") | {"memory-swappiness": "mem_swappiness"}
LIST_KEYS = {"add-host": "extra_hosts", "device": "devices", "device-cgroup-rule": "device_cgroup_rules"}
LIST_KEYS |= {"dns-option": "dns_opt", "publish": "ports"}
LIST_KEYS |= _underscore_names(
    "cap-add", "cap-drop", "dns", "dns-search", "env-file", "expose", "group-add", "security-opt"
)
LIST_KEYS |= _underscore_names("tmpfs")
MAP_KEYS = {"annotation": "annotations", "storage-opt": "storage_opt", "sysctl": "sysctls"}
HEALTH_KEYS = _underscore_names("interval", "start-interval", "start-period", "timeout")
NETWORK_KEYS = {"ip": "ipv4_address", "ip6": "ipv6_address", "network-alias": "aliases"}
NETWORK_KEYS |= {"link-local-ip": "link_local_ips", "driver-opt": ""}
# The fields of `--mount`, with the path of each in an entry of `volumes`.
MOUNT_PATHS: dict[str, tuple[str, ...]] = {"type": ("type",), "source": ("source",), "target": ("target",)}
MOUNT_PATHS |= {"readonly": ("read_only",)}
MOUNT_PATHS |= {"consistency": ("consistency",), "bind-propagation": ("bind", "propagation")}
MOUNT_PATHS |= {"volume-nocopy": ("volume", "nocopy"), "volume-subpath": ("volume", "subpath")}
MOUNT_PATHS |= {"tmpfs-size": ("tmpfs", "size"), "tmpfs-mode": ("tmpfs", "mode")}
