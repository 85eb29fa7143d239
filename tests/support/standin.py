"""Small images that stand in for real apps: busybox and `standin.sh`."""

import functools
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from .engine import DockerDaemon
from .registry import RegistryServer

Kind = Literal["server", "openvpn", "postgres", "ends"]

_FOLDERS = ("bin", "etc", "usr", "usr/bin", "root", "var", "var/lib", "srv", "proc", "sys", "dev")


def make_image(
    engine: DockerDaemon,
    registry: RegistryServer,
    name: str,
    ports: Sequence[int | str] = (8080,),
    revision: int = 1,
    *,
    kind: Kind = "server",
    paths: Sequence[str] = (),
    volumes: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    padding: int = 0,
) -> str:
    """Put an image into the registry, not into the engine; returns its full name, `127.0.0.1:PORT/NAME`.

    `ports` are exposed, and the TCP ones serve HTTP: 8080, "8080/tcp" or "1194/udp"; `paths` are served
    beside "/". Made once more, with another `revision`, an image is an update under the same name. `volumes`
    are anonymous ones of the image. `padding` bytes of random data make a pull take long.

    `kind`: "server" stays; "openvpn" also knows `ovpn_genconfig`, and its server ends with status 1 before
    that has written /etc/openvpn/ovpn_env.sh, and the commands for keys and clients; "postgres" also has
    the commands of PostgreSQL and MariaDB, to which it is ready after a while (`standin.sh`); "ends" is a plain
    busybox, which ends at once with status 0.
    """
    exposed = [str(port) if "/" in str(port) else f"{port}/tcp" for port in ports]
    variables = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "STANDIN_IMAGE": name,
        "STANDIN_REVISION": str(revision),
        "STANDIN_KIND": kind,
        "STANDIN_PORTS": " ".join(port.removesuffix("/tcp") for port in exposed if port.endswith("/tcp")),
        "STANDIN_PATHS": " ".join(path.strip("/") for path in paths),
        **(environment or {}),
    }
    changes = ['CMD ["sh"]'] if kind == "ends" else ['ENTRYPOINT ["/bin/standin"]']
    changes += [f'ENV {key}="{value}"' for key, value in variables.items()]
    changes += [f"EXPOSE {port}" for port in exposed]
    changes += [f'VOLUME ["{volume}"]' for volume in volumes]
    # The same registry under another address: what the engine has under the real name stays as it is.
    local_name = f"localhost:{registry.port}/{name}"
    options = [argument for change in changes for argument in ("--change", change)]
    file_system = _make_file_system(padding, kind) if padding else _base_layer(kind)
    engine.run_docker("import", *options, "-", local_name, stdin=file_system)
    engine.run_docker("push", "--quiet", local_name)
    engine.run_docker("rmi", local_name)
    return f"{registry.address}/{name}"


@functools.cache
def _base_layer(kind: Kind) -> bytes:
    """The file system that all images of a kind without padding share: one layer in the registry."""
    return _make_file_system(0, kind)


def _make_file_system(padding: int, kind: Kind) -> bytes:
    """A tar with busybox, its applets, `standin.sh` under all names that the kind has, and `padding` random bytes."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise RuntimeError("The tests need busybox-static")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    if "httpd" not in applets:
        raise RuntimeError("The tests need busybox-static; this busybox has no httpd")
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for folder in _FOLDERS:
            _add_entry(tar, folder, tarfile.DIRTYPE)
        _add_entry(tar, "tmp", tarfile.DIRTYPE, mode=0o1777)
        _add_entry(tar, "bin/busybox", content=Path(busybox).read_bytes(), mode=0o755)
        _add_entry(tar, "bin/standin", content=Path(__file__).with_name("standin.sh").read_bytes(), mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add_entry(tar, f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        commands = ("pg_isready", "psql", "pg_dumpall", "mariadb-admin", "mariadb", "mariadb-dump")
        for name in commands if kind == "postgres" else ():
            _add_entry(tar, f"bin/{name}", tarfile.SYMTYPE, link="standin")
        _add_entry(tar, "etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        _add_entry(tar, "etc/group", content=b"root:x:0:\nnogroup:x:65534:\n")
        if padding:
            _add_entry(tar, "srv/padding", content=os.urandom(padding))
    return memory.getvalue()


def _add_entry(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    content: bytes = b"",
    link: str = "",
    mode: int | None = None,
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, len(content)
    entry.mode = mode if mode is not None else 0o644 if kind == tarfile.REGTYPE else 0o755
    tar.addfile(entry, io.BytesIO(content))
