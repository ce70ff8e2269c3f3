*** Settings ***
Documentation    Replicas move while clients write: no write is lost or done twice, and every key has one owner.
