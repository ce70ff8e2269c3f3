"""Which whole transactions are tried again, how often and until when; and how reasons are told."""

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.sql.reasons import readable
from PhantomLibrary.database.transactions.retries import Retries
from PhantomLibrary.domain import MILLISECOND_NS, Ok, OutcomeUnknown, Put, Refused, Sql, Transact
from PhantomLibrary.domain.rows import CATALOG_KEY, global_key, row_key

CONFIG = DatabaseConfig(operation_timeout_ns=2_000 * MILLISECOND_NS, retry_delay_ns=20 * MILLISECOND_NS)
SQL = Transact("serializable", (Put("k1", "1"), Sql("SELECT 1")))
REFUSED = Refused("others came in between")


def test_statements_of_sql_are_tried_again_later_and_later():
    retries, now_ns, delays = Retries(SQL, 0, CONFIG), 0, []
    while (again_ns := retries.next_ns(REFUSED, now_ns)) is not None:
        delays.append((again_ns - now_ns) // MILLISECOND_NS)
        now_ns = again_ns
    assert delays == [20 * number for number in range(1, 10)]  # Ten attempts in all.


def test_no_attempt_begins_when_half_of_the_time_is_over():
    retries = Retries(SQL, 0, CONFIG)
    assert retries.next_ns(REFUSED, 980 * MILLISECOND_NS) == 1_000 * MILLISECOND_NS
    assert Retries(SQL, 0, CONFIG).next_ns(REFUSED, 981 * MILLISECOND_NS) is None


def test_only_what_certainly_did_not_happen_is_tried_again():
    for answer in (Ok("[]"), OutcomeUnknown("no answer")):
        assert Retries(SQL, 0, CONFIG).next_ns(answer, 0) is None
    assert Retries(Transact("serializable", (Put("k1", "1"),)), 0, CONFIG).next_ns(REFUSED, 0) is None


def test_reasons_name_rows_and_the_schema():
    assert readable(f"{CATALOG_KEY} was read") == "the schema was read"
    assert readable(row_key(5, 3, '[1,"a b"]') + " was written") == 'row [1,"a b"] of table 3 was written'
    assert readable(global_key(4, "[7]") + " is held by n1/3") == "row [7] of table 4 is held by n1/3"
    assert readable("k1 was written") == "k1 was written"
