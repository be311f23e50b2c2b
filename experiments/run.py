"""Run an experiment: resolve, compile once a static group, execute what is missing, print the table.

python -m experiments.run --list
python -m experiments.run --experiment=split_digits --learners=pcn --seeds=10 --set lr=0.01,0.03
"""

from pcl.cli import start

if __name__ == "__main__":
    start("run")
