"""Each command of the guide does what the guide says: the docs are read, and what they tell to run is run in order.

Everything runs on one instance, in one folder, as by somebody who reads from the README to the last page and keeps what
they typed. Only the names of images differ: those of the examples stand in the test's registry.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.engine import DockerDaemon
from tests.support.guide import CodeBlock, guide_order, read_blocks
from tests.support.metastore import MetastoreServer
from tests.support.stack import Stack

ASKED = {"label": "", "description": ""}
IMAGES = ("codeberg.org/forgejo/forgejo", "docker.io/library/postgres", "dullage/flatnotes")


def forgejo(image: Callable[[str], str]) -> dict[str, object]:
    """An app that asks what the published catalogue's asks."""
    variables = {"USER_UID": {**ASKED, "index": 1}, "USER_GID": {**ASKED, "index": 2}}
    ports = {"3000": {**ASKED, "host_default": 3000, "protocol": "tcp", "ui": True}}
    ports["22"] = {**ASKED, "host_default": 222, "protocol": "tcp"}
    containers = {
        "forgejo-db": {
            "image": image(IMAGES[1]),
            "launch_order": 1,
            "volumes": {"/var/lib/postgresql/data": ASKED},
        },
        "forgejo": {
            "image": image(IMAGES[0]),
            "launch_order": 2,
            "ports": ports,
            "volumes": {"/data": ASKED},
            "environment": variables,
        },
    }
    links = {"forgejo": [{"name": "forgejo-net", "source_container": "forgejo-db"}]}
    body = {"description": "<p>Git</p>", "version": "1", "website": "https://forgejo.org", "containers": containers}
    return {"Forgejo": {**body, "container_links": links}}


class Reader:
    """Somebody in the folder that Rockonweb was started from, who has Rockonweb's commands at hand."""

    def __init__(self, stack: Stack, environ: Mapping[str, str], images: Mapping[str, str]) -> None:
        self.stack, self.environ, self.images = stack, environ, images
        self.folder = stack.folder

    def save_file(self, block: CodeBlock) -> None:
        """Save a block under the name that the page gives it."""
        text = block.text
        for image, standin in self.images.items():
            text = text.replace(f'"{image}"', f'"{standin}"')
        file = self.folder / block.marks["file"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def run_block(self, block: CodeBlock) -> str:
        """Type the lines of a block; returns what they print. Fails with the first that fails."""
        text = block.text.replace("http://127.0.0.1:8000", self.stack.url)
        completed = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={**self.environ},
            input=block.marks.get("types", "") + "\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert completed.returncode == 0, f"{block} ends with {completed.returncode}:\n{completed.stdout}"
        return completed.stdout


@pytest.fixture(scope="module")
def reader(engine: DockerDaemon, standin: Callable[..., str]) -> Iterator[Reader]:
    """The reader of the guide, with all that it takes for granted."""
    images = {name: standin(name, (3000, 8080)).removesuffix(":latest") for name in IMAGES}
    with ExitStack() as parts:
        store = MetastoreServer({})
        parts.callback(store.close)
        store.publish_files(forgejo=forgejo(images.__getitem__))
        account = {"ROCKONWEB_ADMIN_USER": "ada", "ROCKONWEB_PASSPHRASE": "a long enough passphrase"}
        stack = Stack(engine.host, store.url, environment=account)
        parts.callback(stack.close)
        stack.start()
        for name in ("gotify", "ovpn-data"):  # what the Rockstor of the guide has installed
            engine.run_docker("run", "--detach", "--volume=/etc/openvpn", "--name", name, images[IMAGES[0]])
        engine.run_docker("network", "create", "linkwarden-to-linkwarden-postgres")
        path = f"{Path(sys.executable).parent}:{stack.environ['PATH']}"
        yield Reader(stack, {**stack.environ, "PATH": path}, images)


@pytest.mark.timeout(600)
def test_every_command_of_the_guide_does_what_it_says(reader: Reader, tell: Callable[[str], None]) -> None:
    commands = 0
    pages = sorted(guide_order(), key=lambda page: page.name != "scripts.md")  # others go on with its example
    for block in (block for page in pages for block in read_blocks(page)):
        if "file" in block.marks:
            reader.save_file(block)
        if "runs" in block.marks:
            printed = reader.run_block(block)
            commands += len([line for line in block.text.splitlines() if line.strip()])
            if expected := block.marks.get("prints"):
                assert expected in printed, f"{block} does not print {expected!r}:\n{printed}"
    tell(f"guide: {commands} lines of its commands were run")
    assert commands > 20
