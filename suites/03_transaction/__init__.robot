*** Settings ***
Documentation    Transactions over shards: all or nothing, whoever crashes and whatever is late.
