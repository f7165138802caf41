"""Measures what is asked for and prints it; started by `python -m bench`, which has the engines."""

import argparse
import sys

import django
import uvloop

django.setup()

# Only after Django's set-up may modules with models be imported.
from bench.sections import PEERS, SECTIONS, measure, sections_of  # noqa: E402

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sections", nargs="*", metavar="section", help="all of them without one")
    wanted = sections_of(parser.parse_args().sections)
    if not SECTIONS.keys() | PEERS.keys() >= set(wanted):
        parser.error(f"the sections are {', '.join(SECTIONS)}, peers or {', '.join(PEERS)}")
    sys.exit(0 if uvloop.run(measure(wanted)) else 1)
