"""Typed records: what every layer above passes around.

A field keeps its column's name and unit. ``None`` means that the pipeline did not write the value: it is never
replaced by zero. ``problems`` says in words what is odd about a row; a record with problems is still shown.
"""

from data_access.records.base import Count, Cursor, Epoch, PageRequest, RecordPage
from data_access.records.calibration import (
    AppliedCaltable,
    CalibratorTransit,
    Caltable,
    CaltableDetail,
    CaltableSet,
)
from data_access.records.cutouts import Cutout, CutoutUnit
from data_access.records.files import (
    BeamShape,
    FileState,
    ImageHeader,
    ImagePreview,
    ImageStatistics,
    ImageView,
    Reduction,
    SkyFrame,
)
from data_access.records.images import Image, ImagePlace, ImageQA, Mosaic, Region
from data_access.records.jobs import (
    Batch,
    BatchItem,
    LogFile,
    ObservationGroup,
    QueueItem,
    Run,
    RunLogs,
    StateCounts,
    Task,
)
from data_access.records.measurement_sets import (
    AntennaTable,
    MeasurementSet,
    MeasurementSetDetail,
    SpectralWindow,
)
from data_access.records.names import NamedPlace
from data_access.records.operations import (
    Alert,
    DatabaseState,
    OpenAlerts,
    PartState,
    Pointing,
    ServiceState,
    StorageLocation,
    TableState,
    UnusedTable,
)
from data_access.records.sources import (
    EseCandidate,
    LightCurve,
    MeasuredSources,
    MonitoringState,
    Source,
    SourceDetail,
    StoredVariability,
    TransientCandidate,
)

__all__ = [
    "Alert",
    "AntennaTable",
    "AppliedCaltable",
    "Batch",
    "BatchItem",
    "BeamShape",
    "CalibratorTransit",
    "Caltable",
    "CaltableDetail",
    "CaltableSet",
    "Count",
    "Cursor",
    "Cutout",
    "CutoutUnit",
    "DatabaseState",
    "Epoch",
    "EseCandidate",
    "FileState",
    "Image",
    "ImageHeader",
    "ImagePlace",
    "ImagePreview",
    "ImageQA",
    "ImageStatistics",
    "ImageView",
    "LightCurve",
    "LogFile",
    "MeasuredSources",
    "MeasurementSet",
    "MeasurementSetDetail",
    "MonitoringState",
    "Mosaic",
    "NamedPlace",
    "ObservationGroup",
    "OpenAlerts",
    "PageRequest",
    "PartState",
    "Pointing",
    "QueueItem",
    "RecordPage",
    "Reduction",
    "Region",
    "Run",
    "RunLogs",
    "ServiceState",
    "SkyFrame",
    "Source",
    "SourceDetail",
    "SpectralWindow",
    "StateCounts",
    "StorageLocation",
    "StoredVariability",
    "TableState",
    "Task",
    "TransientCandidate",
    "UnusedTable",
]
