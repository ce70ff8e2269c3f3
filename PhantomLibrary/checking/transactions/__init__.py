"""Is what transactions saw and wrote what an isolation level promises?

Histories of transactions are judged by their dependencies: who wrote over whom (ww), who read whose (wr), who read what
another then wrote over (rw), and, where the level promises it, who came after whom. A level forbids some classes of
cycles of them, and some reads that need no cycle to be wrong.

    form        operations `txn` with their micro-operations          lists, registers   from reads to versions
    levels      which level forbids what                              graph, order       dependencies in integers
    components  what has a cycle at all                               cycles             the shortest of each class
    wording     a cycle in plain words                                check              the verdict

Sources: Adya, "Weak Consistency" (MIT, 1999); Adya, Liskov and O'Neil, "Generalized Isolation Level Definitions" (ICDE
2000); Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020); Cerone,
Bernardi and Gotsman, "A Framework for Transactional Consistency Models with Atomic Visibility" (CONCUR 2015).
"""
