"""ownCloud: a private share, a database that answers, then the app with its link, account and certificate."""

from typing import Any

import pytest

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import CertificateFacts, ContainerFacts, HostFacts
from rockonweb.core.handlers import owncloud
from rockonweb.core.operations.steps import AwaitAnswer, CreateContainer
from rockonweb.core.plan import plan
from rockonweb.core.plan.change import DesiredState, plan_change
from rockonweb.core.secret import reveal_argv
from tests.support.samples import build_definition, complete_answers, label_questions, load_definition, make_host_facts

OURS = CertificateFacts("/instance/tls/host.key", "/instance/tls/host.crt")
ACCOUNT: dict[str, Any] = label_questions(db_user="User", db_pw="Word")
DATABASE: dict[str, Any] = {"image": "postgres", "volumes": {"/data": {}}}
APP: dict[str, Any] = {"opts": [["--link", "db:db"]]}


def cloud() -> tuple[Definition, Answers]:
    """The sample, with answers."""
    sample = load_definition("owncloud")
    return sample, complete_answers(sample, custom_config={"db_user": "cloud", "db_pw": "hush hush"})


def planned(**facts: Any) -> plan.Plan:
    """The plan of its install."""
    sample, answers = cloud()
    return plan.plan_install(sample, answers, make_host_facts(answers, **{"certificate": OURS, **facts}))


def test_the_commands_of_the_format_page():
    assert planned().masked_lines == [
        "docker run -d --restart=unless-stopped --name owncloud-postgres"
        " -v /shares/owncloud-postgres-var-lib-postgresql-data:/var/lib/postgresql/data"
        " -v /etc/localtime:/etc/localtime:ro -e POSTGRES_USER=cloud -e POSTGRES_PASSWORD=********"
        " --label rockonweb.rockon=ownCloud postgres:9.5",
        "docker run -d --restart=unless-stopped --name owncloud"
        " -v /shares/owncloud-var-www-owncloud-config:/var/www/owncloud/config"
        " -v /shares/owncloud-var-www-owncloud-data:/var/www/owncloud/data"
        " -v /instance/tls/host.key:/etc/ssl/private/owncloud.key"
        " -v /instance/tls/host.crt:/etc/ssl/certs/owncloud.crt"
        " -v /etc/localtime:/etc/localtime:ro -p 8443:443/tcp --link owncloud-postgres:db"
        " -e HTTPS_ENABLED=true -e DB_USER=cloud -e DB_PASS=********"
        " --label rockonweb.rockon=ownCloud example/owncloud:latest",
    ]


def test_the_share_is_private_and_the_database_answers_before_the_app_is_made():
    assert [str(step) for step in planned().steps] == [
        "pull postgres:9.5",
        "pull example/owncloud:latest",
        "create network db",
        "set the permissions of share owncloud-postgres-var-lib-postgresql-data to 700",
        "create container owncloud-postgres",
        "connect owncloud-postgres to network db",
        "start owncloud-postgres",
        "wait until owncloud-postgres is ready",
        "create the certificate /instance/tls/host.crt if it is missing",
        "create container owncloud",
        "connect owncloud to network db",
        "start owncloud",
        "wait until owncloud-postgres, owncloud are healthy",
    ]


def test_it_waits_five_minutes_and_asks_over_tcp():
    (wait,) = [step for step in planned().steps if isinstance(step, AwaitAnswer)]
    assert wait.seconds == 300
    assert wait.command[:2] == ("sh", "-c")
    assert "pg_isready -q -h 127.0.0.1" in wait.command[2]


def test_the_password_is_masked_everywhere_but_in_the_execution():
    found = planned()
    assert "hush" not in f"{found} {found.masked_lines} {found.to_json_data()} {[str(step) for step in found.steps]}"
    words = {step.container: reveal_argv(step.argv) for step in found.steps if isinstance(step, CreateContainer)}
    assert "POSTGRES_PASSWORD=hush hush" in words["owncloud-postgres"]
    assert "DB_PASS=hush hush" in words["owncloud"]


def test_a_self_signed_certificate_is_noted_with_its_path():
    assert [f"{one.level}: {one}" for one in planned().findings if "published ports" not in one.sentence] == [
        "note: owncloud uses the certificate /instance/tls/host.crt of this host, which is self-signed: browsers will"
        " show a warning. If you have your own, set it with ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT.",
    ]


def test_a_certificate_of_ones_own_is_mounted_and_none_is_made():
    found = planned(certificate=CertificateFacts("/etc/key.pem", "/etc/cert.pem", self_signed=False))
    assert (
        "-v /etc/key.pem:/etc/ssl/private/owncloud.key -v /etc/cert.pem:/etc/ssl/certs/owncloud.crt "
        in found.masked_lines[1]
    )
    assert not any("certificate" in str(step) for step in found.steps)
    assert not any("certificate" in str(one) for one in found.findings)


def test_a_certificate_that_is_configured_and_missing_forbids_it():
    found = planned(
        certificate=CertificateFacts("/etc/key.pem", "/etc/cert.pem", self_signed=False, missing="/etc/key.pem")
    )
    assert [str(one) for one in found.blockers] == [
        "The file /etc/key.pem, which owncloud needs for HTTPS, does not exist. Correct ROCKONWEB_TLS_KEY and"
        " ROCKONWEB_TLS_CERT, or unset both to have a certificate created.",
    ]


def test_a_folder_of_a_share_is_made_private_and_not_the_share():
    sample, _ = cloud()
    answers = complete_answers(sample, shares={"owncloud-postgres": {"/var/lib/postgresql/data": "apps/cloud"}})
    steps = [str(step) for step in plan.plan_install(sample, answers, make_host_facts(answers)).steps]
    assert "set the permissions of share apps/cloud to 700" in steps


def test_a_link_among_the_options_is_not_repeated():
    sample = build_definition(
        {"db": DATABASE, "cloud": {**APP, "image": "x/owncloud:9"}}, "ownCloud", custom_config=ACCOUNT
    )
    assert handlers.find_handler(sample) is handlers.HANDLERS["owncloud"]
    line = plan.plan_install(sample, complete_answers(sample), make_host_facts(complete_answers(sample))).masked_lines[
        1
    ]
    assert line.count("--link") == 1
    assert "--link db:db -e HTTPS_ENABLED=true -e DB_USER=db_user-value" in line


def test_a_persons_own_variable_and_share_beat_the_handlers():
    sample, _ = cloud()
    answers = complete_answers(
        sample,
        variables={"owncloud": {"DB_USER": "mine"}},
        storage={"owncloud": {"/etc/ssl/private/owncloud.key": "keys/own.key"}},
    )
    line = plan.plan_install(sample, answers, make_host_facts(answers)).masked_lines[1]
    assert line.index("DB_USER=db_user-value") < line.index("DB_USER=mine")
    assert line.count("/etc/ssl/private/owncloud.key") == 1
    assert "/shares/keys/own.key:/etc/ssl/private/owncloud.key" in line


def test_other_containers_are_launched_as_any_other_in_their_order():
    containers = {"cache": {"image": "redis"}, "db": DATABASE, "owncloud": APP, "cron": {}}
    sample = build_definition(containers, "ownCloud", custom_config=ACCOUNT)
    found = plan.plan_install(sample, complete_answers(sample), make_host_facts(complete_answers(sample)))
    assert [name for name, _ in found.containers] == ["cache", "db", "owncloud", "cron"]
    assert "DB_USER" not in found.masked_lines[0] + found.masked_lines[3]


def test_what_is_rebuilt_takes_the_linked_app_along():
    sample, _ = cloud()
    assert list(handlers.referenced_containers(sample, "owncloud")) == ["owncloud-postgres"]
    assert list(handlers.referenced_containers(sample, "owncloud-postgres")) == []


def test_without_an_answer_for_the_share_nothing_is_made_private():
    sample, _ = cloud()
    steps = [str(step) for step in owncloud.plan_owncloud_launch(sample, Answers(), HostFacts())]
    assert not any("permissions" in step for step in steps)


@pytest.mark.parametrize(
    ("containers", "questions"),
    [
        ({"db": DATABASE, "owncloud": APP}, {"db_user": {}}),
        ({"db": {**DATABASE, "volumes": {}}, "owncloud": APP}, ACCOUNT),
        ({"db": {**DATABASE, "image": "mariadb"}, "owncloud": APP}, ACCOUNT),
        ({"db": DATABASE, "files": APP}, ACCOUNT),
        ({"db": DATABASE, "owncloud": {}}, ACCOUNT),
        ({"db": DATABASE, "owncloud": {"opts": [["--link", "other:db"]]}}, ACCOUNT),
        ({"owncloud": APP, "db": DATABASE}, ACCOUNT),
        ({"db": DATABASE, "db2": DATABASE, "owncloud": APP}, ACCOUNT),
    ],
)
def test_another_shape_of_that_name_is_launched_as_any_other(containers: dict[str, Any], questions: dict[str, Any]):
    assert (
        handlers.find_handler(build_definition(containers, "ownCloud", custom_config=questions))
        is handlers.GENERIC_HANDLER
    )


@pytest.mark.parametrize(
    "image", ["postgres", "postgres:13", "library/postgres", "box.example/pg/postgres:9@sha256:" + "0" * 64]
)
def test_the_database_is_known_by_its_image(image: str):
    sample = build_definition({"db": {**DATABASE, "image": image}, "owncloud": APP}, "OWNCLOUD", custom_config=ACCOUNT)
    assert handlers.find_handler(sample) is handlers.HANDLERS["owncloud"]


def test_a_database_that_is_rebuilt_takes_the_app_along():
    sample, answers = cloud()
    changed = complete_answers(sample, custom_config=answers.custom_config, labels={"owncloud-postgres": ["color=red"]})
    names = {name: ContainerFacts(name, state="running", rockon="ownCloud") for name in sample.containers}
    found = plan_change(
        DesiredState(sample, answers),
        DesiredState(sample, changed),
        make_host_facts(answers, containers=names, networks={}),
    )
    assert set(found.recreated) == set(names)
    steps = [str(step) for step in found.plan.steps]
    assert steps.index("wait until owncloud-postgres is ready") < steps.index("create container owncloud")
