"""From an experiment to stored records: sweep, run, execute, store."""
