"""The rules of `sql/checks` as Dagster's asset checks: one op per table runs all of its rules."""
