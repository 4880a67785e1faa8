"""Licences as the Hub names them."""

from __future__ import annotations

import re

OTHER, UNKNOWN = "other", "unknown"
"""What a card says of a licence that the Hub has no id for, and of one that nobody stated."""

HUB_LICENCES = frozenset(
    (
        *("afl-3.0", "agpl-3.0", "apache-2.0", "apple-amlr", "apple-ascl", "artistic-2.0", "bigcode-openrail-m"),
        *("bigscience-bloom-rail-1.0", "bigscience-openrail-m", "bsd", "bsd-2-clause", "bsd-3-clause"),
        *("bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
        *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0"),
        *("cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "creativeml-openrail-m"),
        *("deepfloyd-if-license", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2"),
        *("fair-noncommercial-research-license", "gemma", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "grok2-community"),
        *("h-research", "intel-research", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr", "llama2", "llama3"),
        *("llama3.1", "llama3.2", "llama3.3", "llama4", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl"),
        *("odc-by", "ofl-1.1", "openmdw-1.0", "openrail", "openrail++", "osl-3.0", "pddl", "postgresql"),
        *("unlicense", "wtfpl", "zlib"),
    )
)
"""The ids that the Hub takes in a card, less `other` and `unknown`."""

_ALSO = {"apache-2": "apache-2.0", "cc0": "cc0-1.0", "odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
_ENDING = re.compile(r"-(?:only|or-later|licen[cs]e)$")


def hub_licence(name: str) -> str | None:
    """Return the Hub's id of a licence in any usual spelling (`Apache-2.0`, `CC BY 4.0`, `GPL-3.0-only`), or None."""
    id = "-".join(name.lower().replace("_", " ").split())
    for candidate in (id, _ENDING.sub("", id)):
        candidate = _ALSO.get(candidate, candidate)
        if candidate in HUB_LICENCES:
            return candidate
    return None
