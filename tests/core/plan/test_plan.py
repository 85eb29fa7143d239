"""Plans as text: which steps, in which order, and the lines that a person reviews."""

import json

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import ContainerFacts, HostFacts, NetworkFacts, ShareFacts, VolumeMount
from rockonweb.core.operations.steps import ConnectNetwork, CreateShare, PullImage, RunOnce, StartContainer
from rockonweb.core.plan import plan
from rockonweb.core.plan.plan import Plan
from rockonweb.core.secret import MASK, reveal_argv
from tests.support.samples import NAMES, build_definition, complete_answers, load_definition, make_host_facts


def text(made: Plan) -> str:
    """Return the steps of a plan, a line each."""
    return "\n".join(str(step) for step in made.steps)


def install(name: str) -> Plan:
    """Plan the install of a fixture with made-up answers on a host where all is well."""
    sample = load_definition(name)
    answers = complete_answers(sample)
    return plan.plan_install(sample, answers, make_host_facts(answers))


# Install


def test_the_steps_of_a_rockon_with_one_container():
    assert text(install("bare")) == "pull bare:latest\ncreate container bare\nstart bare\nwait until bare is healthy"


def test_a_link_network_is_made_first_and_joined_before_the_app_starts():
    assert text(install("everything")) == (
        "pull registry.example.org/box/store:15-slim\n"
        "pull box.example/example/box:latest\n"
        "create network BoxToStore\n"
        "create container box-store\n"
        "connect box-store to network BoxToStore\n"
        "start box-store\n"
        "create container box\n"
        "connect box to network BoxToStore\n"
        "start box\n"
        "wait until box-store, box are healthy"
    )


def test_a_container_may_be_the_source_of_several_links():
    made = install("star")
    assert text(made) == (
        "pull example/db:latest\n"
        "pull example/cache:latest\n"
        "pull example/worker:latest\n"
        "pull example/api:latest\n"
        "pull example/web:latest\n"
        "create network StarWebToApi\n"
        "create network StarApiToDb\n"
        "create network StarApiToCache\n"
        "create network StarWorkerToDb\n"
        "create container star-db\n"
        "connect star-db to network StarApiToDb\n"
        "connect star-db to network StarWorkerToDb\n"
        "start star-db\n"
        "create container star-cache\n"
        "connect star-cache to network StarApiToCache\n"
        "start star-cache\n"
        "create container star-worker\n"
        "connect star-worker to network StarWorkerToDb\n"
        "start star-worker\n"
        "create container star-api\n"
        "connect star-api to network StarWebToApi\n"
        "connect star-api to network StarApiToDb\n"
        "connect star-api to network StarApiToCache\n"
        "start star-api\n"
        "create container star-web\n"
        "connect star-web to network StarWebToApi\n"
        "start star-web\n"
        "wait until star-db, star-cache, star-worker, star-api, star-web are healthy"
    )
    assert dict(made.networks) == {
        "StarWebToApi": ("star-api", "star-web"),
        "StarApiToDb": ("star-db", "star-api"),
        "StarApiToCache": ("star-cache", "star-api"),
        "StarWorkerToDb": ("star-db", "star-worker"),
    }


def test_an_image_of_two_containers_is_pulled_once():
    assert text(install("owners")).count("pull") == 1


def test_only_shares_that_the_person_asked_for_are_made():
    box = load_definition("everything")
    answers = complete_answers(box)
    made = plan.plan_install(box, answers, HostFacts(), frozenset({"box-data", "another"}))
    assert text(made).splitlines()[:2] == ["create share box-data", "pull registry.example.org/box/store:15-slim"]
    assert [finding.sentence for finding in made.blockers] == [
        'The share "box-store-var-lib-store" does not exist.',
        'The share "box-config" does not exist.',
    ]


def test_a_new_share_that_exists_by_now_is_not_made():
    box = load_definition("everything")
    answers = complete_answers(box)
    made = plan.plan_install(box, answers, make_host_facts(answers), frozenset({"box-data"}))
    assert "create share" not in text(made)


def test_networks_of_the_person_are_made_and_joined_too():
    sample = load_definition("same-inner-port")
    answers = complete_answers(sample, networks={"front": ["lan"], "back": ["lan", "own"]})
    made = plan.plan_install(sample, answers, make_host_facts())
    assert dict(made.networks) == {"lan": ("front", "back"), "own": ("back",)}
    assert text(made).splitlines()[2:] == [
        "create network lan",
        "create network own",
        "create container front",
        "connect front to network lan",
        "start front",
        "create container back",
        "connect back to network lan",
        "connect back to network own",
        "start back",
        "wait until front, back are healthy",
    ]


def test_a_network_that_is_both_a_link_and_the_persons_is_joined_once():
    sample = load_definition("own-network")
    answers = complete_answers(sample, networks={"own-db": ["OwnAppToDb"]})
    made = plan.plan_install(sample, answers, make_host_facts())
    assert text(made).count("connect own-db to network OwnAppToDb") == 1
    assert text(made).count("create network OwnAppToDb") == 1


def test_a_network_that_an_option_names_is_made_where_it_is_missing():
    sample = load_definition("own-network")
    for networks, expected in [({}, 1), ({"own-lan": NetworkFacts("own-lan")}, 0), (None, 0)]:
        made = plan.plan_install(sample, complete_answers(sample), make_host_facts(networks=networks))
        assert text(made).count("create network own-lan") == expected


@pytest.mark.parametrize("network", ["host", "none", "bridge", "default", "container:db"])
def test_dockers_own_networks_are_never_made(network: str):
    sample = build_definition({"app": {"opts": [["--network", network]]}})
    made = plan.plan_install(
        sample, complete_answers(sample), make_host_facts(networks={}, containers={"db": ContainerFacts("db")})
    )
    assert "create network" not in text(made)


def test_a_link_network_that_an_option_names_too_is_made_once_and_no_surprise():
    sample = build_definition(
        {"db": {}, "app": {"opts": [["--net=lan", ""]]}},
        container_links={"app": [{"name": "lan", "source_container": "db"}]},
    )
    made = plan.plan_install(sample, complete_answers(sample), make_host_facts(networks={}))
    assert text(made).count("create network lan") == 1
    assert made.findings == ()


def test_docker_may_refuse_a_link_network_beside_a_network_of_ones_own():
    joins = {step.container: step.required for step in install("own-network").steps if isinstance(step, ConnectNetwork)}
    assert joins == {"own-db": True, "own-app": False}


@pytest.mark.parametrize("name", NAMES)
def test_every_fixture_makes_joins_and_starts_each_container_in_launch_order(name: str):
    made = install(name)
    order = [container for container, _ in load_definition(name).launch_order]
    assert [container for container, _ in made.containers] == order
    steps = text(made).splitlines()
    for container in order:
        at = steps.index(f"create container {container}")
        joins = [place for place, step in enumerate(steps) if step.startswith(f"connect {container} ")]
        assert joins == list(range(at + 1, at + 1 + len(joins)))
        assert steps[at + 1 + len(joins)] == f"start {container}"


@pytest.mark.parametrize("name", NAMES)
def test_every_step_says_why(name: str):
    assert all(step.why for step in install(name).steps)


@pytest.mark.parametrize("name", NAMES)
def test_deciding_twice_gives_the_same_plan(name: str):
    assert install(name) == install(name)


# Lines


def test_the_lines_are_the_commands_with_their_secrets_masked():
    sample = load_definition("everything")
    answers = complete_answers(sample)
    made = plan.plan_install(sample, answers, make_host_facts(answers))
    assert made.masked_lines == [
        "docker run -d --restart=unless-stopped --name box-store -v /shares/box-store-var-lib-store:/var/lib/store"
        f" -v /etc/localtime:/etc/localtime:ro -u 1001:100 -e STORE_PASSWORD={MASK}"
        " --label 'rockonweb.rockon=Everything Box' registry.example.org/box/store:15-slim",
        "docker run -d --restart=unless-stopped --name box -v /shares/box-config:/config -v /shares/box-data:/data"
        " -v /etc/localtime:/etc/localtime:ro -u 1000:998 -p 8443:8443/tcp -p 5353:5353/udp -p 9000:9000/tcp"
        " -p 9000:9000/udp --cap-add NET_RAW --shm-size=64m -e MODE=quiet -e OWNER=owner-value -e ZONE=zone-value"
        f" -e API_KEY={MASK} --label 'rockonweb.rockon=Everything Box' box.example/example/box:latest"
        " serve /data --verbose",
    ]
    assert "api_key-value" not in repr(made)
    assert "api_key-value" in made.revealed_lines[1]


def test_a_volume_of_a_container_that_was_removed_is_attached_again():
    sample = load_definition("bare")
    made = plan.plan_install(sample, Answers(), make_host_facts(kept_volumes={"bare": (VolumeMount("4f2e", "/data"),)}))
    assert " -v 4f2e:/data " in made.masked_lines[0]


# JSON


def test_the_plan_as_json():
    sample = load_definition("own-network")
    answers = complete_answers(sample)
    data = plan.plan_install(sample, answers, make_host_facts(networks={})).to_json_data()
    assert json.loads(json.dumps(data)) == {
        "rockon": "Own network",
        "containers": [
            {
                "name": "own-db",
                "argv": [
                    *("docker", "run", "-d", "--restart=unless-stopped", "--name", "own-db"),
                    *("-v", "/etc/localtime:/etc/localtime:ro", "--label", "rockonweb.rockon=Own network"),
                    "example/db:latest",
                ],
            },
            {
                "name": "own-app",
                "argv": [
                    *("docker", "run", "-d", "--restart=unless-stopped", "--name", "own-app"),
                    *("-v", "/etc/localtime:/etc/localtime:ro", "--net=own-lan"),
                    *("--label", "rockonweb.rockon=Own network", "example/app:latest"),
                ],
            },
        ],
        "networks": [{"name": "OwnAppToDb", "containers": ["own-db", "own-app"]}],
        "steps": [
            "pull example/db:latest",
            "pull example/app:latest",
            "create network OwnAppToDb",
            "create network own-lan",
            "create container own-db",
            "connect own-db to network OwnAppToDb",
            "start own-db",
            "create container own-app",
            "connect own-app to network OwnAppToDb",
            "start own-app",
            "wait until own-db, own-app are healthy",
        ],
        "findings": [
            {
                "level": "warn",
                "message": 'own-app needs the network "own-lan", which does not exist.'
                " It will be created, with addresses chosen by Docker.",
            }
        ],
    }


def test_json_shows_secrets_only_when_asked():
    made = install("everything")
    assert "api_key-value" not in json.dumps(made.to_json_data())
    assert "API_KEY=api_key-value" in made.to_json_data(reveal_argv)["containers"][1]["argv"]


def test_a_one_shot_run_in_json_can_be_typed_into_a_shell():
    sample = load_definition("vpn")
    answers = Answers(custom_config={"servername": "a b; rm -rf"}, ports={"vpn": {1194: 1194}})
    for words in (list, reveal_argv):
        steps = plan.plan_install(sample, answers, make_host_facts()).to_json_data(words)["steps"]
        assert any(step.endswith("ovpn_genconfig -u 'udp://a b; rm -rf'") for step in steps)


# The other operations


def test_start_is_in_launch_order_and_stop_in_the_reverse_one():
    star = load_definition("star")
    order = ["star-db", "star-cache", "star-worker", "star-api", "star-web"]
    assert text(plan.plan_start(star)).splitlines() == [
        *(f"start {name}" for name in order),
        f"check that it stays up: {', '.join(order)}",
    ]
    assert text(plan.plan_stop(star)).splitlines() == [f"stop {name}" for name in reversed(order)]


def test_uninstall_takes_containers_and_link_networks_and_nothing_else():
    box = load_definition("everything")
    assert text(plan.plan_uninstall(box, ["box-store", "box"])) == (
        "stop box\nstop box-store\nremove container box\nremove container box-store\nremove network BoxToStore"
    )


@pytest.mark.parametrize(
    ("network", "stored", "reason"),
    [
        (NetworkFacts("BoxToStore", ("box", "box-store"), ours=True), (), None),
        (NetworkFacts("BoxToStore", ("box",)), (), "it was not created by this Rockonweb"),
        (NetworkFacts("BoxToStore", ("box", "guest"), ours=True), (), "still used by guest"),
        (NetworkFacts("BoxToStore", ("box",), ours=True), ("BoxToStore",), "an owner created it"),
    ],
)
def test_uninstall_leaves_a_link_network_of_others_and_says_why(
    network: NetworkFacts, stored: tuple[str, ...], reason: str | None
):
    facts = HostFacts(networks={"BoxToStore": network}, stored_networks=frozenset(stored))
    kept = plan.kept_networks(load_definition("everything"), {"box", "box-store"}, facts)
    assert kept.get("BoxToStore") == reason


def test_uninstall_of_what_is_partly_gone_takes_the_rest_and_what_an_older_definition_made():
    box = load_definition("everything")
    assert text(plan.plan_uninstall(box, {"box-store", "box-old"})) == (
        "stop box-store\nstop box-old\nremove container box-store\nremove container box-old\nremove network BoxToStore"
    )


def test_a_rockon_that_was_stopped_is_made_and_not_started():
    found = plan.without_starting(install("everything"))
    assert not any(isinstance(step, StartContainer) for step in found.steps)
    assert [name for name, _ in found.containers] == ["box-store", "box"]
    assert found.masked_lines == install("everything").masked_lines


def test_what_ends_again_by_itself_is_run_for_a_stopped_rockon_too():
    data, server = load_definition("vpn").launch_order
    started = [
        step.container for step in plan.without_starting(install("vpn")).steps if isinstance(step, StartContainer)
    ]
    assert started == [data[0]]
    assert server[0] in [step.container for step in install("vpn").steps if isinstance(step, StartContainer)]
    assert any(isinstance(step, RunOnce) for step in plan.without_starting(install("vpn")).steps)


# Whose shares are


def test_a_new_share_and_a_new_folder_are_given_to_whoever_works_there():
    body = {"volumes": {"/data": {}, "/more": {}}, "environment": {"PUID": {}, "PGID": {}}}
    sample = build_definition({"app": body})
    answers = complete_answers(
        sample,
        shares={"app": {"/data": "new", "/more": "films/new"}},
        environment={"app": {"PUID": "1000", "PGID": "100"}},
    )
    facts = HostFacts(shares={"films": ShareFacts("/s/films")}, missing_folders=frozenset({"films/new"}))
    made = plan.plan_install(sample, answers, facts, frozenset({"new"}), {"films": (7, 8)})
    assert [(str(step), step.why) for step in made.steps[:3]] == [
        ("create share new", "a new share for the app's data, owned by user 1000 and group 100"),
        ("set the owner of films/new to user 1000 and group 100", "a new folder for the app's data"),
        ("set the owner of films to user 7 and group 8", "as requested; the owner of its contents does not change"),
    ]


def test_who_works_as_the_owner_of_a_share_that_is_given_to_another_works_as_that_one():
    sample = build_definition(
        {
            "first": {"volumes": {"/data": {}}, "environment": {"PUID": {}}},
            "second": {"volumes": {"/data": {}}, "uid": -1},
        }
    )
    answers = complete_answers(
        sample,
        shares={"first": {"/data": "new"}, "second": {"/data": "new"}},
        environment={"first": {"PUID": "1000"}},
    )
    assert " -u 1000 " in plan.plan_install(sample, answers, HostFacts(), frozenset({"new"})).masked_lines[1]


def test_a_share_for_nobody_in_particular_is_roots():
    sample = build_definition({"app": {"volumes": {"/data": {}}}})
    made = plan.plan_install(sample, complete_answers(sample), HostFacts(), frozenset({"app-data"}))
    assert made.steps[0] == CreateShare(share="app-data", why="a new share for the app's data")


def test_of_an_image_that_was_got_before_the_one_that_is_here_will_do() -> None:
    sample = build_definition({"aa": {"image": "one", "tag": "1"}, "bb": {"image": "two", "tag": "1"}})
    assert [
        (step.image, step.required) for step in plan.plan_pull(sample, {"two:1"}).steps if isinstance(step, PullImage)
    ] == [
        ("one:1", True),
        ("two:1", False),
    ]
