*** Settings ***
Documentation    Load of every shape on machines with limits: what arrives is exact, and what it costs is measured.
