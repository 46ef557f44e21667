"""Which process a run lives in, written down with the run, so that others can tell when it is gone without a word."""

from __future__ import annotations

import os

import psutil

PROCESS_TAG = "crypto/process"


def this_process() -> str:
    """This process by its number and birth: a later one by the same number is another."""
    return f"{os.getpid()} {psutil.Process().create_time()}"


def lives(told: str) -> bool:
    """Whether a process that was told of so still runs on this machine."""
    number, born = told.split()
    try:
        process = psutil.Process(int(number))
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - float(born)) < 1
    except psutil.NoSuchProcess:
        return False
