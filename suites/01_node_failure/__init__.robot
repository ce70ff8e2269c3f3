*** Settings ***
Documentation    Nodes crash, hang, lose their disks and come back: no confirmed write is lost, and somebody leads.
