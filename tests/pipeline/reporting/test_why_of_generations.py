"""Every generation says why it is as it is: a person's words, or what became of its models."""

import sqlalchemy as sa
from made_state import MadeState
from prepared_states import change

from pointsman.common.storage.state import open_state
from pointsman.pipeline.lifecycle.history import describe_history
from pointsman.registry.reasons import load_reasons
from pointsman.registry.tables import aliases_table


def reasons_of(made):
    with open_state(made.config) as state:
        return load_reasons(state)


def test_no_generation_is_without_a_reason(tmp_path):
    made = MadeState(tmp_path, mixes=True).add(4).reject("every label is missing")
    told = reasons_of(made)
    assert sorted(told) == [1, 2, 3, 4, 5]
    assert told[1].startswith("champion: lowest decayed loss on 1 labelled batch")
    assert "production was linear-0001 before" in told[2]
    assert told[3].startswith("batch 3 was learned; champion is the same model, linear-0003 before")
    assert told[5] == "batch 5 was rejected (quarantine says why); the models stay as they were"
    with open_state(made.config) as state:
        shown = describe_history(state)
    assert all(reason in shown for reason in told.values())


def test_what_a_person_said_goes_before_it(tmp_path):
    made = change(MadeState(tmp_path).add(2), "UPDATE generations SET why = 'the audit' WHERE number = 2")
    assert reasons_of(made)[2] == "the audit"


def test_a_generation_of_an_earlier_release_that_named_nothing_has_a_reason_too(tmp_path):
    made = MadeState(tmp_path).add(2)
    with open_state(made.config) as state, state.engine.begin() as connection:
        connection.execute(sa.delete(aliases_table))
    assert reasons_of(made)[2].startswith("batch 2 was learned")
