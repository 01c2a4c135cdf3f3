"""`gansmith pack DATA OUT`"""

from __future__ import annotations

from gansmith.cli.values import JsonFile, write_json


def pack(
    data: str,
    out: str,
    /,
    *,
    resolution: str | None = None,
    fit: str = "crop",
    channels: int | None = None,
    json: JsonFile = None,
) -> None:
    """Put all pictures into one file at training size: nothing is decoded again, and it opens at once.

    Parameters
    ----------
    data:
        As for 'gansmith train'. Both splits are packed.
    out:
        The file, which ends in .safetensors. Train on it as on any other data.
    resolution:
        A number, or WIDTHxHEIGHT in pixels. [default: as training would choose]
    fit:
        'crop' cuts what juts out; 'pad' keeps all of the picture, on black.
    channels:
        1 grey, 3 RGB, 4 RGBA. [default: the fewest that lose nothing]
    json:
        Write what was packed to this file too.
    """
    from gansmith import api

    packed = api.pack(data, out, resolution=resolution, fit=fit, channels=channels)
    print(packed.text())
    write_json(json, packed.to_json())
