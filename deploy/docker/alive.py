"""Ends with 0 while the process of this container answers: any answer will do, 404 is one."""

import http.client
import sys

# Answered before Django, so that it needs no name of a host.
CONNECTION = http.client.HTTPConnection(
    "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8000, timeout=2
)
try:
    CONNECTION.request("GET", "/metrics")
    sys.exit(CONNECTION.getresponse().status >= 500)
except OSError:
    sys.exit(1)
