"""Settings from the environment or a `.env`, and the instance's key."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rockonweb import config, program
from rockonweb.config import Config
from rockonweb.core.errors import BadInput
from rockonweb.core.status.health import HealthLimits


def read(tmp_path: Path, **environ: str) -> Config:
    """Return the settings of an instance in `tmp_path`."""
    return config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path / "instance"), **environ})


def test_without_any_variable_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "ROCKSTOR_SHARES_ROOT", tmp_path / "nothing here")
    monkeypatch.setattr(program, "find_checkout", lambda: tmp_path)
    assert config.load_config({}) == Config(
        instance=tmp_path / "instance",
        host="127.0.0.1",
        port=8000,
        workers=3,
        remote_metastore="https://rockstor.com/rockons",
        local_metastore=tmp_path / "instance" / "rockons",
        shares_root=tmp_path / "instance" / "shares",
        database_url=f"sqlite:///{tmp_path}/instance/rockonweb.db",
        redis_url="",
        admin_user="",
        admin_password="",
    )


def test_every_variable_is_taken(tmp_path: Path):
    assert config.load_config(
        {
            "ROCKONWEB_INSTANCE": "/srv/rockonweb",
            "ROCKONWEB_BIND": "0.0.0.0:80",
            "ROCKONWEB_WORKERS": "7",
            "ROCKONWEB_REMOTE_METASTORE": "http://127.0.0.1:9/store/",
            "ROCKONWEB_LOCAL_METASTORE": "/srv/mine",
            "ROCKONWEB_SHARES_ROOT": "/srv/shares",
            "DATABASE_URL": "postgresql://db/rockonweb",
            "REDIS_URL": "redis://queue:6379",
            "ROCKONWEB_ADMIN_USER": "anna",
            "ROCKONWEB_ADMIN_PASSWORD": "correct horse",
            "ROCKONWEB_ROLLBACK_POINTS": "5",
            "ROCKONWEB_UPDATE_HOURS": "0",
            "ROCKONWEB_HEALTH_SECONDS": "20",
            "ROCKONWEB_HEALTH_TIMEOUT": "600",
            "ROCKONWEB_HISTORY_DAYS": "90",
            "ROCKONWEB_KEEP_RUNNING": "no",
            "ROCKONWEB_PULL_TIMEOUT": "900",
            "ROCKONWEB_REGISTRY_SECONDS": "9",
        }
    ) == Config(
        instance=Path("/srv/rockonweb"),
        host="0.0.0.0",
        port=80,
        workers=7,
        remote_metastore="http://127.0.0.1:9/store",
        local_metastore=Path("/srv/mine"),
        shares_root=Path("/srv/shares"),
        database_url="postgresql://db/rockonweb",
        redis_url="redis://queue:6379",
        admin_user="anna",
        admin_password="correct horse",
        rollback_points=5,
        update_hours=0,
        health=HealthLimits(steady_seconds=20, timeout_seconds=600),
        history_days=90,
        keep_running=False,
        pull_timeout=900,
        registry_seconds=9,
    )


def test_a_blank_remote_metastore_means_none(tmp_path: Path):
    assert read(tmp_path, ROCKONWEB_REMOTE_METASTORE="").remote_metastore == ""


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for key in ("ROCKONWEB_WORKERS", "ROCKONWEB_BIND", "ROCKONWEB_INSTANCE"):
        monkeypatch.delenv(key, raising=False)
    (tmp_path / ".env").write_text("ROCKONWEB_WORKERS=2\nROCKONWEB_BIND=127.0.0.1:9000\n")
    monkeypatch.setenv("ROCKONWEB_WORKERS", "5")
    settings = config.load_config()
    assert (settings.workers, settings.port) == (5, 9000)


def test_dockers_variables_of_the_file_reach_its_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "unset later")
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / ".env").write_text("DOCKER_HOST=unix:///run/other.sock\n")
    config.load_config()
    assert os.environ["DOCKER_HOST"] == "unix:///run/other.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    config.load_config()
    assert os.environ["DOCKER_HOST"] == "unix:///run/mine.sock"


@pytest.mark.parametrize(
    ("bind", "host", "port", "url"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000, "http://127.0.0.1:8000"),
        ("0.0.0.0:80", "0.0.0.0", 80, "http://127.0.0.1:80"),
        (":9000", "0.0.0.0", 9000, "http://127.0.0.1:9000"),
        ("[::1]:8000", "::1", 8000, "http://[::1]:8000"),
        ("[::]:8000", "::", 8000, "http://127.0.0.1:8000"),
        ("nas.local:8000", "nas.local", 8000, "http://nas.local:8000"),
    ],
)
def test_an_address_to_listen_on(tmp_path: Path, bind: str, host: str, port: int, url: str):
    settings = read(tmp_path, ROCKONWEB_BIND=bind)
    assert (settings.host, settings.port, settings.local_url) == (host, port, url)


@pytest.mark.parametrize("bind", ["8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "a:0", "a:65536", "a:-1"])
def test_an_address_that_can_not_be_used_is_named(tmp_path: Path, bind: str):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, ROCKONWEB_BIND=bind)
    assert str(caught.value) == f'ROCKONWEB_BIND is "{bind}". It must be ADDRESS:PORT, such as 127.0.0.1:8000.'


@pytest.mark.parametrize("workers", ["0", "-1", "many", "1.5", "²"])
def test_a_number_of_workers_that_can_not_be_used_is_named(tmp_path: Path, workers: str):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, ROCKONWEB_WORKERS=workers)
    assert str(caught.value) == f'ROCKONWEB_WORKERS is "{workers}". It must be a whole number from 1.'


def test_days_that_no_calendar_has_are_refused() -> None:
    with pytest.raises(BadInput, match="ROCKONWEB_HISTORY_DAYS"):
        config.load_config({"ROCKONWEB_HISTORY_DAYS": "99999999999"})


def test_shares_live_where_the_original_has_them_when_something_is_mounted_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mnt2" / "main").mkdir(parents=True)
    monkeypatch.setattr(config, "ROCKSTOR_SHARES_ROOT", tmp_path / "mnt2")
    assert read(tmp_path).shares_root == tmp_path / "instance" / "shares"
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "mnt2" / "main")
    assert read(tmp_path).shares_root == tmp_path / "mnt2"


def test_the_queue_is_the_configured_one_or_our_own(tmp_path: Path):
    assert read(tmp_path, REDIS_URL="redis://queue:6379").queue_url == "redis://queue:6379"
    settings = config.load_config({"ROCKONWEB_INSTANCE": "/srv/rw"})
    assert settings.queue_url == "unix:///srv/rw/redis/redis.sock"


def test_a_socket_never_has_a_path_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path)[:40])
    deep = [config.load_config({"ROCKONWEB_INSTANCE": f"/srv/{'ü' * length}"}).redis_socket for length in (50, 51, 200)]
    assert all(len(os.fsencode(path)) <= config.SOCKET_PATH_LIMIT for path in deep)
    assert len(set(deep)) == 3
    assert deep == [config.load_config({"ROCKONWEB_INSTANCE": f"/srv/{'ü' * n}"}).redis_socket for n in (50, 51, 200)]


# The key


def test_the_key_is_made_once_and_is_private(tmp_path: Path):
    settings = read(tmp_path)
    config.create_secret_key(settings)
    key = config.secret_key(settings)
    path = settings.key_file
    assert len(key) >= 32
    config.create_secret_key(settings)
    assert config.secret_key(settings) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.instance.stat().st_mode) == 0o700


def make_key(settings: config.Config) -> str:
    config.create_secret_key(settings)
    return config.secret_key(settings)


def test_a_key_that_is_missing_empty_or_damaged_is_a_sentence_and_makes_none(tmp_path: Path):
    settings = read(tmp_path)
    with pytest.raises(config.KeyUnusable, match=r"secret\.key, is missing\. .*forget-secrets"):
        config.secret_key(settings)
    assert not settings.key_file.exists()
    key = make_key(settings)
    for damaged in ("", "\n", key[:-1], key + "x", "\0" * 43, "ü" * 43):
        settings.key_file.write_text(damaged)
        with pytest.raises(config.KeyUnusable, match="is empty or damaged"):
            config.secret_key(settings)
        assert settings.key_file.read_text() == damaged


def test_the_key_and_its_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced = []

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", note)
    settings = read(tmp_path)
    config.create_secret_key(settings)
    assert synced[0].startswith(str(settings.key_file))
    assert synced[-1] == str(settings.instance)


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path):
    for attempt in range(20):
        settings = read(tmp_path / str(attempt))
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _: make_key(settings), range(8)))  # noqa: B023
        assert len(keys) == 1
        assert keys != {""}


def test_an_instance_marks_its_containers_with_a_name_that_tells_nothing_of_its_key(tmp_path: Path):
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert make_key(one) != make_key(two)
    assert config.instance_id(one) == config.instance_id(one)
    assert config.instance_id(one) != config.instance_id(two)
    assert config.instance_id(one) not in config.secret_key(one)
    assert len(config.instance_id(one)) == 12


@pytest.mark.parametrize("value", ["http://a.example", "a.example:80", "*.example", "a b", "-a", "a..b"])
def test_a_host_that_is_no_name_is_refused(tmp_path: Path, value: str):
    with pytest.raises(BadInput, match="ROCKONWEB_HOSTS"):
        read(tmp_path, ROCKONWEB_HOSTS=f"good.example,{value}")


@pytest.mark.parametrize("value", ["proxy.lan", "10.0.0.0/99", "10.0.0", "127.0.0.1;::1"])
def test_a_proxy_that_is_no_address_is_refused(tmp_path: Path, value: str):
    with pytest.raises(BadInput, match="ROCKONWEB_PROXIES"):
        read(tmp_path, ROCKONWEB_PROXIES=value)


def test_proxies_are_addresses_and_networks(tmp_path: Path):
    found = read(tmp_path, ROCKONWEB_PROXIES="127.0.0.1, 172.18.0.0/16,fd00::/8")
    assert [str(network) for network in found.trusted_proxies] == ["127.0.0.1/32", "172.18.0.0/16", "fd00::/8"]


def test_with_a_certificate_the_address_says_https(tmp_path: Path):
    assert read(tmp_path).local_url == "http://127.0.0.1:8000"
    assert read(tmp_path, ROCKONWEB_TLS_KEY="k", ROCKONWEB_TLS_CERT="c").local_url == "https://127.0.0.1:8000"
