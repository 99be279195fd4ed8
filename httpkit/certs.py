"""requests' `certs`: where the default CA bundle is. `python -m httpkit.certs` prints it. No logic."""

import sys

from certifi import where

__all__ = ["where"]

if __name__ == "__main__":
    sys.stdout.write(where() + "\n")
