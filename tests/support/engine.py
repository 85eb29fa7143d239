"""A Docker Engine of the tests' own, with its own data, socket, bridge and address range.

It leaves the machine's firewall alone (`--iptables=false`): two engines that both manage it destroy each
other's rules, and a developer may have one running. Published ports then work through docker-proxy, which
also serves 127.0.0.1 in a usual set-up.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException

from .claims import claim_name
from .process import ROOT, find_processes, start_process, stop_process, wait_until

# By bit number, as in <linux/capability.h>.
_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)

_RUNC = """\
#!/bin/sh
# runc, for a machine that lacks capabilities: they are struck from what a container or an exec asks for.
spec=
take=
for word in "$@"; do
    case $take in
        bundle) spec=$word/config.json ;;
        process) spec=$word ;;
    esac
    case $word in
        --bundle | -b) take=bundle ;;
        --process | -p) take=process ;;
        *) take= ;;
    esac
done
[ -z "$spec" ] || sed -i -f "$0.sed" "$spec"
exec runc "$@"
"""


class DockerDaemon:
    """One dockerd. `start()` and `stop()` may be called again and again; the data stays until `close()`."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise RuntimeError("The tests that need Docker start an engine of their own: run them as root")
        self.subnet_number = _claim_subnet()
        self.bridge = f"rwt{self.subnet_number}"
        self.pool = f"10.{self.subnet_number}.0.0/16"
        # A short path: a Unix socket's may have no more than 107 characters, and containerd adds to it.
        self.folder = Path(tempfile.mkdtemp(prefix=f"rwt-{self.subnet_number}-"))
        self.host = f"unix://{self.folder}/docker.sock"
        self.log = self.folder / "dockerd.log"
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "client").mkdir()
        subprocess.run(["sh", "-c", '. "$0" && mount_cgroups', ROOT / "script/_debian"], check=True)

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a program that is to use this engine."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        # A client folder of its own: no contexts, logins or plugins of the person who runs the tests.
        return {**env, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.folder / "client")}

    @property
    def pid(self) -> int:
        """The process id of its dockerd, 0 while there is none."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether its dockerd is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start dockerd on the data it had; returns when it answers."""
        if self.is_running:
            return
        self._make_bridge()
        for leftover in ("docker.sock", "docker.pid"):
            (self.folder / leftover).unlink(missing_ok=True)
        namespace = f"rwt-{self.subnet_number}"
        command = [
            "dockerd",
            *("--host", self.host, "--pidfile", f"{self.folder}/docker.pid"),
            *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
            *("--bridge", self.bridge, "--default-address-pool", f"base={self.pool},size=24"),
            *("--containerd-namespace", namespace, "--containerd-plugins-namespace", f"{namespace}-plugins"),
            *("--iptables=false", "--ip6tables=false", "--shutdown-timeout=10", "--log-level=warn"),
            *self._runtime_options(),
        ]
        proxies = {"http_proxy", "https_proxy", "all_proxy"}
        env = {key: value for key, value in os.environ.items() if key.lower() not in proxies}
        self._process = start_process(command, self.log, env)
        wait_until(self._is_ready, self._process, self.log, "dockerd", timeout=180)

    def stop(self) -> None:
        """Stop dockerd, and with it every container, as when the machine's Docker service is stopped."""
        if self._process is not None:
            stop_process(self._process, 40)
            self._process = None

    def kill(self) -> None:
        """SIGKILL for dockerd: its containers stay behind without it.

        Waits until its containerd, which dies with it, is reaped too: where the machine's init takes seconds for
        that, the next dockerd would take the zombie for a containerd that runs, and give up.
        """
        if self._process is not None:
            containerd = Path("/proc", (self.folder / "exec/containerd/containerd.pid").read_text())
            self._process.kill()
            self._process.wait()
            self._process = None
            deadline = time.monotonic() + 10
            while containerd.exists() and time.monotonic() < deadline:
                time.sleep(0.05)

    def close(self) -> None:
        """Stop it and leave nothing of it: no process, no bridge, no rule, no mount, no file."""
        if self.is_running:
            with contextlib.suppress(APIError):
                self.remove_everything()  # killed here, containers that ignore SIGTERM do not delay the end
        self.stop()
        _clear_folder(self.folder)
        _remove_bridge(self.bridge, self.pool)

    def remove_everything(self) -> None:
        """Remove all containers with their anonymous volumes, named volumes and networks. Images stay."""
        with closing(self.new_client().api) as api, ThreadPoolExecutor(8) as threads:
            container_ids = [container_id["Id"] for container_id in api.containers(all=True)]
            list(
                threads.map(lambda container_id: api.remove_container(container_id, v=True, force=True), container_ids)
            )
            for volume in api.volumes()["Volumes"] or ():
                api.remove_volume(volume["Name"], force=True)
            for network in api.networks(filters={"type": "custom"}):
                api.remove_network(network["Id"])

    def run_docker(self, *arguments: str, stdin: bytes = b"") -> str:
        """What `docker ARGUMENTS…` prints, stripped. CalledProcessError, with its words, when it fails."""
        completed = subprocess.run(["docker", *arguments], env=self.environ, capture_output=True, input=stdin)
        if completed.returncode:
            failure = subprocess.CalledProcessError(
                completed.returncode, completed.args, completed.stdout, completed.stderr
            )
            failure.add_note(completed.stderr.decode())
            raise failure
        return completed.stdout.decode().strip()

    def new_client(self) -> DockerClient:
        """A new client of the Docker SDK. The caller closes it."""
        return DockerClient(base_url=self.host, version="auto", timeout=60)

    def _is_ready(self) -> bool:
        if not (self.folder / "docker.sock").exists():
            return False
        try:
            client = self.new_client()
        except DockerException:
            return False
        client.close()
        return True

    def _make_bridge(self) -> None:
        if Path("/sys/class/net", self.bridge).exists():
            return
        _run_command("ip", "link", "add", self.bridge, "type", "bridge")
        _run_command("ip", "address", "add", f"10.{self.subnet_number}.0.1/24", "dev", self.bridge)
        _run_command("ip", "link", "set", self.bridge, "up")
        # Another engine on this machine may have set the policy of FORWARD to DROP.
        _run_command("iptables", "-w", "-I", "FORWARD", "-s", self.pool, "-d", self.pool, "-j", "ACCEPT")

    def _runtime_options(self) -> list[str]:
        lacking = _lacking_capabilities()
        if not lacking:
            return []
        runtime = self.folder / "runc"
        runtime.write_text(_RUNC)
        runtime.chmod(0o755)
        edits = [f's/"{name}",//g\ns/,\\{{0,1\\}}"{name}"//g\n' for name in lacking]
        Path(f"{runtime}.sed").write_text("".join(edits))
        return ["--add-runtime", f"rwt={runtime}", "--default-runtime", "rwt"]


def _lacking_capabilities() -> list[str]:
    """The capabilities that even root does not have here, e.g. in a virtual machine's guest."""
    status = Path("/proc/self/status").read_text()
    bound = int(status.split("CapBnd:")[1].split()[0], 16)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return [f"CAP_{name}" for bit, name in enumerate(_CAPABILITIES.split()[: last + 1]) if not bound >> bit & 1]


def _claim_subnet() -> int:
    """The second number of a 10.x.0.0/16 that is ours now; what a killed session left there is removed."""
    used_numbers = {address.split(".")[1] for address in _host_addresses() if address.startswith("10.")}
    bridges = {path.name for path in Path("/sys/class/net").iterdir()}
    # Those with a bridge first: unless a session has claimed them, a killed one left them.
    for number in sorted(range(120, 200), key=lambda n: f"rwt{n}" not in bridges):
        stale = f"rwt{number}" in bridges
        if (stale or str(number) not in used_numbers) and claim_name(f"subnet-{number}"):
            folders = [path for path in Path(tempfile.gettempdir()).glob(f"rwt-{number}-*") if path.stat().st_uid == 0]
            if any(find_processes(f"{folder}/", "cmdline") for folder in folders):
                continue  # its dockerd is still on the way out
            for folder in folders:
                _clear_folder(folder)
            if stale:
                _remove_bridge(f"rwt{number}", f"10.{number}.0.0/16")
            return number
    raise RuntimeError("No free 10.x.0.0/16 for the test engine")


def _host_addresses() -> list[str]:
    """Every IPv4 address and destination that this machine has an interface or a route for."""
    links = json.loads(_run_command("ip", "-json", "-4", "address"))
    routes = json.loads(_run_command("ip", "-json", "-4", "route"))
    return [i["local"] for link in links for i in link["addr_info"]] + [route["dst"] for route in routes]


def _remove_links(folder: Path) -> None:
    """Remove the bridges of networks that a killed engine left: they hold their subnets. Its own store names them."""
    with contextlib.suppress(FileNotFoundError):
        store = (folder / "data/network/files/local-kv.db").read_bytes()
        for link in {name.decode() for name in re.findall(rb"br-[0-9a-f]{12}", store)}:
            subprocess.run(["ip", "link", "delete", link], capture_output=True)  # most are gone with their networks


def _remove_bridge(bridge: str, pool: str) -> None:
    for command in (
        ["ip", "link", "delete", bridge],
        ["iptables", "-w", "-D", "FORWARD", "-s", pool, "-d", pool, "-j", "ACCEPT"],
    ):
        subprocess.run(command, capture_output=True)  # gone already is as good


def _clear_folder(folder: Path) -> None:
    """Remove an engine's folder with the processes and mounts that still hold it."""
    deadline = time.monotonic() + 10
    while remaining := find_processes(f"{folder}/", "cmdline"):  # only shims and containerd: the path is theirs
        for pid in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if time.monotonic() > deadline - 5 else signal.SIGTERM)
        if time.monotonic() > deadline:
            raise RuntimeError(f"Processes of the test engine do not end: {remaining}")
        time.sleep(0.1)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True)
    _remove_links(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _run_command(*command: str) -> str:
    completed = subprocess.run(command, capture_output=True, text=True)
    if completed.returncode:
        raise RuntimeError(f"{' '.join(command)}: {completed.stderr.strip()}")
    return completed.stdout
