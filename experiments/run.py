"""Run an experiment: plan its runs, compile each static group once, execute missing runs, print the table.

python -m experiments.run --list
python -m experiments.run --experiment=split_digits --learners=pcn --seeds=10 --set lr=0.01,0.03
"""

from pcl.cli import start

if __name__ == "__main__":
    start("run")
