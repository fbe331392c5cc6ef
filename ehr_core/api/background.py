"""Threads of the API that work beside its requests: one turn after another, whatever becomes of a single turn."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from sqlalchemy import Row

from ehr_core.kernel.logging import get_logger

STOP_SECONDS = 10.0

log = get_logger("background")


class Background(ABC):
    """A thread that takes turns until it is stopped. A turn that fails is logged by its kind, and the next one comes.

    Of failures of one kind in a row only the first is logged, and that they are over.
    """

    thread_name: str
    rest_seconds: float
    """Between two turns, when the last one found nothing more to do."""
    rests_first: ClassVar[bool] = False

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._rest_is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name=self.thread_name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Ends the rest now: there is something to do."""
        self._rest_is_over.set()

    def end(self) -> None:
        """Takes no more turns after this one, and does not wait for it."""
        self._ending.set()
        self._rest_is_over.set()

    def stop(self) -> None:
        """Ends, and waits for the turn that is being taken, but not for ever."""
        self.end()
        if self._thread:
            self._thread.join(timeout=STOP_SECONDS)

    @abstractmethod
    def turn(self) -> bool:
        """Does what waits; True when there may be more to do at once."""

    def _follow(self) -> None:
        more = not self.rests_first
        while True:
            if not more:
                self._rest_is_over.wait(self.rest_seconds)
                self._rest_is_over.clear()
            if self._ending.is_set():
                return
            more = self._turn()

    def _turn(self) -> bool:
        try:
            more, failure = self.turn(), None
        except Exception as error:  # whatever goes wrong now, the next turn is taken
            more, failure = False, type(error).__name__
        if failure != self._failure:
            self._failure = failure
            if failure:
                log.warning("turns_fail", thread=self.thread_name, kind=failure)
            else:
                log.info("turns_go_on", thread=self.thread_name)
        return more


class Repeated(Background):
    """One act, again and again; it says whether there was something to do."""

    def __init__(self, name: str, act: Callable[[], bool], rest_seconds: float):
        super().__init__()
        self.thread_name = name
        self._act = act
        self.rest_seconds = rest_seconds

    def turn(self) -> bool:
        return self._act()


class JobStopped(Exception):
    """The job was deleted, taken over, or the process is ending: leave quietly."""


class JobQueue(Background):
    """Runs waiting jobs one by one. A job that a dying process leaves behind is claimed again by the next one."""

    rest_seconds = 1.0

    def turn(self) -> bool:
        return self.run_one()

    def run_one(self) -> bool:
        """Runs the next waiting job to its end; False when there is none."""
        self.sweep()
        job = self.claim()
        if job is None:
            return False
        try:
            self.run(job)
        except JobStopped:
            log.info("job_stopped", queue=self.thread_name, job_id=job.job_id)
        except Exception as error:  # the job has failed; its client is told, and the queue goes on
            log.error("job_failed", queue=self.thread_name, job_id=job.job_id, kind=type(error).__name__)
            self.fail(job, error)
        return True

    @abstractmethod
    def sweep(self) -> None:
        """Removes what is left of jobs that are over."""

    @abstractmethod
    def claim(self) -> Row[Any] | None:
        """The next job, held by this process from now on."""

    @abstractmethod
    def run(self, job: Row[Any]) -> None:
        """Does the job and says so in its row."""

    @abstractmethod
    def fail(self, job: Row[Any], error: Exception) -> None:
        """Says in the job's row why it failed and what to do, without a word of the record."""
