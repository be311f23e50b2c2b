"""The documentation site: pages that are made when it is built, and the hooks that MkDocs calls (docs/site)."""
