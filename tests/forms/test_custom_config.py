"""The custom-config page: like the environment, for the whole rock-on."""

from rockonweb.forms import environment
from tests.forms.conftest import Posted
from tests.support.samples import load_definition

VPN = load_definition("vpn")
NAME = "custom-config-servername"


def test_the_settings_are_asked_for_without_a_container(posted: Posted) -> None:
    with posted({NAME: "vpn.example.org"}):
        form = environment.build_environment_form(VPN, {}, page="custom-config")
        assert form.validate()
        assert form.typed_values == {NAME: "vpn.example.org"}
        assert [name for name, _ in form.groups] == [""]


def test_a_setting_needs_an_answer(posted: Posted) -> None:
    with posted({NAME: ""}):
        form = environment.build_environment_form(VPN, {}, page="custom-config")
        assert not form.validate()
        assert form.first_faulty_field is form[NAME]
