"""Weather: 18,159 days at Offutt Air Force Base, Nebraska, 1949 to 1999, in time order.

Features: temperature, dew point, sea-level pressure, visibility, mean and highest sustained wind speed, highest and
lowest temperature, each in its own unit. Label 1 (31.4 %): it rained; 0: it did not. Repeating the last label is right
68.0 % of the time, a little less than always answering 0 (68.6 %). Source: Elwell and Polikar (2011),
doi:10.1109/TNN.2011.2160459.
"""

from pcl.streams.sources import tables
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="18,159 days of weather in time order, 8 features, 2 classes, no test samples",
    shape=(8,),
    num_classes=2,
    scale=1.0,
    files={
        "streams/weather.csv.gz": ("3c38f05bdc5c4cb115f122414c66976e3662c875d96d7199d9e47fc46aff150e",),
    },
    parse=tables.one_table,
    publisher=tables.PUBLISHER,
    in_time_order=True,
)
