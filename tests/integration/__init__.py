"""Tests against real servers on loopback, which record what they received."""
