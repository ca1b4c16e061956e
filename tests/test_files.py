from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from splitrun.files import read_bytes, remove, write_text


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than"):
        read_bytes(tmp_path / "file", 4)


def test_what_never_ends_or_lies_elsewhere_is_not_read(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    (tmp_path / "secret").write_text("secret")
    (directory / "inside").write_text("inside")
    (directory / "link").symlink_to(tmp_path / "secret")
    (directory / "near").symlink_to("inside")
    (directory / "device").symlink_to("/dev/zero")
    os.mkfifo(directory / "pipe")
    for name in ("link", "device", "pipe"):
        with pytest.raises(ValueError, match=r"not a regular file|a link to"):
            read_bytes(directory / name)
    assert read_bytes(directory / "near") == b"inside"
    (tmp_path / "other").symlink_to(directory)
    assert read_bytes(tmp_path / "other" / "inside") == b"inside"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "report.html").symlink_to("mine")
    write_text(tmp_path / "report.html", "page")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "page"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "report.html"]


def test_a_device_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    with pytest.raises(OSError, match="a device"):
        write_text(device, "page")
    with pytest.raises(OSError, match="a device"):
        remove(device)
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]
