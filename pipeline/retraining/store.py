"""Backtests in the catalogue: every finished step of one as it is made, and what came out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.rows import make_row, read_record
from pointsman.common.storage.state import State
from pointsman.pipeline.retraining.policies import Policy
from pointsman.pipeline.retraining.recommendation import Backtest
from pointsman.pipeline.retraining.simulation import Evaluation, Ledger
from pointsman.pipeline.retraining.tables import backtest_fits_table, backtest_meetings_table, backtests_table


class StoredLedger(Ledger):
    """The finished steps of one backtest, each committed to the catalogue as it is added."""

    def __init__(self, state: State, backtest: str) -> None:
        self.state, self.backtest = state, backtest
        fits = sa.select(backtest_fits_table).where(backtest_fits_table.c.backtest == backtest)
        meetings = sa.select(backtest_meetings_table).where(backtest_meetings_table.c.backtest == backtest)
        super().__init__(
            seconds={row["trained"]: row["seconds"] for row in read_rows(state.engine, fits)},
            met={
                (row["trained"], row["batch"]): read_record(Evaluation, row)
                for row in read_rows(state.engine, meetings)
            },
        )

    def add(self, trained: int, seconds: float, meetings: Sequence[Evaluation]) -> None:
        """Commit a finished step."""
        draft = Draft()
        draft.add(backtest_fits_table, [{"backtest": self.backtest, "trained": trained, "seconds": seconds}])
        draft.add(backtest_meetings_table, [make_row(one, backtest=self.backtest) for one in meetings])
        draft.commit(self.state.engine)
        super().add(trained, seconds, meetings)


def load_backtest(state: State, backtest: str) -> Backtest | None:
    """Return a finished backtest, None where there is none."""
    rows = read_rows(state.engine, sa.select(backtests_table).where(backtests_table.c.id == backtest))
    return read_record(Backtest, rows[0]) if rows else None


def save_backtest(state: State, backtest: str, done: Backtest) -> None:
    """Commit a finished backtest."""
    advice = done.advice
    row = {
        "id": backtest,
        "replayed": done.replayed,
        "outcomes": [{**asdict(one), "policy": _describe_policy(one.policy)} for one in done.outcomes],
        "recommended": _describe_policy(done.recommended),
        "advice": advice
        and {
            **asdict(advice),
            "recommended": _describe_policy(advice.recommended),
            "best": _describe_policy(advice.best),
        },
    }
    draft = Draft()
    draft.add(backtests_table, [row])
    draft.commit(state.engine)


def _describe_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy with its name, for readers of the table who cannot derive it."""
    return {**asdict(policy), "name": policy.name}
