"""A document for paper: one shape, written as printable HTML and as PDF. Nothing is fetched from anywhere.

The PDF carries DejaVu Sans (Latin, Greek, Cyrillic); a sign of another script is drawn as an empty box, so the screen
offers the HTML first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path

from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

FONTS = Path(__file__).with_name("fonts")
PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"

STYLE = """
body { font: 12pt/1.45 system-ui, 'DejaVu Sans', sans-serif; color: #000; background: #fff; margin: 2rem auto;
  max-width: 46rem; padding: 0 1rem; }
header, footer { border-bottom: 1px solid #444; padding-bottom: .5rem; margin-bottom: 1rem; }
footer { border: 0; border-top: 1px solid #444; margin-top: 1.5rem; padding-top: .5rem; font-size: 10pt; }
h1 { font-size: 18pt; margin: 0 0 .3rem; } h2 { font-size: 13pt; margin: 1rem 0 .2rem; }
p { margin: .2rem 0; white-space: pre-wrap; } ul { margin: .2rem 0; padding-left: 1.2rem; }
section { break-inside: avoid; } .mark { font-weight: 700; }
@media print { .no-print { display: none; } body { margin: 0; } @page { margin: 18mm; } }
"""


@dataclass(frozen=True)
class PaperPart:
    """A heading with lines; `listed` draws them as a list."""

    heading: str
    lines: list[str]
    listed: bool = True


@dataclass(frozen=True)
class Paper:
    """`identity` stands on every page of the PDF: whose it is must never be lost with a sheet."""

    title: str
    identity: str
    parts: list[PaperPart]
    lead: str = ""
    mark: str = ""
    closing: list[str] = field(default_factory=list)
    language: str = "en"


def as_html(paper: Paper) -> str:
    """A whole page that prints by itself when it is asked to; everything from the record is escaped."""
    parts = "".join(_part_html(part) for part in paper.parts)
    mark = f'<p class="mark">{escape(paper.mark)}</p>' if paper.mark else ""
    lead = f"<p>{escape(paper.lead)}</p>" if paper.lead else ""
    closing = "".join(f"<p>{escape(line)}</p>" for line in paper.closing)
    return (
        f'<!doctype html><html lang="{escape(paper.language)}"><head><meta charset="utf-8">'
        f"<title>{escape(paper.title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(paper.title)}</h1><p>{escape(paper.identity)}</p></header>"
        f"<main>{mark}{lead}{parts}</main><footer>{closing}</footer></body></html>"
    )


def as_pdf(paper: Paper) -> bytes:
    """US Letter, numbered pages, the identity on each."""
    _register_fonts()
    out = BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=LETTER,
        title=paper.title,
        leftMargin=0.8 * inch,
        rightMargin=0.8 * inch,
        topMargin=0.9 * inch,
        bottomMargin=0.8 * inch,
        lang=paper.language,
    )
    flow = [Paragraph(_text(paper.title), _style("title", 16, bold=True)), Spacer(1, 4)]
    for words, bold in ((paper.mark, True), (paper.lead, False)):
        if words:
            flow.append(Paragraph(_text(words), _style("lead", 10.5, bold=bold)))
    for part in paper.parts:
        flow.append(Paragraph(_text(part.heading), _style("heading", 12, bold=True, before=9)))
        bullet = "• " if part.listed else ""
        flow += [Paragraph(_text(bullet + line) or "&nbsp;", _style("body", 10.5)) for line in part.lines]
    flow += [Spacer(1, 10), *(Paragraph(_text(line), _style("closing", 9.5)) for line in paper.closing)]

    def frame(canvas, document) -> None:
        canvas.setFont(PLAIN, 8.5)
        canvas.drawString(0.8 * inch, LETTER[1] - 0.55 * inch, paper.identity)
        canvas.drawRightString(LETTER[0] - 0.8 * inch, 0.5 * inch, str(document.page))

    template.build(flow, onFirstPage=frame, onLaterPages=frame)
    return out.getvalue()


def _part_html(part: PaperPart) -> str:
    if part.listed:
        body = "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in part.lines) + "</ul>"
    else:
        body = "".join(f"<p>{escape(line)}</p>" for line in part.lines)
    return f"<section><h2>{escape(part.heading)}</h2>{body}</section>"


def _text(words: str) -> str:
    return escape(words, quote=False).replace("\n", "<br/>")


def _style(name: str, size: float, *, bold: bool = False, before: float = 0) -> ParagraphStyle:
    return ParagraphStyle(
        name,
        fontName=BOLD if bold else PLAIN,
        fontSize=size,
        leading=size * 1.4,
        spaceBefore=before,
        spaceAfter=1,
    )


@cache
def _register_fonts() -> None:
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
