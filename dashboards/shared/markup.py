"""Small HTML pieces for `st.html`: everything that comes from a record is escaped here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

MARKDOWN = re.compile(r"[\\`*\[\]<$~]|(?<!\w)_|_(?!\w)|:(?=[A-Za-z/])|^\s*[#>+-]", re.MULTILINE)
"""What begins something in Markdown and in Streamlit's directives; some of it only where a line begins."""


def text(value: object | None, unknown: str = "not recorded") -> str:
    """A value as escaped text; what is missing is said in words."""
    return escape(str(value)) if value not in (None, "") else f'<span class="quiet">{escape(unknown)}</span>'


def plain_words(value: object | None) -> str:
    """A text of a record for a place that is written in Markdown: no link, picture, colour or formula comes of it."""
    return MARKDOWN.sub(r"\\\g<0>", str(value or ""))


def tag(words: str, kind: str) -> str:
    return f'<span class="tag {escape(kind)}">{escape(words)}</span>'


def lines(items: Iterable[str], empty: str) -> str:
    """An unadorned list of ready-made HTML items; an empty one says so in words."""
    listed = list(items)
    if not listed:
        return f'<p class="quiet">{escape(empty)}</p>'
    return '<ul class="plain">' + "".join(f"<li>{item}</li>" for item in listed) + "</ul>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str) -> str:
    """A table of ready-made HTML cells, with a caption for screen readers, that scrolls in itself."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="facts">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
