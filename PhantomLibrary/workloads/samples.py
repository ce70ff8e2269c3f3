"""Realistic tables, made from a seed: customers, products, orders, items of orders, and accounts.

A few customers have most orders, prices are many and small with a few that are large, texts are those of people all
over the world, and what need not be known is often NULL. Each table draws from a stream of its own, so one more row, or
one more table, changes no other row. Integers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.keys import Skews

SampleTable: TypeAlias = Literal["customers", "products", "orders", "items", "accounts"]
SAMPLE_TABLES: tuple[SampleTable, ...] = get_args(SampleTable)
Value: TypeAlias = int | str | None
Row: TypeAlias = tuple[Value, ...]
_Draws: TypeAlias = Callable[[Stream, int, Mapping[str, int]], Iterator[Row]]

ROWS_MAX = 1_000_000
_PARTS = 8  # Of a table by range, so that it has rows on every shard of a small cluster.
_ORDERS_OF_CUSTOMER = 5  # On average, where the other table is not there to say how many it has.
_ITEMS_OF_ORDER = 3

_FIRST_NAMES = (
    *("Ada", "Zoë", "Jürgen", "Łukasz", "Mary-Jane", "Søren", "Þóra", "Ngọc", "Siobhán", "José", "Amélie", "Ιωάννα"),
    *("Олег", "Fatma", "明", "さくら", "지우", "محمد", "שרה", "Priya", "Kwame", "Ana", "Bob", "Alice"),
)
_LAST_NAMES = (
    *(
        "Smith",
        "O'Brien",
        "Müller",
        "Nguyễn",
        "García",
        "Çelik",
        "Ødegård",
        "Novák",
        "Kowalski",
        "Папенко",
        "李",
        "山田",
    ),
    *("김", "Haddad", "van der Berg", "Singh", "Mensah", "Silva", "D'Angelo", "Jones", "Brown", "Lee", "Kaya", "Weiß"),
)
_COUNTRIES = ("US", "DE", "IN", "CN", "BR", "JP", "FR", "GB", "NG", "TR", "SE", "IS")  # By how often they occur.
_SEGMENTS = ("consumer", "business", "public", None)
_ADJECTIVES = ("small", "large", "red", "größer", "ultra-light", "bleu", "小さな", "50% off", "vintage", "smart")
_NOUNS = ("lamp", "kettle", "vélo", "chair", "desk", "Schraube", "茶碗", "phone", "sock", "book", "cable", "drill")
_CATEGORIES = ("home", "tools", "toys", "books", "garden", "sports", "food")
_STATUSES = ("delivered", "shipped", "paid", "open", "returned", "cancelled")
_NOTES = ("", "leave at the door", "it's a gift 🎁", 'says "urgent"', "100%_sure", "NULL", "second\nline", "für Zoë")
_BRANCHES = ("north", "south", "east", "west", None)

_AMOUNTS = (
    *(
        40,
        90,
        150,
        199,
        249,
        299,
        349,
        399,
        450,
        499,
        549,
        599,
        650,
        699,
        749,
        799,
        850,
        899,
        949,
        999,
        1049,
        1099,
        1199,
    ),
    *(1249, 1299, 1399, 1499, 1550, 1649, 1749, 1849, 1999, 2099, 2249, 2399, 2499, 2699, 2899, 2999, 3299, 3499, 3799),
    *(
        3999,
        4399,
        4799,
        4999,
        5499,
        5999,
        6599,
        6999,
        7999,
        8999,
        9999,
        11999,
        13999,
        15999,
        19999,
        27999,
        44999,
        99999,
    ),
)
"""A distribution like that of prices in cents: as often between any two neighbours. Its shape is lognormal."""

_EPOCH_DAY = 719_468  # From the first of March of the year 0 to 1970.
_FIRST_ORDER_DAY, _ORDER_DAYS = 18_993, 730  # 2022 and 2023.
_BIRTH_DAYS = 25_000  # Back from 2006.
_LAST_BIRTH_DAY = 13_149


class Sample(Struct, frozen=True):
    """A table of the samples: its columns as SQL has them, where its rows stand, and how many values a row has."""

    name: SampleTable
    columns: str
    sharding: str
    width: int


def sample(table: SampleTable, rows: int) -> Sample:
    """Return what a table looks like that is to have so many rows."""
    return {
        "customers": Sample("customers", _CUSTOMERS, "SHARD BY HASH (id)", 8),
        "products": Sample("products", _PRODUCTS, "REPLICATED EVERYWHERE", 7),
        "orders": Sample("orders", _ORDERS, "SHARD BY HASH (id)", 6),
        "items": Sample("items", _ITEMS, "SHARD BY HASH (order_id)", 6),
        "accounts": Sample("accounts", _ACCOUNTS, _ranges(rows), 5),
    }[table]


def sample_rows(table: SampleTable, rows: int, seed: int, present: Mapping[str, int]) -> Iterator[Row]:
    """Yield the rows of a table; DECIMAL, DATE and TIMESTAMP are texts. `present`: how many rows others have."""
    return _DRAWS[table](Stream(seed, f"samples/{table}"), rows, present)


def _ranges(rows: int) -> str:
    bounds = dict.fromkeys(rows * part // _PARTS + 1 for part in range(1, _PARTS))
    return f"SHARD BY RANGE (id) SPLIT AT ({', '.join(map(str, bounds))})"


# --- the tables -------------------------------------------------------------------------------------------------------

_CUSTOMERS = """id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, segment TEXT,
 born DATE, credit_limit DECIMAL(10,2), is_active BOOLEAN NOT NULL, joined TIMESTAMP NOT NULL"""
_PRODUCTS = """id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price DECIMAL(10,2) NOT NULL,
 weight REAL, released DATE, is_sold BOOLEAN NOT NULL"""
_ORDERS = """id INTEGER PRIMARY KEY, customer_id INTEGER, ordered_at TIMESTAMP NOT NULL, status TEXT NOT NULL,
 total DECIMAL(12,2) NOT NULL, note TEXT"""
_ITEMS = """order_id INTEGER, line INTEGER, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL,
 price DECIMAL(10,2) NOT NULL, discount DECIMAL(4,2), PRIMARY KEY (order_id, line)"""
_ACCOUNTS = """id INTEGER PRIMARY KEY, owner TEXT NOT NULL, branch TEXT, balance DECIMAL(14,2) NOT NULL,
 opened DATE NOT NULL"""


def _customers(stream: Stream, rows: int, _present: Mapping[str, int]) -> Iterator[Row]:
    country = Skews().zipf(len(_COUNTRIES), stream)
    for number in range(1, rows + 1):
        born = None if stream.chance(1, 6) else _date(_LAST_BIRTH_DAY - stream.below(_BIRTH_DAYS))
        limit = None if stream.chance(1, 4) else _decimal(stream.below(100) * 10_000)
        segment, active = _one_of(stream, _SEGMENTS), stream.chance(9, 10)
        yield (number, _person(stream), _COUNTRIES[country()], segment, born, limit, active, _timestamp(stream))


def _products(stream: Stream, rows: int, _present: Mapping[str, int]) -> Iterator[Row]:
    category = Skews().zipf(len(_CATEGORIES), stream)
    for number in range(1, rows + 1):
        name = f"{_one_of(stream, _ADJECTIVES)} {_one_of(stream, _NOUNS)}"
        weight = None if stream.chance(1, 5) else f"{stream.below(40)}.{stream.below(1000):03d}"
        released = None if stream.chance(1, 8) else _date(_FIRST_ORDER_DAY - stream.below(4_000))
        price = _decimal(_amount(stream))
        yield (number, name, _CATEGORIES[category()], price, weight, released, stream.chance(7, 8))


def _orders(stream: Stream, rows: int, present: Mapping[str, int]) -> Iterator[Row]:
    customer = Skews().zipf(_others(present, "customers", rows, _ORDERS_OF_CUSTOMER), stream)
    status = Skews().zipf(len(_STATUSES), stream)
    for number in range(1, rows + 1):
        bought_by = None if stream.chance(1, 25) else customer() + 1
        total = _decimal(_amount(stream) * (1 + stream.below(4)))
        note = _one_of(stream, _NOTES) if stream.chance(1, 4) else None
        yield (number, bought_by, _timestamp(stream), _STATUSES[status()], total, note)


def _items(stream: Stream, rows: int, present: Mapping[str, int]) -> Iterator[Row]:
    orders = _others(present, "orders", rows, _ITEMS_OF_ORDER)
    product = Skews().zipf(_others(present, "products", rows, _ORDERS_OF_CUSTOMER), stream)
    lines: dict[int, int] = {}
    for _ in range(rows):
        order = stream.below(orders) + 1  # Some have many, and some none.
        lines[order] = line = lines.get(order, 0) + 1
        discount = f"{stream.below(60)}.{stream.below(4) * 25:02d}" if stream.chance(1, 3) else None
        quantity = 1 + stream.below(1 + stream.below(9))
        yield (order, line, product() + 1, quantity, _decimal(_amount(stream)), discount)


def _accounts(stream: Stream, rows: int, _present: Mapping[str, int]) -> Iterator[Row]:
    for number in range(1, rows + 1):
        balance = _decimal(0 if stream.chance(1, 20) else _amount(stream) * 10)
        opened = _date(_FIRST_ORDER_DAY - stream.below(6_000))
        yield (number, _person(stream), _one_of(stream, _BRANCHES), balance, opened)


_DRAWS: dict[SampleTable, _Draws] = {
    "customers": _customers,
    "products": _products,
    "orders": _orders,
    "items": _items,
    "accounts": _accounts,
}


# --- values -----------------------------------------------------------------------------------------------------------


def _others(present: Mapping[str, int], table: str, rows: int, share: int) -> int:
    return present.get(table) or max(1, rows // share)


def _one_of(stream: Stream, choices: tuple[str | None, ...]) -> str | None:
    return choices[stream.below(len(choices))]


def _person(stream: Stream) -> str:
    return f"{_one_of(stream, _FIRST_NAMES)} {_one_of(stream, _LAST_NAMES)}"


def _amount(stream: Stream) -> int:
    """Return an amount in cents: somewhere between two neighbours of the table."""
    number = stream.below(len(_AMOUNTS) - 1)
    low, high = _AMOUNTS[number], _AMOUNTS[number + 1]
    return low + stream.below(high - low)


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _timestamp(stream: Stream) -> str:
    """Return a time of two years; more are late in them than early."""
    day = max(stream.below(_ORDER_DAYS), stream.below(_ORDER_DAYS))
    second = stream.below(86_400)
    clock = f"{second // 3_600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{_date(_FIRST_ORDER_DAY + day)} {clock}"


def _date(day: int) -> str:
    """Return the date so many days after the first of January 1970, as ISO 8601 has it.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    """
    day += _EPOCH_DAY
    era, of_era = divmod(day, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return f"{year + era * 400 + (month <= 2):04d}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"
