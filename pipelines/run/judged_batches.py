"""Batches of a laid population judged one after the other, here or by several processes side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipelines.measures.elm.collector import spared_collector
from pipelines.measures.elm.judged import Judged, judge
from pipelines.measures.elm.kept import engine_of
from pipelines.measures.elm.population import Laid
from pipelines.measures.elm.results import Period


@dataclass(frozen=True)
class Asked:
    """Which measures of which package are asked for, and how: all that another process needs to know."""

    package: Path
    measures: tuple[str, ...]
    period: Period
    key_id: str
    individual: bool


def judged_batches(asked: Asked, laid: Laid, workers: int = 1) -> Iterator[Judged]:
    """Each batch's results as they come; with several workers the order is that in which they are finished."""
    if workers <= 1:
        yield from _judged(asked, laid, range(laid.batches))
        return
    numbers = iter(range(laid.batches))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running: set[Future[Judged]] = set()
        while True:
            running |= {
                pool.submit(_judged_one, asked, laid, number)
                for number in islice(numbers, workers + 1 - len(running))
            }
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for one in finished:
                yield one.result()


def _judged_one(asked: Asked, laid: Laid, number: int) -> Judged:
    (found,) = _judged(asked, laid, range(number, number + 1))
    return found


def _judged(asked: Asked, laid: Laid, numbers: range) -> Iterator[Judged]:
    engine = engine_of(asked.package)
    compiled = [engine.compile(name) for name in asked.measures]
    batches = (laid.batch(number, engine.texts) for number in numbers)
    with spared_collector():
        for batch in engine.in_batches(compiled, batches):
            found = judge(
                engine, compiled, batch, asked.period, key_id=asked.key_id, individual=asked.individual
            )
            del batch
            yield found
