"""The collector of cycles beside a batch: it frees what the judging made, without a look through the records."""

import gc
import weakref

from pipelines.measures.elm.collector import records_aside, spared_collector


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_of_a_batch_are_gone_at_its_end_and_the_records_were_not_looked_through():
    with spared_collector():
        before = Knot()
        old, records = weakref.ref(before), [{"resourceType": "Patient"}]
        del before
        with records_aside():
            assert gc.get_freeze_count() > 0
            made = Knot()
            judged = weakref.ref(made)
            del made
        assert judged() is None
        assert old() is not None, "it looked through what was there before"
        assert gc.get_freeze_count() == 0
    assert records
    gc.collect()
    assert old() is None


def test_a_process_that_lives_long_keeps_its_collectors_turns():
    assert gc.isenabled()
    with records_aside():
        assert gc.get_freeze_count() == 0
        made = Knot()
        judged = weakref.ref(made)
        del made
    assert judged() is None
