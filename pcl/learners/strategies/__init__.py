"""Strategies of continual learning around any rule that learns a network (`pcl.learners.rule`): one file a learner."""
