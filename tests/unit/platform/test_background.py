"""A thread beside the requests: it takes turn after turn, survives a failing one, and ends when it is told."""

from __future__ import annotations

import threading

import pytest

from ehr_core.api.background import JobQueue, JobStopped, Repeated

SOON = 10.0


def test_there_is_no_rest_while_there_is_more_to_do():
    done = threading.Event()
    left = [True, True, True]

    def act() -> bool:
        if not left:
            done.set()
            return False
        return left.pop()

    thread = Repeated("hungry", act, rest_seconds=3600)
    thread.start()
    assert done.wait(SOON)
    thread.stop()


def test_a_failing_turn_is_followed_by_the_next_and_is_told_once(capsys):
    turns: list[int] = []
    enough = threading.Event()

    def act() -> bool:
        turns.append(1)
        if len(turns) < 4:
            raise ValueError("Ada Lovelace")
        if len(turns) > 4:
            enough.set()
        return False

    thread = Repeated("unlucky", act, rest_seconds=0.001)
    thread.start()
    assert enough.wait(SOON)
    thread.stop()
    said = capsys.readouterr()
    told = said.out + said.err
    assert told.count("turns_fail") == 1
    assert "ValueError" in told
    assert told.count("turns_go_on") == 1
    assert "Ada" not in told


def test_a_wake_ends_the_rest_and_a_stop_ends_the_thread():
    turns = threading.Semaphore(0)

    def act() -> bool:
        turns.release()
        return False

    thread = Repeated("sleepy", act, rest_seconds=3600)
    thread.start()
    assert turns.acquire(timeout=SOON)
    thread.wake()
    assert turns.acquire(timeout=SOON)
    thread.stop()
    thread.wake()
    assert not turns.acquire(timeout=0.05)


class Job:
    def __init__(self, error: Exception | None):
        self.job_id, self.error = "a", error


class Jobs(JobQueue):
    thread_name = "jobs"

    def __init__(self, *waiting: Job):
        super().__init__()
        self.waiting, self.failures = list(waiting), []

    def sweep(self):
        """Nothing is left of these jobs."""

    def claim(self):
        return self.waiting.pop(0) if self.waiting else None

    def run(self, job):
        if job.error:
            raise job.error

    def fail(self, job, error):
        self.failures.append((job.job_id, error))


@pytest.mark.parametrize(
    ("error", "is_told"),
    [(None, False), (JobStopped(), False), (OSError("full"), True)],
    ids=["done", "taken away", "failed"],
)
def test_a_job_that_fails_is_told_and_one_that_was_taken_away_is_left_alone(error, is_told):
    queue = Jobs(Job(error))
    assert queue.run_one()
    assert queue.failures == ([("a", error)] if is_told else [])
    assert not queue.run_one()
