"""The tests of httpkit: units without a socket, integrations against servers of our own on loopback."""
