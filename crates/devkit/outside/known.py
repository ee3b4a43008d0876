"""Hooks of the outside checker: about half of the parts of an address that it makes up name something that exists.

Read through SCHEMATHESIS_HOOKS. QADIYA_KNOWN is a JSON object: the name of a part of an address, and what exists there.
"""

import json
import os
import zlib

import schemathesis

KNOWN = json.loads(os.environ["QADIYA_KNOWN"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    for name, known in KNOWN.items():
        if path_parameters and isinstance(path_parameters.get(name), str):
            mark = zlib.crc32(path_parameters[name].encode("utf-8", "surrogatepass"))
            if mark % 2 == 0:
                path_parameters[name] = known[mark // 2 % len(known)]
    return path_parameters
