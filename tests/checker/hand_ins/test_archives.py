"""Archives from students: found files, and archives that were made to do harm, which are told and never unpacked."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile

import pytest

from convlens.checker.hand_ins import EmptyError, archives, entries, read
from convlens.checker.submission import LARGEST, TASKS

CODE = b"#!/usr/bin/env python3\n"


def zipped(path, files, kind=zipfile.ZIP_DEFLATED, system=3):
    """Write a zip file. files: content, or (mode, content), by name"""
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, value in files.items():
            mode, content = value if isinstance(value, tuple) else (0o644, value)
            info = zipfile.ZipInfo(name)
            info.external_attr, info.create_system = (mode if mode > 0o777 else stat.S_IFREG | mode) << 16, system
            info.compress_type = kind
            archive.writestr(info, content)
    return path


def tarred(path, files, mode="w:gz"):
    """Write a tar file. files: content, or (mode, content), or a TarInfo, by name"""
    with tarfile.open(path, mode) as archive:
        for name, value in files.items():
            if isinstance(value, tarfile.TarInfo):
                archive.addfile(value)
                continue
            bits, content = value if isinstance(value, tuple) else (0o644, value)
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), bits
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", archives.ARCHIVES)
@pytest.mark.parametrize("inner", ["", "cnn/", "holbertonschool/supervised_learning/0x07-cnn/"])
def test_the_files_are_found_in_every_kind_of_archive(tmp_path, ending, inner):
    files = {f"{inner}{TASKS[0]}": (0o755, CODE), f"{inner}{TASKS[2]}": CODE + b"2", f"{inner}0-main.py": b"print()"}
    path = tmp_path / f"rita{ending}"
    if ending == ".zip":
        zipped(path, files)
    else:
        mode = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "tbz2": "w:bz2", "xz": "w:xz", "txz": "w:xz"}
        tarred(path, files, mode.get(ending.rpartition(".")[2], "w"))
    found = read(path, (0, 1, 2))
    assert found.name == "rita"
    assert [file.content for file in found.files.values()] == [CODE, None, CODE + b"2"]
    assert [file.runs for file in found.files.values()] == [True, False, False]
    assert found.files[TASKS[1]].missing
    assert found.notes == ((f"the files are in {inner.rstrip('/')!r}",) if inner else ())


def test_an_archive_made_on_windows_says_nothing_about_run_bits(tmp_path):
    path = zipped(tmp_path / "rita.zip", {TASKS[0]: (0, CODE)}, system=0)
    assert read(path, (0,)).files[TASKS[0]].runs


def test_an_archive_inside_the_folder_is_opened(tmp_path):
    zipped(tmp_path / "work (2).zip", {f"0x07-cnn/{TASKS[0]}": CODE, f"__MACOSX/0x07-cnn/._{TASKS[0]}": b"\0"})
    (tmp_path / "read me.txt").write_text("see the zip file")
    found = read(tmp_path, (0,))
    assert found.files[TASKS[0]].content == CODE
    assert found.notes == ("the files are in 'work (2).zip/0x07-cnn'",)


def test_files_beside_an_archive_count_before_it(tmp_path):
    (tmp_path / TASKS[0]).write_bytes(CODE)
    zipped(tmp_path / "old.zip", {TASKS[0]: b"old", TASKS[1]: b"old"})
    found = read(tmp_path, (0, 1))
    assert found.files[TASKS[0]].content == CODE and found.files[TASKS[1]].missing


def link(name, target, hard=False):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return info


def test_links_and_paths_that_lead_out_are_told_and_never_read(tmp_path):
    outside = tmp_path / "secret"
    outside.write_bytes(b"secret")
    bad = {
        TASKS[0]: link(TASKS[0], str(outside)),
        TASKS[1]: link(TASKS[1], str(outside), hard=True),
        f"../{TASKS[2]}": b"out",
        f"/{TASKS[3]}": b"root",
        "a": b"",
    }
    found = read(tarred(tmp_path / "a.tgz", bad), (0, 1, 2, 3))
    said = [file.problem for file in found.files.values()]
    assert said[:2] == ["the file is a link; hand in the file itself"] * 2
    assert all(file.content is None for file in found.files.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "secret"]
    mode = stat.S_IFLNK | 0o777
    found = read(zipped(tmp_path / "a.zip", {TASKS[0]: (mode, str(outside).encode()), "..\\x.py": b"", "b": b""}), (0,))
    assert found.files[TASKS[0]].problem == "the file is a link; hand in the file itself"
    found = read(zipped(tmp_path / "b.zip", {f"x/../../{TASKS[0]}": b"out", "b": b""}), (0,))
    assert "leads out of the archive" in found.files[TASKS[0]].problem and found.files[TASKS[0]].content is None


def test_a_file_that_unpacks_to_too_much_is_not_read(tmp_path):
    bomb = bytes(2**26)
    found = read(zipped(tmp_path / "a.zip", {TASKS[0]: bomb, TASKS[1]: CODE}), (0, 1))
    assert found.files[TASKS[0]].problem == f"the file has {2**26:,} bytes; the limit is {LARGEST:,}"
    assert found.files[TASKS[1]].content == CODE
    # The table of a zip file may lie about the size of a file
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.find(b"PK\1\2")
    assert struct.unpack("<I", data[at + 24 : at + 28]) == (2**26,)
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    (tmp_path / "b.zip").write_bytes(data)
    lying = read(tmp_path / "b.zip", (0,)).files[TASKS[0]]
    assert lying.content is None and "damaged" in lying.problem


def test_a_tar_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_UNPACKED", 2**20)
    path = tarred(tmp_path / "a.tgz", {"x": bytes(2**21), TASKS[0]: CODE})
    with pytest.raises(ValueError, match=r"an archive must unpack to at most 1,048,576 bytes; this one gives more"):
        read(path)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_archive_of_too_many_files_is_refused(tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "MOST", 9)
    path = make(tmp_path / "a.zip", {f"{k}.py": b"" for k in range(10)})
    with pytest.raises(ValueError, match=r"an archive must have at most 9 entries"):
        read(path)


def test_a_large_archive_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LARGEST_ARCHIVE", 1000)
    (tmp_path / "a.zip").write_bytes(bytes(1001))
    with pytest.raises(ValueError, match=r"an archive must have at most 1,000 bytes; 'a.zip' has more"):
        read(tmp_path / "a.zip")


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "MOST", 9)
    for k in range(10):
        (tmp_path / f"{k}.txt").touch()
    with pytest.raises(ValueError, match=r"a hand-in must have at most 9 files; '.*' has more"):
        read(tmp_path)


BROKEN = {
    "text": b"not an archive",
    "empty": b"",
    "zip of zeros": b"PK" + bytes(500),
    "gzip": gzip.compress(b"no tar"),
    "gzip cut": gzip.compress(bytes(10_000))[:20],
    "bzip2": bz2.compress(b"no tar"),
    "xz": lzma.compress(b"no tar"),
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(100),
}


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_damaged_archive_is_told(tmp_path, kind, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(BROKEN[kind])
    with pytest.raises(ValueError, match=r"must be a zip or tar file; it cannot be read|must have files"):
        read(path)


def test_every_cut_of_a_zip_and_a_tar_file_is_a_sentence_or_a_submission(tmp_path):
    made = [zipped(tmp_path / "a.zip", {TASKS[0]: CODE * 50}), tarred(tmp_path / "a.tar", {TASKS[0]: CODE}, "w")]
    for path in made:
        data = path.read_bytes()
        for size in range(0, len(data), max(1, len(data) // 60)):
            path.write_bytes(data[:size])
            try:
                file = read(path, (0,)).files[TASKS[0]]
            except ValueError as error:
                assert str(error)
            else:
                assert file.problem or file.content in (CODE, CODE * 50)


def test_an_encrypted_file_is_told(tmp_path):
    path = zipped(tmp_path / "a.zip", {TASKS[0]: CODE}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(mark) + offset] |= 1
    path.write_bytes(data)
    assert read(path, (0,)).files[TASKS[0]].problem == "it is encrypted"


def test_other_kinds_of_archives_are_named(tmp_path):
    (tmp_path / "work.rar").write_bytes(b"Rar!")
    with pytest.raises(NotADirectoryError, match=r"or a notebook; '.*work.rar' is a RAR archive"):
        read(tmp_path / "work.rar")
    found = read(tmp_path, (0,))
    assert found.notes == ("'work.rar' is a RAR archive, which cannot be opened here: hand in the files themselves",)
    assert found.files[TASKS[0]].missing


def test_an_empty_archive_is_nothing(tmp_path):
    with pytest.raises(EmptyError, match=r"a submission must have files; '.*a.zip' is empty"):
        read(zipped(tmp_path / "a.zip", {}))
