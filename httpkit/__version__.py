"""What this package is called and which release it is; read by the build, the User-Agent and `help`.

`__build__` is no release of httpkit: libraries compare it to learn which requests interface they deal with, so it names
the release of requests whose interface this one speaks.
"""

__title__ = "httpkit"
__description__ = "A requests-style HTTP client with safe defaults."
__url__ = "https://pypi.org/project/httpkit/"
__version__ = "0.1.0"
__build__ = 0x023402
__author__ = "The httpkit developers"
__author_email__ = ""
__license__ = "Apache-2.0"
__copyright__ = "Copyright The httpkit developers"
__cake__ = "\u2728 \U0001f370 \u2728"
