"""A simulated crypto market that speaks the vendors' APIs, faults included. It imports nothing else of the package."""
