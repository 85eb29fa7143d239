"""The pages of networks."""

import time

import pytest
from werkzeug.test import TestResponse

from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.errors import Conflict
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.instance.lease import Lease
from rockonweb.host import Host, Waiter
from rockonweb.models import Installation, Kind, Network, NetworkMember, Operation, Progress, db, transaction
from rockonweb.work import operations, rocknets, runner
from tests.support import docker_stand_in as stand_in
from tests.support.app import FormClient, add_rockon, mark_installed

PLAIN = {"icc": "y", "ip_masquerade": "y"}  # the boxes that are ticked unless somebody unticks them


class Docker(stand_in.FakeDocker):
    """It has Docker's own networks, and notes what it is told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.known_networks = {
            "bridge": NetworkFacts("bridge", driver="bridge", subnets=("172.17.0.0/16",)),
            "host": NetworkFacts("host", driver="host"),
            "none": NetworkFacts("none", driver="null"),
        }
        self.told: list[str] = []
        self.waiter = Waiter()

    def acts_on(self, _container: ContainerFacts) -> bool:
        return True

    def operation_containers(self, _uid: str) -> list[str]:
        return []

    def network_config(self, name: str) -> dict[str, str]:
        return {"name": name}

    def network_id(self, name: str) -> str:
        return name

    def list_endpoints(self, network: str) -> dict[str, Endpoint]:
        facts = self.known_networks.get(network)
        return {name: Endpoint() for name in facts.containers} if facts else {}

    def find_endpoint(self, _network: str, _name: str) -> Endpoint:
        return Endpoint()

    def list_leases(self) -> list[Lease]:
        return []

    def answer_time(self) -> float:
        return time.time()

    def write_lease(self, lease: Lease, present: list[Lease]) -> None:
        assert lease.holder

    def ensure_network(self, name: str, operation: str | None = None, spec: NetworkSpec | None = None) -> bool:
        self.told.append(f"make {name}")
        return True

    def remove_network(self, name: str) -> None:
        self.told.append(f"remove {name}")

    def connect_network(self, network: str, name: str, endpoint: Endpoint | None = None) -> bool:
        self.told.append(f"connect {name}")
        return True

    def disconnect_network(self, network: str, name: str, network_id: str | None = None) -> bool:
        self.told.append(f"disconnect {name}")
        return True


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Docker, and a machine that reaches one subnet."""
    monkeypatch.setattr(Host, "subnets", lambda _: {"eth0": ("192.168.1.0/24",)})
    monkeypatch.setattr(Host, "addresses", lambda _: frozenset({"192.168.1.5"}))
    return Docker().replace_engine(monkeypatch)


def keep(name: str, **parts: object) -> None:
    """Let the database remember a network."""
    with transaction() as session:
        session.add(Network(network_spec=NetworkSpec(name, **parts)))  # type: ignore[arg-type]


def join(rockon: Installation, network: str) -> None:
    """Let the database say that the first container of a rock-on is on a network."""
    with transaction():
        rockon.containers[0].networks.append(NetworkMember(network=network))


def media(docker: Docker) -> Installation:
    """A network with the container of a rock-on on it."""
    rockon = mark_installed(add_rockon("Films", {"films": {}}))
    keep("media", subnet="10.5.0.0/24", comment="for films")
    join(rockon, "media")
    docker.known_networks["media"] = NetworkFacts(
        "media", ("films",), ours=True, driver="bridge", subnets=("10.5.0.0/24",)
    )
    docker.known_containers["films"] = ContainerFacts("films", rockon="Films")
    return rockon


def run_submitted(answer: TestResponse) -> int:
    """Run the operation that a form has submitted, as a worker does; returns its id."""
    assert answer.status_code == 303, answer.text
    operation_id = int(answer.location.removeprefix("/operations/"))
    runner.run(operation_id)
    return operation_id


def kept() -> list[str]:
    return [name for (name,) in db.session.query(Network.name)]


def test_the_list_tells_who_is_on_what_by_whose_they_are(docker: Docker, owner_client: FormClient) -> None:
    rockon = media(docker)
    docker.known_networks["foreign"] = NetworkFacts(
        "foreign", ("theirs",), driver="macvlan", subnets=("192.168.1.0/24",)
    )
    docker.known_containers["theirs"] = ContainerFacts("theirs")
    linked = add_rockon(
        "Two", {"one": {}, "two": {}}, container_links={"one": [{"name": "Link", "source_container": "two"}]}
    )
    mark_installed(linked)
    docker.known_networks["Link"] = NetworkFacts("Link", ours=True)
    text = owner_client.get("/networks").text
    parts = [
        text.index(words)
        for words in ("Your networks", "Created by rock-ons", "Unmanaged networks", "Docker's built-in networks")
    ]
    assert parts == sorted(parts)
    yours, links, others, own = (text[start:end] for start, end in zip(parts, [*parts[1:], None], strict=True))
    assert f'<code class="break">films</code> (<a href="/rockons/{rockon.id}">Films</a>)' in yours
    assert "for films" in yours
    assert "10.5.0.0/24" in yours
    assert 'href="/networks/media/edit"' in yours
    assert 'href="/networks/media/remove"' in yours
    assert "Link" in links
    assert ">theirs</code>" in others
    assert "macvlan" in others
    assert "172.17.0.0/16" in own
    for part in (links, others, own):
        assert "/edit" not in part
        assert "/remove" not in part


def test_without_a_network_of_theirs_people_are_told(owner_client: FormClient) -> None:
    assert "You have no networks of your own yet." in owner_client.get("/networks").text


def test_viewers_see_and_change_nothing(docker: Docker, viewer: FormClient) -> None:
    media(docker)
    text = viewer.get("/networks").text
    assert "media" in text
    assert "/networks/media/edit" not in text
    assert 'href="/networks/new"' not in text
    for path in ("/networks/new", "/networks/media/edit", "/networks/media/remove"):
        assert viewer.get(path).status_code == 403
        assert viewer.submit_form(path, {"name": "x"}, page="/networks").status_code == 403
    assert viewer.submit_form("/networks/media/restore", page="/networks").status_code == 403
    assert docker.told == []


def test_a_network_is_made_and_remembered(docker: Docker, owner_client: FormClient) -> None:
    form = {
        **PLAIN,
        "name": " media ",
        "subnet": " 10.5.0.0/24",
        "aux_addresses": "nas=10.5.0.2, tv=10.5.0.3",
        "mtu": "1400",
        "comment": "<b>films</b>",
    }
    answer = owner_client.submit_form("/networks/new", form, page="/networks/new")
    assert docker.told == []
    waiting = owner_client.get("/networks").text
    assert "Create network: media</a>" in waiting
    assert "no longer has" not in waiting
    assert "/networks/media/edit" not in waiting
    run_submitted(answer)
    assert docker.told == ["make media"]
    assert rocknets.stored_spec("media") == NetworkSpec(
        "media",
        subnet="10.5.0.0/24",
        aux_addresses=(("nas", "10.5.0.2"), ("tv", "10.5.0.3")),
        mtu=1400,
        comment="<b>films</b>",
    )
    assert "&lt;b&gt;films" in owner_client.get("/networks").text
    assert "Create network: media" in owner_client.get("/operations").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": ""}, "Enter a name for the network."),
        ({"name": "bridge"}, "is reserved by Docker"),
        ({"name": "a/b"}, "Docker does not accept &#34;a/b&#34;"),
        ({"name": "<b>x"}, "Docker does not accept &#34;&lt;b&gt;x&#34;"),
        ({"name": "x" * 300}, "at most 100 characters"),
        ({"name": "taken"}, "already exists"),
        ({"subnet": "172.17.3.0/24"}, "overlaps 172.17.0.0/16 of the network bridge"),
        ({"subnet": "192.168.0.0/16"}, "through eth0"),
        ({"subnet": "nonsense"}, "is not a subnet"),
        ({"gateway": "10.5.0.1"}, "This needs a subnet"),
        ({"mtu": "x"}, "The MTU must be a number"),
        ({"mtu": "1"}, "The MTU must be a number from 68"),
        ({"mtu": "9" * 5000}, "The MTU must be a number"),
        ({"host_binding": "10.0.0.9"}, "This machine has no address 10.0.0.9."),
        ({"aux_addresses": "10.5.0.2", "subnet": "10.5.0.0/24"}, "has no name"),
        ({"comment": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(
    docker: Docker, owner_client: FormClient, typed: dict[str, str], words: str
) -> None:
    keep("taken")
    answer = owner_client.submit_form("/networks/new", {**PLAIN, "name": "home", **typed}, page="/networks/new")
    assert answer.status_code == 422
    field = next(iter(typed))
    errors = answer.text[answer.text.index(f'id="{field}-errors"') :]
    assert words in errors[: errors.index("</ul>")]
    assert docker.told == []
    assert kept() == ["taken"]


def test_a_fault_in_a_folded_field_unfolds_it(owner_client: FormClient) -> None:
    assert '<details class="group">' in owner_client.get("/networks/new").text
    answer = owner_client.submit_form("/networks/new", {**PLAIN, "name": "home", "mtu": "x"}, page="/networks/new")
    assert '<details class="group" open>' in answer.text


def test_a_change_says_beforehand_whose_connection_is_cut(docker: Docker, owner_client: FormClient) -> None:
    rockon = media(docker)
    text = owner_client.get("/networks/media/edit").text
    assert "it is recreated" in text
    assert '<code class="break">films</code>' in text
    assert 'value="10.5.0.0/24"' in text
    assert docker.told == []
    answer = owner_client.submit_form(
        "/networks/media/edit", {**PLAIN, "subnet": "10.6.0.0/24"}, page="/networks/media/edit"
    )
    run_submitted(answer)
    assert docker.told == ["disconnect films", "remove media", "make media", "connect films"]
    assert rocknets.stored_spec("media") == NetworkSpec("media", subnet="10.6.0.0/24")
    for path in (f"/rockons/{rockon.id}", f"/rockons/{rockon.id}/history", f"/operations?rockon={rockon.id}"):
        assert "Change network: media" in owner_client.get(path).text


def test_its_own_subnet_is_in_nobodys_way(
    docker: Docker, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    media(docker)
    monkeypatch.setattr(Host, "subnets", lambda _: {"br-1": ("10.5.0.0/24",), "eth0": ("192.168.1.0/24",)})
    form = {**PLAIN, "subnet": "10.5.0.0/25"}
    run_submitted(owner_client.submit_form("/networks/media/edit", form, page="/networks/media/edit"))
    assert "make media" in docker.told


def test_a_comment_alone_makes_nothing_anew(
    docker: Docker, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    media(docker)
    monkeypatch.setattr(Host, "subnets", lambda _: {"br-1": ("10.5.0.0/24",)})
    form = {**PLAIN, "subnet": "10.5.0.0/24", "comment": "films and music"}
    assert owner_client.submit_form("/networks/media/edit", form, page="/networks/media/edit").status_code == 303
    assert docker.told == []
    assert "films and music" in owner_client.get("/networks").text


def test_a_change_that_cannot_be_keeps_what_was_typed(docker: Docker, owner_client: FormClient) -> None:
    media(docker)
    answer = owner_client.submit_form(
        "/networks/media/edit", {**PLAIN, "subnet": "10.6.0.7/24"}, page="/networks/media/edit"
    )
    assert answer.status_code == 422
    assert "the subnet is 10.6.0.0/24" in answer.text
    assert 'value="10.6.0.7/24"' in answer.text
    assert docker.told == []


def test_a_removal_asks_first_and_forgets_who_was_joined(docker: Docker, owner_client: FormClient) -> None:
    rockon = media(docker)
    join(rockon, "other")
    text = owner_client.get("/networks/media/remove").text
    assert "What will be disconnected" in text
    assert "Films</a>" in text
    assert docker.told == []
    answer = owner_client.submit_form("/networks/media/remove", page="/networks/media/remove")
    run_submitted(answer)
    assert docker.told == ["disconnect films", "remove media"]
    assert kept() == []
    assert [row.network for row in db.session.query(NetworkMember)] == ["other"]


def test_an_empty_one_cuts_off_nobody(docker: Docker, owner_client: FormClient) -> None:
    keep("media")
    docker.known_networks["media"] = NetworkFacts("media", ours=True)
    assert "nothing is disconnected" in owner_client.get("/networks/media/remove").text
    assert "a change disrupts nothing" in owner_client.get("/networks/media/edit").text


def test_while_a_rockon_on_it_is_busy_it_waits(docker: Docker, owner_client: FormClient) -> None:
    rockon = media(docker)
    with transaction() as session:
        restart = Operation(kind=Kind.RESTART, installation_id=rockon.id, progress=Progress.RUNNING)
        session.add(restart)
    answer = owner_client.submit_form("/networks/media/remove", page="/networks/new")
    operation_id = run_submitted(answer)
    assert docker.told == []
    assert "Waiting: next in the queue, after Restart: Films." in owner_client.get(answer.location).text
    with transaction():
        restart.mark_finished(Progress.DONE)
    runner.run(operation_id)
    assert docker.told == ["disconnect films", "remove media"]


def test_only_one_operation_on_it_at_a_time_and_the_same_one_is_joined(
    docker: Docker, owner_client: FormClient
) -> None:
    media(docker)
    first, second = (owner_client.submit_form("/networks/media/remove", page="/networks/new") for _ in range(2))
    assert first.location == second.location
    answer = owner_client.submit_form("/networks/media/edit", {**PLAIN, "mtu": "1400"}, page="/networks/new")
    assert answer.status_code == 409
    assert "The network &#34;media&#34; is busy with another operation." in answer.text
    comment = {**PLAIN, "subnet": "10.5.0.0/24", "comment": "music"}
    assert owner_client.submit_form("/networks/media/edit", comment, page="/networks/new").status_code == 409


def test_one_whose_creation_was_cancelled_is_forgotten(docker: Docker, owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/networks/new", {**PLAIN, "name": "media"}, page="/networks/new")
    assert kept() == ["media"]
    operations.cancel_operation(int(answer.location.removeprefix("/operations/")))
    assert kept() == []
    again = owner_client.submit_form(f"{answer.location}/retry", page=answer.location)
    run_submitted(again)
    assert kept() == ["media"]


def test_a_failure_is_told_on_its_page_and_among_the_networks(docker: Docker, owner_client: FormClient) -> None:
    media(docker)
    answer = owner_client.submit_form("/networks/media/remove", page="/networks/new")
    docker.known_networks["media"] = NetworkFacts("media", ("films", "theirs"), ours=True)
    docker.known_containers["theirs"] = ContainerFacts("theirs")
    with pytest.raises(Conflict, match="Unmanaged containers are connected"):
        run_submitted(answer)
    assert docker.told == []
    assert "Unmanaged containers are connected to it: theirs." in owner_client.get(answer.location).text
    assert f'<a href="{answer.location}">Remove network: media</a>' in owner_client.get("/networks").text
    assert "Remove network: media" in owner_client.get("/operations?kind=remove_network&outcome=failed").text


def test_where_docker_s_network_is_not_ours_only_the_configuration_goes(
    docker: Docker, owner_client: FormClient
) -> None:
    keep("media")
    docker.known_networks["media"] = NetworkFacts("media", driver="bridge")
    run_submitted(owner_client.submit_form("/networks/media/remove", page="/networks/media/remove"))
    assert (docker.told, kept()) == ([], [])


def test_one_that_docker_lost_is_shown_and_made_again(docker: Docker, owner_client: FormClient) -> None:
    media(docker)
    del docker.known_networks["media"]
    docker.known_containers.clear()
    text = owner_client.get("/networks").text
    assert "Docker no longer has this network." in text
    assert "films</code>" in text
    docker.known_containers["films"] = ContainerFacts("films", rockon="Films")
    run_submitted(owner_client.submit_form("/networks/media/restore", page="/networks"))
    assert docker.told == ["make media", "connect films"]


def test_one_that_a_plan_made_and_docker_lost_is_known_by_who_was_joined(
    docker: Docker, owner_client: FormClient
) -> None:
    join(mark_installed(add_rockon("Films", {"films": {}})), "plain")
    join(add_rockon("Wiki", {"wiki": {}}), "never")
    text = owner_client.get("/networks").text
    assert "Docker no longer has this network." in text
    assert "never" not in text
    run_submitted(owner_client.submit_form("/networks/plain/restore", page="/networks"))
    assert docker.told == ["make plain"]
    assert kept() == []


@pytest.mark.parametrize(
    "path", ["nobody/edit", "nobody/remove", "a/b/edit", "bridge/edit", "none/remove", "x" * 300 + "/edit", "%00/edit"]
)
def test_what_is_not_there_or_not_ours_is_not_found(docker: Docker, owner_client: FormClient, path: str) -> None:
    assert owner_client.get(f"/networks/{path}").status_code == 404
    assert owner_client.submit_form(f"/networks/{path}", PLAIN, page="/networks/new").status_code == 404
    assert owner_client.submit_form("/networks/nobody/restore", page="/networks/new").status_code == 404
    assert docker.told == []


def test_without_docker_the_remembered_ones_are_shown_with_a_sentence(docker: Docker, owner_client: FormClient) -> None:
    docker.is_down = True
    keep("media", subnet="10.5.0.0/24")
    join(mark_installed(add_rockon("Films", {"films": {}})), "media")
    text = owner_client.get("/networks").text
    assert "Docker does not answer." in text
    assert "10.5.0.0/24" in text
    assert "films</code>" in text
    assert "no longer has" not in text
    assert "Recreate" not in text


def test_without_docker_nothing_is_changed_and_what_was_typed_stays(docker: Docker, owner_client: FormClient) -> None:
    docker.is_down = True
    keep("media", subnet="10.5.0.0/24")
    for path, typed in (("new", {"name": "home"}), ("media/edit", {"subnet": "10.6.0.0/24"})):
        answer = owner_client.submit_form(f"/networks/{path}", {**PLAIN, **typed}, page=f"/networks/{path}")
        assert answer.status_code == 503
        assert "Docker does not answer." in answer.text
        assert f'value="{next(iter(typed.values()))}"' in answer.text
    for path in ("media/remove", "media/restore"):
        assert owner_client.submit_form(f"/networks/{path}", page="/networks/new").status_code == 503
    assert rocknets.stored_spec("media") == NetworkSpec("media", subnet="10.5.0.0/24")
    assert kept() == ["media"]
