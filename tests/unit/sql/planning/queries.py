# ruff: noqa: E501 - one query a line
"""Queries of every feature and every trap, over the tables of world.py, one a line; `?` are parameters."""

PRUNED = """
select * from a where id = 3
select * from a where id in (1, 5, 7)
select * from a where id = 1 or id = 2
select * from a where id = 1 or x = 2
select * from a where id = 3 and x = 1
select * from a where id = 3 or (id = 4 and x > 1)
select * from a where id in (1, 2, 3) and id in (2, 3, 4)
select * from a where id = 1 and id = 2
select * from a where id is null
select * from a where 3 = id
select * from g where id between 5 and 15
select * from g where id < 10
select * from g where id <= 10
select * from g where id >= 20 and id < 25
select * from g where id > 10 and (v = 1 or id = 14)
select * from g where 12 > id
select * from g where id = 5 or id > 25
select * from g where not id > 10
select * from g where id in (0, 9, 10, 11, 20, 28)
select * from c where aid = 4
select * from c where aid = 4 and n = 1
select * from c where aid in (4, 5) order by aid, n
select a.id, c.n from a join c on a.id = c.aid where a.id = 6
select a.id, c.n from a join c on a.id = c.aid where c.aid = 6
select a.id, c.n from a left join c on a.id = c.aid where a.id in (6, 7)
select count(*) from a where id = 6
select x, count(*) from a where id = 6 group by x
select max(y) from a where id = -1
select count(*), sum(x), avg(x), min(y), max(y) from a where id = 1 and id = 2
select a.id, b.id from a, b where a.id = 3 and b.id = 3
select a.id, b.id from a, b where a.id = 3 and b.id = 4
select a.id from a where a.id = 3 and exists (select 1 from c where c.aid = 3)
select * from (select id, x + 1 as p from a) as d where d.id = 4
select * from (select x, count(*) as n from a group by x) as d where d.x = 2
select row_number() over (order by n) as r, n from c where aid = 4
select * from a where id = 3 union all select * from a where id = 3
"""

SCANS = """
select * from a
select id, x + y from a where y > 10
select distinct x from a
select distinct x, s from a order by x, s
select distinct id from a
select x from a order by x
select x, id from a order by x desc, id limit 5
select id from a order by y limit 4 offset 3
select id from a order by y desc limit 4 offset 30
select id, y from a order by y + x limit 6
select id from a limit 3
select s from a order by s
select s, id from a order by s desc limit 7
select x from a order by 1 limit 100
select id from a order by x, y limit 0
select id from a order by x limit 1
select distinct x from a order by x desc limit 2
select distinct x from a limit 2
select id, case when x is null then 'none' when x > 2 then 'many' else 'few' end as k from a
select id from a where s like 'a%' or s is null
select id from a where x is not null and not (x = 1)
select id from a where x between 1 and 3
select id from a where x in (1, null, 3)
select id from a where x not in (1, 3)
select id from a where x not in (1, null)
select id from a where coalesce(x, 0) = 0
select * from r
select * from r order by w, id limit 3
select id from g order by id desc limit 4
select 1 as one
select 1 as one from a where id = 1
select x is null as e, y is not null as f from a
select -id as m from a order by m limit 3
select s || '!' as t from a where s is not null
"""

AGGREGATES = """
select count(*) from a
select count(x), count(*), count(y) from a
select sum(x), min(x), max(x), avg(x) from a
select avg(x) from a
select avg(x), s from a group by s
select s, avg(y) as m from a group by s having avg(y) > 10
select x, count(*) from a group by x
select x, count(y) from a group by x
select x, count(s) from a group by x having count(s) > 1
select x, s, count(*) from a group by x, s
select x + 1 as p, count(*) from a group by x + 1
select x % 2 as p, sum(y) from a group by x % 2 order by p
select count(distinct x) from a
select count(distinct x), count(x), sum(x) from a
select s, count(distinct x), count(distinct y) from a group by s
select sum(distinct x) from a
select avg(distinct x), count(*) from a
select x, sum(distinct y), max(y) from a group by x
select count(*) from a where 1 = 0
select sum(x), avg(x), max(s) from a where x > 100
select x, count(*) from a where x > 100 group by x
select id, count(*) from a group by id
select aid, count(*), sum(z) from c group by aid
select aid, avg(z) from c group by aid having count(*) > 1
select aid, n, count(*) from c group by aid, n
select n, count(*) from c group by n order by n
select n, avg(z) from c group by n
select count(*) from c having count(*) > 3
select count(*) from c having count(*) > 300
select max(x) - min(x) as spread from a
select sum(x + y) from a
select sum(x) + count(*) as q from a
select count(*) filter (where x > 1), count(*) from a
select s, sum(y) filter (where x is null) as n, avg(y) filter (where x > 1) as m from a group by s
select sum(case when x > 1 then 1 else 0 end) from a
select x, count(*) as n from a group by x order by n desc, x limit 2
select x, count(*) as n from a group by x order by count(*) desc, x limit 2 offset 1
select x, sum(y) from a group by x order by avg(y), x
select min(s), max(s) from a
select x from a group by x
select distinct count(*) from a group by x
select distinct x, count(*) from a group by x, s
select count(*) from (select distinct x, s from a) as d
select sum(d.n) from (select x, count(*) as n from a group by x) as d
select d.n, count(*) from (select aid, count(*) as n from c group by aid) as d group by d.n
select max(d.m) from (select x, avg(y) as m from a group by x) as d where d.x > 1
select avg(n) from (select aid, count(*) as n from c group by aid) as d
select coalesce(x, -1) as k, count(*) from a group by coalesce(x, -1) order by k
select count(*) + 1 as more from a group by x having max(y) > 20 or x is null
select count(*) from r
select w, count(*) from r group by w
"""

JOINS = """
select a.id, g.id from a join c on a.id = c.aid and 1 = 0 right join g on g.id = a.x
select a.id, c.n from a join c on a.id = c.aid
select a.id, c.n, c.z from a left join c on a.id = c.aid
select a.id, c.n from c right join a on a.id = c.aid
select a.id, c.aid, c.n from a full join c on a.id = c.aid and c.n > 0
select a.id, c.n from a left join c on a.id = c.aid and c.n = 1
select a.id, c.n from a left join c on a.id = c.aid where c.n is null
select a.id, c.n from a left join c on a.id = c.aid where c.n = 1
select a.id, b.id from a join b on a.id = b.aid
select a.id, b.id from a left join b on a.id = b.aid
select a.id, b.id from a right join b on a.id = b.aid
select a.id, b.id from a full join b on a.id = b.aid
select a.id, b.id from a full join b on a.id = b.aid where a.x > 1
select a.id, b.id from a full join b on a.x = b.x and a.id > 20
select a.id, b.id from a join b on a.x = b.x
select a.id, b.id from a left join b on a.x = b.x and b.t = 'a'
select a.id, b.id from a left join b on a.x = b.x and a.s = 'a'
select a.id, b.id from a left join b on a.x = b.x and a.y > b.id
select a.id, b.id from a join b on a.x = b.x and a.s = b.t
select a.id, b.id from a, b where a.x = b.x and a.y < b.aid
select a.id, b.id from a, b where a.x < b.x
select a.id, b.id from a cross join b where a.id < 3 and b.id < 3
select count(*) from a, b
select count(*) from a left join b on a.x > b.x
select count(*) from a full join b on a.x > b.x
select a.id, b.id from a left join b on a.x > b.x and b.id < 9 where a.id < 5
select a.id, r.w from a join r on a.x = r.id
select a.id, r.w from a left join r on a.x = r.id
select a.id, r.id from a right join r on a.x = r.id
select a.id, r.id from a full join r on a.x = r.id
select r.id, a.id from r left join a on a.x = r.id
select r.id, a.id from r left join a on a.id = r.id
select r.id, r2.w from r join r as r2 on r.id = r2.w
select r.id, r2.w from r full join r as r2 on r.id = r2.w
select x.id, y.id from a as x join a as y on x.id = y.x
select x.id, y.id from a as x join a as y on x.id = y.id
select x.id, y.id from a as x left join a as y on x.x = y.x and x.id < y.id
select a.id, b.id, c.n from a join b on a.id = b.aid join c on c.aid = a.id
select a.id, b.id, c.n from a left join b on a.id = b.aid left join c on c.aid = a.id
select a.id, b.id, c.n from a left join b on a.id = b.aid left join c on c.aid = b.aid
select a.id, b.id, c.n from a left join b on a.x = b.x join c on c.aid = a.id
select a.id, b.id, c.n from a left join b on a.x = b.x join c on c.aid = b.aid
select a.id, b.id, c.n from a join b on a.x = b.x left join c on c.aid = b.id and c.n = a.x
select a.id, b.id, g.v from a join b on a.id = b.aid join g on g.id = b.x
select a.id, b.id, g.v from a left join b on a.id = b.aid full join g on g.id = b.x
select a.id, b.id, g.v from a join b on a.id = b.aid right join g on g.id = b.x and b.id > 3
select a.id, b.id, g.v from a full join b on a.id = b.aid left join g on g.id = b.id
select a.id, b.id, g.v from a full join b on a.id = b.aid full join g on g.id = a.id
select a.id, r.id, b.id from a left join r on a.x = r.id left join b on r.w = b.x
select g.id, a.id from g join a on g.id = a.id
select g.id, a.id from g left join a on g.v = a.x order by g.id, a.id limit 5
select g.id, h.id from g join g as h on g.id = h.id
select g.id, h.id from g left join g as h on g.id = h.id and h.v > 2
select a.id, b.id from a left join b on a.id = b.aid order by a.id, b.id limit 3
select a.id, count(b.id) from a left join b on a.id = b.aid group by a.id having count(b.id) > 1 order by a.id limit 3
select distinct a.id % 2, a.id from a left join b on a.id = b.aid order by a.id limit 3
select a.id, b.id from a left join b on a.id = b.aid order by b.id, a.id limit 6
select a.id, b.id from a full join b on a.id = b.aid limit 5
select a.id, b.id from a full join b on a.id = b.aid order by a.id desc, b.id limit 7
select a.id, b.id from a right join b on a.id = b.aid order by a.id limit 6 offset 2
select b.id from a right join b on a.id = b.aid and a.x = 1 limit 9
select a.id + 1 as p, b.id from a join b on a.id + 1 = b.aid
select a.id, b.id from a join b on a.x + 1 = b.x - 1
select a.id, b.id from a left join b on a.id = b.aid and 1 = 0
select a.id, b.id from a join b on 1 = 1 where a.id = 1 and b.id > 30
select count(*) from a join b on a.x is b.x
select a.id, d.n from a join (select aid, count(*) as n from c group by aid) as d on d.aid = a.id
select a.id, d.n from a left join (select aid, count(*) as n from c group by aid) as d on d.aid = a.id
select a.id, d.n from a join (select x, count(*) as n from b group by x) as d on d.x = a.x
select a.id, d.n from a left join (select x, count(*) as n from b group by x) as d on d.x = a.x
select d.n, a.id from (select x, count(*) as n from b group by x) as d left join a on d.x = a.x
select a.id, d.id from a join (select id, x from b order by id limit 5) as d on d.x = a.x
select a.id, d.m from a, (select max(x) as m from b) as d where a.x = d.m
select d.id, e.id from (select id, x from a where x > 1) as d join (select id, x from b where x > 1) as e on d.x = e.x
"""

GROUPED_JOINS = """
select a.id, count(*), count(c.n) from a left join c on a.id = c.aid group by a.id
select a.x, count(*), count(b.id), count(b.x) from a left join b on a.id = b.aid group by a.x
select a.x, sum(b.x), avg(b.x) from a left join b on a.id = b.aid group by a.x
select b.aid, count(*) from a full join b on a.id = b.aid group by b.aid
select c.aid, count(*) from a left join c on a.id = c.aid and c.n > 0 group by c.aid
select a.id, count(*) from a full join c on a.id = c.aid and c.n = 2 group by a.id
select r.id, count(a.id) from r left join a on a.x = r.id group by r.id
select r.w, count(*) from r left join a on a.x = r.id and a.y > 10 group by r.w
select a.s, count(distinct b.x) from a join b on a.id = b.aid group by a.s
select a.s, b.t, count(*), avg(a.y) from a join b on a.x = b.x group by a.s, b.t order by 1, 2
select count(*) from a join b on a.id = b.aid join c on c.aid = a.id
select max(a.y) from a left join b on a.id = b.aid where b.id is null
select a.x, max(c.z) from a join c on a.id = c.aid where a.y > 5 group by a.x having count(*) > 1
select a.id from a join c on c.aid = a.id group by a.id having sum(c.z) > 2
select b.aid, count(*) from b left join c on c.aid = b.aid group by b.aid
"""

SUBQUERIES = """
select id from a where id not in (select c.aid from a as i left join c on i.id = c.aid)
select count(*) from a where (select max(w) from r) = (select min(z) from c)
select (select min(x) from a) as m, (select max(w) from r as s) as n from r
select id from a where id in (select aid from c)
select id from a where id in (select aid from c where z > 2)
select id from a where id not in (select aid from c)
select id from a where x in (select x from b)
select id from a where x not in (select x from b)
select id from a where x not in (select x from b where x is not null)
select id from a where x not in (select x from b where x > 100)
select id from a where id not in (select aid from b)
select id from a where id not in (select aid from b where aid is not null)
select id from a where exists (select 1 from c where c.aid = a.id)
select id from a where not exists (select 1 from c where c.aid = a.id)
select id from a where exists (select 1 from b where b.x = a.x)
select id from a where not exists (select 1 from b where b.x = a.x)
select id from a where not exists (select 1 from b where b.x = a.x and b.id > a.id)
select id from a where exists (select 1 from c where c.aid = a.id and c.z > a.x)
select id from a where exists (select 1 from b)
select id from a where exists (select 1 from b where id < 0)
select id from a where x = 1 or exists (select 1 from c where c.aid = a.id)
select id from a where x = 1 or id in (select aid from c where n = 2)
select id from a where x = 1 or x not in (select x from b where id < 5)
select id, x in (select x from b) as e from a
select id, exists (select 1 from c where c.aid = a.id) as e from a
select id, (select count(*) from c where c.aid = a.id) as n from a
select id, (select max(z) from c where c.aid = a.id) as m from a where x > 0
select id, (select count(*) from b where b.x = a.x) as n from a
select id, (select max(y) from a) as m from a
select id from a where y > (select avg(y) from a)
select id from a where y = (select max(y) from a as i where i.x = a.x)
select id from a where x > (select min(w) from r)
select id from a where x in (select w from r)
select id from r where w in (select x from a)
select id from r where id not in (select x from a where x is not null)
select id from r where not exists (select 1 from a where a.x = r.id)
select x, count(*) from a group by x having count(*) > (select count(*) from r where id < 3)
select x, sum(y) from a where id in (select aid from b) group by x
select a.id, b.id from a join b on a.id = b.aid where exists (select 1 from c where c.aid = a.id)
select a.id, b.id from a left join b on a.id = b.aid where b.x not in (select w from r where w is not null)
select a.id from a left join b on a.id = b.aid and b.x in (select w from r)
select d.id from (select id, x from a where x in (select x from b where id < 9)) as d where d.x > 0
select id from a where x = (select x from b where id = 3)
select id from a where id = (select aid from b where id = 7)
select id from a where exists (select 1 from c join b on b.id = c.n where c.aid = a.id)
select id from a where exists (select 1 from c left join b on b.id = c.n where c.aid = a.id and b.x is null)
select id from a where exists (select 1 from c where c.aid = a.id and exists (select 1 from b where b.aid = c.aid))
select id from a where x in (select x from b where b.aid in (select aid from c where n = 1))
select id, (select count(*) from (select distinct n from c where c.aid = a.id) as q) as k from a
select id from a where y >= (select max(y) from a as i where i.s = a.s) and s is not null
select id from a where id in (select aid from c group by aid having count(*) > 1)
select id from a where id in (select aid from c order by z limit 3)
select count(*) from a where exists (select 1 from c where c.aid = a.id)
select id from a where not (x in (select x from b where id < 10))
select id from a where x < (select count(*) from b where b.aid = a.id)
select case when exists (select 1 from b where b.aid = a.id) then 'y' else 'n' end as f from a
"""

SETS = """
select c.aid from a left join c on a.id = c.aid and c.n > 0 union select id from a
select c.aid from a left join c on a.id = c.aid and c.n > 0 intersect select c.aid from a left join c on a.id = c.aid
select x from a union select x from b
select x from a union all select x from b
select x from a intersect select x from b
select x from a except select x from b
select id from a union select aid from c
select id from a intersect select aid from c
select id from a except select aid from c
select id, x from a union select id, x from b order by 2, 1 limit 7
select x from a union all select x from b order by 1 limit 9
select x from a union select w from r
select w from r union all select id from r
select x from a union select x from b union select n from c
select x from a except select x from b union all select n from c
select x, count(*) from a group by x union all select x, count(*) from b group by x
select id from a where id = 1 union all select id from a where id = 2
select id from a where id in (1, 2) union all select id from b where id = 3
select count(*) from (select x from a union all select x from b) as u
select u.x, count(*) from (select x from a union all select x from b) as u group by u.x
select u.x from (select id as x from a union select aid from c) as u where u.x > 3
select id from a where x in (select x from b union select n from c)
select distinct x from a union all select distinct x from b
select x from a where x > 100 union all select max(x) from b
select * from (select id from a order by id limit 2) as p union all select * from (select id from b order by id limit 2) as q
"""

WINDOWS = """
select id, row_number() over (order by id) as r from a
select id, rank() over (order by x) as r from a
select id, sum(y) over (partition by x) as t from a
select aid, n, row_number() over (partition by aid order by n) as r from c
select aid, n, sum(z) over (partition by aid order by n) as r from c
select aid, n, lag(z) over (partition by aid order by n) as l from c order by aid, n limit 8
select id, count(*) over () as n from a where x > 1
select x, sum(count(*)) over () as t from a group by x
select d.aid from (select aid, n, row_number() over (partition by aid order by n desc) as r from c) as d where d.r = 1
select a.id, sum(c.z) over (partition by a.id) as t from a join c on a.id = c.aid
select x, rank() over (order by count(*) desc) as r from a group by x
select id, max(y) over (partition by x order by id rows between 1 preceding and current row) as m from a
"""

COMMON = """
with d as (select x, count(*) as n from a group by x) select * from d where n > 1
with d as (select id, x from a) select p.id, q.id from d as p join d as q on p.id = q.x
with d as (select aid, sum(z) as s from c group by aid), e as (select avg(s) as m from d) select d.aid from d, e where d.s > e.m
with d as (select id from a where x > 1) select * from b where aid in (select id from d)
with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select n from t
with recursive t(i) as (select min(id) from a union all select i + 1 from t where i < 4) select t.i, a.x from t join a on a.id = t.i
with d as (select id, x from a where id = 4) select * from d join c on c.aid = d.id
"""

GROUPS = {
    name.lower(): text.strip().splitlines()
    for name, text in list(globals().items())
    if name.isupper() and isinstance(text, str)
}
QUERIES = [query for queries in GROUPS.values() for query in queries]
