"""Drift in hindsight: which batches would have raised an alarm, had models last learned after this or that batch."""

from functools import cache

from pointsman.pipeline.drift.detection import judge_concept, list_kept
from pointsman.pipeline.drift.novelty import compute_scores
from pointsman.pipeline.drift.reference import Reference, describe_window
from pointsman.pipeline.drift.sketch import Sketch, sketch_inputs
from pointsman.pipeline.drift.store import MOST_PAST, PastTest
from pointsman.pipeline.drift.verdict import Drift, DriftTest, judge_novelty
from pointsman.pipeline.retraining.stream import ReplayedStream


class ReplayedDrift:
    """Judges batches of a stream as updates do, by the same tests.

    What is usual does not depend on a policy: it is how each batch compares with those just before it. Left out is the
    test of all columns together, which would take two fits for every pair of a training and a batch.
    """

    def __init__(self, stream: ReplayedStream) -> None:
        self.stream = stream
        self.sketch = cache(self._sketch)
        self.describe = cache(self._describe)
        self._tests: list[list[PastTest]] = [[]]

    def is_drifted(self, trained: int, batch: int) -> bool:
        """Return whether there is an alarm after a batch for models that last learned after another one.

        Its inputs are held against what was learned. The relation of inputs and target is followed from batch to batch,
        so that a change in any batch since the training counts.
        """
        return self.has_moved(trained, batch) or any(map(self.has_changed, range(trained + 1, batch + 1)))

    def has_moved(self, trained: int, batch: int) -> bool:
        """Return whether the inputs of a batch are unlike what was learned up to another one.

        Batches may be missing in between, so the two newest of them are not looked at together.
        """
        scores = compute_scores(self.describe(trained), self._list_sketches(trained, batch), spans=(1,))
        past = list_kept(self._list_past(batch))
        return any(test.alarm for test in judge_novelty(scores, past, self.stream.config.drift.false_alarms))

    def has_changed(self, batch: int) -> bool:
        """Return whether the relation between inputs and target has changed in a batch, beside those before it."""
        return any(test.alarm and test.drift is Drift.CONCEPT for test in self.list_tests(batch))

    def list_tests(self, batch: int) -> list[DriftTest]:
        """Return the tests of a batch beside those before it, all of them learned."""
        self._judge_up_to(batch)
        return [test for _, test in self._tests[batch - 1]]

    def _judge_up_to(self, batch: int) -> None:
        """Judge batches up to one as updates do that have learned all before each; the first has nothing before it."""
        config, schema = self.stream.config, self.stream.schema
        for place in range(len(self._tests) + 1, batch + 1):
            past = self._list_past(place)
            scores = compute_scores(self.describe(place - 1), self._list_sketches(place - 1, place))
            tests = judge_novelty(scores, list_kept(past), config.drift.false_alarms)
            tests += judge_concept(config, self.stream.build_training_set(place), schema, past, tests)
            self._tests.append([(self.stream.load(place).number, test) for test in tests])

    def _list_past(self, batch: int) -> list[PastTest]:
        """Return the tests of batches before one, the oldest first, as many as an update looks at."""
        self._judge_up_to(batch - 1)
        return [one for tests in self._tests[max(0, batch - 1 - MOST_PAST) : batch - 1] for one in tests]

    def _list_sketches(self, trained: int, batch: int) -> list[Sketch]:
        return [self.sketch(place) for place in (*self.stream.list_window(trained), batch)]

    def _sketch(self, batch: int) -> Sketch:
        return sketch_inputs(self.stream.load(batch).inputs, self.stream.schema)

    def _describe(self, trained: int) -> Reference:
        return describe_window(self.stream.schema, self.stream.gather(trained))
