"""File names for the feedback pages of students: safe on every system, and different for different students."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["INDEX", "page_name"]

INDEX = "index.html"
_LONGEST = 60  # bytes of a name in UTF-8 before the hash and the ending: file systems allow 255
_DIGITS = 8  # hexadecimal digits of the hash
# A name that is its own file name: no two of these differ in case alone. Windows reserves some of them.
_PLAIN = re.compile(rf"(?!index$|con$|prn$|aux$|nul$|(?:com|lpt)\d$)(?!.*-[0-9a-f]{{{_DIGITS}}}$)[a-z0-9][a-z0-9_-]*")


def page_name(student: str) -> str:
    """Return the name of a student's page. It depends on nothing but the student's name.

    A name of lower-case letters and digits stays as it is. In any other name, everything but letters and digits becomes
    a hyphen, and a hash of the name follows, so that no two students share a page.

    >>> page_name("rita"), page_name("Rita Moreno")
    ('rita.html', 'Rita-Moreno-0c9a8fad.html')
    """
    if _PLAIN.fullmatch(student) and len(student) <= _LONGEST:
        return f"{student}.html"
    # Many systems take the two ways to write é, as one character or as two, for the same name
    letters = (one if one.isalnum() else "-" for one in unicodedata.normalize("NFC", student))
    slug = re.sub("-+", "-", "".join(letters)).strip("-")
    short = slug.encode()[:_LONGEST].decode(errors="ignore").strip("-")
    digest = hashlib.sha256(student.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{short or 'student'}-{digest}.html"
