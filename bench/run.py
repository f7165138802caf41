"""Measures and prints; started by `python -m bench`, which has the engines running."""

import django
import uvloop

django.setup()

# Only after Django's set-up may modules with models be imported.
from bench.measures import everything  # noqa: E402

if __name__ == "__main__":
    uvloop.run(everything())
