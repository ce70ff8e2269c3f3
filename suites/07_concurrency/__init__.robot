*** Settings ***
Documentation    Many clients, administrators and real threads at once: nobody is lost, starved or left behind.
