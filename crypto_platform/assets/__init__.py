"""The datasets as Dagster's assets: each says what it is made from, and nothing about how it is stored."""
