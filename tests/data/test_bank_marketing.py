from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from splitrun.data import available_columns
from splitrun.data.sources import bank_marketing
from splitrun.errors import DataError
from tests.data.loading import load_data
from tests.data.specs import BANK_COLUMNS, make_spec

SPEC = make_spec({"type": "bank_marketing"}, BANK_COLUMNS)


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Archive:
    """What the stand-in for UCI's server answers."""

    body: bytes = b""
    status: int = 200
    announced: int | None = None
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """A server on the loopback interface in place of UCI's."""
    answer = Archive()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer.requests.append(self.path)
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(
            bank_marketing, "ARCHIVE", f"http://127.0.0.1:{server.server_port}/bank.zip"
        )
        yield answer
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "cache"
    monkeypatch.setattr(bank_marketing, "user_cache_dir", lambda _: str(directory))
    monkeypatch.delenv("SPLITRUN_DATA_DIR", raising=False)
    return directory


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small file that counts as the published one."""
    header = ";".join(bank_marketing.COLUMNS)
    rows = [
        f"{row};a;b;c;d;{row};e;f;g;1;h;2;3;4;5;i;{'no' if row % 2 else 'yes'}" for row in range(20)
    ]
    content = "\n".join([header, *rows, ""]).encode()
    known = bank_marketing.PublishedFile("bank.csv", hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(bank_marketing.FILES, "small", known)
    return content


def test_a_download_is_unpacked_into_the_cache_with_its_progress_told(
    archive: Archive, published: bytes, cache: Path
) -> None:
    archive.body = zipped("bank.zip", zipped("bank.csv", published))
    told: list[tuple[int, int | None]] = []
    data = load_data(SPEC, Path(), on_download=lambda done, total: told.append((done, total)))
    assert len(data.labels) == 20
    assert told[-1] == (len(archive.body), len(archive.body))
    assert [path.name for path in cache.iterdir()] == ["bank.csv"]
    load_data(SPEC, Path())
    assert len(archive.requests) == 1


def test_a_given_directory_comes_before_the_environments_and_that_before_the_cache(
    published: bytes, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, environment = tmp_path / "given", tmp_path / "environment"
    monkeypatch.setenv("SPLITRUN_DATA_DIR", str(environment))
    places = [given, environment, cache]
    for place in places:
        place.mkdir()
        (place / "bank.csv").write_bytes(published + b"damaged")
    for place in places:
        with pytest.raises(DataError, match=str(place)):
            load_data(SPEC, Path(), given)
        (place / "bank.csv").unlink()
    (cache / "bank.csv").write_bytes(published)
    assert len(load_data(SPEC, Path(), given).labels) == 20


def test_a_damaged_file_is_refused_by_name_and_digest_at_validation_already(
    bank_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "bank.csv").write_bytes((bank_dir / "bank.csv").read_bytes()[:-1])
    message = "bank.csv: not the published file: SHA-256 .{12}…, expected dc8d576e9bda…; delete it"
    with pytest.raises(DataError, match=message):
        available_columns(SPEC, Path(), tmp_path)
    with pytest.raises(DataError, match=message):
        load_data(SPEC, Path(), tmp_path)


def test_a_data_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="typo: the data directory is not there; create it"):
        available_columns(SPEC, Path(), tmp_path / "typo")


def test_offline_the_error_says_where_to_get_the_file_and_where_to_put_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(bank_marketing, "ARCHIVE", "http://127.0.0.1:9/bank.zip")
    with pytest.raises(DataError) as caught:
        load_data(SPEC, Path(), tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "bank.csv") in message
    assert str(cache / "bank.csv") in message
    assert "Connection refused" in message
    assert bank_marketing.PAGE in message
    assert "--data-dir" in message
    assert not cache.exists()


@pytest.mark.parametrize(
    ("body", "status", "announced", "message"),
    [
        (b"half", 200, 1000, "bank.csv is not at .*: the download ended after 4 of 1,000 bytes"),
        (b"", 404, None, "HTTP Error 404: Not Found"),
        (b"no archive", 200, None, "bank.zip cannot be unpacked: File is not a zip file"),
        (zipped("other", b""), 200, None, "no item named 'bank.zip'"),
        (zipped("bank.zip", zipped("bank.csv", b"x")), 200, None, "bank.csv: not the published"),
        (zipped("bank.zip", b"x" * 2**27), 200, None, "bank.zip has more than 67,108,864 bytes"),
        (zipped("bank.zip", b"x" * 99)[:40], 200, None, "cannot be unpacked"),
    ],
    # Archives carry the time they were made: as ids they would differ between workers.
    ids=["cut short", "not there", "no archive", "other name", "other data", "huge", "torn"],
)
def test_a_bad_download_is_refused_and_leaves_nothing_behind(
    archive: Archive,
    cache: Path,
    body: bytes,
    status: int,
    announced: int | None,
    message: str,
) -> None:
    archive.body, archive.status, archive.announced = body, status, announced
    with pytest.raises(DataError, match=message):
        load_data(SPEC, Path())
    assert not cache.exists()


def test_an_endless_download_is_cut_off(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitrun.data.sources.bank_marketing.LARGEST_BYTES", 2**17)
    archive.body = b"x" * 2**20
    with pytest.raises(DataError, match="more than 131,072 bytes"):
        load_data(SPEC, Path())


def test_a_cache_that_cannot_be_written_is_named(
    archive: Archive, published: bytes, cache: Path
) -> None:
    archive.body = zipped("bank.zip", zipped("bank.csv", published))
    cache.write_text("a file where the directory should be")
    with pytest.raises(DataError, match=r"cache.bank.csv: File exists; free space or make"):
        load_data(SPEC, Path())
