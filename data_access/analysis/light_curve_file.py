"""The light curve of one source as a table for a file: every measurement, units and definitions with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from data_access.analysis.table_files import FileColumn, FileTable, text_values
from data_access.analysis.times import mjd_to_unix, unix_to_datetime
from data_access.records import LightCurve


def light_curve_table(curve: LightCurve, selected: npt.NDArray[np.bool_], facts: Mapping[str, str]) -> FileTable:
    """Return all measurements in order of observation, as they are stored; those without a time come last.

    Parameters
    ----------
    selected : shape (n_epoch,)
        Which measurements count for what the page shows.
    facts : mapping
        What was asked, in words and as a URL; what is odd about the light curve is added.
    """
    times = text_values([_iso(mjd) for mjd in curve.mjd.tolist()])
    quality = text_values(curve.quality or [""] * curve.n_epoch)
    paths = text_values([path or "" for path in curve.image_path])
    columns = (
        _whole("photometry_id", "Row number of the measurement in the table photometry", curve.photometry_id),
        FileColumn("mjd", "d", "Epoch, MJD (UTC)", curve.mjd),
        FileColumn("time_utc", "", "The same epoch in ISO 8601 (UTC)", times),
        FileColumn(
            "origin", "", "Where the epoch comes from; a processing time says when the pipeline worked",
            text_values(curve.origin),
        ),
        FileColumn("peak_jyb", "Jy/beam", "Peak flux density", curve.peak_jyb),
        FileColumn("peak_err_jyb", "Jy/beam", "Error of the peak flux density", curve.peak_err_jyb),
        FileColumn("flux_jy", "Jy", "Integrated flux density", curve.flux_jy),
        FileColumn("flux_err_jy", "Jy", "Error of the integrated flux density", curve.flux_err_jy),
        FileColumn("snr", "", "Signal to noise ratio as stored", curve.snr),
        FileColumn("rms_jy", "Jy/beam", "Local rms as stored", curve.rms_jy),
        _whole("flags", "Flags of the pipeline as a number; bit 1 says forced; 0 where none is stored", curve.flags),
        _whole("forced", "1 for a forced measurement, without a detection at that epoch", curve.is_forced),
        _whole("upper_limit", "1 where the pipeline calls the measurement an upper limit", curve.is_upper_limit),
        _whole("flagged", "1 where the pipeline calls the measurement bad, by a flag or in words", curve.is_flagged),
        FileColumn("quality", "", "quality_flag as the pipeline wrote it; empty for none", quality),
        FileColumn("image_path", "", "Image that was measured; empty where none is recorded", paths),
        _whole("selected", "1 where the measurement counts in the selection that the header names", selected),
    )  # fmt: skip
    remarks = dict(facts) | {"rows": str(curve.n_epoch)}
    if curve.truncated:
        remarks["cut short"] = f"only the newest {curve.n_epoch} measurements of the source are here: it has more"
    remarks |= {f"note {i}": problem for i, problem in enumerate(curve.problems, start=1)}
    return FileTable(columns, remarks, name="light_curve")


def _whole(name: str, definition: str, values: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> FileColumn:
    return FileColumn(name, "", definition, values.astype(np.int64), whole=True)


def _iso(mjd: float) -> str:
    # An MJD has half a microsecond: without rounding, whole seconds would be cut to the millisecond before.
    when = unix_to_datetime(round(mjd_to_unix(mjd), 3))
    return "" if when is None else when.replace(tzinfo=None).isoformat(timespec="milliseconds")
