"""The names of feedback pages: safe for any student's name, and different for different students."""

import itertools
import unicodedata

import pytest

from convlens.checker.classes.feedback_names import INDEX, page_name

pytestmark = pytest.mark.smoke

NAMES = [
    *("rita", "Rita", "RITA", "rita moreno", "Rita Moreno", "rita-moreno", "rita_moreno", "o'hara", "ohara"),
    *("index", "Index", "INDEX", "con", "nul", "com1", "aux", ".", "..", "...", "", " ", "a/b", "a\\b", "../../etc"),
    *(
        "/etc/passwd",
        "a.html",
        "a",
        "-",
        "--",
        "李小龍",
        "李小龙",
        "Åse",
        "A\u030ase",
        "é",
        "e\u0301",
        "\udcff",
        "\udcfe",
    ),
    *(
        "x" * 300,
        "x" * 301,
        "é" * 300,
        "\x1b[31m",
        "a\nb",
        "a\x00b",
        "a:b",
        "a*b?",
        "<b>",
        "ﬁ",
        "fi",
        "ß",
        "ss",
        "İ",
        "i",
    ),
]


def test_no_two_students_share_a_page_on_any_system():
    names = [*NAMES, *map(lambda name: page_name(name).removesuffix(".html"), NAMES)]
    different = dict.fromkeys(names)
    pages = {unicodedata.normalize("NFC", page_name(name)).casefold() for name in different}
    assert len(pages) == len(different)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_a_file_that_every_system_accepts(name):
    page = page_name(name)
    stem, dot, ending = page.rpartition(".")
    assert (dot, ending) == (".", "html") and page != INDEX
    assert stem and all(one.isalnum() or one in "-_" for one in stem) and stem[0] not in "-_"
    assert stem not in ("con", "nul", "com1", "aux", "prn")
    assert len(page.encode()) <= 80


def test_a_name_stays_readable():
    assert page_name("rita") == "rita.html" and page_name("doe-jane2") == "doe-jane2.html"
    for name, begin in (("Rita Moreno", "Rita-Moreno-"), ("李小龍", "李小龍-"), ("a/b.c", "a-b-c-")):
        assert page_name(name).startswith(begin)


def test_a_page_keeps_its_name_when_others_join_or_leave():
    alone = [page_name(name) for name in NAMES]
    for order in itertools.islice(itertools.permutations(NAMES[:6]), 5):
        assert [page_name(name) for name in order] == [alone[NAMES.index(name)] for name in order]
