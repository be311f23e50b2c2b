"""`python -m pcl` is the command `pcl`."""

from pcl.cli import main

if __name__ == "__main__":
    main()
