"""Whole definitions that hypothesis makes: they parse, plan and print, and the groups of the command are in order."""

import json
from typing import Any

from hypothesis import given

from rockonweb.core.containers.argv import host_port
from rockonweb.core.definition.definition import ContainerSpec
from rockonweb.core.definition.parser import definition_from_source, parse_definitions
from rockonweb.core.plan import plan
from rockonweb.core.questions import wizard
from rockonweb.core.secret import reveal_argv
from tests.support import samples
from tests.support.definitions_strategy import definition_files
from tests.support.examples import example_settings


@example_settings(200)
@given(definition_files())
def test_a_whole_definition_parses_plans_and_prints(file: dict[str, Any]) -> None:
    (one,) = parse_definitions(json.dumps(file))
    definition = one.definition
    assert definition_from_source(definition.name, one.source) == definition
    answers = samples.complete_answers(definition)
    planned = plan.plan_install(definition, answers, samples.make_host_facts(answers))
    assert len(planned.masked_lines) >= 1
    assert all("********" in line or "PASSWORD=" not in line for line in planned.masked_lines)
    assert json.dumps(planned.to_json_data())
    assert [name for name, _ in planned.containers] == [name for name, _ in definition.launch_order]
    for name, argv in planned.containers:
        check(reveal_argv(argv), definition.containers[name], answers.ports.get(name, {}))
    for page in wizard.wizard_pages(definition):
        assert len({ask.name for ask in wizard.page_questions(definition, page)}) == len(
            wizard.page_questions(definition, page)
        )
    assert wizard.suggest_shares(definition).keys() == {ask.name for ask in wizard.page_questions(definition, "shares")}
    assert all(host_port(definition, name, port, answers) for name, port, _ in definition.container_ports)


def check(words: list[str], spec: ContainerSpec, ports: dict[int, int | None]) -> None:
    """The groups come in the order of the format, each as long as the definition says."""
    assert words[:4] == ["docker", "run", "-d", "--restart=unless-stopped"]
    rest = words[6:]
    for path in spec.volumes:
        assert rest.pop(0) == "-v"
        assert rest.pop(0).endswith(f":{path}")
    assert [rest.pop(0), rest.pop(0)] == ["-v", "/etc/localtime:/etc/localtime:ro"]
    if spec.uid is not None and rest[0] == "-u":
        del rest[:2]
    for port, asked in spec.port_specs.items():
        for protocol in asked.published_protocols:
            assert [rest.pop(0), rest.pop(0)] == ["-p", f"{ports[port]}:{port}/{protocol}"]
    for flag, value in spec.opts:
        assert rest.pop(0) == flag
        assert not value.strip() or rest.pop(0) == value
    variables = [rest.pop(0) and rest.pop(0).partition("=")[0] for _ in spec.environment]
    assert sorted(variables) == sorted(spec.environment)
    while rest[0] == "--label":
        del rest[:2]
    assert rest.pop(0) == spec.image_reference
    assert rest == [word for pair in spec.cmd_arguments for place, word in enumerate(pair) if word.strip() or not place]
