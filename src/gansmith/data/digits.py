"""`digits`: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, so that a demo needs no download.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI 1998. Every fifth scan is held out.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gansmith.data.arrays import ArrayFiles
from gansmith.errors import DataError

FILE = Path("datasets", "data", "digits.csv.gz")  # in scikit-learn's folder: 64 pixels of 0 to 16, and the digit


def open_digits(split: str) -> ArrayFiles:
    """The scans of a split ("train": 1,438, "test": 359). Raises DataError where scikit-learn is missing.

    The file is read without scikit-learn, whose import takes longer than reading a thousand such files.
    """
    found = find_spec("sklearn")
    file = Path(found.origin).parent / FILE if found and found.origin else None
    if file is None or not file.is_file():
        raise DataError(
            "The data set 'digits' comes with scikit-learn, which is not installed. "
            'Install it: pip install "gansmith[demo]".'
        )
    scans = np.loadtxt(file, delimiter=",")
    held_out = np.arange(len(scans)) % 5 == 4
    chosen = scans[held_out if split == "test" else ~held_out]
    pixels = (chosen[:, :64] * (255 / 16)).round().astype(np.uint8).reshape(-1, 1, 8, 8)
    return ArrayFiles("digits", pixels, chosen[:, 64].astype(np.int64), tuple(str(k) for k in range(10)))
