*** Settings ***
Documentation    Scenarios that break a simulated cluster and judge the data of its clients.

# Wall time: a guard against hanging, never a judgement. Each mode has its own.
Test Timeout     ${TEST_TIMEOUT}
