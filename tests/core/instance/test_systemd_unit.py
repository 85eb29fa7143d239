"""The unit of the service, as text."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rockonweb.core.instance.systemd_unit import (
    ServiceFacts,
    find_protected,
    format_docker_dropin,
    format_mount_unit,
    format_unit,
    is_awaited,
)

INSTALLED = ServiceFacts(
    command=("/opt/pipx/venvs/rockonweb/bin/rockonweb", "up"),
    working_folder="/var/lib/rockonweb",
    environment={"ROCKONWEB_INSTANCE": "/var/lib/rockonweb"},
    user="root",
    groups=(),
    needed_paths=("/mnt2", "/var/lib/rockonweb"),
    writable_paths=("/var/lib/rockonweb", "/mnt2"),
    port=8000,
)
CHECKOUT = replace(
    INSTALLED,
    command=("/srv/my apps/100%/script/run",),
    working_folder="/srv/my apps/100%",
    environment={"ROCKONWEB_INSTANCE": '/srv/a "b" \\c', "ROCKONWEB_SYSTEM_PACKAGES": "no"},
    user="anna",
    groups=("docker",),
    needed_paths=("/srv/my apps/$x",),
    writable_paths=("/srv/my apps/100%",),
    private_tmp=False,
)


def test_the_unit_of_an_installed_package() -> None:
    assert (
        format_unit(INSTALLED)
        == """\
# Written by `rockonweb service install`; `rockonweb service remove` removes it.
[Unit]
Description=Rockonweb: apps for a home server
After=network-online.target docker.service
Wants=network-online.target docker.service
RequiresMountsFor="/mnt2" "/var/lib/rockonweb"

[Service]
Type=exec
User=root
WorkingDirectory=/var/lib/rockonweb
Environment="ROCKONWEB_INSTANCE=/var/lib/rockonweb"
ExecStart="/opt/pipx/venvs/rockonweb/bin/rockonweb" "up"
Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec=60
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths="/var/lib/rockonweb" "/mnt2"
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_NET_BIND_SERVICE CAP_SYS_ADMIN CAP_SYS_PTRACE

[Install]
WantedBy=multi-user.target
"""
    )


def test_names_mean_nothing_to_systemd() -> None:
    lines = format_unit(CHECKOUT).splitlines()
    assert 'ExecStart="/srv/my apps/100%%/script/run"' in lines
    assert "WorkingDirectory=/srv/my apps/100%%" in lines
    assert r'Environment="ROCKONWEB_INSTANCE=/srv/a \"b\" \\c"' in lines
    assert 'RequiresMountsFor="/srv/my apps/$x"' in lines


def test_another_user_gets_dockers_group_and_no_power_but_a_low_port() -> None:
    lines = format_unit(CHECKOUT).splitlines()
    assert "User=anna" in lines
    assert "SupplementaryGroups=docker" in lines
    assert "CapabilityBoundingSet=" in lines
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" not in lines
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in format_unit(replace(CHECKOUT, port=443)).splitlines()


def test_a_socket_in_tmp_is_seen_by_others() -> None:
    lines = format_unit(CHECKOUT).splitlines()
    assert "PrivateTmp=yes" not in lines
    assert 'ReadWritePaths="/srv/my apps/100%%" /tmp' in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("service", [INSTALLED, replace(CHECKOUT, user="daemon", groups=("daemon",))])
def test_systemd_finds_no_fault_in_it(service: ServiceFacts, tmp_path: Path) -> None:
    program = tmp_path / "100% of $it" / "rockonweb"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service = replace(service, command=(str(program), "up"), working_folder=str(program.parent))
    (tmp_path / "rockonweb.service").write_text(format_unit(service))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "rockonweb.service"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "rockonweb.service" not in done.stderr


def test_docker_waits_for_disks_and_starts_without_one_that_nothing_can_be_written_in_the_place_of():
    assert (
        format_docker_dropin(["/mnt/usb", '/srv/my "apps"/50%-$x'])
        == """\
# Written by `rockonweb service install`; `rockonweb service remove` removes it.
[Unit]
Wants=mnt-usb.mount srv-my\\x20\\x22apps\\x22-50\\x25\\x2d\\x24x.mount
After=mnt-usb.mount srv-my\\x20\\x22apps\\x22-50\\x25\\x2d\\x24x.mount

[Service]
ExecStartPre=-/bin/sh -c 'mountpoint -q "$$0" || chattr +i "$$0"' "/mnt/usb"
ExecStartPre=-/bin/sh -c 'mountpoint -q "$$0" || chattr +i "$$0"' "/srv/my \\"apps\\"/50%%-$$x"
"""
    )


def test_the_folders_that_a_drop_in_protects_are_read_back():
    paths = ["/mnt/usb", '/srv/my "apps"/50%-$x', "/a\\nb\nc"]
    assert find_protected(format_docker_dropin(paths)) == paths
    assert find_protected("[Service]\nExecStartPre=/bin/true\n") == []


def test_a_disk_that_docker_waits_for_is_told_from_others():
    dropin = format_docker_dropin(["/mnt/usb", "/mnt/b"])
    awaited = [is_awaited(path, dropin) for path in ("/mnt/usb", "/mnt/b", "/mnt", "/mnt/us", "/")]
    assert awaited == [True, True, False, False, False]
    assert not is_awaited("/mnt/usb", "")


@pytest.mark.parametrize(
    ("path", "unit"),
    [("/.hidden", "\\x2ehidden"), ("/srv/my apps/.x", "srv-my\\x20apps-.x"), ("/Ü/a-b", "\\xc3\\x9c-a\\x2db")],
)
def test_mounts_have_the_names_that_systemd_gives_them(path: str, unit: str):
    assert format_mount_unit(path) == f"{unit}.mount"
