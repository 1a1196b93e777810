"""One statement is a transaction by itself: it stands at once or not at all, and has no second."""

import pytest
from sqlalchemy import func, select

from portal.foundation import clock
from portal.foundation.db import Base, db, let_go, reading, table_of, uuid7
from portal.foundation.transaction import ANONYMOUS, single_write, transaction
from portal.sign_in.models import ProviderDocument

SHELF = table_of(ProviderDocument)


def kept() -> int:
    with db.engine.connect() as other:
        return other.scalar(select(func.count()).select_from(SHELF)) or 0


def row() -> dict[str, object]:
    return {"issuer_hash": str(uuid7()), "fetches": [1.5], "document": None}


def test_a_single_write_stands_for_everybody_at_its_end(database):
    with single_write() as tx:
        tx.insert(SHELF, row())
    assert kept() == 1
    assert db.session.scalar(select(SHELF.c.fetches)) == [1.5]
    db.session.rollback()


def test_a_second_statement_is_refused_before_it_is_run(database):
    """On PostgreSQL the first stands already: the two would not stand or fall together."""

    def twice() -> None:
        with single_write() as tx:
            tx.insert(SHELF, row())
            tx.insert(SHELF, row())

    with pytest.raises(RuntimeError, match="one statement"):
        twice()
    assert kept() <= 1


def test_nobody_holds_two_connections(database):
    """With as many threads as connections, each would wait for the others' second one."""
    pool = db.engine.pool
    assert db.session.scalar(select(func.count()).select_from(SHELF)) == 0
    assert pool.checkedout() == 1
    with single_write() as tx:
        tx.insert(SHELF, row())
        assert pool.checkedout() == 1
    assert db.session.scalar(select(func.count()).select_from(SHELF)) == 1
    with reading() as reader:
        assert reader.scalar(select(func.count()).select_from(SHELF)) == 1
        assert pool.checkedout() == 1
    assert pool.checkedout() == 0


@pytest.mark.parametrize("begin", [let_go, reading, single_write, "another"])
def test_nothing_begins_in_the_midst_of_a_transaction(database, begin):
    """What was written so far would be lost, and what follows would stand without it."""
    with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
        tx.insert(SHELF, row())
        other = transaction(actor=ANONYMOUS, now=clock.policy_now()) if begin == "another" else None
        with pytest.raises(RuntimeError, match="is open"):
            (other or begin()).__enter__()
    assert kept() == 1


def test_a_session_reads_what_is_written_and_ends_nothing(database):
    """It works on the transaction's own connection; a stray commit of it lets nothing stand."""

    def broken_off() -> None:
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            tx.insert(SHELF, row())
            assert tx.session.scalar(select(func.count()).select_from(SHELF)) == 1
            assert db.engine.pool.checkedout() == 1
            tx.session.commit()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert kept() == 0


def test_nothing_that_may_be_null_has_a_default():
    """An INSERT leaves out what is None: with a default it would become something else."""
    may_be_null = [
        column
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.nullable
    ]
    assert len(may_be_null) > 50
    assert [one for one in may_be_null if one.default or one.server_default] == []
