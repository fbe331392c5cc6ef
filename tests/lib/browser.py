"""The Chromium that the browser stories drive, and a person in front of it; says what to install when there is none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState

    from tests.lib.running_system import RunningSystem, SignIn

MISSING = (
    "no Chromium on this machine: install Debian's package (apt-get install chromium), or set ALMONER_CHROMIUM to the "
    "path of a Chromium or Chrome"
)
REQUIRED = "ALMONER_REQUIRE_BROWSER"
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
"""The last one shuts the network for the browser itself; what a page asks for beyond this machine is counted too."""

HERE = ("127.0.0.1", "localhost")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 20_000
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]:not(:has([data-stale="true"]))'
WENT_WRONG = "Something went wrong on our side"
"""What a page says in place of a part that failed: no story goes on beside it."""
A_MOMENT = "() => new Promise(done => setTimeout(done, 150))"
"""The page's own clock: an act reaches Streamlit only after a control's short delay for typing."""

SIGN_IN = re.compile("^(Sign in|Entrar)$")
SIGN_OUT = re.compile("^(Sign out|Salir)$")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    given = os.environ.get("ALMONER_CHROMIUM")
    if given:
        return given
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


def browser_is_required() -> bool:
    """In CI a browser story that is skipped counts as failed."""
    return os.environ.get(REQUIRED) == "1"


@contextmanager
def running_chromium(path: str, *more: str) -> Iterator[Browser]:
    """`more`: switches for this one, such as a microphone that plays a recording."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*SWITCHES, *more])
        yield browser
        browser.close()


@dataclass
class Person:
    """Somebody at a screen of their own. Words are what the screen shows; nothing is looked up by style or order."""

    name: str
    page: Page
    home: str

    def opens(self, path: str = "") -> None:
        self.page.goto(f"{self.home}/{path}")
        self.settled()

    def settled(self) -> None:
        """Streamlit has run its script to the end and shows nothing of the run before."""
        self.page.evaluate(A_MOMENT)
        self.page.wait_for_selector(IDLE, state="attached")
        failed = self.page.get_by_text(WENT_WRONG)
        assert not failed.count(), f"{self.name} reads: {failed.first.inner_text()}"

    def asks_to_sign_in(self) -> None:
        self.page.get_by_role("button", name=SIGN_IN).click()
        self.page.get_by_label("Password").wait_for()

    def gives_name_and_password(self, account: SignIn) -> None:
        """At the API's own sign-in page."""
        self.page.get_by_label("User name").fill(account.user_name)
        self.page.get_by_label("Password").fill(account.password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def goes_to(self, title: str) -> None:
        """A page of the navigation at the top, or of one of its lists."""
        navigation = self.page.get_by_role("navigation")
        link = navigation.get_by_role("link", name=title, exact=True)
        if not link.count():
            link = self._listed(navigation, title)
        link.click()
        self.settled()

    def _listed(self, navigation: Locator, title: str) -> Locator:
        """Opens the lists one by one, as somebody does who looks for a page."""
        listed = self.page.get_by_role("menuitem", name=title, exact=True)
        for heading in navigation.get_by_role("button").all():
            heading.click()
            self.page.get_by_role("menuitem").first.wait_for()
            if listed.count():
                return listed
            self.page.keyboard.press("Escape")
        raise AssertionError(f"The navigation has no page '{title}': {navigation.inner_text()}")

    def presses(self, label: str | re.Pattern[str], within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=label).first.click()

    def presses_radio(self, label: str, within: Locator | None = None) -> None:
        """One of a few that stand side by side."""
        (within or self.page).get_by_role("radio", name=label, exact=True).click()
        self.settled()

    def types(self, label: str, text: str, within: Locator | None = None) -> None:
        """Into a text field; leaving it tells Streamlit."""
        box = (within or self.page).get_by_label(label, exact=True).first
        box.fill(text)
        box.press("Tab")
        self.settled()

    def chooses(self, label: str, option: str, within: Locator | None = None) -> None:
        """From a list, by typing: a long one draws only the options in sight. Once more when it has closed by itself,
        as it does when something above it grows.
        """
        from playwright.sync_api import TimeoutError as Late

        wanted = self.page.get_by_role("option", name=option, exact=True)
        self._opens_list(label, within).fill(option)
        try:
            wanted.click(timeout=PATIENCE_MS / 4)
        except Late:
            self.page.keyboard.press("Escape")
            self._opens_list(label, within).fill(option)
            wanted.click()
        self.settled()

    def options(self, label: str, within: Locator | None = None) -> list[str]:
        """All that a list offers."""
        self._opens_list(label, within)
        self.page.get_by_role("option").first.wait_for()
        return self.page.get_by_role("option").all_inner_texts()

    def _opens_list(self, label: str, within: Locator | None) -> Locator:
        """Streamlit closes an open list when the page scrolls, so it is brought into view before."""
        self.settled()
        box = (within or self.page).get_by_role("combobox", name=label, exact=True)
        box.scroll_into_view_if_needed()
        box.click()
        return box

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def text(self) -> str:
        return self.page.locator("body").inner_text()


@dataclass
class Room:
    """All screens of one test: a context for each person, so that no cookie is shared, and what they asked for.

    `kept`: the cookies of whoever has signed in before, by role, so that a role signs in once for many tests.
    """

    browser: Browser
    system: RunningSystem
    kept: dict[str, StorageState] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def newcomer(self, name: str, home: str, **context: object) -> Person:
        """Somebody who has not signed in."""
        options = {"viewport": DESKTOP, "locale": "en-US", "reduced_motion": "reduce"} | context
        opened = self.browser.new_context(**options)
        opened.set_default_timeout(PATIENCE_MS)
        opened.on("request", lambda request: self._look_at(request.url))
        self._contexts.append(opened)
        page = opened.new_page()
        page.on("websocket", lambda socket: self._look_at(socket.url))
        person = Person(name, page, home)
        self.people.append(person)
        return person

    def sign_in(self, role: str, **context: object) -> Person:
        """The demonstration's person of this role, signed in and at their first page."""
        account = self.system.sign_in_of(role)
        home = self.system.url_of(account.app)
        person = self.newcomer(account.name, home, storage_state=self.kept.get(role), **context)
        person.opens()
        inside = person.page.get_by_role("button", name=SIGN_OUT)
        inside.or_(person.page.get_by_role("button", name=SIGN_IN)).first.wait_for(state="attached")
        if not inside.count():
            person.asks_to_sign_in()
            person.gives_name_and_password(account)
            inside.wait_for(state="attached")
        person.settled()
        self.kept[role] = person.page.context.storage_state()
        return person

    def save(self, folder: Path) -> None:
        """What everybody saw when the test failed: a picture and the words."""
        for number, person in enumerate(self.people, 1):
            name = re.sub("[^a-z]+", "-", person.name.lower())
            person.page.screenshot(path=folder / f"{number}-{name}.png", full_page=True)
            seen = f"{person.page.url}\n\n{person.text()}"
            (folder / f"{number}-{name}.txt").write_text(seen, encoding="utf-8")

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _look_at(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in HERE:
            self.strangers.append(f"{parts.scheme}://{parts.netloc}{parts.path}")
