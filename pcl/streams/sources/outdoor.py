"""Outdoor: 4,000 images of 40 objects approached by a mobile robot in a garden, under sun and shade, in time order.

21 features of a colour histogram. Each approach gives 10 images in a row of one object, so that repeating the last
label is right about 9 times in 10. Source: Losing, Hammer and Wersing (2015), doi:10.1109/IJCNN.2015.7280610.
"""

from pcl.streams.sources import tables
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="4,000 views of garden objects in time order, 21 features, 40 classes, no test samples",
    shape=(21,),
    num_classes=40,
    scale=1.0,
    files={
        "streams/outdoorStream.data.gz": ("53f9d793056bf60f832ded0122a9f7286ea35e42fa019d2f4b2158bf6ef4ec1b",),
        "streams/outdoorStream.labels.gz": ("e2dceebd3ab87380f7d60c03d8838a07135ba661ba0d626ab519bd97d6244435",),
    },
    parse=tables.two_tables,
    publisher="https://raw.githubusercontent.com/vlosing/driftDatasets/master/realWorld/outdoor/",
    in_time_order=True,
)
