"""An image registry on loopback, which Docker trusts without TLS."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import requests

from .claims import free_port
from .process import start_process, stop_process, wait_until

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
"""
_AUTH = "auth: {{htpasswd: {{realm: box, path: {folder}/htpasswd}}}}\n"
USER, ODD_PASSWORD = "ada", "p:\"ä€ '\\$%"  # of a private registry
_HTPASSWD = "ada:$2b$04$abcdefghijklmnopqrstuuN9kmfrcOjeyzM4YTQ/DS69VHcNIDYDW\n"


class RegistryServer:
    """One docker-registry. `start()` and `stop()` may be called again; the images stay until `close()`."""

    def __init__(self, port: int = 0, private_images_of: "RegistryServer | None" = None) -> None:
        """With `private_images_of` it has the images of that one, for those who log in as USER with ODD_PASSWORD."""
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"  # what image names begin with
        self.url = f"http://{self.address}"
        self._folder = Path(tempfile.mkdtemp(prefix="rwt-registry-"))
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        config = self._folder / "config.yml"
        data = private_images_of._folder if private_images_of else self._folder
        config.write_text(_CONFIG.format(folder=data, address=self.address))
        if private_images_of:
            config.write_text(config.read_text() + _AUTH.format(folder=self._folder))
            (self._folder / "htpasswd").write_text(_HTPASSWD)

    def start(self) -> None:
        """Start it; returns when it answers."""
        if self._process is None:
            self._process = start_process(["docker-registry", "serve", f"{self._folder}/config.yml"], self._log)
            wait_until(self._is_ready, self._process, self._log, "docker-registry", timeout=120)

    def stop(self) -> None:
        """Stop it: from now on it refuses connections."""
        if self._process is not None:
            stop_process(self._process, 10)
            self._process = None

    def close(self) -> None:
        """Stop it and delete its images."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/v2/", timeout=5).status_code in (200, 401)
        except requests.ConnectionError:
            return False
