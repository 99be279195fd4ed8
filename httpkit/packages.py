"""requests' `packages`: the packages that httpkit stands on, under the names they had there. No logic.

`import httpkit.packages.urllib3.util.retry` gives the very module that `import urllib3.util.retry` gives,
loaded before or not; so for idna and for the charset detector, which is `chardet` whichever is installed.
"""

import idna
import urllib3

from ._compat import chardet
from ._forwarding import ModuleAliases

__all__ = ["chardet", "idna", "urllib3"]

# Importing a submodule asks whether this is a package; there are no files to be found in it.
__path__: list[str] = []

ModuleAliases(
    {
        f"{__name__}.urllib3": "urllib3",
        f"{__name__}.idna": "idna",
        f"{__name__}.charset_normalizer": "charset_normalizer",
        f"{__name__}.chardet": getattr(chardet, "__name__", "chardet"),
    }
).install()
