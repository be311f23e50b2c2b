"""Electricity: 45,312 half-hours of the New South Wales market, 7 May 1996 to 5 December 1998, in time order.

Features: time of day, price and demand in New South Wales and in Victoria, and the transfer between them, already
scaled to [0, 1] (by their extremes over the whole stream, which an online learner could not know).
Label 1 (UP, 42.5 %): the price is above its mean over the last 24 hours. Labels are strongly autocorrelated:
repeating the last one is right 85.3 % of the time, which many published learners do not reach, so report it beside
them. Sources: Harries (1999), Splice-2 comparative evaluation: electricity pricing; Zliobaite (2013), How good is the
Electricity benchmark for evaluating concept drift adaptation, arXiv:1301.3524.
"""

from pcl.streams.sources import tables
from pcl.streams.sources.datasets import SourceEntry

ENTRY = SourceEntry(
    summary="45,312 half-hours of an electricity market in time order, 6 features, 2 classes, no test samples",
    shape=(6,),
    num_classes=2,
    scale=1.0,
    files={
        "streams/elec.csv.gz": ("cdf901433885f29eca6911f70c0eeafb50d90596c879c30c5b99f5a2e8e734ff",),
    },
    parse=tables.one_table,
    publisher=tables.PUBLISHER,
    in_time_order=True,
)
