"""`gansmith check DATA`"""

from __future__ import annotations

from gansmith.cli.values import JsonFile, write_json


def check(data: str, /, *, json: JsonFile = None) -> None:
    """Tell what is in a data set, and what is wrong with it. Changes nothing.

    Parameters
    ----------
    data:
        As for 'gansmith train': a folder, a zip, IDX files, CIFAR-10's batches, an array, a .csv of points, or a name.
    json:
        Write the findings to this file too.
    """
    from gansmith import api

    findings = api.check(data)
    print(findings.text())
    write_json(json, findings.to_json())
