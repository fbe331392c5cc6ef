"""Tells the stories as a page of the docs, from the same files that tests and the population use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ehr_core.population.stories import stories, story_patient_id

HEAD = """# The named stories

People of the synthetic population whom docs and tests call by name. They are invented. Each has a fixed id, whatever
the seed; ages follow the day that counts as today. They are the first people of the panel, all of Dr. Maya Okafor.
A population smaller than the list holds the first ones only.

This page is written by `almoner stories` from `ehr_core/population/stories/*.toml`; a test holds it to them.
"""


def story_page() -> str:
    parts = [HEAD]
    parts += [_section(story) for story in stories().values()]
    return "\n".join(parts)


def _section(story: Mapping[str, Any]) -> str:
    lines = [f"## {' '.join(story['given'])} {story['family']}", "", story["text"], ""]
    lines.append(f"- key `{story['key']}`, patient `{story_patient_id(story['key'])}`")
    if standing := story.get("standing"):
        lines.append(f"- stands in the panel as: {standing.replace('_', ' ')}")
    for recommendation, status in story.get("expected", {}).items():
        lines.append(f"- {recommendation.replace('_', ' ')}: **{status.replace('_', ' ')}**")
    return "\n".join(lines) + "\n"
