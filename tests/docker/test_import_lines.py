"""A docker run line that was imported gives the container that the line itself gives, but for what the report says."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from rockonweb.config import make_private_folder
from rockonweb.core.imports.run_line import parse_run_lines
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.secret import reveal_argv
from rockonweb.models import repository
from rockonweb.work.imports import import_app, save_import
from rockonweb.work.submission import review_or_refuse, submit_review
from tests.docker.test_create_request import comparable, differences
from tests.support.app import create_test_user, new_visitor
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

# What every container gets, as the report says.
OURS = ("/Config/Labels/rockonweb.", "/HostConfig/RestartPolicy", "/HostConfig/Binds", "/Mounts")
COMPARED = ("Config", "HostConfig", "Mounts", "NetworkSettings")

LINES = [
    'docker run -d --name same -e TZ=Etc/UTC -e "A=b c" -e EMPTY= -p 18080:8080 IMAGE',
    "$ sudo docker container run --detach \\\n  --name=same \\\n  -eA=1 -p=18080:80 -p 127.0.0.1:18081:8/udp \\\nIMAGE",
    "docker run --name same -v $(pwd)/data:/data -v ~/conf:/conf:ro -v /srv -v named:/named IMAGE",
    "docker run --name same -v ${PWD}:/all -v $HOME/more:/more:rw --mount type=tmpfs,dst=/t IMAGE",
    "docker run -itd --name same --init --hostname=host -w /tmp -u 1000:100 IMAGE serve --port '' 'a b'",
    "docker run --name same --user nobody --entrypoint /bin/standin IMAGE -e X",
    "docker run --name same --net=host --cap-add NET_ADMIN --cap-drop=ALL --privileged=false IMAGE",
    "docker run --name same -m 64m --memory-swap=128m --cpus .5 --pids-limit 99 --shm-size=32m IMAGE",
    "docker run --name same --ulimit nofile=99:100 --sysctl net.ipv4.ip_forward=1 --read-only --tmpfs /run IMAGE",
    "docker run --name same --health-cmd 'true || false' --health-interval=9s --no-healthcheck=false IMAGE",
    "docker run --name same --device /dev/null:/dev/zero2:r --add-host a:10.0.0.1 --dns 10.0.0.2 IMAGE",
    "docker run --name same --log-driver json-file --log-opt max-size=1m --log-opt max-file=2 --stop-timeout 3 IMAGE",
    "docker run --name same -l a=b --label 'c=d e' --restart=on-failure:3 --expose 9 -P IMAGE",
    "docker run --name same -p 18000-18001:8000-8001 -p 18053:53 -p 18053:53/udp --security-opt=label=disable IMAGE",
    "docker run --name same -e A=${B:-c} -e D='${E:-f g}' --group-add 44 --ipc=private --stop-signal SIGINT IMAGE",
    "docker run ^\n  --name same ^\n  -e A=1 ^\n  -e B=2 ^\n  IMAGE",
    "docker create `\n  --name same `\n  -e A=1 `\n  IMAGE",
    "podman run --name same -e A=1 `#optional` \\\n  # a comment\n  -e 'B=$C' \\\n  IMAGE # end",
    "docker network create inner\ndocker run --name same --network inner --network-alias other -h x IMAGE",
    "N=7\nexport IMG=IMAGE\ndocker run --name same -e N=$N --oom-score-adj 5 $IMG",
]
# The same in a form that a shell of Linux knows; comments between the words of a line and ^ are not of it.
AS_SHELL = {" ^\n": " \\\n", " `\n": " \\\n", "  # a comment\n": "", "$ ": "", "podman": "docker", "sudo": ""}
# The client, but for creating the container instead of running it.
CREATE_INSTEAD = """#!/bin/sh
[ "$1" = container ] && shift
case $1 in run|create) shift ;; *) exec DOCKER "$@" ;; esac
for word; do
    shift
    case $word in -d|--detach) continue ;; -itd) word=-it ;; esac
    set -- "$@" "$word"
done
exec DOCKER create "$@"
"""


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_an_imported_line_gives_the_container_of_the_line(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path, line: str
) -> None:
    engine.run_docker("pull", app_image)
    folder = instance.settings.shares_root / "same"
    make_private_folder(folder)
    program = tmp_path / "docker"
    program.write_text(CREATE_INSTEAD.replace("DOCKER", shutil.which("docker") or ""))
    program.chmod(0o755)
    line = line.replace("IMAGE", app_image)
    shell_line = line
    for text, replacement in AS_SHELL.items():
        shell_line = shell_line.replace(text, replacement)
    environ = {**os.environ, **engine.environ, "HOME": str(folder), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", shell_line], cwd=folder, env=environ, check=True, capture_output=True)
    by_the_line = json.loads(engine.run_docker("inspect", "same"))[0]
    engine.run_docker("rm", "-fv", "same")

    app = import_app(parse_run_lines(line), "Same")
    [(_, argv)] = app.review.plan.containers
    engine.run_docker("create", *(word for word in reveal_argv(argv)[2:] if word != "-d"))
    imported = json.loads(engine.run_docker("inspect", "same"))[0]
    found = [
        different
        for part in COMPARED
        for different in differences(comparable(by_the_line[part]), comparable(imported[part]), f"/{part}")
    ]
    assert [different for different in found if not different.startswith(OURS)] == []
    assert mounts(imported) == {**mounts(by_the_line), "/etc/localtime": ("bind", "/etc/localtime", False)}
    if "--restart" in line:
        assert imported["HostConfig"]["RestartPolicy"] == by_the_line["HostConfig"]["RestartPolicy"]


def test_an_imported_line_is_installed_with_its_answers(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    line = f"docker run --name notes -e TOKEN=geheim -p {free_port()}:8080 -v $(pwd)/data:/data --rm {app_image}"
    imported = import_app(parse_run_lines(line), "Notes")
    installation = save_import(imported)
    request = InstallRequest(repository.load_answers(installation), imported.imported.new_shares)
    instance.run_operation(submit_review(review_or_refuse(installation, request), "ada"))
    assert instance.raised is None
    running = json.loads(engine.run_docker("inspect", "notes"))[0]
    assert running["State"]["Running"]
    assert "TOKEN=geheim" in running["Config"]["Env"]
    assert mounts(running)["/data"] == ("bind", f"{instance.settings.shares_root}/notes/data", True)


def test_a_container_that_is_chosen_keeps_its_choice_until_it_is_saved(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    engine.run_docker("run", "-d", "--name", "notes", "-e", "TOKEN=geheim", app_image)
    create_test_user()
    client = new_visitor(instance.app).log_in("ada")
    fields = {"container": "notes"}

    def press(button: str, **more: str) -> TestResponse:
        return client.submit_form("/import", {button: "1", **fields, **more}, page="/import")

    shown = press("show")
    assert "Import notes" in shown.text
    assert 'name="container" value="notes"' in shown.text
    assert "geheim" not in shown.text
    assert press("back").location == "/import/containers"
    instance.add_rockon("Taken", {"web": {"image": app_image}})
    refused = press("save", name="Taken")
    assert refused.status_code == 422
    assert 'name="container" value="notes"' in refused.text
    assert 'name="text"' not in refused.text
    assert press("save", name="Mine").status_code == 303
    assert client.submit_form("/import", {"show": "1", "container": "gone"}, page="/import").status_code == 422


def mounts(container: dict[str, object]) -> dict[str, tuple[str, str, bool]]:
    """Return what a container mounts, by path in it; anonymous volumes have no source."""
    listed: list[dict[str, object]] = container["Mounts"]  # type: ignore[assignment]
    return {
        str(mount["Destination"]): (
            str(mount["Type"]),
            "" if len(str(mount.get("Name", ""))) == 64 else str(mount["Source"]),
            bool(mount["RW"]),
        )
        for mount in listed
    }
