*** Settings ***
Documentation       Splits and merges that make no sense are refused in one sentence, and the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Splits That Cannot Be
    [Documentation]    Unknown shards, the directory's shard, keys outside the shard.
    Refused    no shard 7: this cluster has shards 0, 1, 2    Split Shard    7
    Refused    shard 0 cannot be split: it holds the directory, and no keys of clients    Split Shard    0
    Refused    shard 1 cannot be split at 'zebra': it holds from the first key up to 'k5', give a key within
    ...    Split Shard    1    key=zebra
    Refused    shard 2 cannot be split at 'k5': it holds from 'k5' on, give a key within    Split Shard    2    key=k5
    Refused    a shard cannot be split at the empty key: give one that it holds, or 'middle'
    ...    Split Shard    1    key=${EMPTY}
    Refused    RSH-001: split shard * was not done: shard 1 holds fewer than two keys: none divides them*
    ...    Split Shard    1
    Cluster Goes On

Merges That Cannot Be
    [Documentation]    Shards that are no neighbours in this order, or none at all.
    Refused    no shard 7: this cluster has shards 0, 1, 2    Merge Shards    1    7
    Refused    shard 0 cannot be merged: it holds the directory, and no keys of clients    Merge Shards    0    1
    Refused    shard 1 cannot be merged with itself: give the one behind it as the second    Merge Shards    1    1
    Refused    shards 2 and 1 cannot be merged: shard 1, from the first key up to 'k5', does not begin where shard 2, from 'k5' on, ends: no shard is behind it
    ...    Merge Shards    2    1
    Refused    shard 1 is neither being split nor merged    Cancel Merge    1
    Cluster Goes On

One Thing At A Time
    [Documentation]    A shard that is being split or merged is let alone.
    Put Value    apple    1
    Put Value    banana    2
    Split Shard    1    wait=no
    Run Until    split ordered
    Refused    shard 1 cannot be split now: it is being split    Split Shard    1    key=b
    Refused    shard 1 cannot be merged now: it is being split    Merge Shards    1    2
    Run For    1s
    Merge Shards    3    2    wait=no
    Run Until    freeze ordered
    Refused    shard 2 cannot be split now: it is being merged    Split Shard    2    key=zebra
    Run For    1s
    Refused    no shard 2: this cluster has shards 0, 1, 3    Split Shard    2
    Get Value    banana    ==    2
    Cluster Goes On

Nothing To Own
    [Documentation]    Without a single operation nothing shows who owns a key.
    Refused    OWN-003: no operation was acknowledged, so nothing shows who owns a key*    Shards Should Have One Owner
    Cluster Goes On
    Shards Should Have One Owner


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts three nodes with two shards.
    Start Cluster    nodes=3    shards=2    seed=7
    Leader Should Be Elected    1
    Leader Should Be Elected    2

Refused
    [Documentation]    Runs a keyword, which has to fail with this sentence.
    [Arguments]    ${sentence}    ${name}    @{arguments}    &{named}
    Run Keyword And Expect Error    ${sentence}    ${name}    @{arguments}    &{named}

Cluster Goes On
    [Documentation]    Writes and reads back.
    Put Value    k1    after all
    Get Value    k1    ==    after all
