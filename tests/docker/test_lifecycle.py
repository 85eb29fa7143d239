"""From a definition and answers to running containers and back, on a real engine."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb.host import Host
from rockonweb.models import Installation, Kind, Operation, db
from tests.support.apps import fetch_app_page, nothing_answers, wait_for
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}


def state(engine: DockerDaemon, container: str) -> str:
    """A container's state in Docker, blank when there is none."""
    return engine.run_docker("ps", "-a", "--filter", f"name=^/{container}$", "--format", "{{.State}}")


def last_operation(rockon: Installation) -> Operation:
    """The newest operation of a rock-on."""
    found = db.session.query(Operation).filter_by(installation_id=rockon.id).order_by(Operation.id.desc()).first()
    assert found is not None
    return found


def test_an_app_installs_answers_stops_starts_restarts_and_goes(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Plain", {"plain": {"image": app_image[:-2], "tag": "1", "ports": WEB, "volumes": DATA}}
    )
    port = chosen_port(instance.install_rockon(rockon, shares={"plain": {"/data": "plain-data"}}), "plain")
    (instance.settings.shares_root / "plain-data" / "kept").write_text("mine")
    assert (rockon.state, rockon.status_text) == ("installed", "started")
    seen = fetch_app_page(port)
    assert "lifecycle/app:1" in seen
    assert "/data" in seen
    assert "/etc/localtime" in seen

    instance.perform(Kind.STOP, rockon)
    assert (rockon.state, rockon.status_text, state(engine, "plain")) == ("installed", "stopped", "exited")
    assert nothing_answers(port)
    instance.perform(Kind.START, rockon)
    assert rockon.status_text == "started"
    fetch_app_page(port)
    began = engine.run_docker("inspect", "-f", "{{.State.StartedAt}}", "plain")
    instance.perform(Kind.RESTART, rockon)
    assert rockon.status_text == "started"
    assert engine.run_docker("inspect", "-f", "{{.State.StartedAt}}", "plain") != began
    fetch_app_page(port)

    instance.perform(Kind.UNINSTALL, rockon)
    assert (rockon.state, rockon.status_text, state(engine, "plain")) == ("available", "stopped", "")
    assert nothing_answers(port)
    assert (instance.settings.shares_root / "plain-data" / "kept").read_text() == "mine"
    assert app_image in engine.run_docker("images", "--format", "{{.Repository}}:{{.Tag}}")


def test_every_group_of_the_command_line_reaches_docker(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Groups",
        {
            "groups": {
                "image": app_image,
                "tag": "",
                "ports": {**WEB, "5353": {"label": "Names", "description": "", "host_default": 5353}},
                "volumes": {**DATA, "/more": {"label": "More", "description": ""}},
                "environment": {"COLOUR": {"label": "Colour", "description": "", "index": 1}},
                "devices": {"GPU": {"label": "GPU", "description": ""}, "NONE": {"label": "", "description": ""}},
                "opts": [["--cap-drop", "NET_RAW"], ["-e", "FROM=options"], ["--shm-size=8m", ""]],
                "cmd_arguments": [["--verbose", ""], ["-d", "two words"]],
            }
        },
    )
    (instance.settings.shares_root / "whole" / "folder").mkdir(parents=True)
    reviewed = instance.install_rockon(
        rockon,
        shares={"groups": {"/data": "whole/folder", "/more": "other"}},
        devices={"groups": {"GPU": "/dev/null:/dev/mine", "NONE": ""}},
        environment={"groups": {"COLOUR": "dark $blue 'quoted' \"twice\""}},
        labels={"groups": ["plain", "team=home"]},
    )
    made = json.loads(engine.run_docker("inspect", "groups"))[0]
    root = instance.settings.shares_root
    assert set(made["HostConfig"]["Binds"]) == {
        f"{root}/whole/folder:/data",
        f"{root}/other:/more",
        "/etc/localtime:/etc/localtime:ro",
    }
    assert made["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert [d["PathInContainer"] for d in made["HostConfig"]["Devices"]] == ["/dev/mine"]
    assert made["HostConfig"]["ShmSize"] == 8 * 1024 * 1024
    assert "COLOUR=dark $blue 'quoted' \"twice\"" in made["Config"]["Env"]
    assert "FROM=options" in made["Config"]["Env"]
    assert made["Config"]["Cmd"] == ["--verbose", "-d", "two words"]
    assert made["Config"]["Labels"]["plain"] == ""
    assert made["Config"]["Labels"]["team"] == "home"
    assert made["Config"]["Labels"]["rockonweb.rockon"] == "Groups"
    published = {port: bound[0]["HostPort"] for port, bound in made["HostConfig"]["PortBindings"].items()}
    both = str(chosen_port(reviewed, "groups", 5353))
    assert published == {"8080/tcp": str(chosen_port(reviewed, "groups")), "5353/tcp": both, "5353/udp": both}
    assert not made["HostConfig"]["AutoRemove"]
    assert "-d\ntwo words" in fetch_app_page(chosen_port(reviewed, "groups"))


def test_identical_options_all_reach_docker_and_the_last_flag_wins(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    opts = [["-e", "A=1"], ["--dns", "1.1.1.1"], ["--dns", "1.1.1.1"], ["-e", "A=2"], ["--restart", "no"]]
    rockon = instance.add_rockon("Twice", {"twice": {"image": app_image, "tag": "", "opts": opts}})
    instance.install_rockon(rockon)
    made = json.loads(engine.run_docker("inspect", "twice"))[0]
    assert made["HostConfig"]["Dns"] == ["1.1.1.1", "1.1.1.1"]
    assert [value for value in made["Config"]["Env"] if value.startswith("A=")] == ["A=2"]
    assert made["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_a_linked_container_resolves_the_other_before_its_app_starts(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    look_first = "nslookup pair-db && echo it resolves; exec /bin/standin"
    rockon = instance.add_rockon(
        "Pair",
        {
            "pair-db": {"image": app_image, "tag": ""},
            "pair-app": {
                "image": app_image,
                "tag": "",
                "ports": WEB,
                "opts": [["--entrypoint", "/bin/sh"]],
                "cmd_arguments": [["-c", look_first]],
            },
        },
        container_links={"pair-app": [{"name": "PairLink", "source_container": "pair-db"}]},
    )
    port = chosen_port(instance.install_rockon(rockon), "pair-app")
    fetch_app_page(port)
    assert "it resolves" in engine.run_docker("logs", "pair-app")
    assert "lifecycle/app:1" in engine.run_docker("exec", "pair-db", "wget", "-qO-", "http://pair-app:8080/")
    for name in ("pair-db", "pair-app"):
        networks = json.loads(engine.run_docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", name))
        assert set(networks) == {"bridge", "PairLink"}
    titles = [step.title for step in last_operation(rockon).steps]
    assert titles.index("connect pair-app to network PairLink") < titles.index("start pair-app")

    instance.perform(Kind.STOP, rockon)
    instance.perform(Kind.START, rockon)
    fetch_app_page(port)
    assert "lifecycle/app:1" in engine.run_docker("exec", "pair-db", "wget", "-qO-", "http://pair-app:8080/")
    instance.perform(Kind.UNINSTALL, rockon)
    assert "PairLink" not in engine.run_docker("network", "ls", "--format", "{{.Name}}")


def test_containers_start_in_launch_order_and_stop_in_the_reverse_one(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Order", {name: {"image": app_image, "tag": ""} for name in ("one", "two", "three")})
    instance.install_rockon(rockon)
    instance.perform(Kind.RESTART, rockon)
    assert [step.title for step in last_operation(rockon).steps] == [
        *("stop three", "stop two", "stop one"),
        *("start one", "start two", "start three"),
        "check that it stays up: one, two, three",
    ]


def test_uid_and_gid_minus_one_run_as_the_owner_of_the_first_share(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    spec = {"image": app_image, "tag": "", "uid": -1, "gid": -1, "volumes": {**DATA, "/other": DATA["/data"]}}
    rockon = instance.add_rockon("Owner", {"owner": spec})
    Host(instance.settings).shares.create_share("ours")
    os.chown(instance.settings.shares_root / "ours", 1234, 2345)
    instance.install_rockon(rockon, shares={"owner": {"/data": "ours", "/other": "roots"}})
    assert engine.run_docker("exec", "owner", "id", "-u") == "1234"
    assert engine.run_docker("exec", "owner", "id", "-g") == "2345"
    engine.run_docker("exec", "owner", "touch", "/data/written")
    assert (instance.settings.shares_root / "ours" / "written").stat().st_uid == 1234


def vpn(instance: Instance, data_image: str, server_image: str) -> Installation:
    """An OpenVPN of our own."""
    return instance.add_rockon(
        "OpenVPN",
        {
            "vpn-data": {"image": data_image, "tag": "", "opts": [["-v", "/etc/openvpn"]]},
            "vpn": {
                "image": server_image,
                "tag": "",
                "opts": [["--cap-add=NET_ADMIN", ""], ["--volumes-from", "vpn-data"]],
                "ports": {"1194": {"label": "", "description": "", "host_default": 1194, "protocol": "udp"}},
            },
        },
        custom_config={"servername": {"label": "Server", "description": "Its name."}},
    )


def test_openvpn_runs_and_its_keys_survive_a_reinstall_in_the_same_volume(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str], ending_image: str
) -> None:
    rockon = vpn(instance, ending_image, standin("lifecycle/vpn:1", ("1194/udp",), kind="openvpn"))
    instance.install_rockon(rockon, custom_config={"servername": "home.example"})
    assert (rockon.state, rockon.status_text) == ("installed", "started")  # the data container ended, as it should
    assert "udp://home.example" in engine.run_docker("exec", "vpn", "cat", "/etc/openvpn/ovpn_env.sh")
    engine.run_docker("exec", "vpn", "sh", "-c", "echo key >/etc/openvpn/ca.key")
    mount = '{{range .Mounts}}{{if eq .Destination "/etc/openvpn"}}{{.Name}}{{end}}{{end}}'
    volume = engine.run_docker("inspect", "-f", mount, "vpn-data")
    assert re.fullmatch("[0-9a-f]{64}", volume)

    instance.perform(Kind.STOP, rockon)
    assert rockon.status_text == "stopped"
    instance.perform(Kind.START, rockon)
    assert rockon.status_text == "started"
    instance.perform(Kind.UNINSTALL, rockon)
    assert volume in engine.run_docker("volume", "ls", "-q").split()
    assert [(kept.container, kept.volume) for kept in rockon.kept_volumes] == [("vpn-data", volume)]

    instance.install_rockon(rockon, custom_config={"servername": "new.example"})
    assert engine.run_docker("exec", "vpn", "cat", "/etc/openvpn/ca.key") == "key"
    assert "udp://new.example" in engine.run_docker("exec", "vpn", "cat", "/etc/openvpn/ovpn_env.sh")
    assert [engine.run_docker("inspect", "-f", mount, name) for name in ("vpn-data", "vpn")] == [volume, volume]


def test_three_containers_with_borrowed_volumes_links_and_a_data_container(
    engine: DockerDaemon, instance: Instance, app_image: str, ending_image: str
) -> None:
    rockon = instance.add_rockon(
        "Trio",
        {
            "trio-data": {
                "image": ending_image,
                "tag": "",
                "opts": [["-v", "/var/lib/trio"], ["--restart", "no"]],
            },
            "trio-db": {"image": app_image, "tag": "", "opts": [["--volumes-from", "trio-data"]]},
            "trio-web": {
                "image": app_image,
                "tag": "",
                "ports": WEB,
                "opts": [["--link", "trio-db:db"], ["--volumes-from", "trio-data"]],
            },
        },
    )
    port = chosen_port(instance.install_rockon(rockon), "trio-web")
    fetch_app_page(port)
    assert rockon.status_text == "started"
    assert state(engine, "trio-data") == "exited"
    engine.run_docker("exec", "trio-db", "touch", "/var/lib/trio/shared")
    assert engine.run_docker("exec", "trio-web", "ls", "/var/lib/trio") == "shared"
    assert "lifecycle/app:1" in engine.run_docker("exec", "trio-web", "wget", "-qO-", "http://db:8080/")
    instance.perform(Kind.UNINSTALL, rockon)
    assert engine.run_docker("ps", "-aq") == ""
    assert [kept.container for kept in rockon.kept_volumes] == ["trio-data"]
    instance.install_rockon(rockon)
    assert engine.run_docker("exec", "trio-web", "ls", "/var/lib/trio") == "shared"


def test_an_app_on_the_hosts_network_answers_on_its_own_port(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    port = free_port()
    image = standin("lifecycle/host:1", (port,))
    asked = {str(port): {"label": "", "description": "", "host_default": port, "protocol": "tcp", "ui": True}}
    rockon = instance.add_rockon(
        "Hostly", {"hostly": {"image": image, "tag": "", "ports": asked, "opts": [["--net=host", ""]]}}
    )
    instance.install_rockon(rockon, ports={"hostly": {str(port): 1}})
    assert "lifecycle/host:1" in fetch_app_page(port)
    assert rockon.containers[0].ports[0].host == port  # what was typed is not what it uses
    instance.perform(Kind.STOP, rockon)
    instance.perform(Kind.START, rockon)
    fetch_app_page(port)
    instance.perform(Kind.UNINSTALL, rockon)
    wait_for(lambda: nothing_answers(port))


@pytest.mark.parametrize(
    ("opts", "field", "value"),
    [
        ([["--privileged", ""]], "{{.HostConfig.Privileged}}", "true"),
        ([["-it", ""]], "{{.Config.Tty}} {{.Config.OpenStdin}}", "true true"),
        ([["-itd", ""]], "{{.Config.Tty}} {{.Config.OpenStdin}}", "true true"),
        ([["--detach", ""], ["--init", ""]], "{{.HostConfig.Init}}", "true"),
        ([["--sysctl", "net.ipv4.ip_forward=1"]], "{{.HostConfig.Sysctls}}", "map[net.ipv4.ip_forward:1]"),
    ],
)
def test_options_that_stand_alone_or_together_start_the_app(
    engine: DockerDaemon, instance: Instance, app_image: str, opts: list[list[str]], field: str, value: str
) -> None:
    rockon = instance.add_rockon("Flags", {"flags": {"image": app_image, "tag": "", "ports": WEB, "opts": opts}})
    fetch_app_page(chosen_port(instance.install_rockon(rockon), "flags"))
    assert engine.run_docker("inspect", "-f", field, "flags") == value


def test_a_network_that_an_option_names_is_made_and_stays(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Ownnet", {"ownnet": {"image": app_image, "tag": "", "opts": [["--network", "garden"]]}}
    )
    reviewed = instance.install_rockon(rockon)
    assert any("garden" in str(finding) for finding in reviewed.plan.findings)
    assert engine.run_docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", "ownnet") == "garden"
    instance.perform(Kind.UNINSTALL, rockon)
    assert "garden" in engine.run_docker("network", "ls", "--format", "{{.Name}}")


def test_a_link_that_docker_refuses_is_told_and_the_app_runs(instance: Instance, standin: Callable[..., str]) -> None:
    image = standin("lifecycle/quiet:1", ())
    rockon = instance.add_rockon(
        "Refused",
        {
            "refused-a": {"image": image, "tag": ""},
            "refused-b": {"image": image, "tag": "", "opts": [["--net", "host"]]},
        },
        container_links={"refused-b": [{"name": "RefusedLink", "source_container": "refused-a"}]},
    )
    instance.install_rockon(rockon)
    assert rockon.status_text == "started"
    assert re.search(
        "done: refused-b could not be connected to network RefusedLink: .+", describe_steps(last_operation(rockon))
    )


def test_each_step_says_what_it_did_and_not_what_it_left(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    engine.run_docker("network", "create", "TheirLink")
    rockon = instance.add_rockon(
        "Says",
        {"says-a": {"image": app_image, "tag": "", "volumes": DATA}, "says-b": {"image": app_image, "tag": ""}},
        container_links={
            "says-b": [
                {"name": "TheirLink", "source_container": "says-a"},
                {"name": "OurLink", "source_container": "says-a"},
            ]
        },
    )
    instance.install_rockon(rockon)
    engine.run_docker("network", "connect", "OurLink", engine.run_docker("run", "-d", "--name", "guest", app_image))

    def titles(kind: Kind) -> list[str]:
        return [str(step.title) for step in instance.perform(kind, rockon).steps]

    assert titles(Kind.START)[:2] == ["says-a is running already", "says-b is running already"]
    assert titles(Kind.STOP) == ["stop says-b", "stop says-a"]
    assert titles(Kind.STOP) == ["says-b is not running", "says-a is not running"]
    left = ["leave network OurLink: still used by guest"]
    left += ["leave network TheirLink: it was not created by this Rockonweb"]
    gone = titles(Kind.UNINSTALL)
    assert sorted(title for title in gone if "network" in title) == left
    assert [title for title in gone if "container" in title] == ["remove container says-b", "remove container says-a"]


def test_a_new_share_is_made_before_the_app_starts(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Fresh", {"fresh": {"image": app_image, "tag": "", "volumes": DATA}})
    instance.install_rockon(rockon, new_shares=["brand-new"], shares={"fresh": {"/data": "brand-new"}})
    assert (instance.settings.shares_root / "brand-new").is_dir()


def test_networks_and_storage_that_the_user_added_are_there_and_forgotten_with_the_app(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon("Joined", {"joined": {"image": app_image, "tag": ""}}, volume_add_support=True)
    instance.install_rockon(rockon, networks={"joined": ["friends"]}, storage={"joined": {"/extra": "extra"}})
    assert set(json.loads(engine.run_docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", "joined"))) == {
        "bridge",
        "friends",
    }
    assert "/extra" in engine.run_docker("exec", "joined", "cat", "/proc/mounts")
    instance.perform(Kind.UNINSTALL, rockon)
    assert (rockon.containers[0].networks, rockon.containers[0].volumes) == ([], [])


def test_an_app_that_was_stopped_stays_stopped_when_the_engine_comes_back(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    stopped = instance.add_rockon("Down", {"down": {"image": app_image, "tag": ""}})
    running = instance.add_rockon("Upper", {"upper": {"image": app_image, "tag": ""}})
    instance.install_rockon(stopped)
    instance.install_rockon(running)
    instance.perform(Kind.STOP, stopped)
    engine.stop()
    engine.start()
    wait_for(lambda: state(engine, "upper") == "running")
    assert state(engine, "down") == "exited"
