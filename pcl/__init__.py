"""pcl: predictive-coding learners that never stop learning.

Importing this package imports no JAX, so that figures and tables can be drawn without it.
"""

__version__ = "0.1.0"
