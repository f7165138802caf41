"""`python -m bench [section …]`: starts engines of its own, measures, prints, cleans up.

Without a section it measures all of them; a wrong one is answered with their names.
"""

import sys

from bench.engines import run_on_engines

if __name__ == "__main__":
    sys.exit(run_on_engines("bench.run", *sys.argv[1:]))
