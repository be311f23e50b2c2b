"""Strategies of continual learning around any network rule (`pcl.learners.rule`): one file per learner."""
