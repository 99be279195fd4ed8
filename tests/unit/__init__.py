"""Pure tests: no socket, no clock, no environment."""
