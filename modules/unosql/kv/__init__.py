"""The store: bytes keys to bytes values, in atomic durable batches, on any storage. Begin with store.py."""
