"""From source to running firmware: fetch, build, boot, measure. Standard library only,
so that it runs on a fresh machine before anything is installed."""
