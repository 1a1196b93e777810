"""One visual language: what every page is made of stands once, in `templates/_macros`."""

import re

import pytest

from portal.foundation import files

ROOT = files.folder("templates")
PAGES = sorted(
    path
    for path in ROOT.rglob("*.html")
    if not {"mail", "_macros"} & set(path.relative_to(ROOT).parts) and path.name != "base.html"
)
# A shape written by hand, and the macro that has it.
BY_HAND = {
    "<h1": "head",
    'class="lead': "head",
    'class="state': "state",
    "<dl": "facts",
    "<table": "table",
    'class="card-header': "section, or folded",
    'class="card danger': "danger_zone, or section(danger=true)",
    'class="problem': "problems, or notice",
    'class="nothing': "empty",
    'class="pager': "pager",
    "<time": "the filter instant",
    "<textarea": "field",
    "<select": "field",
    "<datalist": "field",
}


def test_there_are_pages():
    assert len(PAGES) > 50


@pytest.mark.parametrize("shape", BY_HAND)
def test_a_shape_stands_in_its_macro_alone(shape: str):
    """A page that draws it by hand looks like itself, not like the others."""
    drawn = [
        path.relative_to(ROOT).as_posix()
        for path in PAGES
        if shape in re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    ]
    assert drawn == [], f"use the macro: {BY_HAND[shape]}"


def test_every_macro_is_used():
    """What nobody calls is not part of the language."""
    text = "\n".join(path.read_text() for path in ROOT.rglob("*.html"))
    for file in (ROOT / "_macros").glob("*.html"):
        for name in re.findall(r"{% macro (\w+)\(", file.read_text()):
            assert re.search(rf"(?<!macro )\b{name}\(", text), name


def test_a_page_imports_what_it_calls():
    """A macro that is imported and never called tells a wrong story of the page."""
    idle = []
    for path in ROOT.rglob("*.html"):
        text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
        for line, names in re.findall(r'({% from "[^"]+" import ([^%]+) %})', text):
            called = " ".join(re.findall(r"{[{%].*?[%}]}", text.replace(line, ""), re.DOTALL))
            idle += [f"{path.name}: {one}" for one in re.findall(r"\w+", names)
                     if not re.search(rf"\b{one}\b", called)]  # fmt: skip
    assert idle == []
