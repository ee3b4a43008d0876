"""Hooks of the outside checker: half of the addresses it makes up name a case that exists.

Read through SCHEMATHESIS_HOOKS; QADIYA_CASES holds the references, parted by commas.
"""

import os
import zlib

import schemathesis

CASES = os.environ["QADIYA_CASES"].split(",")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if path_parameters and isinstance(path_parameters.get("ref"), str):
        mark = zlib.crc32(path_parameters["ref"].encode("utf-8", "surrogatepass"))
        if mark % 2 == 0:
            path_parameters["ref"] = CASES[mark // 2 % len(CASES)]
    return path_parameters
