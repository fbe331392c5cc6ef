"""Somebody who uses no mouse: the keys, where the focus is, and that it can be seen."""

from __future__ import annotations

import re

from tests.lib.browser import Person

MOST_TABS = 240
LONGEST_NAME = 200
"""Characters; what holds more is a region that scrolls and no control."""
FOCUSED = """() => {
  let at = document.activeElement;
  while (at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
  if (["BODY", "HTML", "MAIN", "SECTION"].includes(at.tagName)) return "";
  const label = at.labels && at.labels.length ? at.labels[0].innerText : "";
  return (at.getAttribute("aria-label") || label || at.innerText || at.placeholder || "").trim();
}"""
SEEN = """() => {
  let at = document.activeElement;
  while (at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
  if (at === document.body) return true;
  const box = at.getBoundingClientRect();
  const typed = at.tagName === "TEXTAREA" || (at.tagName === "INPUT" && !["checkbox", "radio"].includes(at.type));
  const near = [at, at.parentElement, at.parentElement?.parentElement, ...(at.parentElement?.children ?? []),
                ...at.querySelectorAll("*")];
  const drawn = one => {
    const style = getComputedStyle(one);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return outlined || style.boxShadow !== "none";
  };
  return typed || near.filter(Boolean).some(drawn);
}"""
IN_SIGHT = """() => {
  let at = document.activeElement;
  while (at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
  const box = at.getBoundingClientRect();
  return at === document.body || (box.bottom > 0 && box.top < innerHeight);
}"""


def tabs_to(person: Person, name: str, *, back: bool = False) -> None:
    """Presses Tab until the control of this name has the focus. Each stop on the way can be seen, and none holds it."""
    passed: list[str] = []
    for _ in range(MOST_TABS):
        person.page.keyboard.press("Shift+Tab" if back else "Tab")
        passed.append(person.page.evaluate(FOCUSED))
        assert person.page.evaluate(SEEN), f"The focus cannot be seen on '{passed[-1]}'."
        if len(passed[-1]) < LONGEST_NAME and re.search(rf"^{re.escape(name)}", passed[-1], re.MULTILINE):
            assert person.page.evaluate(IN_SIGHT), f"'{name}' has the focus out of sight."
            return
        assert len(passed) < 6 or len(set(passed[-6:])) > 1 or not passed[-1], (
            f"The focus is held by '{passed[-1]}'."
        )
    raise AssertionError(f"{MOST_TABS} tabs did not come to '{name}', but past {list(dict.fromkeys(passed))}")


def presses(person: Person, name: str, key: str = "Enter") -> None:
    """Tabs there and presses the key."""
    tabs_to(person, name)
    person.page.keyboard.press(key)
    person.settled()


def chooses_in_menu(person: Person, button: str, item: str) -> None:
    """Opens the menu and goes to the item with the arrows."""
    presses(person, button)
    person.page.get_by_role("menuitem", name=item).wait_for()
    for _ in range(person.page.get_by_role("menuitem").count() + 1):
        person.page.keyboard.press("ArrowDown")
        if person.page.evaluate(FOCUSED) == item:
            person.page.keyboard.press("Enter")
            return
    raise AssertionError(f"The arrows did not come to '{item}'.")


def types_into(person: Person, name: str, words: str) -> None:
    tabs_to(person, name)
    person.page.keyboard.type(words)
    person.settled()


def no_mouse(person: Person) -> None:
    """From here on a press of the pointer is an error of the story."""
    person.page.add_init_script("addEventListener('pointerdown', () => { window.pointed = true }, true)")
    person.page.evaluate("addEventListener('pointerdown', () => { window.pointed = true }, true)")


def pointed(person: Person) -> bool:
    return bool(person.page.evaluate("Boolean(window.pointed)"))


def goes_through(person: Person) -> None:
    """Tab comes to every stop once and then leaves the page; each stop can be seen."""
    stops: list[str] = []
    for _ in range(MOST_TABS):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement === document.body"):
            return
        stops.append(person.page.evaluate(FOCUSED))
        assert person.page.evaluate(SEEN), f"The focus cannot be seen on '{stops[-1]}'."
        if len(stops) > 3 and stops[-2:] == stops[:2]:
            return
    raise AssertionError(f"The focus did not come round in {MOST_TABS} tabs: {stops[-8:]}")
