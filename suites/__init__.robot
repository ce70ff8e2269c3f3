*** Settings ***
Documentation    Scenarios that break a simulated cluster and judge the data of its clients.

# Wall time: a guard against hanging, never a judgement.
Test Timeout     2 minutes
