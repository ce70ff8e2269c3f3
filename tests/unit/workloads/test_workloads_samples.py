"""The tables of the samples: the same from a seed, skewed, with NULLs, and with rows that others refer to."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest

from PhantomLibrary.workloads.samples import SAMPLE_TABLES, _date, sample, sample_rows


def rows_of(table, rows=500, seed=7, **present):
    return list(sample_rows(table, rows, seed, present))


@pytest.mark.parametrize("table", SAMPLE_TABLES)
def test_rows_are_as_many_as_asked_for_with_distinct_keys_and_all_columns(table):
    rows = rows_of(table)
    key = 2 if table == "items" else 1
    assert len({row[:key] for row in rows}) == len(rows) == 500
    assert {len(row) for row in rows} == {sample(table, 500).width}


@pytest.mark.parametrize("table", SAMPLE_TABLES)
def test_rows_are_decided_by_the_seed(table):
    assert rows_of(table) == rows_of(table)
    assert rows_of(table) != rows_of(table, seed=8)


def test_fewer_rows_are_the_first_ones_of_more():
    assert rows_of("customers", 500)[:100] == rows_of("customers", 100)


def test_a_few_customers_have_most_orders_and_some_orders_have_none():
    orders = Counter(row[1] for row in rows_of("orders", 2000, customers=200))
    assert None in orders
    best = [count for customer, count in orders.most_common() if customer is not None]
    assert sum(best[:20]) > 900
    assert len(best) < 200


def test_rows_refer_to_rows_that_are_there():
    assert all(row[1] is None or 1 <= row[1] <= 40 for row in rows_of("orders", customers=40))
    items = rows_of("items", orders=90, products=30)
    assert {row[0] for row in items} <= set(range(1, 91))
    assert {row[2] for row in items} <= set(range(1, 31))
    assert Counter(row[0] for row in items).most_common(1)[0][1] > 6
    assert all(row[1] == 1 or (row[0], row[1] - 1) in {each[:2] for each in items} for row in items)


def test_what_need_not_be_known_is_sometimes_null_and_never_else():
    for table in SAMPLE_TABLES:
        columns = sample(table, 500).columns.replace("\n", "").split(", ")
        texts = [each for each in columns if "KEY (" not in each and each.strip() not in ("line)",)]
        for number, values in enumerate(zip(*rows_of(table), strict=True)):
            may_be_null = "NOT NULL" not in texts[number] and "KEY" not in texts[number]
            expected = may_be_null and texts[number].split()[0] not in ("order_id", "line")
            assert (None in values) == expected, texts[number]


def test_amounts_are_skewed_and_exact():
    prices = sorted(Decimal(row[3]) for row in rows_of("products", 1000))
    assert prices[500] * 2 < sum(prices) / 1000
    assert all(price == price.quantize(Decimal("0.01")) for price in prices)


def test_texts_are_of_all_kinds():
    texts = "".join(row[1] for row in rows_of("customers"))
    assert not texts.isascii() and "'" in texts
    notes = [row[5] for row in rows_of("orders")]
    assert "" in notes and None in notes


@pytest.mark.parametrize("day", [-719_162, -1, 0, 59, 10_957, 11_016, 11_017, 19_781, 19_782, 20_000, 47_541])
def test_dates_are_those_of_the_calendar(day):
    assert _date(day) == (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def test_a_table_by_range_has_parts_of_equal_size():
    assert sample("accounts", 800).sharding == "SHARD BY RANGE (id) SPLIT AT (101, 201, 301, 401, 501, 601, 701)"
    assert sample("accounts", 1).sharding == "SHARD BY RANGE (id) SPLIT AT (1)"
