"""What an app needs and Rockonweb's own container does not show."""

from rockonweb.core.answers.answers import Answers
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers.owncloud import certificate_findings
from rockonweb.core.own_container import InstancePaths, OwnContainer, find_blind_spots
from rockonweb.core.preflight import collect_findings
from tests.support.samples import build_definition, load_definition, port_question

PATHS = InstancePaths("/var/lib/rockonweb", "/mnt2", "/var/lib/rockonweb/tls/host.crt")
BARE = HostFacts(blind_spots={spot.subject: spot for spot in find_blind_spots(OwnContainer("1" * 64), PATHS)})
SAMPLE = build_definition(
    {
        "app": {
            "volumes": {"/data": {}},
            "ports": {"80": port_question(8080)},
            "devices": {"GPU": {"label": "GPU", "description": "x"}},
            "uid": 1000,
            "gid": -2,
        }
    }
)
ANSWERS = Answers(shares={"app": {"/data": "films"}}, ports={"app": {80: 8080}}, devices={"app": {"GPU": "/dev/dri"}})


def found(answers: Answers, facts: HostFacts) -> dict[str, str]:
    return {str(one.sentence): one.level for one in collect_findings(SAMPLE, answers, facts)}


def test_a_share_that_is_not_the_hosts_forbids_an_install_and_the_rest_warns() -> None:
    told = found(ANSWERS, BARE)
    levels = {subject: told[str(BARE.blind_spots[subject].sentence)] for subject in ("shares", "ports", "devices")}
    assert levels == {"shares": "block", "ports": "warn", "devices": "warn"}
    assert told[str(BARE.blind_spots["groups"].sentence)] == "warn"


def test_nothing_is_claimed_of_what_nobody_can_see() -> None:
    told = "\n".join(found(ANSWERS, BARE))
    assert "does not exist" not in told
    assert "which this host does not have" not in told


def test_what_an_app_does_not_need_is_not_spoken_of() -> None:
    bare = load_definition("bare")
    assert [one for one in collect_findings(bare, Answers(), BARE) if "container and can't" in one.sentence] == []


def test_a_certificate_that_is_not_on_the_host_forbids_what_would_mount_it() -> None:
    [first, *_] = certificate_findings(load_definition("owncloud"), BARE)
    assert first.level == "block"
    assert "/var/lib/rockonweb/tls/host.crt" in first.sentence
