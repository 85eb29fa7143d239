"""What a job checks before it acts."""

from rockonweb.work import planners


def test_only_volumes_that_docker_made_may_differ_from_the_review() -> None:
    volume = "0123456789abcdef" * 4
    line = "docker run -d --name app -v /shares/a:/data"
    assert planners._without_volumes([f"{line} -v {volume}:/cache image"]) == [f"{line} image"]
    assert planners._without_volumes([f"{line} -v '{volume}:/with space' image"]) == [f"{line} image"]
    for other in (f"{line} -v named:/cache image", f"{line} -e {volume}:/x image", f"{line} -v /etc:/cache image"):
        assert planners._without_volumes([other]) == [other]
