"""Images of a private registry, on a real engine: without a login, with a wrong one, and with the right one."""

from collections.abc import Callable

from rockonweb.core.status.updates import UpdateStatus
from rockonweb.models import db
from rockonweb.models.image import rockon_images
from rockonweb.work import operations, registry_logins, updates
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer


def test_a_private_image_is_pulled_and_looked_up_with_its_login_alone(
    engine: DockerDaemon,
    instance: Instance,
    standin: Callable[..., str],
    registry: RegistryServer,
    private_registry: RegistryServer,
) -> None:
    name = standin("logins/app:1", revision="1").removeprefix(registry.address)
    rockon = instance.add_rockon("Private", {"private": {"image": f"{private_registry.address}{name}", "tag": ""}})
    operation = instance.run_operation(instance.submit_review(instance.prepare_install(rockon)))
    assert operation.progress == "failed"
    assert "denied access to the image" in operation.error
    assert "Registry logins" in operation.hint
    registry_logins.save_login(private_registry.address, USER, "wrong")
    operation = instance.run_operation(operations.retry_operation(operation.id, "tester"))
    assert "denied access to the image" in operation.error
    registry_logins.save_login(private_registry.address, USER, ODD_PASSWORD)
    operation = instance.run_operation(operations.retry_operation(operation.id, "tester"))
    assert operation.progress == "done", operation.error
    updates.check_registries()
    standin("logins/app:1", revision="2")
    updates.check_registries()
    db.session.rollback()
    assert [image.outcome for image in rockon_images(rockon.id)] == [UpdateStatus.NEWER]
    inspected = engine.run_docker("inspect", "private") + engine.run_docker("info")
    assert ODD_PASSWORD not in inspected
    assert not any(ODD_PASSWORD in str(step.output) for step in operation.steps)
