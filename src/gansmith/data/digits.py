"""`digits`: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn, so that a demo needs no download.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI 1998. Every fifth scan is held out.
"""

from __future__ import annotations

import numpy as np

from gansmith.data.arrays import ArrayFiles
from gansmith.errors import DataError


def open_digits(split: str) -> ArrayFiles:
    """The scans of a split ("train": 1,438, "test": 359). Raises DataError where scikit-learn is missing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            "The data set 'digits' comes with scikit-learn, which is not installed. "
            'Install it: pip install "gansmith[demo]".'
        ) from error
    scans = load_digits()
    held_out = np.arange(len(scans.images)) % 5 == 4
    chosen = held_out if split == "test" else ~held_out
    pixels = (scans.images[chosen] * (255 / 16)).round().astype(np.uint8)  # values are 0..16
    return ArrayFiles("digits", pixels[:, None], scans.target[chosen], tuple(str(k) for k in range(10)))
