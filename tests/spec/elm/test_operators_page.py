"""The page of supported operators says what the engine does."""

from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli import commands
from pipelines.measures.elm.supported import chapters, supported

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "elm-operators.md"
NOT_YET = {"Search"}


def test_the_page_in_the_docs_is_what_the_code_says_now():
    printed = CliRunner().invoke(commands, ["measures", "operators"])
    assert PAGE.read_text(encoding="utf-8") == printed.output, (
        "run `almoner measures operators > docs/reference/elm-operators.md`"
    )


def test_every_operator_of_the_language_is_supported_but_for_those_named_here():
    named = {name for names in chapters().values() for name in names}
    assert named - supported() == NOT_YET
    assert supported() - named == set()
