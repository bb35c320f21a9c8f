"""What the words in ``photometry.quality_flag`` mean; the pipeline fixes neither the words nor their spelling."""

from __future__ import annotations

from typing import Literal

Quality = Literal["good", "forced", "limit", "bad"]

GOOD_WORDS = ("", "good", "ok", "detection", "detected", "measured", "none", "null", "0")
FORCED_WORDS = ("forced", "forced_fit", "forced_photometry")
LIMIT_WORDS = ("upper_limit", "upperlimit", "limit", "non_detection", "nondetection")


def quality_of(word: object) -> Quality:
    """Return what a word says of its measurement.

    Capitals, blanks and hyphens make no difference. A word that is not known is ``"bad"``: nobody would mark a
    measurement with a word of its own to say that nothing is wrong with it.
    """
    text = word.decode("utf-8", "replace") if isinstance(word, bytes) else "" if word is None else str(word)
    plain = text.strip().lower().replace(" ", "_").replace("-", "_")
    if plain in GOOD_WORDS:
        return "good"
    if plain in FORCED_WORDS:
        return "forced"
    return "limit" if plain in LIMIT_WORDS else "bad"
