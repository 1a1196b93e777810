"""What others may write: anything, near misses, and characters that have gone wrong elsewhere."""

import re
from typing import Final

from hypothesis import strategies as st

# Controls, bidi, zero width, marks, look-alikes, letters that change with case or normal form.
ODD: Final = (
    "\0\t\n\r\x1b\x7f\x85\u00a0\u00ad\u0130\u0131\u017f\u0301\u0308\u0430\u03c2\u1e9e\u200b\u200d\u200e"
    "\u202e\u2028\u2066\u212a\u2100\u3002\uff0e\uff20\uff21\uff1d\ufeff\U0001f600\ud800"
)
SIGNS: Final = "@.,;:/\\?#%&=+-_'\"()<>[]{}|^`~!$* 0a"

anything = st.text(max_size=80)
odd = st.text(st.sampled_from(ODD + SIGNS + "aZ"), max_size=40)
texts = anything | odd
labels = st.text(
    st.sampled_from("abcXYZ019-_\u00e9\u0430\u00df\u0130\uff41") | st.characters(), max_size=12
)
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
emails = st.builds("{}@{}".format, texts, domains) | texts
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=8,
)


def cell_value(cell: str) -> str:
    """Return what a cell of our CSV says, as whoever reads it takes the marks off again."""
    marked = r"(?:^|(?<=[;\t\r\n]))'(?=[\s'\"]*?[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
    return re.sub(marked, "", cell)
