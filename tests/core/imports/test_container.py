"""From what Docker says of a container and of its image to the options of `docker run`: data in, data out."""

import pytest

from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.imports.container import (
    EngineDefaults,
    InspectedContainer,
    OwnParts,
    describe_app,
    group_containers,
    launch_order,
    refuse_unadoptable,
)
from rockonweb.core.imports.source import Outcome

ID = "0123456789ab" + "0" * 52


def inspected(name="web", *, config=None, host=None, image=None, image_config=None, networks=None, **more):
    """Return a container as Docker says it, of an image with a command and a variable."""
    details = {
        "Id": more.pop("container_id", ID),
        "Name": f"/{name}",
        "Config": {"Image": "demo:1", "Env": ["PATH=/bin"], "Cmd": ["serve"], "Hostname": ID[:12], **(config or {})},
        "HostConfig": {"NetworkMode": "default", "RestartPolicy": {"Name": "unless-stopped"}, "ShmSize": 64 * 2**20,
                       "IpcMode": "private", "CgroupnsMode": "private", "Runtime": "runc",
                       "LogConfig": {"Type": "json-file", "Config": {}}, **(host or {})},
        "NetworkSettings": {"Networks": networks or {"bridge": {}}},
        **more,
    }  # fmt: skip
    of_image = {"Env": ["PATH=/bin"], "Cmd": ["serve"], **(image_config or {})}
    return InspectedContainer(details, {"Config": of_image, **(image or {})})


def options(*arguments, **more):
    """Return the options of a container as lines, and its command."""
    [container] = describe_app("", [inspected(*arguments, **more)], {"f" * 64: "store"}).containers
    pairs = [pair for pair in container.options if pair != ("--restart", "unless-stopped")]
    return [" ".join(filter(None, pair)) for pair in pairs] + [
        *(("--",) if container.command else ()),
        *container.command,
    ]


@pytest.mark.parametrize(
    ("config", "host", "expected"),
    [
        ({}, {}, []),
        ({}, {"RestartPolicy": {"Name": "no"}}, ["--restart no"]),
        ({}, {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}, ["--restart on-failure:3"]),
        ({"Env": ["PATH=/bin", "A=b=c", "B="]}, {}, ["--env A=b=c", "--env B="]),
        ({"Cmd": ["other", "two words"]}, {}, ["--", "other", "two words"]),
        ({"Entrypoint": ["/run"], "Cmd": None}, {}, ["--entrypoint /run"]),
        ({"Entrypoint": ["sh", "-c"], "Cmd": ["x y"]}, {}, ["--entrypoint sh", "--", "-c", "x y"]),
        ({"User": "1000:100", "WorkingDir": "/srv"}, {}, ["--user 1000:100", "--workdir /srv"]),
        ({"Hostname": "nas", "Tty": True, "OpenStdin": True}, {}, ["--hostname nas", "--tty", "--interactive"]),
        ({"Hostname": "nas"}, {"NetworkMode": "host"}, ["--network host"]),
        ({"StopSignal": "SIGINT", "StopTimeout": 90}, {}, ["--stop-signal SIGINT", "--stop-timeout 90"]),
        ({"Labels": {"a": "b", "c": ""}}, {}, ["--label a=b", "--label c"]),
        ({"ExposedPorts": {"80/tcp": {}, "9/udp": {}}}, {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
         ["--publish 8080:80", "--expose 9/udp"]),
        ({}, {"PortBindings": {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}, {"HostIp": "::1"}]}},
         ["--publish 127.0.0.1:53:53/udp", "--publish [::1]::53/udp"]),
        ({}, {"PortBindings": {"80/tcp": [{"HostPort": "8000-8010"}]}}, ["--publish 8000-8010:80"]),
        ({}, {"Binds": ["/opt/x:/x:ro,rslave", "data:/data"]}, ["--volume /opt/x:/x:ro,rslave", "--volume data:/data"]),
        ({}, {"Tmpfs": {"/run": "size=64m"}}, ["--tmpfs /run:size=64m"]),
        ({}, {"Mounts": [{"Type": "bind", "Source": "/a,b", "Target": "/x", "ReadOnly": True,
                          "BindOptions": {"Propagation": "rshared"}}]},
         ['--mount type=bind,"source=/a,b",target=/x,readonly,bind-propagation=rshared']),
        ({}, {"Mounts": [{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1777}}]},
         ["--mount type=tmpfs,target=/x,tmpfs-size=1024,tmpfs-mode=1777"]),
        ({}, {"VolumesFrom": ["f" * 64 + ":ro"]}, ["--volumes-from store:ro"]),
        ({}, {"NetworkMode": f"container:{'f' * 64}"}, ["--network container:store"]),
        ({}, {"Links": ["/db:/web/store"]}, ["--link db:store"]),
        ({}, {"Memory": 512 * 2**20, "MemorySwap": 2**30, "NanoCpus": 1_500_000_000, "PidsLimit": 100},
         ["--memory 512m", "--cpus 1.5", "--pids-limit 100"]),
        ({}, {"Memory": 2**30, "MemorySwap": -1, "ShmSize": 2**30},
         ["--memory 1g", "--memory-swap -1", "--shm-size 1g"]),
        ({}, {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}]}, ["--ulimit nofile=1:2"]),
        ({}, {"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/a", "CgroupPermissions": "rwm"},
                          {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}]},
         ["--device /dev/a", "--device /dev/a:/dev/b:r"]),
        ({}, {"DeviceRequests": [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]}, ["--gpus all"]),
        ({}, {"DeviceRequests": [{"Driver": "nvidia", "DeviceIDs": ["0", "2"], "Capabilities": [["gpu", "utility"]]}]},
         ['--gpus "device=0,2",driver=nvidia,capabilities=utility']),
        ({}, {"Privileged": True, "SecurityOpt": ["label=disable"]}, ["--privileged"]),
        ({}, {"CapAdd": ["CAP_SYS_TIME"], "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"]},
         ["--cap-add SYS_TIME", "--cap-drop ALL", "--security-opt no-new-privileges"]),
        ({}, {"Sysctls": {"net.core.somaxconn": "1"}, "Dns": ["1.1.1.1"], "ExtraHosts": ["nas:10.0.0.1"]},
         ["--sysctl net.core.somaxconn=1", "--dns 1.1.1.1", "--add-host nas:10.0.0.1"]),
        ({}, {"LogConfig": {"Type": "local", "Config": {"max-size": "1m"}}},
         ["--log-driver local", "--log-opt max-size=1m"]),
        ({}, {"Init": True, "PidMode": "host", "UTSMode": "host", "UsernsMode": "host", "IpcMode": "shareable"},
         ["--init", "--pid host", "--ipc shareable", "--uts host", "--userns host"]),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "curl -f x"], "Interval": 90 * 10**9, "Retries": 2}}, {},
         ["--health-cmd curl -f x", "--health-interval 90s", "--health-retries 2"]),
        ({"Healthcheck": {"Test": ["NONE"]}}, {}, ["--no-healthcheck"]),
    ],
)  # fmt: skip
def test_what_the_image_does_not_say_is_an_option(config, host, expected):
    assert options(config=config, host=host) == expected


def test_what_the_image_says_is_left_out():
    check = {"Test": ["CMD", "ok"], "Interval": 5}
    of_image = {"Entrypoint": ["/init"], "User": "web", "WorkingDir": "/app", "Labels": {"a": "b"},
                "ExposedPorts": {"80/tcp": {}}, "Healthcheck": check, "StopSignal": "SIGINT"}  # fmt: skip
    assert options(config={"Cmd": ["serve"], **of_image}, image_config=of_image) == []
    changed = {**of_image, "Labels": {"a": "c"}, "Healthcheck": {**check, "Interval": 60 * 10**9}}
    assert options(config=changed, image_config=of_image) == ["--health-interval 1m", "--label a=c"]


def test_volumes_without_a_name_stay_attached():
    mounts = [
        {"Type": "volume", "Name": "abc", "Destination": "/data"},
        {"Type": "volume", "Name": "def", "Destination": "/more"},
        {"Type": "bind", "Source": "/opt", "Destination": "/opt"},
    ]
    host = {"Binds": ["/opt:/opt"], "Mounts": [{"Type": "volume", "Target": "/more"}]}
    assert options(host=host, Mounts=mounts) == [
        "--volume /opt:/opt",
        "--mount type=volume,source=def,target=/more",
        "--volume abc:/data",
    ]


def test_the_first_network_has_short_options_and_further_ones_the_long_form():
    networks = {
        "two": {"Aliases": ["b"], "IPAMConfig": {}},
        "one": {"NetworkID": "9" * 64, "Aliases": ["a", "web", ID[:12]], "IPAMConfig": {"IPv4Address": "10.9.0.5"}},
        "three": {"Aliases": None},
    }
    expected = ["--network one", "--network-alias a", "--ip 10.9.0.5", "--network name=two,alias=b"]
    assert options(host={"NetworkMode": "one"}, networks=networks) == expected
    assert options(host={"NetworkMode": "9" * 64}, networks=networks) == expected


def test_what_a_driver_of_the_first_network_was_told_is_left_and_told():
    networks = {"one": {"DriverOpts": {"a.b": "1"}}}
    app = describe_app("", [inspected(host={"NetworkMode": "one"}, networks=networks)], {})
    assert [(entry.what, entry.outcome) for entry in app.report] == [("--network one: driver-opt a.b=1", Outcome.LEFT)]


@pytest.mark.parametrize(("host_name", "kept"), [("box", True), ("own", False), ("", False)])
def test_a_host_name_on_the_network_of_the_host_is_kept_unless_it_is_the_one_of_the_host(host_name, kept):
    container = inspected(config={"Hostname": "own"}, host={"NetworkMode": "host"}, networks={"host": {}})
    [described] = describe_app("", [container], {}, EngineDefaults(host_name=host_name)).containers
    assert (("--hostname", "own") in described.options) == kept


def test_compose_labels_are_dropped_and_told():
    app = describe_app("", [inspected(config={"Labels": {"com.docker.compose.project": "blog", "x": "y"}})], {})
    assert ("--label", "x=y") in app.containers[0].options
    assert not [value for _, value in app.containers[0].options if "compose" in value]
    assert [(entry.what, entry.outcome) for entry in app.report] == [("--label com.docker.compose.…", Outcome.LEFT)]


def test_an_image_without_a_name_is_refused_and_one_by_its_id_gets_its_name():
    by_id = {"config": {"Image": f"sha256:{'a' * 64}"}}
    with pytest.raises(BadInput, match="docker tag aaaaaaaaaaaa"):
        describe_app("", [inspected(**by_id)], {})
    app = describe_app("", [inspected(**by_id, image={"RepoTags": ["demo:2"]})], {})
    assert app.containers[0].image == "demo:2"
    assert [entry.outcome for entry in app.report] == [Outcome.CHANGED]


def test_what_belongs_together_is_offered_together_in_launch_order():
    project = {"com.docker.compose.project": "blog"}
    depends = {"com.docker.compose.service": "web", "com.docker.compose.depends_on": "db:service_started:true"}
    web = inspected("web", config={"Labels": project | depends}, container_id="1" * 64, Created="1")
    db = inspected(
        "db", config={"Labels": project | {"com.docker.compose.service": "db"}}, container_id="2" * 64, Created="2"
    )
    alone = inspected("alone", container_id="3" * 64)
    mates = [inspected(name, networks={"home": {}}, container_id=n * 64) for name, n in (("x", "4"), ("y", "5"))]
    groups = group_containers([web, db, alone, *mates])
    assert [[one.name for one in group] for group in groups] == [["alone"], ["db", "web"], ["x", "y"]]
    joined = inspected("joined", host={"NetworkMode": f"container:{'3' * 64}"}, container_id="0" * 64)
    assert [one.name for one in launch_order([joined, alone])] == ["alone", "joined"]


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        (inspected(host={"AutoRemove": True}), "--rm"),
        (inspected(config={"Labels": {"rockonweb.rockon": "Notes"}}), "belongs to a rock-on already"),
        (inspected(config={"Labels": {"com.docker.swarm.task.id": "1"}}), "swarm"),
        (inspected(State={"Status": "paused"}), "is paused just now"),
        (inspected("rockonweb"), "Rockonweb itself"),
    ],
)
def test_what_must_not_be_adopted_is_refused_with_a_sentence(container, sentence):
    with pytest.raises(Conflict, match=sentence):
        refuse_unadoptable(container, {ID} if container.name == "rockonweb" else ())


def test_rockonweb_knows_what_it_needs_itself():
    own = inspected("rockonweb", container_id="1" * 64, config={"Labels": {"com.docker.compose.project": "r"}})
    queue = inspected("queue", container_id="2" * 64, config={"Labels": {"com.docker.compose.project": "r"}})
    published = inspected("db", container_id="3" * 64, host={"PortBindings": {"5432/tcp": [{"HostPort": "5433"}]}})
    named = inspected("redis", container_id="4" * 64, networks={"bridge": {"IPAddress": "172.17.0.9"}})
    by_socket = inspected("sock", container_id="5" * 64, Mounts=[{"Type": "bind", "Source": "/run/redis"}])
    other = inspected("other", container_id="6" * 64, host={"PortBindings": {"80/tcp": [{"HostPort": "80"}]}})
    parts = OwnParts(
        "1" * 64, ("/run/redis/redis.sock",), (("127.0.0.1", 5433), ("172.17.0.9", 6379)), ("127.0.0.1", "localhost")
    )
    everything = [own, queue, published, named, by_socket, other]
    assert parts.find_ids(everything) == {one.id for one in everything} - {other.id}
