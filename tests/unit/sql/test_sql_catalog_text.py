"""A catalog comes back from the text that it is kept as."""

from PhantomLibrary.sql.catalog import (
    Catalog,
    Check,
    Column,
    ForeignKey,
    Index,
    Sharding,
    SqlType,
    Table,
    Unique,
    View,
    decode_catalog,
    encode_catalog,
)


def test_a_catalog_comes_back_as_it_was_kept():
    columns = (
        Column("id", SqlType("INTEGER"), False),
        Column("sum", SqlType("DECIMAL", 12, 2), default=1250),
        Column("share", SqlType("REAL"), default=2.0),
        Column("picture", SqlType("BLOB"), default=b"\x00\xff"),
        Column("name", SqlType("TEXT"), default="Zoë"),
    )
    table = Table(
        3,
        "orders",
        columns,
        ("id",),
        Sharding("range", ("id",), (10, 20.5, "x", b"\x01", None)),
        (Unique("u", ("name",), 4),),
        (Check("c", "sum > 0"),),
        (ForeignKey("f", ("name",), "people"),),
        (Index("i", ("share",)),),
    )
    catalog = Catalog(7, (table,), (View("v", "select 1"),), 5)
    kept = decode_catalog(encode_catalog(catalog))
    assert kept == catalog
    assert [type(column.default) for column in kept.tables[0].columns] == [type(None), int, float, bytes, str]
    assert decode_catalog(encode_catalog(Catalog()).encode()) == Catalog()
