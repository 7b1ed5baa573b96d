"""A report's HTML page as a test reads it: tags, texts, sections, tables."""

import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "link", "input", "hr", "base"}
NBSP = "\u00a0"


class Page(HTMLParser):
    """A parsed page: its tags, and the tables and the text of each section. Wrongly nested tags are errors."""

    def __init__(self, text):
        super().__init__()
        self.text, self.section = text, ""
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.words: dict[str, str] = {}
        self.cards: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attributes)["id"]
        elif tag == "table":
            self.tables.setdefault(self.section, []).append([])
        elif tag == "tr":
            self.tables[self.section][-1].append([])
        elif tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")
        elif tag == "figcaption":
            self.cards.append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "section":
            self.section = ""

    def handle_data(self, data):
        self.words[self.section] = self.words.get(self.section, "") + data
        if {"td", "th"} & set(self.open):
            self.tables[self.section][-1][-1][-1] += data
        if "figcaption" in self.open:
            self.cards[-1] += data + " "

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def headline(self):
        return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", self.text))


def least_certain(run, digits):
    """The index of the image that a report follows through the network: right, with the lowest probability."""
    found = run.trained.probabilities(digits.x_valid)
    right = [k for k, label in enumerate(digits.y_valid) if found[k].argmax() == label]
    return min(right, key=lambda k: found[k].max(), default=0)


def shown_number(text: str) -> float:
    """The number in a text of the explorer, such as −1.5·10⁻³."""
    return float(text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace("·10", "e"))
