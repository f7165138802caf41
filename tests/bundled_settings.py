"""Settings of a web process that serves its pages in few files, as a deployment does.

A run of the tests loads pages hundreds of times: from their sources each costs thrice as much.
"""

from netra.settings import *  # noqa: F403
from netra.settings import STORAGES, VAR_DIR

STATICFILES_DIRS = [VAR_DIR / "bundles"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "tests.bundles.BundledFiles"}}
