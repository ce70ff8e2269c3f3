*** Settings ***
Documentation     Scenarios that break a simulated cluster and judge the data of its clients.

Library           PhantomLibrary

# What the clusters of all tests needed was given back: threads and files to the last one.
Suite Teardown    Process Should Not Leak    memory=1GB
# Wall time: a guard against hanging, never a judgement. Each mode has its own.
Test Timeout      ${TEST_TIMEOUT}
