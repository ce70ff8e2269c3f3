*** Settings ***
Documentation    Tables over shards: rows, constraints, transactions and queries, exact whatever fails or moves.
