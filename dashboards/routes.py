"""The pages as data: navigation, server and tests all read this tuple. Literal routes come before templates."""

from __future__ import annotations

from dashboards.session import PageSpec

ROUTES: tuple[PageSpec, ...] = (
    PageSpec("/", "Tonight", "overview", "dashboards.pages.overview:OverviewPage", key="o"),
    PageSpec("/night", "Night", "night", "dashboards.pages.night:NightPage", key="n"),
    PageSpec("/images", "Images", "images", "dashboards.pages.images:ImagesPage", key="i"),
    PageSpec("/sources", "Sources", "sources", "dashboards.pages.sources:SourcesPage", key="s"),
    PageSpec(
        "/variability", "Variability", "variability", "dashboards.pages.variability:VariabilityPage", key="v"
    ),
    PageSpec("/ese", "ESE", "ese", "dashboards.pages.ese:EsePage", key="e"),
    PageSpec("/review", "Review", "review", "dashboards.pages.review:ReviewPage", key="r"),
    PageSpec("/jobs", "Jobs", "jobs", "dashboards.pages.jobs:JobsPage", key="j"),
    PageSpec("/ms", "MS", "ms", "dashboards.pages.ms:MSPage", key="m"),
    PageSpec("/calibration", "Calibration", "calibration", "dashboards.pages.calibration:CalibrationPage", key="c"),
    PageSpec("/status", "Status", "status", "dashboards.pages.status:StatusPage", key="t"),
    PageSpec("/compare", "Compare", "images", "dashboards.pages.compare:ComparePage", in_nav=False),
    PageSpec("/ms/detail", "Measurement Set", "ms", "dashboards.pages.ms_detail:MSDetailPage", in_nav=False),
    PageSpec(
        "/calibration/detail", "Calibration table", "calibration",
        "dashboards.pages.calibration_detail:CalibrationDetailPage", in_nav=False,
    ),
    PageSpec("/images/{image_id}", "Image", "images", "dashboards.pages.image:ImagePage", in_nav=False),
    PageSpec("/sources/{source_id}", "Source", "sources", "dashboards.pages.source:SourcePage", in_nav=False),
    PageSpec("/jobs/{run_id}", "Job", "jobs", "dashboards.pages.job:JobPage", in_nav=False),
)  # fmt: skip
