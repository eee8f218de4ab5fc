"""What the routes of a service share, and how it begins and ends."""

from collections.abc import Callable
from dataclasses import dataclass

from pointsman.common.config import Config
from pointsman.common.storage.state import State
from pointsman.pipeline.api.bodies import Inbox
from pointsman.pipeline.api.costs import CostBook
from pointsman.pipeline.api.current import Current, Served
from pointsman.pipeline.api.decoder import Decoder
from pointsman.pipeline.api.metrics import Metrics
from pointsman.pipeline.api.pages.form import FormMaker
from pointsman.pipeline.api.refusal import Refused
from pointsman.pipeline.api.refused_labels import RefusalBook
from pointsman.pipeline.api.report import ReportMaker
from pointsman.pipeline.api.slots import Slots
from pointsman.pipeline.api.worker import T, Worker
from pointsman.pipeline.serving.answer_log import AnswerLog


@dataclass(frozen=True)
class Service:
    """What the routes share."""

    config: Config
    state: State
    current: Current
    metrics: Metrics
    inbox: Inbox
    slots: Slots
    answers: AnswerLog
    costs: CostBook
    refusals: RefusalBook
    report: ReportMaker
    forms: FormMaker
    decoder: Decoder
    predicting: Worker
    booking: Worker

    async def predict(self, job: Callable[[], T]) -> T:
        """Have the worker answer a request; TimeoutError where that takes too long, Refused where too many wait."""
        with self.slots.take():
            return await self.predicting.run(job, self.config.service.seconds)

    async def book(self, job: Callable[[], T]) -> T:
        """Have the catalogue written or read beside what is predicted; TimeoutError and Refused as with ``predict``."""
        with self.slots.take():
            return await self.booking.run(job, self.config.service.seconds)

    def close(self) -> None:
        """Stop everything that goes on beside requests, and write what waits to be logged."""
        self.current.stop()
        self.report.close()
        self.decoder.close()
        self.answers.close()
        self.costs.close()
        self.refusals.close()

    def need_served(self) -> Served:
        """Return what serves; Refused with 503 where nothing does yet."""
        served = self.current.served
        if served is None:
            raise Refused(503, self.current.reason, retry_after=5)
        return served


def build_service(config: Config, state: State) -> Service:
    """Return everything that the routes need, the newest generation loaded if there is one."""
    metrics = Metrics()
    service = Service(
        config=config,
        state=state,
        current=Current(config, state, metrics),
        metrics=metrics,
        inbox=Inbox(config.service),
        slots=Slots(config.service.concurrent),
        answers=AnswerLog(config, state),
        costs=CostBook(state),
        refusals=RefusalBook(state),
        report=ReportMaker(config, state.folder),
        forms=FormMaker(state),
        decoder=Decoder(config.service),
        predicting=Worker("predicting"),
        booking=Worker("booking"),
    )
    service.current.refresh()
    return service
