"""The results as one table, read in one line. Imports no JAX.

    frame = pcl.results.load("results", "split_digits")
    frame.groupby(["stream", "learner"])["acc"].mean()

One row is one run. Columns, in this order (types, units and meanings: `schema`):

  which run    `run_id` `experiment` `stream` `learner` `variant` `seed` `status` `probe_on` `steps` `chance`
  settings     one column for each that varies over the runs, as `learner.lr` or `stream.batch`; empty where a run has
               no such setting
  how made     `data` `compile_s` `run_s` `created` `commit` `dirty` `mode` `width` `device` `devices` `machine`
               `python` `versions`
  metrics      every one of `pcl.evaluation.catalogue.METRICS` that a run has by itself, costs included; NaN where its
               stream or learner does not define it; then numbers that learners log under names of their own
"""

from pcl.results.columns import Column, schema
from pcl.results.curves import curves
from pcl.results.load import load

__all__ = ["Column", "curves", "load", "schema"]
