"""Does a server keep to `netra.v1`? Checks over real sockets, against any URL."""
