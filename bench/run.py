"""Measures what is asked for and prints it; started by `python -m bench`, which has the engines."""

import argparse

import django
import uvloop

django.setup()

# Only after Django's set-up may modules with models be imported.
from bench.sections import SECTIONS, measure  # noqa: E402

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sections", nargs="*", metavar="section", help="all of them without one")
    wanted = parser.parse_args().sections or list(SECTIONS)
    if not SECTIONS.keys() >= set(wanted):
        parser.error(f"the sections are {', '.join(SECTIONS)}")
    uvloop.run(measure(wanted))
