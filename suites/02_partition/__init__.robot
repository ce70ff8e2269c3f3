*** Settings ***
Documentation    Networks part, flap, lose and double messages: one side serves, and nobody reads what is old.
