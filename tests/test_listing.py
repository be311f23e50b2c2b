"""Lists and descriptions of what is there."""

from pcl import learners
from pcl.cli.listing import listing, settings


def test_the_defaults_shown_are_those_of_the_entry():
    # ranpac shares a class of settings with others, and has other defaults than the fields of that class
    shown = {row[0]: row[1] for row in settings(learners.REGISTRY["ranpac"].hparams)}
    assert (shown["feature_map"], shown["random_features"], shown["ridge"]) == ("relu", "2000", "1000.0")
    line = next(line for line in listing().splitlines() if line.strip().startswith("ranpac "))
    assert "feature_map=relu*" in line
    assert "random_features=2000*" in line
