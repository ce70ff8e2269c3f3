# ruff: noqa: E501 - queries, each in few lines
"""A wholesale trade, and 22 questions about it of the kinds that the TPC-H benchmark asks, in words of our own."""

from __future__ import annotations

import random

from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table
from tests.unit.sql.planning.local import Row

_INTEGER, _TEXT, _DATE, _MONEY = SqlType("INTEGER"), SqlType("TEXT"), SqlType("DATE"), SqlType("DECIMAL", 12, 2)
_KINDS = {"i": _INTEGER, "t": _TEXT, "d": _DATE, "m": _MONEY}


def _table(number: int, name: str, columns: str, key: str, sharding: Sharding) -> Table:
    parts = [each.split(":") for each in columns.split()]
    return Table(
        number,
        name,
        tuple(Column(column, _KINDS[kind], column not in key.split()) for column, kind in parts),
        tuple(key.split()),
        sharding,
    )


CATALOG = Catalog(
    1,
    (
        _table(1, "continent", "cont_id:i cont_name:t", "cont_id", Sharding("everywhere")),
        _table(2, "country", "country_id:i country_name:t cont_id:i", "country_id", Sharding("everywhere")),
        _table(
            3,
            "maker",
            "maker_id:i maker_name:t country_id:i phone:t balance:m note:t",
            "maker_id",
            Sharding("hash", ("maker_id",)),
        ),
        _table(
            4,
            "buyer",
            "buyer_id:i buyer_name:t country_id:i phone:t balance:m branch:t",
            "buyer_id",
            Sharding("hash", ("buyer_id",)),
        ),
        _table(
            5,
            "ware",
            "ware_id:i ware_name:t brand:t sort:t size:i box:t price:m",
            "ware_id",
            Sharding("hash", ("ware_id",)),
        ),
        _table(6, "supply", "ware_id:i maker_id:i stock:i cost:m", "ware_id maker_id", Sharding("hash", ("ware_id",))),
        _table(
            7,
            "sale",
            "sale_id:i buyer_id:i state:t total:m day:d urgency:t note:t",
            "sale_id",
            Sharding("hash", ("sale_id",)),
        ),
        _table(
            8,
            "item",
            "sale_id:i line:i ware_id:i maker_id:i count:m price:m rebate:m tax:m returned:t state:t sent:d promised:d received:d way:t",
            "sale_id line",
            Sharding("hash", ("sale_id",)),
        ),
    ),
    (),
    9,
)


_COUNTRIES = ("ALGERIA", "BRAZIL", "CANADA", "FRANCE", "GERMANY", "KENYA", "PERU", "SPAIN")


class _Chooser:
    def __init__(self) -> None:
        random_ = random.Random(7)
        self.below, self.of, self.between, self.some = (
            random_.randrange,
            random_.choice,
            random_.randrange,
            random_.sample,
        )

    def day(self) -> str:
        number = self.below(700)
        return f"{1995 + number // 360}-{number % 360 // 30 + 1:02d}-{number % 30 % 28 + 1:02d}"


def rows() -> dict[str, list[Row]]:
    by = _Chooser()
    made: dict[str, list[Row]] = {
        "continent": [(0, "AFRICA"), (1, "AMERICA"), (2, "EUROPE")],
        "country": [(number, name, (0, 1, 1, 2, 2, 0, 1, 2)[number]) for number, name in enumerate(_COUNTRIES)],
        "maker": [_maker(by, number) for number in range(10)],
        "buyer": [_buyer(by, number) for number in range(30)],
        "ware": [_ware(by, number) for number in range(25)],
        "sale": [_sale(by, number) for number in range(80)],
    }
    made["supply"] = [
        (ware, maker, by.below(100), by.between(100, 5_000))
        for ware in range(25)
        for maker in sorted(by.some(range(10), 3))
    ]
    made["item"] = [_item(by, sale, line) for sale in range(80) for line in range(by.between(1, 6))]
    return made


def _maker(by: _Chooser, number: int) -> Row:
    note = by.of(("fine", "Customer Complaints", ""))
    return number, f"Maker {number}", by.below(8), f"{10 + number % 8}-555", by.between(-50_000, 500_000), note


def _buyer(by: _Chooser, number: int) -> Row:
    branch = by.of(("CARS", "HOUSES", "TOOLS"))
    return number, f"Buyer {number}", by.below(8), f"{10 + by.below(8)}-555", by.between(-50_000, 900_000), branch


def _ware(by: _Chooser, number: int) -> Row:
    name, sort = by.of(("green bolt", "red nut", "forest rope")), by.of(("LARGE BRASS", "SMALL TIN", "PROMO STEEL"))
    return number, name, f"Brand#{by.below(3)}", sort, by.between(1, 20), by.of(("JAR", "BAG", "CAN")), by.below(10_000)


def _sale(by: _Chooser, number: int) -> Row:
    urgency, note = by.of(("1-URGENT", "2-HIGH", "5-LOW")), by.of(("", "special requests", "none"))
    return number, by.below(25), by.of("FOP"), by.between(10_000, 900_000), by.day(), urgency, note


def _item(by: _Chooser, sale: int, line: int) -> Row:
    what = by.below(25), by.below(10), by.between(1, 50) * 100, by.between(1_000, 90_000), by.below(11), by.below(9)
    return sale, line, *what, by.of("ARN"), by.of("FO"), by.day(), by.day(), by.day(), by.of(("MAIL", "SHIP", "AIR"))


QUESTIONS = (
    # 1: what was sent, by state
    """select returned, state, sum(count) as pieces, sum(price) as gross, sum(price * (1 - rebate)) as net,
       sum(price * (1 - rebate) * (1 + tax)) as due, avg(count) as each_count, avg(price) as each_price, avg(rebate) as each_rebate, count(*) as lines
       from item where sent <= date '1996-09-01' group by returned, state order by returned, state""",
    # 2: the cheapest maker of a ware on a continent
    """select m.balance, m.maker_name, c.country_name, w.ware_id from ware w, maker m, supply s, country c, continent k
       where w.ware_id = s.ware_id and m.maker_id = s.maker_id and w.size < 19 and w.sort not like '%TIN' and m.country_id = c.country_id
       and c.cont_id = k.cont_id and k.cont_name = 'EUROPE' and s.cost = (select min(s2.cost) from supply s2, maker m2, country c2, continent k2
       where w.ware_id = s2.ware_id and m2.maker_id = s2.maker_id and m2.country_id = c2.country_id and c2.cont_id = k2.cont_id and k2.cont_name = 'EUROPE')
       order by m.balance desc, c.country_name, m.maker_name, w.ware_id limit 10""",
    # 3: sales not yet sent that are worth most
    """select i.sale_id, sum(i.price * (1 - i.rebate)) as worth, s.day from buyer b, sale s, item i where b.branch = 'CARS' and b.buyer_id = s.buyer_id
       and i.sale_id = s.sale_id and s.day < date '1996-06-15' and i.sent > date '1996-02-15' group by i.sale_id, s.day order by worth desc, s.day limit 10""",
    # 4: sales with a late item, by urgency
    """select urgency, count(*) as n from sale where day >= date '1995-03-01' and day < date '1996-06-01'
       and exists (select * from item where item.sale_id = sale.sale_id and promised < received) group by urgency order by urgency""",
    # 5: what makers sell in their own country
    """select c.country_name, sum(i.price * (1 - i.rebate)) as worth from buyer b, sale s, item i, maker m, country c, continent k
       where b.buyer_id = s.buyer_id and i.sale_id = s.sale_id and i.maker_id = m.maker_id and b.country_id = m.country_id and m.country_id = c.country_id
       and c.cont_id = k.cont_id and k.cont_name = 'EUROPE' and s.day >= date '1995-01-01' group by c.country_name order by worth desc""",
    # 6: what less rebate would have earned
    """select sum(price * rebate) as more from item where sent >= date '1995-01-01' and sent < date '1996-01-01' and rebate between 0.02 and 0.09 and count < 24""",
    # 7: trade between two countries, by year
    """select t.from_country, t.to_country, t.y, sum(t.worth) as worth from (select c1.country_name as from_country, c2.country_name as to_country,
       extract(year from i.sent) as y, i.price * (1 - i.rebate) as worth from maker m, item i, sale s, buyer b, country c1, country c2
       where m.maker_id = i.maker_id and s.sale_id = i.sale_id and b.buyer_id = s.buyer_id and m.country_id = c1.country_id and b.country_id = c2.country_id
       and ((c1.country_name = 'FRANCE' and c2.country_name = 'GERMANY') or (c1.country_name = 'GERMANY' and c2.country_name = 'FRANCE') or c1.country_name = 'PERU')) as t
       group by t.from_country, t.to_country, t.y order by 1, 2, 3""",
    # 8: the share of one country in a market
    """select t.y, sum(case when t.country = 'BRAZIL' then t.worth else 0 end) / sum(t.worth) as share from (select extract(year from s.day) as y,
       i.price * (1 - i.rebate) as worth, c2.country_name as country from ware w, maker m, item i, sale s, buyer b, country c1, country c2, continent k
       where w.ware_id = i.ware_id and m.maker_id = i.maker_id and i.sale_id = s.sale_id and s.buyer_id = b.buyer_id and b.country_id = c1.country_id
       and c1.cont_id = k.cont_id and k.cont_name = 'AMERICA' and m.country_id = c2.country_id and w.sort <> 'SMALL TIN') as t group by t.y order by t.y""",
    # 9: profit on wares of a colour, by country and year
    """select t.country, t.y, sum(t.profit) as profit from (select c.country_name as country, extract(year from s.day) as y,
       i.price * (1 - i.rebate) - p.cost * i.count as profit from ware w, maker m, item i, supply p, sale s, country c
       where m.maker_id = i.maker_id and p.maker_id = i.maker_id and p.ware_id = i.ware_id and w.ware_id = i.ware_id and s.sale_id = i.sale_id
       and m.country_id = c.country_id and w.ware_name like '%green%') as t group by t.country, t.y order by t.country, t.y desc""",
    # 10: buyers who send most back
    """select b.buyer_id, b.buyer_name, sum(i.price * (1 - i.rebate)) as lost, b.balance, c.country_name from buyer b, sale s, item i, country c
       where b.buyer_id = s.buyer_id and i.sale_id = s.sale_id and s.day >= date '1995-10-01' and i.returned = 'R' and b.country_id = c.country_id
       group by b.buyer_id, b.buyer_name, b.balance, c.country_name order by lost desc limit 20""",
    # 11: the stock that is worth most in a country
    """select p.ware_id, sum(p.cost * p.stock) as worth from supply p, maker m, country c where p.maker_id = m.maker_id and m.country_id = c.country_id
       and c.country_name <> 'KENYA' group by p.ware_id having sum(p.cost * p.stock) > (select sum(p.cost * p.stock) * 0.05 from supply p, maker m, country c
       where p.maker_id = m.maker_id and m.country_id = c.country_id and c.country_name <> 'KENYA') order by worth desc""",
    # 12: late items by way of sending
    """select i.way, sum(case when s.urgency = '1-URGENT' or s.urgency = '2-HIGH' then 1 else 0 end) as high, sum(case when s.urgency <> '1-URGENT' and s.urgency <> '2-HIGH' then 1 else 0 end) as low
       from sale s, item i where s.sale_id = i.sale_id and i.way in ('MAIL', 'SHIP') and i.promised < i.received and i.sent < i.promised group by i.way order by i.way""",
    # 13: how many buyers have how many sales
    """select t.n, count(*) as buyers from (select b.buyer_id, count(s.sale_id) as n from buyer b left join sale s on b.buyer_id = s.buyer_id
       and s.note not like '%special%requests%' group by b.buyer_id) as t group by t.n order by buyers desc, t.n desc""",
    # 14: the share of promoted wares
    """select 100.00 * sum(case when w.sort like 'PROMO%' then i.price * (1 - i.rebate) else 0 end) / sum(i.price * (1 - i.rebate)) as share
       from item i, ware w where i.ware_id = w.ware_id and i.sent >= date '1995-09-01'""",
    # 15: the best maker
    """with r as (select maker_id as m, sum(price * (1 - rebate)) as total from item where sent >= date '1996-01-01' group by maker_id)
       select maker.maker_id, maker.maker_name, r.total from maker, r where maker.maker_id = r.m and r.total = (select max(r2.total) from r as r2) order by 1""",
    # 16: how many makers supply wares of a kind, without those that are complained about
    """select w.brand, w.sort, w.size, count(distinct p.maker_id) as makers from supply p, ware w where w.ware_id = p.ware_id and w.brand <> 'Brand#1'
       and w.sort not like 'SMALL%' and w.size in (1, 2, 3, 5, 8, 9, 13, 14) and p.maker_id not in (select maker_id from maker where note like '%Complaints%')
       group by w.brand, w.sort, w.size order by makers desc, w.brand, w.sort, w.size""",
    # 17: what small sales of a ware are worth
    """select sum(i.price) / 7.0 as yearly from item i, ware w where w.ware_id = i.ware_id and w.brand = 'Brand#2'
       and i.count < (select 0.8 * avg(i2.count) from item i2 where i2.ware_id = w.ware_id)""",
    # 18: buyers of much at once
    """select b.buyer_name, b.buyer_id, s.sale_id, s.day, s.total, sum(i.count) as pieces from buyer b, sale s, item i
       where s.sale_id in (select sale_id from item group by sale_id having sum(count) > 80) and b.buyer_id = s.buyer_id and s.sale_id = i.sale_id
       group by b.buyer_name, b.buyer_id, s.sale_id, s.day, s.total order by s.total desc, s.day limit 10""",
    # 19: what came of wares of three kinds
    """select sum(i.price * (1 - i.rebate)) as worth from item i, ware w where (w.ware_id = i.ware_id and w.brand = 'Brand#0' and w.box = 'JAR' and i.count between 1 and 31)
       or (w.ware_id = i.ware_id and w.brand = 'Brand#1' and w.box in ('BAG', 'CAN') and i.count >= 10) or (w.ware_id = i.ware_id and w.brand = 'Brand#2' and w.size > 4 and i.way = 'AIR')""",
    # 20: makers with more in stock than is sold
    """select m.maker_name, m.phone from maker m, country c where m.maker_id in (select p.maker_id from supply p where p.ware_id in (select ware_id from ware where ware_name like 'forest%' or size > 3)
       and p.stock > (select 0.5 * sum(i.count) from item i where i.ware_id = p.ware_id and i.maker_id = p.maker_id and i.sent >= date '1995-01-01'))
       and m.country_id = c.country_id and c.cont_id > 0 order by m.maker_name""",
    # 21: makers that alone kept a sale waiting
    """select m.maker_name, count(*) as n from maker m, item i, sale s, country c where m.maker_id = i.maker_id and s.sale_id = i.sale_id and s.state <> 'P' and i.received > i.promised
       and exists (select * from item i2 where i2.sale_id = i.sale_id and i2.maker_id <> i.maker_id)
       and not exists (select * from item i3 where i3.sale_id = i.sale_id and i3.maker_id <> i.maker_id and i3.received > i3.promised)
       and m.country_id = c.country_id group by m.maker_name order by n desc, m.maker_name limit 10""",
    # 22: rich buyers who never bought
    """select t.area, count(*) as n, sum(t.balance) as total from (select substr(phone, 1, 2) as area, balance from buyer where substr(phone, 1, 2) in ('11', '12', '13', '14', '15')
       and balance > (select avg(balance) from buyer where balance > 0.00 and substr(phone, 1, 2) in ('11', '12', '13', '14', '15'))
       and not exists (select * from sale where sale.buyer_id = buyer.buyer_id)) as t group by t.area order by t.area""",
)
